"""A shard: what one rollout worker samples in one call."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from openqwq.training.config import Sampling
from openqwq.training.records import Chunk, SampleRequest
from openqwq.training.weight_sync.buckets import Bucket


class Held:
    """Weights that engines hold: of the model folder, or of a push, which the trainer can repeat until its next
    update. Example: `Held(3, buckets, gather)`"""

    def __init__(
        self, version: int, buckets: Sequence[Bucket] = (), gather: Callable[[], list[Any]] | None = None
    ) -> None:
        self.version, self.buckets = version, buckets
        self._gather = gather
        self._stored: list[Any] | None = None

    @property
    def is_of_folder(self) -> bool:
        """Whether they are those of the model folder."""
        return self._gather is None

    def stored(self) -> list[Any]:
        """References to the buckets in the object store; the trainer puts them there if they were not kept."""
        assert self._gather is not None, "the model folder has them"
        return self._gather() if self._stored is None else self._stored

    def keep(self) -> None:
        """Keep the buckets in the object store, because the trainer goes on while engines sample with them."""
        if self._gather is not None and self._stored is None:
            self._stored = self._gather()


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
