"""Writes an episode to the terminal: labels in colour on a terminal alone, texts as they are."""

import json
import os
import shutil
import sys
import textwrap
from collections.abc import Mapping, Sequence
from typing import Any, TextIO

from openqwq.training.records import Message
from openqwq.verifiers.tool_calls import tool_functions

MOST_CHARACTERS = 4000
"""Of one text; the middle of a longer one is left out."""
_COLOURS = {"user": "36", "system": "36", "tool": "33", "assistant": "32", "reward": "1", "problem": "31"}


class Screen:
    """Example: `Screen(sys.stdout).message({"role": "tool", "content": "42"})`"""

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._has_colours = out.isatty() and not os.environ.get("NO_COLOR")
        self._width = min(100, shutil.get_terminal_size().columns) if out.isatty() else 100

    def line(self, text: str = "") -> None:
        self._out.write(f"{text}\n")
        self._out.flush()

    def labelled(self, label: str, text: str) -> None:
        """A text behind a label; its further lines stand under its first."""
        shown = _printable(text)
        first, *more = shown.split("\n")
        code = _COLOURS.get(label)
        head = f"\x1b[{code}m{label}\x1b[0m" if code and self._has_colours else label
        self.line(f"{head}: {first}".rstrip())
        for one in more:
            self.line(f"  {one}".rstrip())

    def message(self, message: Message) -> None:
        self.labelled(str(message["role"]), str(message["content"]))

    def tools(self, tools: Sequence[Mapping[str, Any]]) -> None:
        """The offered tools as their calls are written, with what is said of them."""
        self.line("tools" if tools else "tools: none")
        for name, function in tool_functions(tools).items():
            parameters = function.get("parameters") or {}
            properties = parameters.get("properties") or {}
            required = parameters.get("required") or ()
            self._wrapped(f"{name}({', '.join(_argument(key, properties[key], required) for key in properties)})", 2)
            if function.get("description"):
                self._wrapped(str(function["description"]), 6)
            for key, schema in properties.items():
                if isinstance(schema, Mapping) and schema.get("description"):
                    self._wrapped(f"{key}: {schema['description']}", 6)

    def _wrapped(self, text: str, indent: int) -> None:
        blank = " " * indent
        for line in textwrap.wrap(
            _printable(text), self._width, initial_indent=blank, subsequent_indent=f"{blank}  ", break_on_hyphens=False
        ):
            self.line(line)


def _argument(key: str, schema: Any, required: Sequence[str]) -> str:
    kind = _kind(schema) if isinstance(schema, Mapping) else "any"
    if key in required:
        return f"{key}: {kind}"
    default = json.dumps(schema["default"], ensure_ascii=False) if "default" in schema else "..."
    return f"{key}: {kind} = {default}"


def _kind(schema: Mapping[str, Any]) -> str:
    """A schema in few words."""
    if "enum" in schema or "const" in schema:
        return " | ".join(json.dumps(value, ensure_ascii=False) for value in schema.get("enum", [schema.get("const")]))
    if isinstance(options := schema.get("anyOf"), list):
        return " | ".join(_kind(option) for option in options)
    if schema.get("type") == "array" and isinstance(schema.get("items"), Mapping):
        return f"list of {_kind(schema['items'])}"
    return str(schema.get("type", "any"))


def _printable(text: str) -> str:
    """The text without what moves a terminal's cursor or colours, and without its middle where it is long."""
    if len(text) > MOST_CHARACTERS:
        half = MOST_CHARACTERS // 2
        text = f"{text[:half]}\n... {len(text) - 2 * half} characters ...\n{text[-half:]}"
    safe = "".join(one if one in "\n\t" or one.isprintable() else f"\\x{ord(one):02x}" for one in text)
    encoding = getattr(sys.stdout, "encoding", None) or "utf-8"
    return safe.encode(encoding, "backslashreplace").decode(encoding)
