"""The workers of a run as the loop sees them: sample, judge, train, push weights. The loop does not know Ray.

`InlineCrew` does it all in this process, for debugging and tests; `cluster/ray_crew.py` in Ray actors.
"""

import statistics
import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from openqwq.training.backends.accelerate_backend import AccelerateTrainer
from openqwq.training.backends.settings import TrainerSettings
from openqwq.training.batches.collate import Batch
from openqwq.training.config import Recipe, Rewards, RlStage, RolloutRole, Sampling
from openqwq.training.models import load_generation_config, load_model, load_tokenizer, stop_tokens
from openqwq.training.records import Chunk, Judged, Rollout, SampleRequest, UpdateReport
from openqwq.training.rewards.router import RewardRouter
from openqwq.training.rollout.conversation import ChatCodec
from openqwq.training.rollout.engine import RolloutEngine
from openqwq.training.rollout.hf_engine import HFEngine
from openqwq.training.rollout.sampler import Sampler
from openqwq.training.supervised.cold_start import train_sft
from openqwq.training.supervised.jobs import RewardModelJob, SftJob
from openqwq.training.supervised.reward_model import train_reward_model
from openqwq.training.weight_sync.arrays import check_probe

PROBE_LENGTH = 16
"""Tokens of the probe of a weight push."""
JUDGE_THREADS = 32
"""Chunks judged at the same time: verifiers wait for a sandbox or a service most of their time."""


@dataclass(frozen=True)
class EngineSettings:
    """What a rollout worker needs to know. Example: `EngineSettings("data/tiny/base", "float32", {}, 256)`"""

    model: str
    dtype: str
    environments: Mapping[str, str]
    """Task -> environment."""
    max_batch: int
    role: RolloutRole = field(default_factory=RolloutRole)


class Crew(Protocol):
    """The workers of one run."""

    def start_engines(self, settings: EngineSettings) -> None:
        """(Re)load the rollout engines from a model folder; their weights version becomes 0."""

    num_rollout_workers: int

    def sample(
        self, requests: Sequence[SampleRequest], sampling: Sampling, enough_groups: int | None = None
    ) -> Iterator[Chunk]:
        """Draw the requests; rollouts come in chunks as they end. Begun when called: by the weights that the engines
        hold then, whatever is pushed while the chunks are read. `enough_groups`: cut the rest when so many groups are
        complete (rollout/sampler.py); which samples are cut depends on token counts, not on speed."""

    def judge(
        self, chunks: Iterable[Sequence[Rollout]], rows: Mapping[str, Mapping[str, Any]], rewards: Rewards
    ) -> list[Judged]:
        """Judge chunks while later ones are still being drawn. `rows`: prompt id -> data row."""

    def start_trainer(self, settings: TrainerSettings, resume_from: Path | None) -> None:
        """(Re)load the trainer for one RL stage."""

    def update(self, batch: Batch) -> UpdateReport:
        """One update."""

    def publish(self, version: int) -> float:
        """Push the trainer's weights to all engines as `version`, and probe them; returns the mean log-probability of
        the probe's tokens, which tells two sets of weights apart."""

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
    return EngineSettings(model, recipe.dtype, environments, batch, recipe.cluster.rollout)


def build_sampler(settings: EngineSettings) -> Sampler:
    """A sampler on the engine of the recipe."""
    tokenizer = load_tokenizer(settings.model)
    engine = _vllm_engine(settings, tokenizer) if settings.role.engine == "vllm" else _hf_engine(settings, tokenizer)
    return Sampler(engine, ChatCodec(tokenizer), settings.environments)


def _hf_engine(settings: EngineSettings, tokenizer: Any) -> RolloutEngine:
    import torch

    torch.set_num_threads(settings.role.cpus)
    model = load_model(settings.model, settings.dtype)
    device: Any = "cuda" if torch.cuda.is_available() else "cpu"
    model.to(device)
    return HFEngine(model, stop_tokens(model.generation_config, tokenizer), settings.max_batch)


