"""Reads a turn by a format: where its answer begins, its calls and errors in order, the text beside them.

What stands in the thinking is a draft. A tag within an argument is text: a call ends where its own form ends.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import NamedTuple

from openqwq.verifiers.calls.records import (
    MAX_CALLS,
    Format,
    Item,
    MalformedCall,
    ParsedCall,
    ParsedCalls,
    Turn,
)

THINKING = (("<think>", "</think>"),)
FORGED = ("<tool_response>", "</tool_response>", "<|im_start|>")
"""What no assistant writes itself, in any format."""
MAX_THOUGHTS = 100
"""Ends of a thinking that are looked at from the last one backwards; more stand in no turn that is not a loop."""
_END = re.compile(
    r"(?:\s|<\|(?:im_end|eot_id|eom_id|end_of_text|endoftext|end|return|call|observation|user)\|>|</s>|<\uff5cend\u2581of\u2581sentence\uff5c>)+\Z"
)


@dataclass
class _Answer:
    """The part of the turn behind the last end of a thinking, as far as it has been read."""

    start: int = 0
    items: list[Item] = field(default_factory=list)
    outside: list[str] = field(default_factory=list)
    is_open: bool = False
    num_read: int = 0

    @property
    def is_full(self) -> bool:
        return self.num_read > MAX_CALLS

    def add(self, items: Sequence[Item]) -> None:
        """Put items behind the others. The same complaint again is one with that before it."""
        self.num_read += len(items)
        for item in items:
            if isinstance(item, ParsedCall) or self.items[-1:] != [item]:
                self.items.append(item)


def read_turn(turn: Turn, form: Format) -> ParsedCalls:
    """The calls of a turn. Linear in its length, whatever tags it repeats."""
    text, words = turn.text, _words(tuple(form.marks), tuple(form.thinking))
    answer, position = _opened(turn, form, _start(text, words.closes))
    while found := (words.of_thinking if answer.is_full else words.all).search(text, position):
        mark = found[0]
        if mark in words.closes:
            answer, position = _opened(turn, form, found.end())
            continue
        answer.outside.append(text[position : found.start()])
        position = found.end()
        if mark in words.opens:
            answer.is_open = True
        block = form.opening(turn, position) if mark in words.opens else form.read(turn, mark, position)
        if block is not None:
            answer.add(block.items)
            position = block.end
    answer.outside.append(text[position:])
    return _result(turn, form, answer)


def _opened(turn: Turn, form: Format, start: int) -> tuple[_Answer, int]:
    """An answer that begins at `start`, with the calls at its very beginning."""
    block = form.opening(turn, start)
    answer = _Answer(start)
    if block is None:
        return answer, start
    answer.add(block.items)
    return answer, block.end


def _result(turn: Turn, form: Format, answer: _Answer) -> ParsedCalls:
    thinking = turn.text[: answer.start]
    if answer.is_open:
        return ParsedCalls((), (), "", thinking=turn.text, is_thinking_closed=False)
    text = "".join(answer.outside)
    shown = (*FORGED, *form.forged)
    turn_errors = [f"more than {MAX_CALLS} calls"] if answer.is_full else []
    turn_errors += [f"the assistant wrote {mark} itself" for mark in shown if mark in text]
    items = tuple(answer.items[:MAX_CALLS])
    return ParsedCalls(
        calls=tuple(item for item in items if isinstance(item, ParsedCall)),
        errors=(*(item.reason for item in items if isinstance(item, MalformedCall)), *turn_errors),
        text=text.strip(),
        items=items,
        turn_errors=tuple(turn_errors),
        thinking=thinking,
    )


def without_end(text: str) -> str:
    """A turn without the blanks and control words that end it."""
    tail = text[-400:]
    found = _END.search(tail)
    return text[: len(text) - len(tail) + found.start()] if found else text


def _start(text: str, closes: frozenset[str]) -> int:
    """Where reading begins: at the start, or behind an end of a thinking that has MAX_THOUGHTS others after it."""
    end, present = len(text), [close for close in closes if close in text]
    for _ in range(MAX_THOUGHTS):
        end = max((text.rfind(close, 0, end) for close in present), default=-1)
        if end < 0:
            return 0
    return end


class _Words(NamedTuple):
    opens: frozenset[str]
    closes: frozenset[str]
    all: re.Pattern[str]
    of_thinking: re.Pattern[str]


@lru_cache(maxsize=64)
def _words(marks: Sequence[str], thinking: Sequence[tuple[str, str]]) -> _Words:
    opens, closes = (frozenset(tags) for tags in zip(*(*THINKING, *thinking), strict=True))
    tags = (*opens, *closes)
    return _Words(opens, closes, _any_of((*marks, *tags)), _any_of(tags))


def _any_of(words: Sequence[str]) -> re.Pattern[str]:
    return re.compile("|".join(map(re.escape, sorted(words, key=len, reverse=True))))
