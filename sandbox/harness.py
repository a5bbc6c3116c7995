"""What stands around a program under test: the text that it continues, files, a checker; and its JSON form."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

MAX_TEXT_BYTES = 1 << 20
_FILE_NAME = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,99}")
_RESERVED = ("main.py",)


@dataclass(frozen=True)
class Harness:
    """Example: `Harness(prompt="import math\\n", checker="...", input_file="input.txt")`."""

    prompt: str = ""
    """Python text that the program continues or builds on: imports, helpers, an unfinished definition."""
    usual_imports: bool = False
    """The names that LeetCode-like judges import ahead of a program are there, and TreeNode and ListNode."""
    owner: str = ""
    """Call mode: the class whose method the entry point is; without it the entry point is looked for."""
    node_kinds: tuple[str, ...] = ()
    """Call mode: kind of each argument and, last, of the result: TreeNode, ListNode, [ListNode], or empty."""
    is_wrapped: bool = False
    """Call mode: a wanted list of one value stands for that value too, as in APPS."""
    input_file: str = ""
    """stdin mode: the input is also in this file of the program's folder."""
    output_file: str = ""
    """stdin mode: the answer is this file, where the program wrote it."""
    checker: str = ""
    """stdin mode: Python text that decides, run as `checker.py input correct_output solution_output` (checker.py)."""


def harness_fault(harness: Harness, language: str, mode: str) -> tuple[str, object, str] | None:
    """(field, value, what is allowed) of the first field that cannot be used, or None."""
    for name in ("prompt", "checker", "owner", "input_file", "output_file"):
        value = getattr(harness, name)
        if not isinstance(value, str) or len(value.encode(errors="surrogatepass")) > MAX_TEXT_BYTES:
            return name, value, f"a text of at most {MAX_TEXT_BYTES} bytes"
    for name in ("input_file", "output_file"):
        value = getattr(harness, name)
        if value and (not _FILE_NAME.fullmatch(value) or value in _RESERVED):
            return name, value, "the plain name of a file"
    if harness.owner and not harness.owner.isidentifier():
        return "owner", harness.owner, "the name of a class"
    if not all(isinstance(kind, str) for kind in harness.node_kinds):
        return "node_kinds", harness.node_kinds, "a list of names"
    if language != "python" and harness.prompt:
        return "prompt", harness.prompt, f"empty, for a program in {language}"
    for name in ("checker", "input_file", "output_file"):
        if mode != "stdin" and getattr(harness, name):
            return name, getattr(harness, name), f"empty, in {mode} mode"
    return None


def harness_to_json(harness: Harness) -> dict[str, Any]:
    """The fields that are set; `harness_from_json` reads them."""
    named = {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(harness).items()}
    return {name: value for name, value in named.items() if value}


def harness_from_json(data: Mapping[str, Any]) -> Harness:
    """Raises ValueError with the name of an unknown field, or of one with a value of another type."""
    kinds: dict[str, type] = {one.name: type(one.default) for one in fields(Harness)}
    values: dict[str, Any] = {}
    for name, value in data.items():
        kind = kinds.get(name)
        if kind is None:
            raise ValueError(f"harness has no field {name!r}; known: {', '.join(kinds)}")
        if not isinstance(value, list if kind is tuple else kind):
            raise ValueError(f"harness.{name} must be a {kind.__name__}, got {type(value).__name__}")
        values[name] = tuple(value) if isinstance(value, list) else value
    return Harness(**values)
