"""The trainer's processes: one, or a group of ranks."""

import math
import time
from collections.abc import Sequence
from dataclasses import replace
from itertools import chain, repeat
from pathlib import Path
from typing import Any

import ray
from ray.util.placement_group import PlacementGroup
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy, PlacementGroupSchedulingStrategy

from openqwq.training.backends.ranks import Rank
from openqwq.training.backends.settings import TrainerSettings
from openqwq.training.cluster.actors import TrainerActor
from openqwq.training.cluster.remote_calls import START_SECONDS, RemoteCalls
from openqwq.training.cluster.roles import gpus_of_ranks, shares_gpus
from openqwq.training.config import Cluster
from openqwq.training.records import PairQuality
from openqwq.training.supervised.jobs import RewardModelJob, SftJob, TrlJob
from openqwq.training.weight_sync.broadcast import Rendezvous
from openqwq.training.weight_sync.buckets import Bucket
from openqwq.training.worker_group import PendingSave

LONG_JOB_SECONDS = 7 * 24 * 3600.0
"""Deadline of a whole supervised training."""


class RayTrainerWorkers:
    """The first process runs until the run ends, and does all work of a single process. A group of several ranks starts
    anew for every stage, because a process can join only one group."""

    def __init__(
        self,
        cluster: Cluster,
        group: PlacementGroup,
        remote: RemoteCalls,
        engine_gpus: Sequence[Sequence[str]] = (),
    ) -> None:
        self._cluster, self._group, self._remote = cluster, group, remote
        self._shared = gpus_of_ranks(cluster, engine_gpus) if shares_gpus(cluster) else []
        self._first = self._actor(0)
        self._ranks: list[Any] = [self._first]

    def _actor(self, rank: int) -> Any:
        cluster, trainer = self._cluster, self._cluster.trainer
        options: dict[str, Any] = {"num_cpus": 0, "num_gpus": 0}
        strategy: Any
        if not cluster.colocate:
            options = {"num_cpus": trainer.cpus, "num_gpus": trainer.gpus}
            strategy = PlacementGroupSchedulingStrategy(self._group, cluster.rollout.workers + rank)
        elif self._shared:
            engine, gpus = self._shared[rank]
            # Ray assigned these GPUs to the engine: the rank gets their numbers, and Ray must not overwrite them
            seen = {"CUDA_VISIBLE_DEVICES": ",".join(gpus), "RAY_EXPERIMENTAL_NOSET_CUDA_VISIBLE_DEVICES": "1"}
            options["runtime_env"] = {"env_vars": seen}
            strategy = PlacementGroupSchedulingStrategy(self._group, engine)
        else:  # beside the driver: a run that loses this machine ends anyway
            strategy = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
        return ray.remote(TrainerActor).options(scheduling_strategy=strategy, **options).remote()

    @property
    def ranks(self) -> Sequence[Any]:
        """The actors of the ranks, in order."""
        return self._ranks

    @property
    def actors(self) -> dict[str, Any]:
        """The actors by name."""
        return {f"trainer {i}": actor for i, actor in enumerate(self._ranks)}

    def start(self, settings: TrainerSettings, resume_from: Path | None) -> list[int]:
        """Load the trainer of an RL stage; returns the tokens of the weight-sync check."""
        ranks = self._fresh(self._cluster.trainer.workers)
        begun = [
            actor.start.remote(replace(settings, rank=rank), resume_from)
            for rank, actor in zip(ranks, self._ranks, strict=True)
        ]
        tokens: list[list[int]] = self._remote.get(begun, "loading the trainer")
        return tokens[0]

    def _fresh(self, count: int) -> list[Rank | None]:
        """Start `count` processes that are in no group yet; returns their ranks. A single one is the first process."""
        role = self._cluster.trainer
        for actor in self._ranks:
            if actor is not self._first:
                ray.kill(actor)
        self._ranks = [self._first]
        if count == 1:
            return [None]
        self._ranks = [self._actor(rank) for rank in range(count)]
        address, port = self._remote.get(
            self._ranks[0].rendezvous_address.remote(), "the first trainer rank", START_SECONDS
        )
        shared = role.sequence_parallel if count % role.sequence_parallel == 0 else 1
        how = (role.zero_stage, role.offload, shared, role.gradient_dtype)
        return [Rank(i, count, address, port, *how) for i in range(count)]

    def release(self) -> None:
        """Free the memory of a finished stage."""
        for actor in self._ranks:
            if actor is not self._first:
                ray.kill(actor)
        self._ranks = [self._first]
        self._all("release", "freeing the trainer's memory")

    def buckets(self) -> list[Bucket]:
        """What a push consists of."""
        buckets: list[Bucket] = self._remote.get(self._ranks[0].buckets.remote(), "the trainer")
        return buckets

    def bucket(self, index: int) -> Any:
        """A reference to the arrays of a bucket, which the first rank collects from all ranks."""
        first, *_ = [actor.bucket.remote(index) for actor in self._ranks]
        return first

    def meet(self, world_size: int) -> tuple[Rendezvous, Any]:
        """The rendezvous of the first rank with the engines, and its call, which returns when all have joined."""
        host, port = self._remote.get(
            self._ranks[0].rendezvous_address.remote(), "the first trainer rank", START_SECONDS
        )
        rendezvous = Rendezvous(host, port, world_size, self._remote.deadline)
        return rendezvous, self._ranks[0].join_broadcast.remote(rendezvous)

    def broadcast(self) -> list[Any]:
        """Start the broadcast on all ranks; returns their calls."""
        return [actor.broadcast.remote() for actor in self._ranks]

    def logprobs(self, tokens: Sequence[int]) -> list[float]:
        """Log-probabilities of the weight-sync check's tokens."""
        logprobs: list[float] = self._all("logprobs", "the trainer's log-probabilities", tokens)[0]
        return logprobs

    def save(self, folder: Path) -> None:
        """Write the parts of all ranks."""
        self._all("save", "saving the trainer", folder, False)

    def save_behind(self, folder: Path) -> PendingSave:
        """Write the parts of all ranks from copies in their memory, while they go on."""
        without_room = sum(self._all("save", "saving the trainer", folder, True))
        ranks = list(self._ranks)

        def wait() -> None:
            # asked, and not waited for in the actors, whose next calls must not stand behind it
            for pause in chain((0.05, 0.1, 0.2, 0.5), repeat(1.0)):
                states = self._remote.get([rank.saved.remote() for rank in ranks], "the files of a checkpoint")
                if all(is_done for is_done, _ in states):
                    break
                time.sleep(pause)
            for error in (error for _, error in states if error is not None):
                raise error

        return PendingSave(wait, without_room)

    def train_sft(self, job: SftJob) -> None:
        """Run a cold start on as many ranks as divide the batch size."""
        self._supervised("train_sft", job, "the cold start")

    def train_reward_model(self, job: RewardModelJob) -> PairQuality:
        """Train a reward model on as many ranks as divide the batch size; returns its quality."""
        quality: PairQuality = self._supervised("train_reward_model", job, "the reward model")
        return quality

    def _supervised(self, method: str, job: TrlJob, what: str) -> Any:
        ranks = self._fresh(math.gcd(self._cluster.trainer.workers, job.batch_size))
        begun = [
            getattr(actor, method).remote(replace(job, rank=rank))
            for rank, actor in zip(ranks, self._ranks, strict=True)
        ]
        return self._remote.get(begun, what, LONG_JOB_SECONDS)[0]

    def _all(self, method: str, what: str, *arguments: Any) -> list[Any]:
        calls = [getattr(actor, method).remote(*arguments) for actor in self._ranks]
        results: list[Any] = self._remote.get(calls, what)
        return results
