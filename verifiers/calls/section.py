"""A section of calls between two marks, each call between two marks of its own: DeepSeek, Kimi K2, MiniMax M2."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

from openqwq.verifiers.calls.records import MAX_CALLS, Block, Item, MalformedCall, ParsedCall, Turn

ReadCall = Callable[[Turn, int], tuple[ParsedCall, int]]
"""(turn, where the call begins) -> the call and where it ends; raises ValueError for a malformed one."""


@dataclass(frozen=True)
class Section:
    """The marks of a format's section."""

    begin: str
    end: str
    call: str
    call_end: str

    @cached_property
    def _end(self) -> re.Pattern[str]:
        return re.compile(rf"\s*{re.escape(self.end)}")

    @cached_property
    def _next(self) -> re.Pattern[str]:
        return re.compile("|".join(map(re.escape, (self.begin, self.end, self.call, self.call_end))) + "|</?think>")

    def read(self, turn: Turn, mark: str, end: int, call_at: ReadCall) -> Block:
        """The whole section, of which `mark` ends at `end`. A call that is malformed ends where the next begins."""
        if mark != self.begin:
            return Block((MalformedCall(f"a mark of a call stands outside of {self.begin}"),), end)
        items: list[Item] = []
        while len(items) <= MAX_CALLS:
            if closed := self._end.match(turn.text, end):
                return Block(tuple(items) or (MalformedCall("no call stands between its marks"),), closed.end())
            try:
                call, end = call_at(turn, end)
                items.append(call)
            except ValueError as error:
                items.append(MalformedCall(f"not a tool call: {error}"[:200]))
                found = self._next.search(turn.text, end + 1)
                if not found or found[0] not in (self.call, self.call_end, self.end):
                    return Block(tuple(items), found.start() if found else len(turn.text))
                end = found.end() if found[0] == self.call_end else found.start()
        return Block(tuple(items), end)
