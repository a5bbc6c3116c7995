"""The workers of a run as the loop sees them, split by who uses what. The loop does not know Ray.

`inline.py` does it all in one process, for debugging and tests; `cluster/ray_worker_group.py` in Ray actors.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from openqwq.training.backends.settings import TrainerSettings
from openqwq.training.batches.collate import Batch
from openqwq.training.config import Recipe, Rewards, RlStage, Sampling
from openqwq.training.records import Chunk, Judged, Rollout, SampleRequest, UpdateReport
from openqwq.training.rollout.build import EngineSettings
from openqwq.training.supervised.jobs import RewardModelJob, SftJob


class RolloutWorkers(Protocol):
    """Those that sample; used by rollout collection and evaluation."""

    num_rollout_workers: int

    def start_engines(self, settings: EngineSettings) -> None:
        """(Re)load the rollout engines from a model folder; their weights version becomes 0."""

    def sample(
        self, requests: Sequence[SampleRequest], sampling: Sampling, enough_groups: int | None = None
    ) -> Iterator[Chunk]:
        """Sample the requests; rollouts come in chunks as they end. Begun when called: with the weights that the
        engines hold then, whatever is synced while the chunks are read. `enough_groups`: abort the rest when so many
        groups are complete (rollout/sampler.py); token counts decide which samples are aborted, not speed."""


class RewardWorkers(Protocol):
    """Those that judge; used by `rewards/judging.py` alone."""

    def judge(
        self, chunks: Iterable[Sequence[Rollout]], rows: Mapping[str, Mapping[str, Any]], rewards: Rewards
    ) -> list[Judged]:
        """Judge chunks while later ones are still being sampled. `rows`: prompt id -> data row."""


class TrainerWorkers(Protocol):
    """Those that hold the trainer of an RL stage; used by the loop."""

    def start_trainer(self, settings: TrainerSettings, resume_from: Path | None) -> None:
        """(Re)load the trainer for one RL stage."""

    def update(self, batch: Batch) -> UpdateReport:
        """One update."""

    def sync_weights(self, version: int) -> float:
        """Send the trainer's weights to all engines as `version`, and check them; returns the mean log-probability of
        the check's tokens, which tells two sets of weights apart."""

    def save(self, folder: Path) -> None:
        """Write the trainer's state."""


class SupervisedWorkers(Protocol):
    """Those that run TRL's trainers; used by the supervised stages."""

    def train_sft(self, job: SftJob) -> None:
        """Supervised fine-tuning through TRL."""

    def train_reward_model(self, job: RewardModelJob) -> dict[str, float]:
        """Train and measure a reward model through TRL; accuracy by class."""


class WorkerGroup(RolloutWorkers, RewardWorkers, TrainerWorkers, SupervisedWorkers, Protocol):
    """All workers of one run."""

    def close(self) -> None:
        """End the workers."""


def engine_settings(recipe: Recipe, model: str) -> EngineSettings:
    """Engines of a recipe holding `model`, with the environments of every stage."""
    rl_stages = [stage for stage in recipe.stages if isinstance(stage, RlStage)]
    sections = [recipe.rewards, *(stage.rewards for stage in rl_stages if stage.rewards)]
    environments = {
        task: reward.environment
        for section in sections
        for task, reward in section.tasks.items()
        if reward.environment is not None
    }
    batch = max((stage.sampling.max_batch for stage in rl_stages), default=recipe.evaluation.sampling.max_batch)
    return EngineSettings(model, recipe.dtype, environments, batch, recipe.cluster.rollout)
