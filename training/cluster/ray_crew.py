"""The crew on Ray: rollout actors, one trainer actor, one reward actor. Every wait has a deadline and a name."""

import contextlib
import statistics
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import ray
from ray.exceptions import GetTimeoutError, RayActorError, RayTaskError
from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy

from openqwq.training.backends.accelerate_backend import TrainerSettings
from openqwq.training.cluster.actors import RewardActor, RolloutActor, TrainerActor
from openqwq.training.cluster.placement import start_ray, stop_ray
from openqwq.training.collate import Batch
from openqwq.training.config import Cluster, Rewards, Sampling
from openqwq.training.crew import JUDGE_THREADS, EngineSettings
from openqwq.training.errors import ClusterError, OpenqwqError
from openqwq.training.records import Chunk, Judged, Judgement, Rollout, SampleRequest, UpdateReport
from openqwq.training.trl_bridge import RewardModelJob, SftJob
from openqwq.training.weights import check_probe

START_SECONDS = 180.0
"""Deadline of starting all workers, imports included."""
LONG_JOB_SECONDS = 7 * 24 * 3600.0
"""Deadline of a whole supervised training."""


class RayCrew:
    """Implements Crew. Samples are dealt to the rollout actors round robin by group, never by who is quicker."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._deadline = cluster.step_deadline_seconds
        self._group = start_ray(cluster)
        self._rollouts = [
            ray.remote(RolloutActor)
            .options(
                num_cpus=cluster.rollout.cpus,
                scheduling_strategy=PlacementGroupSchedulingStrategy(self._group, placement_group_bundle_index=i),
            )
            .remote()
            for i in range(cluster.rollout.workers)
        ]
        self._trainer = (
            ray.remote(TrainerActor)
            .options(
                num_cpus=0 if cluster.colocate else cluster.trainer.cpus,
                scheduling_strategy=PlacementGroupSchedulingStrategy(
                    self._group, placement_group_bundle_index=0 if cluster.colocate else cluster.rollout.workers
                ),
            )
            .remote()
        )
        self._rewards = ray.remote(RewardActor).options(num_cpus=0, max_concurrency=JUDGE_THREADS).remote()
        actors = [*self._rollouts, self._trainer, self._rewards]
        self._get([actor.__ray_ready__.remote() for actor in actors], "starting the workers", START_SECONDS)
        self.num_rollout_workers = cluster.rollout.workers
        self._probe: list[int] = []
        self._pushes: deque[tuple[int, list[float], list[Any]]] = deque()
        """Pushes whose probes are still to be compared."""
        self._open_streams: set[Any] = set()
        """Sampling calls that have not been read to their end."""
        self._dtype = "float32"

    def _get(self, refs: Any, what: str, deadline: float | None = None) -> Any:
        """ray.get with a deadline; our own errors come back as themselves."""
        try:
            return ray.get(refs, timeout=deadline or self._deadline)
        except GetTimeoutError as error:
            raise ClusterError(f"{what} did not answer in {deadline or self._deadline:g} s") from error
        except RayTaskError as error:
            cause = error.cause
            if isinstance(cause, OpenqwqError):
                raise cause from error
            raise ClusterError(f"{what} failed: {type(cause).__name__}: {cause}\n{error}") from error
        except RayActorError as error:
            raise ClusterError(f"{what} is lost: {' '.join(str(error).split())[:400]}") from error

    def start_engines(self, settings: EngineSettings) -> None:
        self._get([actor.start.remote(settings) for actor in self._rollouts], "loading the rollout engines")

    def sample(
        self, requests: Sequence[SampleRequest], sampling: Sampling, enough_groups: int | None = None
    ) -> Iterator[Chunk]:
        shares: list[list[SampleRequest]] = [[] for _ in self._rollouts]
        for request in requests:
            shares[request.group % len(shares)].append(request)
        enough = enough_per_worker(shares, enough_groups)
        streams = [
            actor.sample.options(num_returns="streaming").remote(share, sampling, count)
            for actor, share, count in zip(self._rollouts, shares, enough, strict=True)
            if share
        ]
        self._open_streams.update(streams)
        return self._read(streams)

    @property
    def _is_sampling_ahead(self) -> bool:
        return bool(self._open_streams)

    def _read(self, streams: list[Any]) -> Iterator[Chunk]:
        while streams:
            ready, streams = ray.wait(streams, num_returns=1, timeout=self._deadline)
            if not ready:
                raise ClusterError(f"rollout workers sent nothing for {self._deadline:g} s")
            try:
                reference = next(ready[0])
            except StopIteration:
                self._open_streams.discard(ready[0])
                continue
            streams.append(ready[0])
            yield self._get(reference, "a rollout worker")

    def judge(
        self, chunks: Iterable[Sequence[Rollout]], rows: Mapping[str, Mapping[str, Any]], rewards: Rewards
    ) -> list[Judged]:
        pending: list[tuple[Sequence[Rollout], Any]] = []
        for chunk in chunks:
            needed = [rows[rollout.prompt_id] for rollout in chunk]
            pending.append((chunk, self._rewards.judge.remote(chunk, needed, rewards)))
        judged: list[Judged] = []
        for chunk, reference in pending:
            judgements: list[Judgement] = self._get(reference, "the reward worker")
            judged += [Judged(r, j) for r, j in zip(chunk, judgements, strict=True)]
        return judged

    def start_trainer(self, settings: TrainerSettings, resume_from: Path | None) -> None:
        self._dtype = settings.dtype
        self._probe = self._get(self._trainer.start.remote(settings, resume_from), "loading the trainer")

    def update(self, batch: Batch) -> UpdateReport:
        report: UpdateReport = self._get(self._trainer.update.remote(batch), "the update")
        return report

    def publish(self, version: int) -> float:
        arrays = self._trainer.weights.remote()  # stays in the object store; each engine maps it
        said = [actor.load_weights.remote(version, arrays, self._probe) for actor in self._rollouts]
        expected: list[float] = self._get(self._trainer.probe.remote(self._probe), "the trainer's probe")
        self._pushes.append((version, expected, said))
        # A worker that is still sampling ahead loads the weights after it: that is waited for one push later.
        while len(self._pushes) > (1 if self._is_sampling_ahead else 0):
            self._check_push(*self._pushes.popleft())
        return statistics.fmean(expected)

    def _check_push(self, version: int, expected: list[float], said: list[Any]) -> None:
        for i, answer in enumerate(self._get(said, f"the push of version {version}")):
            check_probe(expected, answer, f"rollout worker {i}", version, self._dtype)

    def save(self, folder: Path) -> None:
        while self._pushes:
            self._check_push(*self._pushes.popleft())  # nothing is saved that the engines do not agree with
        self._get(self._trainer.save.remote(folder), "saving the trainer")

    def train_sft(self, job: SftJob) -> None:
        self._get(self._trainer.train_sft.remote(job), "the cold start", LONG_JOB_SECONDS)

    def train_reward_model(self, job: RewardModelJob) -> dict[str, float]:
        accuracy: dict[str, float] = self._get(
            self._trainer.train_reward_model.remote(job), "the reward model", LONG_JOB_SECONDS
        )
        return accuracy

    def close(self) -> None:
        with contextlib.suppress(ClusterError):  # it is going away either way, and its children with it
            self._get(self._rewards.close.remote(), "closing the reward worker", 10.0)
        stop_ray(self._group)


def enough_per_worker(shares: Sequence[Sequence[SampleRequest]], enough_groups: int | None) -> list[int | None]:
    """Complete groups after which each worker cuts the rest: its part, rounded up, of those that are wanted."""
    if enough_groups is None:
        return [None] * len(shares)
    counts = [len({request.group for request in share}) for share in shares]
    total = max(sum(counts), 1)
    return [-(-enough_groups * count // total) for count in counts]
