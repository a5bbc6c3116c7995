"""Values that are written as plain text between tags: where one ends, and what it is by the tool's schema.

An object, a list, a number or a truth value is read as JSON; one that cannot be stays text, which the check of
arguments then refuses.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from openqwq.verifiers.calls.records import Turn
from openqwq.verifiers.calls.schemas import json_schema
from openqwq.verifiers.calls.strict_json import read_json


class Ends(NamedTuple):
    """How a format ends its values."""

    tag: re.Pattern[str]
    """The closing tag, behind blanks: what may follow a value of JSON."""
    plain: re.Pattern[str]
    """Where a plain value ends; its group `next` is the beginning of another call instead."""


def schemas_of(turn: Turn, name: str) -> Mapping[str, Any]:
    """The schemas of a tool's parameters by name; none where the tool is unknown."""
    parameters = turn.tools.get(name, {}).get("parameters")
    schemas = parameters.get("properties") if isinstance(parameters, Mapping) else None
    return schemas if isinstance(schemas, Mapping) else {}


def read_value(turn: Turn, start: int, schema: object, ends: Ends, line: str = "") -> tuple[Any, int]:
    """The value that begins at `start`, and the index behind its closing tag.

    `line`: what the format puts around each value, which is not part of it.

    Raises:
        ValueError: it has no end.
    """
    text, kinds = turn.text, kinds_of(schema)
    if kinds and "string" not in kinds:  # its own end says where it ends, whatever tags its texts hold
        try:
            value, end = read_json(text, start)
            if closed := ends.tag.match(text, end):
                return value, closed.end()
        except ValueError:
            pass
    found = None if start >= turn.notes.get("no value ends from", len(text) + 1) else ends.plain.search(text, start)
    if found is None:
        turn.notes.setdefault("no value ends from", start)
    if found is None or found["next"]:
        raise ValueError("a parameter is not closed")
    written = text[start : found.start()].removeprefix(line).removesuffix(line)
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
