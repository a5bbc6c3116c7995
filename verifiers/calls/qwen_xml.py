"""Qwen3-Coder and Qwen3.5: `<tool_call><function=NAME><parameter=KEY>\\nvalue\\n</parameter></function></tool_call>`.

A value is plain text between line ends; the tool's schema says what it is. An object, a list, a number or a truth value
is read as JSON; one that cannot be stays text, which the check of arguments then refuses.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from openqwq.verifiers.calls.hermes import CLOSE, OPEN, skipped
from openqwq.verifiers.calls.records import Block, MalformedCall, ParsedCall, Turn
from openqwq.verifiers.calls.schemas import json_schema
from openqwq.verifiers.calls.strict_json import read_json

_HEAD = re.compile(r"\s*<function=([^<>\s]+)>")
_TAIL = re.compile(rf"\s*</function>\s*{CLOSE}")
_KEY = re.compile(r"\s*<parameter=([^<>]+)>")
_VALUE_END = re.compile(rf"</parameter>(?=\s*(?:<parameter=|</function>\s*{CLOSE}))|(?P<next>{OPEN}\s*<function=)")
_PARAMETER_END = re.compile(r"\s*</parameter>")


class QwenXml:
    marks = (OPEN, CLOSE, "<function=", "</function>")
    forged = ()
    thinking = ()

    def opening(self, turn: Turn, start: int) -> Block | None:
        return None

    def read(self, turn: Turn, mark: str, end: int) -> Block:
        if mark != OPEN:
            return Block((MalformedCall(f"a tag of a call stands outside of {OPEN}"),), end)
        try:
            call, end = _call(turn, end)
            return Block((call,), end)
        except ValueError as error:
            return skipped(turn.text, end, MalformedCall(f"not a tool call: {error}"[:200]))


def _call(turn: Turn, start: int) -> tuple[ParsedCall, int]:
    text = turn.text
    head = _HEAD.match(text, start)
    if not head:
        raise ValueError("<function=NAME> is missing")
    parameters = turn.tools.get(head[1], {}).get("parameters")
    schemas = parameters.get("properties") if isinstance(parameters, Mapping) else None
    end, arguments = head.end(), {}
    while not (tail := _TAIL.match(text, end)):
        key = _KEY.match(text, end)
        if not key:
            raise ValueError("<parameter=KEY> or </function> is missing")
        if key[1] in arguments:
            raise ValueError("a parameter is given twice")
        schema = schemas.get(key[1]) if isinstance(schemas, Mapping) else None
        arguments[key[1]], end = _value(turn, key.end(), kinds_of(schema))
    return ParsedCall(head[1], arguments), tail.end()


def _value(turn: Turn, start: int, kinds: frozenset[str]) -> tuple[Any, int]:
    """The value that begins at `start`, and the index behind its closing tag.

    Raises:
        ValueError: it has none.
    """
    text = turn.text
    if kinds and "string" not in kinds:  # its own end says where it ends, whatever tags its texts hold
        try:
            value, end = read_json(text, start)
            if closed := _PARAMETER_END.match(text, end):
                return value, closed.end()
        except ValueError:
            pass
    found = None if start >= turn.notes.get("no value ends from", len(text) + 1) else _VALUE_END.search(text, start)
    if found is None:
        turn.notes.setdefault("no value ends from", start)
    if found is None or found["next"]:
        raise ValueError("a parameter is not closed")
    written = text[start : found.start()].removeprefix("\n").removesuffix("\n")
    return typed(written, kinds), found.end()


def typed(written: str, kinds: frozenset[str]) -> Any:
    """A written value by the kinds that its schema allows. Example: typed("True", frozenset({"boolean"})) is True."""
    if not kinds or kinds == {"string"}:
        return written
    plain = written.strip()
    if "boolean" in kinds and plain in ("True", "False"):
        return plain == "True"
    if "null" in kinds and plain in ("None", "null"):
        return None
    try:
        value, end = read_json(plain, 0)
    except ValueError:
        return written
    kind = _kind(value)
    is_one = "string" not in kinds or kind in kinds or (kind == "integer" and "number" in kinds)
    return value if is_one and end == len(plain) else written


def kinds_of(schema: object) -> frozenset[str]:
    """The JSON types that a schema allows; none where it does not say. An integer is a number, too."""
    plain = json_schema(schema)
    if not isinstance(plain, Mapping):
        return frozenset()
    kind = plain.get("type")
    if isinstance(kind, str):
        return frozenset({kind})
    if isinstance(kind, list):
        return frozenset(each for each in kind if isinstance(each, str))
    if isinstance(plain.get("enum"), list):
        return frozenset(map(_kind, plain["enum"]))
    options = [option for key in ("anyOf", "oneOf") for option in plain.get(key) or ()]
    found = [kinds_of(option) for option in options]
    return frozenset().union(*found) if found and all(found) else frozenset()


def _kind(value: object) -> str:
    kinds = {bool: "boolean", int: "integer", float: "number", str: "string", list: "array", dict: "object"}
    return kinds.get(type(value), "null")
