"""The workers that judge samples. A judgement depends on the sample only: what a lost worker had is judged again."""

import contextlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import ray
from ray.exceptions import RayError
from ray.util.placement_group import PlacementGroup
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy, PlacementGroupSchedulingStrategy

from openqwq.training.cluster.actors import RewardActor
from openqwq.training.cluster.remote_calls import RemoteCalls
from openqwq.training.cluster.roles import first_bundle
from openqwq.training.config import Cluster, Rewards
from openqwq.training.errors import ClusterError, WorkerLost
from openqwq.training.records import Judged, Judgement, Rollout
from openqwq.training.rewards.router import JUDGE_THREADS

MAX_RESTARTS = 5
"""Lost reward workers that a run survives."""


class RayRewardWorkers:
    """Chunks go to the workers in turn. Workers without GPUs run on the driver's machine, beside the sandbox."""

    def __init__(self, cluster: Cluster, group: PlacementGroup, remote: RemoteCalls) -> None:
        self._cluster, self._group, self._remote = cluster, group, remote
        count = cluster.reward_model.workers if cluster.reward_model is not None else 1
        self._workers = [self._actor(i) for i in range(count)]
        self._num_restarts = 0

    def _actor(self, index: int) -> Any:
        role = self._cluster.reward_model
        options: dict[str, Any] = {"num_cpus": 0}
        if role is not None and role.gpus:
            bundle = first_bundle(self._cluster, "reward_model") + index
            options = {"num_cpus": role.cpus, "num_gpus": role.gpus}
            strategy: Any = PlacementGroupSchedulingStrategy(self._group, bundle)
        else:
            strategy = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
        options |= {"max_concurrency": JUDGE_THREADS, "scheduling_strategy": strategy}
        return ray.remote(RewardActor).options(**options).remote()

    @property
    def actors(self) -> dict[str, Any]:
        """The actors by name."""
        return {f"reward worker {i}": actor for i, actor in enumerate(self._workers)}

    def judge(
        self, chunks: Iterable[Sequence[Rollout]], rows: Mapping[str, Mapping[str, Any]], rewards: Rewards
    ) -> list[Judged]:
        """Judge chunks while later ones are still being sampled."""
        pending: list[tuple[Sequence[Rollout], Any, int, Any, Any]] = []
        for number, chunk in enumerate(chunks):
            index = number % len(self._workers)
            worker, needed = self._workers[index], [rows[rollout.prompt_id] for rollout in chunk]
            pending.append((chunk, needed, index, worker, worker.judge.remote(chunk, needed, rewards)))
        return [
            Judged(rollout, judgement)
            for chunk, needed, index, worker, call in pending
            for rollout, judgement in zip(
                chunk, self._judgements(chunk, needed, rewards, index, worker, call), strict=True
            )
        ]

    def _judgements(
        self, chunk: Sequence[Rollout], rows: Any, rewards: Rewards, index: int, worker: Any, call: Any
    ) -> list[Judgement]:
        while True:
            try:
                found: list[Judgement] = self._remote.get(call, f"reward worker {index}")
                return found
            except WorkerLost as error:
                if self._workers[index] is worker:  # else another of its chunks has replaced it already
                    self._num_restarts += 1
                    if self._num_restarts > MAX_RESTARTS:
                        raise WorkerLost(f"{self._num_restarts} reward workers were lost; the last: {error}") from error
                    self._remote.warn(f"{error}; a new reward worker judges its samples again")
                    self._workers[index] = self._actor(index)
                    self._remote.note(f"reward worker {index}", self._workers[index])
                worker = self._workers[index]
                call = worker.judge.remote(chunk, rows, rewards)

    def close(self) -> None:
        """End the verifiers' processes."""
        with contextlib.suppress(ClusterError, RayError):  # they end with Ray in any case, and their children with them
            self._remote.get([worker.close.remote() for worker in self._workers], "closing the reward workers", 10.0)
