"""The rollout workers: which of them samples what, and what happens when one of them is lost.

A shard is what one worker is asked for in one call. When the worker is lost, its whole shard is asked for again from a
new one, with the same weights and seeds, in the same batches: it samples the same tokens, and what had come is skipped.
"""

import threading
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import ray
from ray.util.placement_group import PlacementGroup
from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy

from openqwq.training.cluster.actors import RolloutActor
from openqwq.training.cluster.remote_calls import LOST, RemoteCalls
from openqwq.training.cluster.shards import Held, Shard, enough_per_worker
from openqwq.training.cluster.trainer_workers import TrainerWorkers
from openqwq.training.config import Cluster, Sampling
from openqwq.training.errors import WorkerLost
from openqwq.training.records import Chunk, SampleRequest
from openqwq.training.rollout.build import EngineSettings
from openqwq.training.weight_sync.buckets import Bucket, plan_buckets
from openqwq.training.weight_sync.check import check_synced

MAX_REPLACEMENTS = 16
"""Workers that may be lost in one run before it gives up: something is wrong with the machines then."""


@dataclass
class _Worker:
    index: int
    actor: Any


class RolloutWorkers:
    """Samples are dealt to the workers round robin by group, never by who is quicker."""

    def __init__(self, cluster: Cluster, group: PlacementGroup, remote: RemoteCalls) -> None:
        self._cluster, self._group, self._remote = cluster, group, remote
        self._workers = [_Worker(i, self._actor(i, in_place=True)) for i in range(cluster.rollout.workers)]
        self._lock = threading.RLock()  # rollout batches are read by threads of their own
        self._settings: EngineSettings | None = None
        self._held = Held(0)
        self._check_tokens: Sequence[int] = ()
        self._syncs: deque[tuple[int, list[float], list[tuple[Any, Any]]]] = deque()
        """Weight syncs whose checks are still to be compared."""
        self._answers: list[tuple[Any, Any]] = []
        self._members: list[Any] = []
        """The members of the broadcast group, and what it carries."""
        self._buckets: list[Bucket] = []
        self._open: set[int] = set()
        """Shards that have not been read to their end, by identity."""
        self.dtype = "float32"
        self.num_replaced = 0

    def _actor(self, index: int, in_place: bool) -> Any:
        role = self._cluster.rollout
        strategy: Any = PlacementGroupSchedulingStrategy(self._group, index) if in_place else "SPREAD"
        sizes = {"num_cpus": role.cpus if in_place else 0, "num_gpus": role.gpus}
        return ray.remote(RolloutActor).options(scheduling_strategy=strategy, **sizes).remote()

    @property
    def are_started(self) -> bool:
        """Whether the engines hold weights."""
        return self._settings is not None

    @property
    def actors(self) -> dict[str, Any]:
        """By name."""
        return {f"rollout worker {worker.index}": worker.actor for worker in self._workers}

    def gpus(self) -> list[list[str]]:
        """The numbers of each engine's GPUs on its machine."""
        calls = [worker.actor.gpus.remote() for worker in self._workers]
        found: list[list[str]] = self._remote.get(calls, "the rollout workers")
        return found

    def sleep(self, keeps_weights: bool) -> None:
        """Every engine leaves its GPUs to the trainer."""
        for worker in self._workers:
            self._finish_or_replace(worker, worker.actor.sleep.remote(keeps_weights), "putting the engines to sleep")

    def start(self, settings: EngineSettings) -> None:
        """(Re)load the engines from a model folder."""
        with self._lock:
            self._settings, self._held = settings, Held(0)
            calls = [worker.actor.start.remote(settings) for worker in self._workers]
        for worker, call in zip(self._workers, calls, strict=True):
            self._finish_or_replace(worker, call, "loading the rollout engines")

    def sample(
        self, requests: Sequence[SampleRequest], sampling: Sampling, enough_groups: int | None
    ) -> Iterator[Chunk]:
        """Begun when called; chunks come as samples end."""
        dealt: list[list[SampleRequest]] = [[] for _ in self._workers]
        for request in requests:
            dealt[request.group % len(dealt)].append(request)
        enough = enough_per_worker(dealt, enough_groups)
        with self._lock:
            shards = [
                Shard(worker.index, worker.actor, part, sampling, count, self._held)
                for worker, part, count in zip(self._workers, dealt, enough, strict=True)
                if part
            ]
            for shard in shards:
                shard.begin()
            self._open.update(id(shard) for shard in shards)
        return self._read(shards)

    def _read(self, shards: list[Shard]) -> Iterator[Chunk]:
        by_stream = {shard.stream: shard for shard in shards}
        while by_stream:
            ready, _ = ray.wait(list(by_stream), num_returns=1, timeout=self._remote.deadline)
            if not ready:
                raise self._remote.expired("a rollout worker", self._remote.deadline)
            shard = by_stream.pop(ready[0])
            try:
                chunk = self._remote.get(next(shard.stream), f"rollout worker {shard.index}")
            except StopIteration:
                self._open.discard(id(shard))
                continue
            except (WorkerLost, *LOST) as error:
                self._begin_again(shard, error)
                by_stream[shard.stream] = shard
                continue
            by_stream[shard.stream] = shard
            yield shard.fresh(chunk)

    def _begin_again(self, shard: Shard, error: Exception) -> None:
        """The whole shard from a new worker, with the weights it was begun with; then it goes back to the newest."""
        with self._lock:
            worker = self._workers[shard.index]
            is_fresh = worker.actor is shard.actor
            if is_fresh:
                self._replace(worker, error)
            shard.actor = worker.actor
            self._load(worker.actor, shard.held, is_fresh)
            shard.begin()
            if shard.held.version != self._held.version:
                self._load(worker.actor, self._held)

    def _replace(self, worker: _Worker, error: Exception) -> None:
        """A new actor: on its bundle when that has GPUs, on any machine that is left when it has CPUs only."""
        self.num_replaced += 1
        if self.num_replaced > MAX_REPLACEMENTS:
            raise WorkerLost(f"{self.num_replaced} rollout workers were lost in this run; the last: {error}") from error
        ray.kill(worker.actor)  # one that was cut off and comes back must not go on
        worker.actor = self._actor(worker.index, in_place=self._cluster.rollout.gpus > 0)
        assert self._settings is not None
        worker.actor.start.remote(self._settings)
        self._remote.note(f"rollout worker {worker.index}", worker.actor)

    def _load(self, actor: Any, held: Held, is_fresh: bool = False) -> Any:
        """Queue the weights behind what the actor has been given; returns the reference of the check's answer.
        `is_fresh`: it has just been started from the model folder."""
        if held.arrays is None:
            return actor.gpus.remote() if is_fresh else actor.start.remote(self._settings)
        return actor.load_weights.remote(held.version, held.arrays(), self._check_tokens)

    def _finish_or_replace(self, worker: _Worker, call: Any, what: str) -> Any:
        """The answer of one worker; of its successor when it is lost on the way."""
        while True:
            try:
                return self._remote.get(call, what)
            except (WorkerLost, *LOST) as error:
                with self._lock:
                    self._replace(worker, error)
                    call = self._load(worker.actor, self._held, is_fresh=True)

    def load(self, version: int, arrays: Any, tokens: Sequence[int]) -> None:
        """Queue the weights on every worker; one that is still sampling loads them after it."""
        with self._lock:
            self._held, self._check_tokens = Held(version, lambda: arrays), tokens
            self._answers = [(worker.actor, self._load(worker.actor, self._held)) for worker in self._workers]

    def leave_broadcast(self) -> None:
        """The trainer is another one: the next sync begins with a new group."""
        self._members = []

    def receive(self, version: int, trainer: TrainerWorkers, tokens: Sequence[int]) -> None:
        """All engines receive the trainer's broadcast. One that was lost before is replaced first; the successor of
        one that is lost later gets the same through the store.

        Raises:
            WorkerLost: an engine was lost in the sync itself, which leaves the others with half of it.
        """
        for worker in self._workers:
            self._finish_or_replace(worker, worker.actor.gpus.remote(), f"rollout worker {worker.index}")
        with self._lock:
            actors = [worker.actor for worker in self._workers]
            members = [*actors, *trainer.actors.values()]
            if self._members != members:
                engine = max(self._cluster.rollout.gpus, 1)
                rendezvous, joining = trainer.meet(1 + engine * len(actors))
                calls = [actor.join_broadcast.remote(rendezvous, 1 + i * engine) for i, actor in enumerate(actors)]
                self._remote.get([joining, *calls], "joining the broadcast of weights")
                self._members, self._buckets = members, plan_buckets(trainer.specs())
            self._held, self._check_tokens = Held(version, trainer.weights), tokens
            self._answers = [(a, a.receive_weights.remote(version, self._buckets, tokens)) for a in actors]
        self._remote.get(trainer.broadcast(), f"the broadcast of version {version}")

    def expect(self, version: int, expected: list[float]) -> None:
        """The trainer's log-probabilities of the check's tokens. Compared with the workers' at once, or one sync later
        where a worker is still sampling."""
        self._syncs.append((version, expected, self._answers))
        self.check_syncs(keep=1 if self._open else 0)

    def check_syncs(self, keep: int = 0) -> None:
        """Compare the checks of all but the newest `keep` syncs.

        Raises:
            EngineError: a worker disagrees with the trainer.
        """
        while len(self._syncs) > keep:
            version, expected, answers = self._syncs.popleft()
            for worker, (asked, call) in zip(self._workers, answers, strict=True):
                try:
                    answer = self._remote.get(call, f"the sync of version {version}")
                except (WorkerLost, *LOST) as error:
                    with self._lock:
                        if worker.actor is asked:  # else a reader of its shard has replaced it already
                            self._replace(worker, error)
                        call = self._load(worker.actor, self._held)
                    if version == self._held.version:
                        answer = self._finish_or_replace(worker, call, f"the sync of version {version}")
                    else:
                        continue  # its successor holds a newer version, whose check is compared in its turn
                check_synced(expected, answer, f"rollout worker {worker.index}", version, self.dtype)
