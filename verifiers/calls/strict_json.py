"""JSON as RFC 8259 has it, read from within a text: no NaN, no key twice, no half of a character, nothing endless."""

from __future__ import annotations

import json
import math
import re
from typing import Any

from openqwq.verifiers.calls.records import ParsedCall

MAX_DEPTH = 64
_BLANK = re.compile(r"[ \t\r\n]*")


def read_json(text: str, start: int) -> tuple[Any, int]:
    """The JSON value that begins at `start`, blanks before it aside, and the index behind it.

    Raises:
        ValueError: it is not JSON; holds NaN, an infinite number, a key twice or a lone surrogate; or it is nested more
            than MAX_DEPTH deep.

    Example: read_json('see {"a": 1} there', 4) == ({"a": 1}, 12).
    """
    try:
        value, end = _DECODER.raw_decode(text, blanks_end(text, start))
    except json.JSONDecodeError as error:
        raise ValueError(error.msg) from None
    except RecursionError:
        raise ValueError(f"nested more than {MAX_DEPTH} deep") from None
    check_value(value)
    return value, end


def blanks_end(text: str, start: int) -> int:
    """The index of the first character from `start` on that is no blank of JSON."""
    found = _BLANK.match(text, start)
    return found.end() if found else start


def check_value(value: object) -> None:
    """Refuse what strict JSON cannot say.

    Raises:
        ValueError: a text has a lone surrogate, a number is not finite, or it is nested more than MAX_DEPTH deep.
    """
    level: list[object] = [value]
    for _ in range(MAX_DEPTH + 1):
        inner: list[object] = []
        for item in level:
            if isinstance(item, str):
                _check_text(item)
            elif isinstance(item, dict):
                for key in item:
                    _check_text(key)
                inner.extend(item.values())
            elif isinstance(item, list):
                inner.extend(item)
            elif isinstance(item, float) and not math.isfinite(item):
                raise ValueError(f"{item} is not JSON")
        if not inner:
            return
        level = inner
    raise ValueError(f"nested more than {MAX_DEPTH} deep")


def _check_text(text: str) -> None:
    if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
        raise ValueError("a text holds half of a character (a lone surrogate)")


def call_of(value: object, keys: tuple[str, ...] = ("arguments",), ignored: frozenset[str] = frozenset()) -> ParsedCall:
    """The call that an object says: `name`, its arguments under one of `keys`, and nothing else but what is `ignored`.

    Raises:
        ValueError: it is none.
    """
    if not isinstance(value, dict) or not isinstance(value.get("name"), str) or not value["name"]:
        raise ValueError('a call is an object with a "name"')
    given = [key for key in keys if key in value]
    arguments = value[given[0]] if len(given) == 1 else None
    if not isinstance(arguments, dict):
        raise ValueError(f'"{given[0] if given else keys[0]}" must be an object')
    if extra := set(value) - {"name", given[0]} - ignored:
        raise ValueError(f"unknown keys {sorted(extra)}")
    return ParsedCall(value["name"], arguments)


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


def _number(digits: str) -> float:
    value = float(digits)
    if math.isinf(value):
        raise ValueError(f"{digits[:20]} is beyond all numbers")
    return value


def _no_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a key is given twice")
    return found


_DECODER = json.JSONDecoder(parse_constant=_no_constant, parse_float=_number, object_pairs_hook=_no_duplicates)
