"""The sampling of the rollout workers: how requests are dealt to them, and how a lost worker's samples come again.

A shard is what one worker samples in one call. When the worker is lost, its successor samples the whole shard, with the
same weights and seeds and in the same batches: the tokens are the same, and what came before the loss is skipped.
"""

from collections.abc import Iterator, Sequence

import ray

from openqwq.training.cluster.remote_calls import RemoteCalls
from openqwq.training.cluster.rollout_actors import RolloutActors
from openqwq.training.cluster.shards import Shard, enough_per_worker
from openqwq.training.config import Sampling
from openqwq.training.errors import WorkerLost
from openqwq.training.records import Chunk, SampleRequest


class RayRolloutWorkers:
    """Requests are dealt to the workers round robin by group; speed decides nothing."""

    def __init__(self, actors: RolloutActors, remote: RemoteCalls) -> None:
        self._actors, self._remote = actors, remote
        self._open: set[int] = set()
        """Shards that have not been read to their end, by identity."""

    @property
    def are_sampling(self) -> bool:
        """Whether a shard has not been read to its end."""
        return bool(self._open)

    def sample(
        self, requests: Sequence[SampleRequest], sampling: Sampling, enough_groups: int | None
    ) -> Iterator[Chunk]:
        """Begin to sample at once; chunks come as samples end."""
        dealt: list[list[SampleRequest]] = [[] for _ in self._actors.current]
        for request in requests:
            dealt[request.group % len(dealt)].append(request)
        enough = enough_per_worker(dealt, enough_groups)
        with self._actors.lock, self._remote.reading("handing out the samples"):
            shards = [
                Shard(index, actor, part, sampling, count, self._actors.held)
                for index, (actor, part, count) in enumerate(zip(self._actors.current, dealt, enough, strict=True))
                if part
            ]
            for shard in shards:
                shard.begin()
            self._open.update(id(shard) for shard in shards)
        return self._read(shards)

    def _read(self, shards: list[Shard]) -> Iterator[Chunk]:
        by_stream = {shard.stream: shard for shard in shards}
        while by_stream:
            with self._remote.reading("the rollout workers"):
                ready, _ = ray.wait(list(by_stream), num_returns=1, timeout=self._remote.deadline)
            if not ready:
                raise self._remote.expired("a rollout worker", self._remote.deadline)
            shard = by_stream.pop(ready[0])
            try:
                chunk = self._next(shard)
            except StopIteration:
                self._open.discard(id(shard))
                continue
            except WorkerLost as error:
                self._begin_again(shard, error)
                by_stream[shard.stream] = shard
                continue
            by_stream[shard.stream] = shard
            yield shard.fresh(chunk)

    def _next(self, shard: Shard) -> Chunk:
        what = f"rollout worker {shard.index}"
        with self._remote.reading(what):
            result = next(shard.stream)  # raises Ray's own errors
        chunk: Chunk = self._remote.get(result, what)
        return chunk

    def _begin_again(self, shard: Shard, error: Exception) -> None:
        """Sample the whole shard on the successor of its worker, with the weights that it began with. The successor
        loads the newest weights afterwards."""
        actors = self._actors
        with actors.lock, self._remote.reading(f"the successor of rollout worker {shard.index}"):
            is_fresh = actors.current[shard.index] is shard.actor
            if is_fresh:
                actors.replace(shard.index, error)
            shard.actor = actors.current[shard.index]
            actors.load(shard.actor, shard.held, is_fresh)
            shard.begin()
            if shard.held.version != actors.held.version:
                actors.load(shard.actor, actors.held)
