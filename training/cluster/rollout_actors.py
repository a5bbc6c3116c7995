"""The actors of the rollout workers, the weights that their engines hold, and the replacement of lost actors."""

import contextlib
import threading
from collections.abc import Sequence
from typing import Any

import ray
from ray.exceptions import RayError
from ray.util.placement_group import PlacementGroup
from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy

from openqwq.training.cluster.actors import RolloutActor
from openqwq.training.cluster.remote_calls import RemoteCalls
from openqwq.training.cluster.shards import Held
from openqwq.training.config import Cluster
from openqwq.training.errors import WorkerLost
from openqwq.training.rollout.build import EngineSettings

MAX_REPLACEMENTS = 16
"""Lost rollout workers that a run survives; with more of them, the fault lies with the machines."""


class RolloutActors:
    """One actor for each rollout worker. The successor of a lost actor takes its index and loads the newest weights."""

    def __init__(self, cluster: Cluster, group: PlacementGroup, remote: RemoteCalls) -> None:
        self._cluster, self._group, self._remote = cluster, group, remote
        self.lock = threading.RLock()
        """Guards the actors and the weights: threads that read rollout batches replace actors too."""
        self.current = [self._actor(i, in_place=True) for i in range(cluster.rollout.workers)]
        """The actors by index."""
        self.held = Held(0)
        """The newest weights."""
        self.check_tokens: Sequence[int] = ()
        """Tokens of the weight-sync check."""
        self.num_replaced = 0
        self._settings: EngineSettings | None = None

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
    def by_name(self) -> dict[str, Any]:
        """The actors by name."""
        return {f"rollout worker {index}": actor for index, actor in enumerate(self.current)}

    def gpus(self) -> list[list[str]]:
        """The numbers of each engine's GPUs on its machine."""
        calls = [actor.gpus.remote() for actor in self.current]
        found: list[list[str]] = self._remote.get(calls, "the rollout workers")
        return found

    def start(self, settings: EngineSettings) -> None:
        """Load (or reload) the engines from a model folder."""
        with self.lock:
            self._settings, self.held = settings, Held(0)
            calls = [actor.start.remote(settings) for actor in self.current]
        for index, call in enumerate(calls):
            self.result(index, call, "loading the rollout engines")

    def sleep(self, keeps_weights: bool) -> None:
        """Free the GPUs of every engine for the trainer."""
        for index, actor in enumerate(self.current):
            self.result(index, actor.sleep.remote(keeps_weights), "putting the engines to sleep")

    def end(self) -> None:
        """End all of them, whatever they do."""
        with self.lock, contextlib.suppress(RayError):
            for actor in self.current:
                ray.kill(actor)

    def replace_lost(self) -> None:
        """Replace every actor that is lost already."""
        for index, actor in enumerate(self.current):
            self.result(index, actor.gpus.remote(), f"rollout worker {index}")

    def replace(self, index: int, error: Exception) -> Any:
        """Start the successor of a lost actor: on its bundle if that has GPUs, else on any machine that is left.

        Raises:
            WorkerLost: too many were lost in this run.
        """
        self.num_replaced += 1
        if self.num_replaced > MAX_REPLACEMENTS:
            raise WorkerLost(f"{self.num_replaced} rollout workers were lost in this run; the last: {error}") from error
        self._remote.warn(f"{error}; a new rollout worker does its work again")
        with contextlib.suppress(RayError):
            ray.kill(self.current[index])  # an actor that was only cut off must not go on
        actor = self._actor(index, in_place=self._cluster.rollout.gpus > 0)
        assert self._settings is not None
        actor.start.remote(self._settings)
        self._remote.note(f"rollout worker {index}", actor)
        self.current[index] = actor
        return actor

    def load(self, actor: Any, held: Held, is_fresh: bool = False) -> Any:
        """Queue weights behind the calls that the actor has already; returns a reference to the log-probabilities of
        the check's tokens. `is_fresh`: the actor has just started from the model folder."""
        if held.is_of_folder:
            return actor.gpus.remote() if is_fresh else actor.start.remote(self._settings)
        return actor.load_weights.remote(held.version, held.buckets, held.stored(), self.check_tokens)

    def result(self, index: int, call: Any, what: str) -> Any:
        """The result of a call. If the actor is lost meanwhile, its successor loads the newest weights, and the result
        is that of loading them."""
        while True:
            try:
                return self._remote.get(call, what)
            except WorkerLost as error:
                with self.lock:
                    call = self.load(self.replace(index, error), self.held, is_fresh=True)
