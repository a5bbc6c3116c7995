"""Weight syncs from the trainer to the rollout workers, through the object store or by broadcast, and their checks."""

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from openqwq.training.cluster.remote_calls import RemoteCalls
from openqwq.training.cluster.rollout_actors import RolloutActors
from openqwq.training.cluster.shards import Held
from openqwq.training.cluster.trainer_workers import RayTrainerWorkers
from openqwq.training.errors import WorkerLost
from openqwq.training.weight_sync.buckets import Bucket
from openqwq.training.weight_sync.check import check_synced


@dataclass(frozen=True)
class _Sync:
    version: int
    expected: list[float]
    """The trainer's log-probabilities of the check's tokens."""
    calls: list[tuple[Any, Any]]
    """Each actor, and a reference to its log-probabilities."""


class WeightSyncs:
    """Sends weights and compares what arrived, at once or, while a worker samples, one sync later."""

    def __init__(self, actors: RolloutActors, remote: RemoteCalls, gpus_per_engine: int) -> None:
        self._actors, self._remote = actors, remote
        self._ranks_per_engine = max(gpus_per_engine, 1)
        self._calls: list[tuple[Any, Any]] = []
        self._unchecked: deque[_Sync] = deque()
        self._members: list[Any] = []
        """The members of the broadcast group."""
        self._buckets: list[Bucket] = []
        """What a push consists of."""
        self.dtype = "float32"

    def start_trainer(self, dtype: str) -> None:
        """The trainer is another one: the next broadcast forms a new group."""
        self.dtype, self._members, self._buckets = dtype, [], []

    def load(self, version: int, trainer: RayTrainerWorkers, tokens: Sequence[int], is_sampling: bool = False) -> None:
        """Push weights to every worker through the object store, bucket by bucket. A worker that samples loads them
        afterwards, so they are all kept in the store then."""
        held = self._held(version, trainer)
        if is_sampling:
            held.keep()
        with self._actors.lock:
            self._actors.held, self._actors.check_tokens = held, tokens
            if is_sampling:
                self._calls = [(actor, self._actors.load(actor, held)) for actor in self._actors.current]
            else:
                self._calls = self._stream(held, trainer)

    def hold(self) -> None:
        """The trainer goes on while workers sample: the newest weights are kept for the successor of a lost one."""
        self._actors.held.keep()

    def _held(self, version: int, trainer: RayTrainerWorkers) -> Held:
        if not self._buckets:
            self._buckets = trainer.buckets()
        buckets = self._buckets
        return Held(version, buckets, lambda: [trainer.bucket(index) for index in range(len(buckets))])

    def _stream(self, held: Held, trainer: RayTrainerWorkers) -> list[tuple[Any, Any]]:
        """Push to workers that wait; a bucket is gathered while they load the one before it, so the store holds two.
        The successor of a worker that is lost meanwhile gets a push of its own."""
        what = f"the push of version {held.version}"
        alive, lost = dict(enumerate(self._actors.current)), dict[int, WorkerLost]()
        loading = {i: actor.begin_load.remote(held.version, held.buckets) for i, actor in alive.items()}
        for index in range(len(held.buckets)):
            bucket = trainer.bucket(index)
            lost |= self._lost(loading, what, trainer)
            loading = {i: a.load_bucket.remote(index, bucket) for i, a in alive.items() if i not in lost}
        lost |= self._lost(loading, what, trainer)
        for i, error in lost.items():
            self._actors.replace(i, error)
        return [
            (actor, self._actors.load(actor, held) if i in lost else actor.end_load.remote(self._actors.check_tokens))
            for i, actor in enumerate(self._actors.current)
        ]

    def _lost(self, calls: Mapping[int, Any], what: str, trainer: RayTrainerWorkers) -> dict[int, WorkerLost]:
        """Wait for the calls of workers; returns the error of each one that is lost.

        Raises:
            WorkerLost: it is the trainer that is lost, and the bucket with it.
        """
        lost: dict[int, WorkerLost] = {}
        for index, call in calls.items():
            try:
                self._remote.get(call, what)
            except WorkerLost as error:
                self._remote.get([actor.__ray_ready__.remote() for actor in trainer.ranks], "the trainer")
                lost[index] = error
        return lost

    def receive(self, version: int, trainer: RayTrainerWorkers, tokens: Sequence[int]) -> None:
        """Broadcast the trainer's weights to all engines. A worker that was lost before is replaced first; the
        successor of a worker that is lost later gets the same weights through the object store.

        Raises:
            WorkerLost: an engine was lost during the broadcast; the others hold a part of the weights then.
        """
        self._actors.replace_lost()
        with self._actors.lock:
            actors = list(self._actors.current)
            self._form_group(actors, trainer)
            self._actors.held, self._actors.check_tokens = self._held(version, trainer), tokens
            self._calls = [(actor, actor.receive_weights.remote(version, self._buckets, tokens)) for actor in actors]
        self._remote.get(trainer.broadcast(), f"the broadcast of version {version}")

    def _form_group(self, actors: Sequence[Any], trainer: RayTrainerWorkers) -> None:
        """Join trainer and engines in a broadcast group, unless the same processes form one already."""
        members = [*actors, *trainer.actors.values()]
        if self._members == members:
            return
        ranks = self._ranks_per_engine
        rendezvous, joining = trainer.meet(1 + ranks * len(actors))
        calls = [actor.join_broadcast.remote(rendezvous, 1 + i * ranks) for i, actor in enumerate(actors)]
        self._remote.get([joining, *calls], "joining the broadcast of weights")
        self._members, self._buckets = members, trainer.buckets()

    def expect(self, version: int, expected: list[float], is_sampling: bool) -> None:
        """Check the newest sync against the trainer's log-probabilities, and every earlier one. While a worker samples,
        the newest sync is checked with the next one."""
        self._unchecked.append(_Sync(version, expected, self._calls))
        self.check(keep=1 if is_sampling else 0)

    def forget(self) -> None:
        """Check no sync any more, for the engines are gone."""
        self._unchecked.clear()

    def check(self, keep: int = 0) -> None:
        """Compare the log-probabilities of all but the newest `keep` syncs.

        Raises:
            EngineError: a worker disagrees with the trainer.
        """
        while len(self._unchecked) > keep:
            sync = self._unchecked.popleft()
            for index, (actor, call) in enumerate(sync.calls):
                found = self._logprobs(index, actor, call, sync.version)
                if found is not None:
                    check_synced(sync.expected, found, f"rollout worker {index}", sync.version, self.dtype)

    def _logprobs(self, index: int, actor: Any, call: Any, version: int) -> list[float] | None:
        """A worker's log-probabilities after a sync. None: its successor holds a newer version, which is checked in its
        turn."""
        what = f"the sync of version {version}"
        try:
            found: list[float] = self._remote.get(call, what)
            return found
        except WorkerLost as error:
            with self._actors.lock:
                if self._actors.current[index] is actor:  # else the reader of a shard has replaced it already
                    self._actors.replace(index, error)
                call = self._actors.load(self._actors.current[index], self._actors.held)
            if version != self._actors.held.version:
                return None
            found = self._actors.result(index, call, what)
            return found
