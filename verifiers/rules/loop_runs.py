"""Stretches of a text that say the same again right behind: tokens, runs and repeated passages. What of it is a loop is
decided in `repetition.py`. Linear time: every loop over positions moves on."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import accumulate

INVISIBLE = "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufe00-\ufe0f\ufeff"
"""Joiners, soft hyphens, marks of direction: ranges for a character class."""
_INVISIBLE = re.compile(f"[{INVISIBLE}]+")
_UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\U00020000-\U0003134f"
"""Thai, Lao, Burmese, Khmer, Japanese, Chinese, Korean."""
_RULERS = "=.*#_~!?-"
_TOKEN = re.compile(  # the commonest kinds first
    rf"[^\W\d_{_UNSPACED}]+|\d+(?:[.,]\d+)*|[^\w\s{_RULERS}]|[{_UNSPACED}]|"
    + "|".join(f"{re.escape(sign)}+" for sign in _RULERS)
)
_LONGEST_WORD = 32
_ANCHOR = 4
_SECOND_ANCHOR = 8
_MOST_TRIES = 8
_CREDIT, _MOST_CREDIT = 4, 16
"""A run pays `_CREDIT` for a token that differs, and earns one with each that is equal."""


def tokens_of(text: str) -> list[str]:
    """Words, numbers, signs and single characters of scripts that are written without spaces, case-folded and without
    invisible characters. A ruler (`====`) is one token; a word of 32 characters and more is as many tokens."""
    found = _TOKEN.findall(_INVISIBLE.sub("", text).casefold())
    if max(map(len, found), default=0) < _LONGEST_WORD:
        return found
    split: list[str] = []
    for token in found:
        if len(token) >= _LONGEST_WORD and token[0].isalnum():
            split.extend(token)
        else:
            split.append(token)
    return split


def is_word(token: str) -> bool:
    """A word says something by itself: letters, and more than a symbol of algebra."""
    return token[0].isalpha() and (len(token) > 1 or token >= "\u0590")


@dataclass(frozen=True)
class Numbered:
    """A text as numbers, equal for equal tokens.

    Example: of "a 1 a 2" `exact` is [0, 1, 0, 2] and `folded` [1, 0, 1, 0].
    """

    tokens: list[str]
    exact: list[int]
    folded: list[int]
    """The same with all numbers alike."""


def numbered(tokens: list[str]) -> Numbered:
    table: dict[str, int] = {}
    exact = [table.setdefault(token, len(table)) for token in tokens]
    fold = [0 if token[0].isdigit() else number + 1 for token, number in table.items()]
    return Numbered(tokens, exact, [fold[number] for number in exact])


def fours_of(numbers: Sequence[int]) -> list[int]:
    """For each place where four numbers begin, a small number; equal exactly where the four are."""
    base, table = max(numbers, default=0) + 1, dict[int, int]()
    return [
        table.setdefault(((a * base + b) * base + c) * base + d, len(table))
        for a, b, c, d in zip(numbers, numbers[1:], numbers[2:], numbers[3:], strict=False)
    ]


def with_later(groups: Sequence[int], later: Sequence[int], distance: int) -> list[int]:
    """For each place, a number of the group there and of the later one `distance` places on; equal where both are."""
    base = max(groups, default=0) + 1
    return [group + base * other for group, other in zip(groups, later[distance:], strict=False)]


@dataclass(frozen=True)
class Run:
    """tokens[start:end], in which each token is nearly always the one `period` tokens before, numbers being alike.

    Example: of "so a b a b a b" it is Run(1, 7, 2, ((1, 7, 2),)), three times `a b`.
    """

    start: int
    end: int
    period: int
    pieces: tuple[tuple[int, int, int], ...]
    """(start, end, period) of the stretches without a gap; several where a token was put in or left out."""

    @property
    def is_joined(self) -> bool:
        return len(self.pieces) > 1

    @property
    def times(self) -> float:
        """How often the passage is said; the last time may be cut off."""
        return (self.end - self.start) / self.period


def runs(folded: Sequence[int], fours: Sequence[int], least_times: float) -> list[Run]:
    """The runs of a text that are said at least so often, in its order, neighbours of like periods joined.

    `fours`: those of `folded`. A run is tried where two groups of four tokens, eight places apart, have been seen
    before at the distance of the last place of the first. It goes on while at most a fifth of the tokens differ; the
    next is tried behind it.
    """
    size, found, free = len(folded), list[Run](), 0
    last = [-1] * (max(fours, default=0) + 1)
    tried_period = tried_end = spent = 0
    for at, (four, later) in enumerate(zip(fours, fours[_SECOND_ANCHOR:], strict=False)):
        before = last[four]
        last[four] = at
        if before < 0 or later != fours[before + _SECOND_ANCHOR] or at < free:
            continue
        period = at - before
        if period == tried_period and at < tried_end:
            continue
        end = _extended(folded, at + _ANCHOR, period, size)
        spent += end - at
        tried_period, tried_end = period, end
        if end - at >= period // 2:
            found.append(Run(before, end, period, ((before, end, period),)))
            free = end - _ANCHOR + 1
        elif spent > _MOST_TRIES * size:  # so that no text makes it longer than linear
            free = end
    return [run for run in _joined(found) if run.times >= least_times]


def _extended(folded: Sequence[int], at: int, period: int, size: int) -> int:
    credit, end = _CREDIT, at
    while at < size:
        if folded[at] == folded[at - period]:
            if credit < _MOST_CREDIT:
                credit += 1
            end = at + 1
        else:
            credit -= _CREDIT
            if credit < 0:
                break
        at += 1
    return end


def _joined(found: list[Run]) -> Iterator[Run]:
    """Neighbours whose periods differ by a sixth at most, with less than a third of a period between, are one."""
    current: Run | None = None
    for run in found:
        if current is not None:
            is_near = run.start + run.period - current.end <= current.period / 3 + _ANCHOR
            if is_near and abs(run.period - current.period) <= current.period / 6:
                current = replace(current, end=run.end, pieces=(*current.pieces, *run.pieces))
                continue
            yield current
        current = run
    if current is not None:
        yield current


def differences(exact: Sequence[int], run: Run) -> list[int]:
    """Positions of a run at which the token is another one than a period before, and those between its pieces."""
    found: list[int] = []
    behind = run.start + run.period
    for start, end, period in run.pieces:
        found.extend(range(behind, start + period))
        found.extend(at for at in range(max(behind, start + period), end) if exact[at] != exact[at - period])
        behind = max(behind, end)
    return found


def repeated_before(groups: Sequence[int], times: int) -> list[int]:
    """For each place, how many groups before it had been seen `times` times before."""
    seen, flags = dict[int, int](), list[bool]()
    for group in groups:
        count = seen.get(group, 0)
        seen[group] = count + 1
        flags.append(count >= times)
    return [0, *accumulate(flags)]
