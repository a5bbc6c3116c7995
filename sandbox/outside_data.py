"""The door for what comes from outside, the only place where it is made safe: texts of programs and servers, for
people, logs and JSON; values of rows, for a jail and a comparison."""

from __future__ import annotations

import re
import reprlib
from collections.abc import Iterator
from itertools import islice
from typing import Any

MAX_TEXT_CHARACTERS = 2000
MAX_VALUE_DEPTH = 350
"""Less than what crosses a jail: an answer that is a little deeper than the wanted value is read, and is wrong."""
_UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x84\x86-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""Control characters but tab and line feed, marks that reorder a line on a terminal, and lone surrogates, which no
encoder writes."""
_LEAVES = (type(None), int, float, str, bytes, bytearray, complex)
_COLLECTIONS = (list, tuple, dict, set, frozenset)


def safe_text(text: str, max_characters: int = MAX_TEXT_CHARACTERS) -> str:
    """The text as any log, terminal and JSON encoder takes it: unsafe characters as escapes, cut in the middle."""
    if len(text) > max_characters:
        half = max_characters // 2 - 10
        text = f"{text[:half]} [...] {text[-half:]}"
    if text.isascii() and text.isprintable():
        return text
    return _UNSAFE.sub(_escaped, text)


def _escaped(found: re.Match[str]) -> str:
    number = ord(found.group())
    return f"\\x{number:02x}" if number < 256 else f"\\u{number:04x}"


class _Short(reprlib.Repr):
    """`repr` whose cost does not grow with the value."""

    def __init__(self, max_characters: int) -> None:
        super().__init__()
        self.maxlevel = 8
        self.maxlist = self.maxtuple = self.maxdict = self.maxset = self.maxfrozenset = max_characters // 2
        self.maxother = max_characters

    def repr_str(self, value: str, level: int) -> str:
        return repr(value[: self.maxother])

    def repr_dict(self, value: dict[Any, Any], level: int) -> str:  # the base sorts all keys before it shortens
        return super().repr_dict(dict(islice(value.items(), self.maxdict)), level)

    def repr_set(self, value: set[Any], level: int) -> str:
        return super().repr_set(set(islice(value, self.maxset)), level)

    def repr_int(self, value: int, level: int) -> str:
        return repr(value) if value.bit_length() <= 2000 else f"an integer of {value.bit_length()} bits"

    def repr_instance(self, value: Any, level: int) -> str:
        try:
            return repr(value)
        except Exception:  # any code of any class may run here
            return f"a {type(value).__name__}"


def shown(value: object, max_characters: int = 120) -> str:
    """The value as one short text for a message. Never raises."""
    try:
        text = _Short(max_characters).repr(value)
    except (RecursionError, ValueError, TypeError):
        text = f"a {type(value).__name__}"
    return text if len(text) <= max_characters else text[: max_characters - 3] + "..."


def value_fault(value: object) -> str | None:
    """Why a value of a row cannot cross to a jail (its depth, a type that is not plain data), or None."""
    depth = -1
    for _, kinds in levels(value):
        depth += 1
        strange = [kind.__name__ for kind in kinds if not issubclass(kind, _LEAVES + _COLLECTIONS)]
        if strange:
            return f"{min(strange)} is not plain data"
    return None if depth <= MAX_VALUE_DEPTH else f"nested deeper than {MAX_VALUE_DEPTH}"


def levels(value: object) -> Iterator[tuple[list[Any], set[type]]]:
    """The value, then the items and keys of all collections in it, depth by depth, up to one level too many; and the
    types in each.

    Whole levels, because `map(type, level)` costs milliseconds for a million numbers. No recursion, and a collection
    that stands at a depth twice, or in itself, counts once there.
    """
    level: list[Any] = [value]
    for _ in range(MAX_VALUE_DEPTH + 2):
        kinds = {*map(type, level)}
        yield level, kinds
        if not any(issubclass(kind, _COLLECTIONS) for kind in kinds):
            return
        below = {id(one): one for one in level if isinstance(one, _COLLECTIONS)}
        level = []
        for one in below.values():
            level += [*one.keys(), *one.values()] if isinstance(one, dict) else one
