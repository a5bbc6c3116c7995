"""The worker group on Ray: rollout, trainer, helper and reward workers. Every wait has a deadline and a name."""

import contextlib
import functools
import statistics
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ray.exceptions import RayError

from openqwq.training.backends.settings import TrainerSettings
from openqwq.training.batches.collate import Batch
from openqwq.training.cluster.gauges import Gauges
from openqwq.training.cluster.helper_workers import RayHelperWorkers
from openqwq.training.cluster.machine_room import Room
from openqwq.training.cluster.placement import start_ray, stop_ray
from openqwq.training.cluster.remote_calls import START_SECONDS, RemoteCalls
from openqwq.training.cluster.reward_workers import RayRewardWorkers
from openqwq.training.cluster.roles import shares_gpus
from openqwq.training.cluster.rollout_actors import RolloutActors
from openqwq.training.cluster.rollout_workers import RayRolloutWorkers
from openqwq.training.cluster.trainer_workers import RayTrainerWorkers
from openqwq.training.cluster.weight_syncs import WeightSyncs
from openqwq.training.config import Cluster, Rewards, Sampling
from openqwq.training.records import Chunk, Judged, PairQuality, Rollout, SampleRequest, UpdateReport
from openqwq.training.rollout.build import EngineSettings
from openqwq.training.supervised.jobs import RewardModelJob, SftJob
from openqwq.training.worker_group import PendingSave


def _reading(what: str) -> Callable[[Callable[..., Any]], Any]:
    """Ray also raises where a call is only handed over, for example when the object store is full."""

    def decorated(method: Callable[..., Any]) -> Any:
        @functools.wraps(method)
        def call(self: "RayWorkerGroup", *arguments: Any, **named: Any) -> Any:
            with self._remote.reading(what):
                return method(self, *arguments, **named)

        return call

    return decorated


class RayWorkerGroup:
    """Implements WorkerGroup. Ray's errors leave it as those of this project, whatever call they come from.

    folder: for the stacks and tracebacks that are written. warn: is told of every worker that is replaced.
    """

    def __init__(
        self, cluster: Cluster, folder: Path | None = None, warn: Callable[[str], None] = lambda text: None
    ) -> None:
        self._cluster = cluster
        self._remote = RemoteCalls(cluster.step_deadline_seconds, folder, warn)
        with self._remote.reading("starting Ray"):
            self._group = start_ray(cluster)
        try:
            with self._remote.reading("starting the workers"):
                self._start_workers(cluster)
        except BaseException:
            with contextlib.suppress(RayError):
                stop_ray(self._group)
            raise

    def _start_workers(self, cluster: Cluster) -> None:
        self._engines = RolloutActors(cluster, self._group, self._remote)
        self._rollouts = RayRolloutWorkers(self._engines, self._remote)
        self._syncs = WeightSyncs(self._engines, self._remote, cluster.rollout.gpus)
        self._shares_gpus = shares_gpus(cluster)
        gpus = self._engines.gpus() if self._shares_gpus else ()
        self._trainer = RayTrainerWorkers(cluster, self._group, self._remote, gpus)
        self._helpers = RayHelperWorkers(cluster, self._group, self._remote)
        self._rewards = RayRewardWorkers(cluster, self._group, self._remote)
        self.num_rollout_workers = cluster.rollout.workers
        self._gauges = Gauges()
        self._check_tokens: list[int] = []
        actors = list(self._actors().values())
        self._remote.get([actor.__ray_ready__.remote() for actor in actors], "starting the workers", START_SECONDS)
        self._note_where_stacks_are()

    def _actors(self) -> dict[str, Any]:
        return {**self._engines.by_name, **self._trainer.actors, **self._helpers.actors, **self._rewards.actors}

    def _note_where_stacks_are(self) -> None:
        for name, actor in self._actors().items():
            self._remote.note(name, actor)

    @_reading("starting the engines")
    def start_engines(self, settings: EngineSettings) -> None:
        if self._shares_gpus:  # an engine measures the free memory when it starts
            self._trainer.release()
        self._engines.start(settings)

    def sample(
        self, requests: Sequence[SampleRequest], sampling: Sampling, enough_groups: int | None = None
    ) -> Iterator[Chunk]:
        return self._rollouts.sample(requests, sampling, enough_groups)

    @_reading("judging")
    def judge(
        self, chunks: Iterable[Sequence[Rollout]], rows: Mapping[str, Mapping[str, Any]], rewards: Rewards
    ) -> list[Judged]:
        return self._rewards.judge(chunks, rows, rewards)

    @_reading("starting the trainer")
    def start_trainer(self, settings: TrainerSettings, resume_from: Path | None) -> None:
        self._syncs.start_trainer(settings.dtype)
        self._check_tokens = self._trainer.start(replace(settings, elsewhere=self._helpers.apart), resume_from)
        self._helpers.start(settings, resume_from)
        self._note_where_stacks_are()

    @_reading("the update")
    def update(self, batch: Batch) -> UpdateReport:
        if self._shares_gpus:
            self._engines.sleep(keeps_weights=False)  # a weight sync follows
        elif self._rollouts.are_sampling and self._cluster.rollout.weight_sync == "store":
            self._syncs.hold()
        stored = self._remote.put(batch, "the batch")
        outputs = self._helpers.compute(stored)
        calls = [rank.update.remote(stored, outputs) for rank in self._trainer.ranks]
        report: UpdateReport = self._remote.get(calls, "the update")[0]
        return self._helpers.update_critic(stored, outputs, report)

    @_reading("the weight sync")
    def sync_weights(self, version: int) -> float:
        if self._cluster.rollout.weight_sync == "broadcast":
            self._syncs.receive(version, self._trainer, self._check_tokens)
        else:
            self._syncs.load(version, self._trainer, self._check_tokens, self._rollouts.are_sampling)
        expected = self._trainer.logprobs(self._check_tokens)
        self._syncs.expect(version, expected, self._rollouts.are_sampling)
        return statistics.fmean(expected)

    @_reading("the checkpoint")
    def save(self, folder: Path) -> None:
        self._syncs.check()  # weights that the engines disagree with are not saved
        self._trainer.save(folder)
        self._helpers.save(folder)

    @_reading("the checkpoint")
    def save_behind(self, folder: Path) -> PendingSave:
        self._syncs.check()
        pending = self._trainer.save_behind(folder)
        self._helpers.save(folder)  # at once: a critic in processes of its own
        return pending

    def rooms(self, folders: Sequence[str]) -> list[Room]:
        """How much room is left on the other machines; may be called from another thread."""
        return self._gauges.look(folders)

    def abandon(self) -> None:
        """Ends the rollout workers: a checkpoint then waits for nothing that is queued behind their samples."""
        self._engines.end()
        self._syncs.forget()

    @_reading("the cold start")
    def train_sft(self, job: SftJob) -> None:
        self._leave_gpus()
        self._trainer.train_sft(job)

    def _leave_gpus(self) -> None:
        if self._shares_gpus and self._engines.are_started:
            self._engines.sleep(keeps_weights=True)

    @_reading("the reward model")
    def train_reward_model(self, job: RewardModelJob) -> PairQuality:
        self._leave_gpus()
        return self._trainer.train_reward_model(job)

    def close(self) -> None:
        try:
            self._rewards.close()
        finally:
            stop_ray(self._group)
