"""Which tokens of packed rows see which: a few integers for each answer instead of a mask of [W, W]. Pure.

R rows, W columns of a whole row, M segments, B sequences of one bucket, L the longest of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import torch

SHORTEST_SHARE = 0.75
"""A bucket of sequences is padded to its longest; one that is shorter than this share opens another bucket."""
LEAST_TOKENS = 512
"""A bucket of fewer tokens takes shorter sequences too, because a call costs more than their padding."""


class Segment(NamedTuple):
    """Columns of a row whose tokens see the prompt whole and each other causally. A prompt with its first answer is one
    segment without a prompt; each further answer is one behind the prompt. Example: `Segment(0, 7, 9, 0, 4)`"""

    row: int
    start: int
    stop: int
    prompt_start: int = 0
    prompt_stop: int = 0

    @property
    def length(self) -> int:
        """Number of tokens that its last token sees."""
        return self.stop - self.start + self.prompt_stop - self.prompt_start


@dataclass(frozen=True)
class SegmentLayout:
    """The segments of whole rows, as indices for attention kernels. Indices count over the flattened rows, R x W."""

    segments: Sequence[Segment]
    num_rows: int
    width: int
    device: torch.device

    @property
    def sequences(self) -> list[torch.Tensor]:
        """Indices of the tokens of every bucket of sequences, [B, L] each: prompt, then segment; index 0 behind the
        shorter ones. A later answer repeats its prompt."""
        return self._buckets[0]

    @property
    def places_T(self) -> torch.Tensor:
        """Index of each token of the rows among the flattened `sequences`; padding has that of the first token."""
        return self._buckets[1]

    @cached_property
    def _buckets(self) -> tuple[list[torch.Tensor], torch.Tensor]:
        sequences, places, base = [], torch.zeros(self.num_rows * self.width, dtype=torch.long), 0
        for bucket in in_buckets(self.segments):
            indices = torch.zeros(len(bucket), bucket[0].length, dtype=torch.long)
            for i, segment in enumerate(bucket):
                prompt, own = self._columns(segment)
                indices[i, : segment.length] = torch.cat([prompt, own])
                places[own] = base + i * bucket[0].length + len(prompt) + torch.arange(len(own))
            base += indices.numel()
            sequences.append(indices.to(self.device))
        return sequences, places.to(self.device)

    @cached_property
    def queries(self) -> torch.Tensor:
        """Indices of the tokens of all segments, one segment after the other; padding is left out."""
        return torch.cat([self._columns(segment)[1] for segment in self.segments]).to(self.device)

    @cached_property
    def keys(self) -> torch.Tensor:
        """Indices of what each segment sees, prompt first, one segment after the other."""
        return torch.cat([part for s in self.segments for part in self._columns(s)]).to(self.device)

    @cached_property
    def query_bounds(self) -> torch.Tensor:
        """Where each segment begins among `queries`, and their end, int32 [M + 1]."""
        return self._bounds([s.stop - s.start for s in self.segments])

    @cached_property
    def key_bounds(self) -> torch.Tensor:
        """Where each segment begins among `keys`, and their end, int32 [M + 1]."""
        return self._bounds([s.length for s in self.segments])

    def mask(self) -> torch.Tensor:
        """[R, 1, W, W], True where a query may see a key: what the segments stand for, for tests and small rows."""
        visible = torch.zeros(self.num_rows, 1, self.width, self.width, dtype=torch.bool, device=self.device)
        for row, start, stop, prompt_start, prompt_stop in self.segments:
            visible[row, 0, start:stop, prompt_start:prompt_stop] = True
            visible[row, 0, start:stop, start:stop] = torch.ones(stop - start, stop - start, dtype=torch.bool).tril()
        return visible

    def _columns(self, segment: Segment) -> tuple[torch.Tensor, torch.Tensor]:
        before = segment.row * self.width
        return (
            torch.arange(before + segment.prompt_start, before + segment.prompt_stop),
            torch.arange(before + segment.start, before + segment.stop),
        )

    def _bounds(self, lengths: Sequence[int]) -> torch.Tensor:
        return torch.tensor([0, *lengths], dtype=torch.int32).cumsum(0, dtype=torch.int32).to(self.device)


def in_buckets(segments: Sequence[Segment]) -> list[list[Segment]]:
    """The segments with like lengths together, the longest first."""
    buckets: list[list[Segment]] = []
    for segment in sorted(segments, key=lambda s: -s.length):
        is_full = bool(buckets) and sum(s.length for s in buckets[-1]) >= LEAST_TOKENS
        if not buckets or (is_full and segment.length < SHORTEST_SHARE * buckets[-1][0].length):
            buckets.append([])
        buckets[-1].append(segment)
    return buckets


def whole_rows(num_rows: int, width: int, device: torch.device) -> SegmentLayout:
    """Every row is one sequence."""
    return SegmentLayout([Segment(row, 0, width) for row in range(num_rows)], num_rows, width, device)
