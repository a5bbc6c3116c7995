"""The rollout workers: who draws what, and what happens when one of them is lost.

A share is what one worker is given of one call. When the worker is lost, its whole share is asked for again from a new
one: by the same weights and seeds, in the same batches, so it draws the same tokens; what had come before is skipped.
"""

import threading
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import ray
from ray.exceptions import ObjectLostError, RayActorError
from ray.util.placement_group import PlacementGroup
from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy

from openqwq.training.cluster.actors import RolloutActor
from openqwq.training.cluster.shares import Held, Share, enough_per_worker
from openqwq.training.cluster.trainer_group import TrainerGroup
from openqwq.training.cluster.waiting import Waiter
from openqwq.training.config import Cluster, Sampling
from openqwq.training.crew import EngineSettings
from openqwq.training.errors import WorkerLost
from openqwq.training.records import Chunk, SampleRequest
from openqwq.training.weight_sync.arrays import check_probe
from openqwq.training.weight_sync.buckets import Bucket, plan_buckets

MAX_REPLACEMENTS = 16
"""Workers that may be lost in one run before it gives up: something is wrong with the machines then."""
LOST = (RayActorError, ObjectLostError)


@dataclass
class _Worker:
    place: int
    actor: Any


class RolloutGroup:
    """Samples are dealt to the workers round robin by group, never by who is quicker."""

    def __init__(self, cluster: Cluster, group: PlacementGroup, waiter: Waiter) -> None:
        self._cluster, self._group, self._waiter = cluster, group, waiter
        self._workers = [_Worker(i, self._actor(i, in_place=True)) for i in range(cluster.rollout.workers)]
        self._lock = threading.RLock()  # waves are read by threads of their own
        self._settings: EngineSettings | None = None
        self._held = Held(0)
        self._probe: Sequence[int] = ()
        self._pushes: deque[tuple[int, list[float], list[tuple[Any, Any]]]] = deque()
        """Pushes whose probes are still to be compared."""
        self._said: list[tuple[Any, Any]] = []
        self._members: list[Any] = []
        """Who is in the group of the broadcast, and what it carries."""
        self._buckets: list[Bucket] = []
        self._open: set[int] = set()
        """Shares that have not been read to their end, by identity."""
        self.dtype = "float32"
        self.num_replaced = 0

    def _actor(self, place: int, in_place: bool) -> Any:
        role = self._cluster.rollout
        strategy: Any = PlacementGroupSchedulingStrategy(self._group, place) if in_place else "SPREAD"
        sizes = {"num_cpus": role.cpus if in_place else 0, "num_gpus": role.gpus}
        return ray.remote(RolloutActor).options(scheduling_strategy=strategy, **sizes).remote()

    @property
    def are_started(self) -> bool:
        """Whether the engines hold weights."""
        return self._settings is not None

    @property
    def actors(self) -> dict[str, Any]:
        """By name."""
        return {f"rollout worker {worker.place}": worker.actor for worker in self._workers}

    def gpus(self) -> list[list[str]]:
        """The numbers of each engine's GPUs on its machine."""
        calls = [worker.actor.gpus.remote() for worker in self._workers]
        found: list[list[str]] = self._waiter.get(calls, "the rollout workers")
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
        """Begun when called; chunks come as they are drawn."""
        dealt: list[list[SampleRequest]] = [[] for _ in self._workers]
        for request in requests:
            dealt[request.group % len(dealt)].append(request)
        enough = enough_per_worker(dealt, enough_groups)
        with self._lock:
            shares = [
                Share(worker.place, worker.actor, part, sampling, count, self._held)
                for worker, part, count in zip(self._workers, dealt, enough, strict=True)
                if part
            ]
            for share in shares:
                share.begin()
            self._open.update(id(share) for share in shares)
        return self._read(shares)

    def _read(self, shares: list[Share]) -> Iterator[Chunk]:
        by_stream = {share.stream: share for share in shares}
        while by_stream:
            ready, _ = ray.wait(list(by_stream), num_returns=1, timeout=self._waiter.deadline)
            if not ready:
                raise self._waiter.expired("a rollout worker", self._waiter.deadline)
            share = by_stream.pop(ready[0])
            try:
                chunk = self._waiter.get(next(share.stream), f"rollout worker {share.place}")
            except StopIteration:
                self._open.discard(id(share))
                continue
            except (WorkerLost, *LOST) as error:
                self._begin_again(share, error)
                by_stream[share.stream] = share
                continue
            by_stream[share.stream] = share
            yield share.fresh(chunk)

    def _begin_again(self, share: Share, error: Exception) -> None:
        """The whole share by a new worker, with the weights it was begun with; then it goes back to the newest."""
        with self._lock:
            worker = self._workers[share.place]
            is_fresh = worker.actor is share.actor
            if is_fresh:
                self._replace(worker, error)
            share.actor = worker.actor
            self._load(worker.actor, share.held, is_fresh)
            share.begin()
            if share.held.version != self._held.version:
                self._load(worker.actor, self._held)

    def _replace(self, worker: _Worker, error: Exception) -> None:
        """A new actor: on its bundle when that has GPUs, on any machine that is left when it has CPUs only."""
        self.num_replaced += 1
        if self.num_replaced > MAX_REPLACEMENTS:
            raise WorkerLost(f"{self.num_replaced} rollout workers were lost in this run; the last: {error}") from error
        ray.kill(worker.actor)  # one that was cut off and comes back must not go on
        worker.actor = self._actor(worker.place, in_place=self._cluster.rollout.gpus > 0)
        assert self._settings is not None
        worker.actor.start.remote(self._settings)
        self._waiter.note(f"rollout worker {worker.place}", worker.actor)

    def _load(self, actor: Any, held: Held, is_fresh: bool = False) -> Any:
        """Queue the weights behind what the actor has been given; returns the reference of the probe's answer.
        `is_fresh`: it has just been started from the model folder."""
        if held.arrays is None:
            return actor.gpus.remote() if is_fresh else actor.start.remote(self._settings)
        return actor.load_weights.remote(held.version, held.arrays(), self._probe)

    def _finish_or_replace(self, worker: _Worker, call: Any, what: str) -> Any:
        """The answer of one worker; of its successor when it is lost on the way."""
        while True:
            try:
                return self._waiter.get(call, what)
            except (WorkerLost, *LOST) as error:
                with self._lock:
                    self._replace(worker, error)
                    call = self._load(worker.actor, self._held, is_fresh=True)

    def load(self, version: int, arrays: Any, probe: Sequence[int]) -> None:
        """Queue the weights on every worker; one that is still drawing loads them after it."""
        with self._lock:
            self._held, self._probe = Held(version, lambda: arrays), probe
            self._said = [(worker.actor, self._load(worker.actor, self._held)) for worker in self._workers]

    def leave_broadcast(self) -> None:
        """The trainer is another one: the next push begins with a new group."""
        self._members = []

    def receive(self, version: int, trainer: TrainerGroup, probe: Sequence[int]) -> None:
        """All engines take what the trainer broadcasts. One that was lost before is replaced first; the successor of
        one that is lost later gets the same through the store.

        Raises:
            WorkerLost: an engine was lost in the push itself, which leaves the others with half of it.
        """
        for worker in self._workers:
            self._finish_or_replace(worker, worker.actor.gpus.remote(), f"rollout worker {worker.place}")
        with self._lock:
            actors = [worker.actor for worker in self._workers]
            members = [*actors, *trainer.actors.values()]
            if self._members != members:
                engine = max(self._cluster.rollout.gpus, 1)
                meeting, joining = trainer.meet(1 + engine * len(actors))
                calls = [actor.join_broadcast.remote(meeting, 1 + i * engine) for i, actor in enumerate(actors)]
                self._waiter.get([joining, *calls], "joining the broadcast of weights")
                self._members, self._buckets = members, plan_buckets(trainer.specs())
            self._held, self._probe = Held(version, trainer.weights), probe
            self._said = [(a, a.receive_weights.remote(version, self._buckets, probe)) for a in actors]
        self._waiter.get(trainer.broadcast(), f"the broadcast of version {version}")

    def expect(self, version: int, expected: list[float]) -> None:
        """What the trainer says of the probe. Compared with the workers' words at once, or one push later where a
        worker is still drawing."""
        self._pushes.append((version, expected, self._said))
        self.check_pushes(keep=1 if self._open else 0)

    def check_pushes(self, keep: int = 0) -> None:
        """Compare the probes of all but the newest `keep` pushes.

        Raises:
            EngineError: a worker disagrees with the trainer.
        """
        while len(self._pushes) > keep:
            version, expected, said = self._pushes.popleft()
            for worker, (asked, call) in zip(self._workers, said, strict=True):
                try:
                    answer = self._waiter.get(call, f"the push of version {version}")
                except (WorkerLost, *LOST) as error:
                    with self._lock:
                        if worker.actor is asked:  # else a reader of its share has replaced it already
                            self._replace(worker, error)
                        call = self._load(worker.actor, self._held)
                    if version == self._held.version:
                        answer = self._finish_or_replace(worker, call, f"the push of version {version}")
                    else:
                        continue  # its successor holds a newer version, whose probe is compared in its turn
                check_probe(expected, answer, f"rollout worker {worker.place}", version, self.dtype)