def _vllm_engine(settings: EngineSettings, tokenizer: Any) -> RolloutEngine:
    from openqwq.training.rollout.vllm_engine import VLLMEngine

    ends = stop_tokens(load_generation_config(settings.model), tokenizer)
    return VLLMEngine(settings.model, settings.dtype, ends, settings.role)


def probe_tokens(vocabulary: int) -> list[int]:
    """Fixed tokens spread over the vocabulary."""
    return [(7919 * (i + 1)) % vocabulary for i in range(PROBE_LENGTH)]


class InlineCrew:
    """Everything in this process, one after another; only judging has threads, since verifiers wait for others."""

    num_rollout_workers = 1

    def __init__(self) -> None:
        self._routers: dict[str, RewardRouter] = {}
        self._streams: list[_Stream] = []
        self._judges = ThreadPoolExecutor(JUDGE_THREADS, thread_name_prefix="judge")

    def start_engines(self, settings: EngineSettings) -> None:
        self._sampler = build_sampler(settings)

    def sample(
        self, requests: Sequence[SampleRequest], sampling: Sampling, enough_groups: int | None = None
    ) -> Iterator[Chunk]:
        self._read_to_end()  # the engine decodes one call at a time
        stream = _Stream(self._sampler.sample(requests, sampling, enough_groups))
        self._streams = [stream]
        return iter(stream)

    def _read_to_end(self) -> None:
        for stream in self._streams:
            stream.read_to_end()

    def judge(
        self, chunks: Iterable[Sequence[Rollout]], rows: Mapping[str, Mapping[str, Any]], rewards: Rewards
    ) -> list[Judged]:
        router = self._routers.setdefault(rewards.model_dump_json(), RewardRouter(rewards))
        pending = [
            (chunk, self._judges.submit(router.judge, chunk, [rows[rollout.prompt_id] for rollout in chunk]))
            for chunk in chunks
        ]
        return [
            Judged(rollout, judgement)
            for chunk, judging in pending
            for rollout, judgement in zip(chunk, judging.result(), strict=True)
        ]

    def start_trainer(self, settings: TrainerSettings, resume_from: Path | None) -> None:
        self._trainer = AccelerateTrainer(settings)
        if resume_from is not None:
            self._trainer.load(resume_from)

    def update(self, batch: Batch) -> UpdateReport:
        return self._trainer.update(batch)

    def publish(self, version: int) -> float:
        self._read_to_end()  # what was begun before the push is drawn by the weights of before
        engine = self._sampler.engine
        engine.load_weights(version, self._trainer.weights())
        tokens = probe_tokens(self._trainer.vocabulary)
        expected = self._trainer.probe(tokens)
        check_probe(expected, engine.logprobs(tokens), "the engine", version, self._trainer.settings.dtype)
        return statistics.fmean(expected)

    def save(self, folder: Path) -> None:
        self._trainer.save(folder)

    def train_sft(self, job: SftJob) -> None:
        train_sft(job)

    def train_reward_model(self, job: RewardModelJob) -> dict[str, float]:
        return train_reward_model(job)

    def close(self) -> None:
        self._judges.shutdown()
        for router in self._routers.values():
            router.close()


class _Stream:
    """A sampling call that its reader draws from, and that can be drawn to its end in the reader's absence."""

    def __init__(self, drawn: Iterator[Rollout | SampleRequest]) -> None:
        self._drawn = drawn
        self._buffer: deque[Chunk] = deque()
        self._lock = threading.Lock()

    def _advance(self) -> bool:
        start = time.perf_counter()
        item = next(self._drawn, None)
        if item is None:
            return False
        seconds = time.perf_counter() - start
        is_rollout = isinstance(item, Rollout)
        self._buffer.append(Chunk([item], (), seconds) if is_rollout else Chunk([], [item], seconds))  # type: ignore[list-item]
        return True

    def read_to_end(self) -> None:
        with self._lock:
            while self._advance():
                pass

    def __iter__(self) -> Iterator[Chunk]:
        while True:
            with self._lock:
                if not self._buffer and not self._advance():
                    return
                chunk = self._buffer.popleft()
            yield chunk
