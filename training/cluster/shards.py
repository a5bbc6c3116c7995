"""A shard: what one rollout worker samples in one call."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from openqwq.training.config import Sampling
from openqwq.training.records import Chunk, SampleRequest


@dataclass(frozen=True)
class Held:
    """Weights that engines hold."""

    version: int
    arrays: Callable[[], Any] | None = None
    """A function that returns a reference to them in the object store; None: those of the model folder."""


@dataclass
class Shard:
    """What one worker samples in one call."""

    index: int
    actor: Any
    requests: Sequence[SampleRequest]
    sampling: Sampling
    enough: int | None
    held: Held
    stream: Any = None
    delivered: set[tuple[int, int]] = field(default_factory=set)
    """Group and index of the samples that came, finished or not."""

    def begin(self) -> None:
        self.stream = self.actor.sample.options(num_returns="streaming").remote(
            self.requests, self.sampling, self.enough
        )

    def fresh(self, chunk: Chunk) -> Chunk:
        """The chunk without the samples that came before the worker was lost."""
        rollouts = [r for r in chunk.rollouts if (r.group, r.index) not in self.delivered]
        unfinished = [r for r in chunk.unfinished if (r.group, r.index) not in self.delivered]
        self.delivered.update((r.group, r.index) for r in rollouts)
        self.delivered.update((r.group, r.index) for r in unfinished)
        return replace(chunk, rollouts=rollouts, unfinished=unfinished)


def enough_per_worker(shards: Sequence[Sequence[SampleRequest]], enough_groups: int | None) -> list[int | None]:
    """Complete groups after which each worker aborts the rest: its part of `enough_groups`, rounded up."""
    if enough_groups is None:
        return [None] * len(shards)
    counts = [len({request.group for request in shard}) for shard in shards]
    total = max(sum(counts), 1)
    return [-(-enough_groups * count // total) for count in counts]
