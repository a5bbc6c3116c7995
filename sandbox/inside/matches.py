"""A match of `re` that has crossed a jail's border: its groups and places, read from the original."""

from __future__ import annotations

import re
from typing import Any

_MAX_GROUPS = 1000


class Match:
    """Offers what `re.Match` offers, from (text, pos, endpos, lastindex, names of groups, spans, pattern, flags)."""

    def __init__(self, *fields: Any) -> None:
        self.string, self.pos, self.endpos, self.lastindex, self._names, self._spans, self._pattern, flags = fields
        self._flags = flags
        good = isinstance(self.string, str | bytes) and type(self._names) is dict and type(self._spans) is list
        if not good or not 0 < len(self._spans) <= _MAX_GROUPS:
            raise ValueError("fields that no match has")
        if not all(type(low) is type(high) is int for low, high in self._spans):
            raise ValueError("a group without a place")

    @staticmethod
    def take_apart(match: re.Match[Any]) -> tuple[Any, ...]:
        spans = [match.span(number) for number in range(1 + match.re.groups)]
        names = dict(match.re.groupindex)
        head = (match.string, match.pos, match.endpos, match.lastindex, names)
        return (*head, spans, match.re.pattern, match.re.flags)

    @staticmethod
    def fields(match: Match) -> tuple[Any, ...]:
        head = (match.string, match.pos, match.endpos, match.lastindex, match._names)
        return (*head, match._spans, match._pattern, match._flags)

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        return re.Match

    @property
    def re(self) -> re.Pattern[Any]:
        return re.compile(self._pattern, self._flags)

    @property
    def lastgroup(self) -> str | None:
        return next((name for name, number in self._names.items() if number == self.lastindex), None)

    def span(self, group: Any = 0) -> tuple[int, int]:
        number = self._names.get(group, group)
        if type(number) is not int or not 0 <= number < len(self._spans):
            raise IndexError("no such group")
        low, high = self._spans[number]
        return low, high

    def start(self, group: Any = 0) -> int:
        return self.span(group)[0]

    def end(self, group: Any = 0) -> int:
        return self.span(group)[1]

    def __getitem__(self, group: Any) -> Any:
        low, high = self.span(group)
        return None if low < 0 else self.string[low:high]

    def group(self, *groups: Any) -> Any:
        found = tuple(self[group] for group in groups or (0,))
        return found[0] if len(found) == 1 else found

    def groups(self, default: Any = None) -> tuple[Any, ...]:
        found = (self[number] for number in range(1, len(self._spans)))
        return tuple(default if part is None else part for part in found)

    def groupdict(self, default: Any = None) -> dict[str, Any]:
        return {name: default if self[name] is None else self[name] for name in self._names}

    def __repr__(self) -> str:
        return f"<re.Match object; span={self.span()!r}, match={self.group()!r}>"
