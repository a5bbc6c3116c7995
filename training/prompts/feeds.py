"""Where a stream's prompts come from, one at a time, at a position that is saved and restored: a list in memory, or
rows that are read while the run goes on. Both begin again at their end, in another order."""

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any, Protocol, overload

from openqwq.training.config import Source
from openqwq.training.errors import DataError
from openqwq.training.prompts.files import Position, local_paths, read_from
from openqwq.training.prompts.forms.form import Unusable
from openqwq.training.prompts.sources import Warn, hub_rows, our_row, to_prompt
from openqwq.training.records import Prompt

BLOCK = 4096
"""Rows of a streamed source that are in memory and shuffled at once."""
SeedOf = Callable[..., int]
"""The seed of an epoch, and of a block of it."""


class Feed(Protocol):
    """A source of prompts without an end."""

    def next(self) -> Prompt:
        """The next prompt."""

    def state(self) -> Any:
        """The position, as plain JSON values."""

    def restore(self, state: Any) -> None:
        """Go on at the position that `state()` returned."""


class ListFeed:
    """Prompts in memory; each epoch has an order of its own."""

    def __init__(self, prompts: Sequence[Prompt], seed_of: SeedOf) -> None:
        self._prompts, self._seed_of, self._cursor = prompts, seed_of, 0
        self._order: tuple[int, list[int]] = (-1, [])

    def next(self) -> Prompt:
        epoch, place = divmod(self._cursor, len(self._prompts))
        self._cursor += 1
        if self._order[0] != epoch:
            order = list(range(len(self._prompts)))
            random.Random(self._seed_of(epoch)).shuffle(order)
            self._order = (epoch, order)
        return self._prompts[self._order[1][place]]

    def state(self) -> int:
        return self._cursor

    def restore(self, state: Any) -> None:
        self._cursor = int(state)


@dataclass(frozen=True)
class StreamedPrompts(Sequence[Prompt]):
    """A source that is too large for memory. As a sequence it is its first rows, by which everything is checked that is
    checked before a run."""

    source: Source
    head: Sequence[Prompt]
    warn: Warn
    checks: tuple[Callable[[Prompt], str | None], ...] = field(default=())
    """Why a later row is left out; None where it is not."""

    def __len__(self) -> int:
        return len(self.head)

    @overload
    def __getitem__(self, index: int) -> Prompt: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Prompt]: ...
    def __getitem__(self, index: int | slice) -> Prompt | Sequence[Prompt]:
        return self.head[index]

    def with_check(self, head: Sequence[Prompt], check: Callable[[Prompt], str | None]) -> "StreamedPrompts":
        """The same with one more reason to leave rows out, and its first rows without those."""
        return replace(self, head=head, checks=(*self.checks, check))


class StreamedFeed:
    """Rows as they stand in the data, block after block; each block is shuffled in each epoch by a seed of its own.
    Only one block is in memory."""

    def __init__(self, prompts: StreamedPrompts, seed_of: SeedOf) -> None:
        self._prompts, self._seed_of = prompts, seed_of
        self._epoch, self._block, self._place = 0, 0, 0
        self._start = self._end = Position()
        self._loaded: list[Prompt] = []
        self._is_loaded, self._found_any = False, False

    def next(self) -> Prompt:
        while not self._is_loaded or self._place == len(self._loaded):
            self._advance()
        self._place += 1
        return self._loaded[self._place - 1]

    def state(self) -> dict[str, Any]:
        return {"epoch": self._epoch, "block": self._block, "place": self._place, "start": list(self._start)}

    def restore(self, state: Any) -> None:
        self._epoch, self._block, self._place = (state[name] for name in ("epoch", "block", "place"))
        self._start, self._is_loaded = Position(*state["start"]), False
        if self._place:
            self._load()

    def _advance(self) -> None:
        """Read the next block, or the first one again."""
        if self._is_loaded:
            self._block, self._start, self._place = self._block + 1, self._end, 0
        if self._load():
            return
        if not self._found_any:
            raise DataError(f"{self._prompts.source.source}: no row of the whole source can be used")
        self._epoch, self._block, self._start, self._found_any = self._epoch + 1, 0, Position(), False
        self._load()

    def _load(self) -> bool:
        """Read the block that begins at `_start`; False where the data ends there."""
        source, dropped = self._prompts.source, 0
        num_left = None if source.rows is None else max(0, source.rows[1] - max(source.rows[0], self._start.row))
        loaded, count = list[Prompt](), 0
        rows = _rows(source, self._start)
        for place, row, end in islice(rows, BLOCK if num_left is None else min(BLOCK, num_left)):
            count, self._end = count + 1, end
            prompt = self._usable(place, row)
            if prompt is None:
                dropped += 1
            else:
                loaded.append(prompt)
        if dropped:
            self._prompts.warn(f"{source.source}: {dropped} of {count} rows dropped in block {self._block}")
        random.Random(self._seed_of(self._epoch, self._block)).shuffle(loaded)
        self._loaded, self._is_loaded = loaded, True
        self._found_any = self._found_any or bool(loaded)
        return count > 0

    def _usable(self, place: str, row: Any) -> Prompt | None:
        source = self._prompts.source
        try:
            prompt = to_prompt(our_row(row, source, place), source, place)
        except Unusable:
            return None
        return prompt if all(check(prompt) is None for check in self._prompts.checks) else None


def _rows(source: Source, start: Position) -> Iterator[tuple[str, Any, Position]]:
    first = source.rows[0] if source.rows else 0
    paths = local_paths(source.source)
    rows = read_from(paths, source.split, start) if paths else hub_rows(source, start)
    return (placed for placed in rows if placed[2].row > first)


def feed_of(prompts: Sequence[Prompt], seed_of: SeedOf) -> Feed:
    """The feed of a source."""
    return StreamedFeed(prompts, seed_of) if isinstance(prompts, StreamedPrompts) else ListFeed(prompts, seed_of)
