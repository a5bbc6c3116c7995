"""The worker group of a run as Protocols, one for each kind of caller. The loop does not depend on Ray.

`inline.py` implements them in one process, for debugging and tests; `cluster/ray_worker_group.py` in Ray actors.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from openqwq.training.backends.settings import TrainerSettings
from openqwq.training.batches.collate import Batch
from openqwq.training.config import EnvironmentUse, Recipe, Rewards, RlStage, Sampling, TaskReward
from openqwq.training.config.context_budget import largest_budget
from openqwq.training.records import Chunk, Judged, PairQuality, Rollout, SampleRequest, UpdateReport
from openqwq.training.rollout.build import EngineSettings
from openqwq.training.supervised.jobs import RewardModelJob, SftJob
from openqwq.training.templates.source import chat_settings


class RolloutWorkers(Protocol):
    """The workers that sample; used by rollout collection and evaluation."""

    num_rollout_workers: int

    def start_engines(self, settings: EngineSettings) -> None:
        """Load or reload the rollout engines from a model folder; their weights version becomes 0."""

    def sample(
        self, requests: Sequence[SampleRequest], sampling: Sampling, enough_groups: int | None = None
    ) -> Iterator[Chunk]:
        """Sample the requests; finished rollouts are yielded in chunks.

        Sampling begins with this call, not when the chunks are read, and uses the weights that the engines hold at that
        time. `enough_groups`: when so many groups are complete, the other samples are aborted (rollout/sampler.py);
        token counts decide which samples are aborted, not speed.
        """


class RewardWorkers(Protocol):
    """The workers that judge; only `rewards/judging.py` uses them."""

    def judge(
        self, chunks: Iterable[Sequence[Rollout]], rows: Mapping[str, Mapping[str, Any]], rewards: Rewards
    ) -> list[Judged]:
        """Judge each chunk while later chunks are still being sampled. `rows`: prompt id -> data row."""


@dataclass(frozen=True)
class PendingSave:
    """Files of a checkpoint that are being written. Example: `PendingSave(wait, without_room=0)`"""

    wait: Callable[[], None]
    """Returns when they are written, and raises what failed. May be called in another thread."""
    without_room: int
    """Bytes that are written already, because memory had no room for a copy."""


class TrainerWorkers(Protocol):
    """The workers that hold the trainer of an RL stage; used by the loop."""

    def start_trainer(self, settings: TrainerSettings, resume_from: Path | None) -> None:
        """Load or reload the trainer for one RL stage, at its start or at a checkpoint."""

    def update(self, batch: Batch) -> UpdateReport:
        """Run one update."""

    def sync_weights(self, version: int) -> float:
        """Send the trainer's weights to all engines as `version` and check that they arrived. Returns the mean
        log-probability of the check tokens, which differs between two sets of weights."""

    def save(self, folder: Path) -> None:
        """Write the trainer's state."""

    def save_behind(self, folder: Path) -> PendingSave:
        """The same from copies in memory, while the run goes on. What finds no room there is written first."""

    def abandon(self) -> None:
        """Give up what is being sampled, because the run ends; after this, only `save` and `close` are called."""


class SupervisedWorkers(Protocol):
    """The workers that run TRL's trainers; used by the supervised stages."""

    def train_sft(self, job: SftJob) -> None:
        """Run supervised fine-tuning through TRL."""

    def train_reward_model(self, job: RewardModelJob) -> PairQuality:
        """Train a reward model through TRL; returns its quality on held-out pairs."""


class WorkerGroup(RolloutWorkers, RewardWorkers, TrainerWorkers, SupervisedWorkers, Protocol):
    """All workers of one run."""

    def close(self) -> None:
        """End the workers."""


def samples_of_a_call(recipe: Recipe, num_workers: int) -> int | None:
    """The number of samples that engines whose rows share a batch decode together; None for an engine that decodes
    continuously."""
    return None if recipe.cluster.rollout.engine == "vllm" else engine_settings(recipe, "").max_batch * num_workers


def environments_of(recipe: Recipe) -> dict[str, EnvironmentUse]:
    """Task -> its environment, of the recipe, its stages and its suites."""
    suites = [suite.rewards for suite in recipe.evaluation.suites.values()]
    stages = [stage.rewards.tasks for stage in recipe.stages if isinstance(stage, RlStage) and stage.rewards]
    sections: list[Mapping[str, TaskReward]] = [*suites, recipe.rewards.tasks, *stages]
    return {
        task: reward.environment
        for tasks in sections
        for task, reward in tasks.items()
        if reward.environment is not None
    }


def engine_settings(recipe: Recipe, model: str, sandbox_urls: Sequence[str] = ()) -> EngineSettings:
    """Settings of a recipe's engines for `model`."""
    rl_stages = [stage for stage in recipe.stages if isinstance(stage, RlStage)]
    batch = max((stage.sampling.max_batch for stage in rl_stages), default=recipe.evaluation.sampling.max_batch)
    role, chat = recipe.cluster.rollout, chat_settings(recipe)
    budget, urls = largest_budget(recipe), tuple(sandbox_urls)
    return EngineSettings(model, recipe.dtype, environments_of(recipe), batch, role, chat, budget, urls)
