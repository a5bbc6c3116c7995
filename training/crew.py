"""The workers of a run as the loop sees them: sample, judge, train, push weights. The loop does not know Ray.

`InlineCrew` does it all in this process, for debugging and tests; `cluster/ray_crew.py` in Ray actors.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from openqwq.training.backends.accelerate_backend import AccelerateTrainer, TrainerSettings
from openqwq.training.collate import Batch
from openqwq.training.config import Recipe, Rewards, RlStage, Sampling
from openqwq.training.models import load_model, load_tokenizer, stop_tokens
from openqwq.training.records import Judgement, Rollout, SampleRequest, UpdateReport
from openqwq.training.rewards import RewardRouter
from openqwq.training.rollout.conversation import ChatCodec
from openqwq.training.rollout.hf_engine import HFEngine
from openqwq.training.rollout.sampler import Sampler
from openqwq.training.trl_bridge import RewardModelJob, SftJob, train_reward_model, train_sft
from openqwq.training.weights import check_probe

PROBE_LENGTH = 16
"""Tokens of the probe of a weight push."""


@dataclass(frozen=True)
class EngineSettings:
    """What a rollout worker needs to know. Example: `EngineSettings("data/tiny/base", "float32", {}, 256, 1)`"""

    model: str
    dtype: str
    environments: Mapping[str, str]
    """Task -> environment."""
    max_batch: int
    threads: int


@dataclass(frozen=True)
class Judged:
    """A rollout with its judgement, as they come in."""

    rollout: Rollout
    judgement: Judgement


class Crew(Protocol):
    """The workers of one run."""

    def start_engines(self, settings: EngineSettings) -> None:
        """(Re)load the rollout engines from a model folder; their weights version becomes 0."""

    def sample(self, requests: Sequence[SampleRequest], sampling: Sampling) -> Iterator[Sequence[Rollout]]:
        """Draw all requests; rollouts come in chunks as they end."""

    def judge(
        self, chunks: Iterable[Sequence[Rollout]], rows: Mapping[str, Mapping[str, Any]], rewards: Rewards
    ) -> list[Judged]:
        """Judge chunks while later ones are still being drawn. `rows`: prompt id -> data row."""

    def start_trainer(self, settings: TrainerSettings, resume_from: Path | None) -> None:
        """(Re)load the trainer for one RL stage."""

    def update(self, batch: Batch) -> UpdateReport:
        """One update."""

    def publish(self, version: int) -> None:
        """Push the trainer's weights to all engines as `version`, and probe them."""

    def save(self, folder: Path) -> None:
        """Write the trainer's state."""

    def train_sft(self, job: SftJob) -> None:
        """Supervised fine-tuning through TRL."""

    def train_reward_model(self, job: RewardModelJob) -> dict[str, float]:
        """Train and measure a reward model through TRL; accuracy by class."""

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
    return EngineSettings(model, recipe.dtype, environments, batch, recipe.cluster.cpus_per_rollout_worker)


def build_sampler(settings: EngineSettings) -> Sampler:
    """A sampler on the `hf` engine."""
    import torch

    torch.set_num_threads(settings.threads)
    tokenizer = load_tokenizer(settings.model)
    model = load_model(settings.model, settings.dtype)
    device: Any = "cuda" if torch.cuda.is_available() else "cpu"
    model.to(device)
    engine = HFEngine(model, stop_tokens(model, tokenizer), settings.max_batch)
    return Sampler(engine, ChatCodec(tokenizer), settings.environments)


def probe_tokens(vocabulary: int) -> list[int]:
    """Fixed tokens spread over the vocabulary."""
    return [(7919 * (i + 1)) % vocabulary for i in range(PROBE_LENGTH)]


class InlineCrew:
    """Everything in this process, one after another."""

    def __init__(self) -> None:
        self._routers: dict[str, RewardRouter] = {}

    def start_engines(self, settings: EngineSettings) -> None:
        self._sampler = build_sampler(settings)

    def sample(self, requests: Sequence[SampleRequest], sampling: Sampling) -> Iterator[Sequence[Rollout]]:
        for rollout in self._sampler.sample(requests, sampling):
            yield [rollout]

    def judge(
        self, chunks: Iterable[Sequence[Rollout]], rows: Mapping[str, Mapping[str, Any]], rewards: Rewards
    ) -> list[Judged]:
        router = self._routers.setdefault(rewards.model_dump_json(), RewardRouter(rewards))
        rollouts = [rollout for chunk in chunks for rollout in chunk]
        judgements = router.judge(rollouts, [rows[rollout.prompt_id] for rollout in rollouts])
        return [Judged(r, j) for r, j in zip(rollouts, judgements, strict=True)]

    def start_trainer(self, settings: TrainerSettings, resume_from: Path | None) -> None:
        self._trainer = AccelerateTrainer(settings)
        if resume_from is not None:
            self._trainer.load(resume_from)

    def update(self, batch: Batch) -> UpdateReport:
        return self._trainer.update(batch)

    def publish(self, version: int) -> None:
        engine = self._sampler.engine
        engine.load_weights(version, self._trainer.weights())
        tokens = probe_tokens(self._trainer.vocabulary)
        dtype = self._trainer.settings.dtype
        check_probe(self._trainer.probe(tokens), engine.logprobs(tokens), "the engine", version, dtype)

    def save(self, folder: Path) -> None:
        self._trainer.save(folder)

    def train_sft(self, job: SftJob) -> None:
        train_sft(job)

    def train_reward_model(self, job: RewardModelJob) -> dict[str, float]:
        return train_reward_model(job)

    def close(self) -> None:
        for router in self._routers.values():
            router.close()
