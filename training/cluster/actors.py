"""The actor classes: thin shells around the sampler, the trainer, its helpers and the reward router."""

import gc
import socket
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import ray
import torch

from openqwq.training.backends.accelerate_trainer import CRITIC_FOLDER
from openqwq.training.backends.accelerators import make_accelerator
from openqwq.training.backends.critic import make_critic
from openqwq.training.backends.ranks import Ranks, pair_work
from openqwq.training.backends.reference import make_reference
from openqwq.training.backends.settings import HelperOutputs, TrainerSettings
from openqwq.training.backends.trainer import make_trainer
from openqwq.training.batches.collate import Batch
from openqwq.training.cluster.remote_calls import serve_stacks
from openqwq.training.config import Rewards, Sampling
from openqwq.training.errors import WorkerLost
from openqwq.training.models import load_config
from openqwq.training.records import Chunk, Judgement, PairQuality, Rollout, SampleRequest, UpdateReport
from openqwq.training.rewards.router import RewardRouter
from openqwq.training.rollout.build import EngineSettings, make_sampler
from openqwq.training.rollout.sampler import Sampler
from openqwq.training.supervised.cold_start import train_sft
from openqwq.training.supervised.jobs import RewardModelJob, SftJob
from openqwq.training.supervised.reward_model import train_reward_model
from openqwq.training.weight_sync.broadcast import Rendezvous
from openqwq.training.weight_sync.buckets import Bucket
from openqwq.training.weight_sync.check import check_tokens
from openqwq.training.weight_sync.push import load_in_buckets

MAX_CHUNK = 8
"""Most rollouts in a chunk. Chunks of a small shard have fewer, so that judging starts as samples end."""
CHUNKS_PER_CALL = 16
"""Least number of chunks of a shard; a shard with fewer samples sends one sample a chunk."""


class Inspectable:
    """An actor whose stacks can be read during any call."""

    def serve_stacks(self) -> tuple[str, int]:
        """The address at which the stacks are served."""
        if not hasattr(self, "_stacks"):
            self._stacks = serve_stacks()
        return self._stacks


class RolloutActor(Inspectable):
    """Samples, and yields chunks of finished rollouts meanwhile."""

    _sampler: Sampler | None = None

    def start(self, settings: EngineSettings) -> None:
        """Load the engine in place of an earlier one."""
        if self._sampler is not None:
            self._sampler.engine.close()
        self._sampler = make_sampler(settings)

    @property
    def _loaded(self) -> Sampler:
        assert self._sampler is not None, "start() comes first"
        return self._sampler

    def gpus(self) -> list[str]:
        """The numbers, on this machine, of the GPUs that Ray assigned to this actor."""
        return [str(number) for number in ray.get_runtime_context().get_accelerator_ids().get("GPU", [])]

    def sleep(self, keeps_weights: bool) -> None:
        """Free the GPUs for the trainer."""
        self._loaded.engine.sleep(keeps_weights)

    def sample(
        self, requests: Sequence[SampleRequest], sampling: Sampling, enough_groups: int | None
    ) -> Iterator[Chunk]:
        """Chunks of finished rollouts; the last chunk holds what was aborted. A chunk ends by count and not by time, so
        that a verifier gets the same batches in every run."""
        size = max(1, min(MAX_CHUNK, len(requests) // CHUNKS_PER_CALL))
        rollouts: list[Rollout] = []
        unfinished: list[SampleRequest] = []
        start = time.perf_counter()
        for item in self._loaded.sample(requests, sampling, enough_groups):
            if isinstance(item, SampleRequest):
                unfinished.append(item)
                continue
            rollouts.append(item)
            if len(rollouts) >= size:
                yield Chunk(rollouts, (), time.perf_counter() - start)
                rollouts, start = [], time.perf_counter()
        yield Chunk(rollouts, unfinished, time.perf_counter() - start)

    def load_weights(
        self, version: int, buckets: Sequence[Bucket], stored: Sequence[Any], tokens: Sequence[int]
    ) -> list[float]:
        """Replace the weights by buckets of the object store, one after another; returns the log-probabilities of the
        check's tokens."""
        load_in_buckets(self._loaded.engine, version, buckets, map(ray.get, stored))
        return self._loaded.engine.logprobs(tokens)

    def begin_load(self, version: int, buckets: Sequence[Bucket]) -> None:
        """A push begins, whose buckets come one after another."""
        self._loaded.engine.begin_load(version, buckets)

    def load_bucket(self, index: int, arrays: Sequence[np.ndarray]) -> None:
        """Take a bucket of the push."""
        self._loaded.engine.load_bucket(index, arrays)

    def end_load(self, tokens: Sequence[int]) -> list[float]:
        """The push has ended; returns the log-probabilities of the check's tokens."""
        self._loaded.engine.end_load()
        return self._loaded.engine.logprobs(tokens)

    def join_broadcast(self, rendezvous: Rendezvous, first_rank: int) -> None:
        """Join the broadcast group of the trainer."""
        self._loaded.engine.join_broadcast(rendezvous, first_rank)

    def receive_weights(self, version: int, buckets: Sequence[Bucket], tokens: Sequence[int]) -> list[float]:
        """Receive the trainer's broadcast; returns the log-probabilities of the check's tokens."""
        self._loaded.engine.receive_weights(version, buckets)
        return self._loaded.engine.logprobs(tokens)


class RankActor(Inspectable):
    """An actor that can be a rank of a group."""

    def rendezvous_address(self) -> tuple[str, int]:
        """Address and a free port of this rank's machine, for the rendezvous of a group."""
        address = ray.util.get_node_ip_address()
        with socket.socket() as free:
            free.bind((address, 0))
            return address, int(free.getsockname()[1])


class ReferenceActor(RankActor):
    """A rank of a reference that has a group of its own."""

    def start(self, settings: TrainerSettings, resume_from: Path | None) -> None:
        """Load the model that the stage starts from. A reference never changes, so `resume_from` is not read."""
        torch.set_num_threads(settings.threads)
        accelerator = make_accelerator(settings.rank, settings.dtype, settings.optimizer.max_grad_norm)
        ranks = Ranks(settings.rank, accelerator.device, pair_work(load_config(settings.model)))
        self._reference = make_reference(settings, accelerator.device, ranks)

    def compute(self, batch: Batch) -> torch.Tensor:
        """log p of every counted token."""
        return self._reference.logprobs(batch)


class CriticActor(RankActor):
    """A rank of a critic that has a group of its own."""

    def start(self, settings: TrainerSettings, resume_from: Path | None) -> None:
        """Load a new critic, or that of a checkpoint."""
        torch.set_num_threads(settings.threads)
        torch.manual_seed(settings.seed)
        accelerator = make_accelerator(settings.rank, "float32", settings.optimizer.max_grad_norm)
        ranks = Ranks(settings.rank, accelerator.device, pair_work(load_config(settings.model)))
        self._critic = make_critic(settings, accelerator, ranks)
        if resume_from is not None:
            self._critic.load(resume_from / CRITIC_FOLDER)

    def compute(self, batch: Batch) -> torch.Tensor:
        """V of every counted token."""
        return self._critic.values(batch)

    def update(self, batch: Batch, values_K: torch.Tensor, returns_K: np.ndarray) -> dict[str, float]:
        """Train the critic towards the returns; returns metrics."""
        return self._critic.update(batch, values_K, torch.from_numpy(np.array(returns_K)))

    def save(self, folder: Path) -> None:
        """Write weights and optimizer."""
        self._critic.save(folder / CRITIC_FOLDER)


class TrainerActor(RankActor):
    """A rank of the trainer. It also runs the supervised trainings, so that the imports are paid once."""

    def start(self, settings: TrainerSettings, resume_from: Path | None) -> list[int]:
        """Load model and optimizer, or a checkpoint; returns the tokens of the weight-sync check."""
        self._trainer = make_trainer(settings, resume_from)
        return check_tokens(self._trainer.vocabulary)

    def release(self) -> None:
        """Free the memory of the trainer of a finished stage."""
        if hasattr(self, "_trainer"):
            del self._trainer
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()

    def update(self, batch: Batch, helper_outputs: HelperOutputs) -> UpdateReport:
        """Do one update."""
        return self._trainer.update(batch, helper_outputs)

    def buckets(self) -> list[Bucket]:
        """What a push consists of."""
        return self._trainer.buckets

    def bucket(self, index: int) -> list[np.ndarray]:
        """The arrays of a bucket on the first rank; the others send it what they hold of them.

        Raises:
            WorkerLost: a rank is gone.
        """
        try:
            return self._trainer.bucket(index)
        except RuntimeError as error:
            raise WorkerLost(f"gathering bucket {index} of the weights failed: {error}") from error

    def join_broadcast(self, rendezvous: Rendezvous) -> None:
        """Join the broadcast group of the engines."""
        self._trainer.join_broadcast(rendezvous)

    def broadcast(self) -> None:
        """Broadcast the weights to the engines. All ranks of the trainer must call this, since they gather the weights.

        Raises:
            WorkerLost: an engine is gone; the group cannot be used any more.
        """
        try:
            self._trainer.broadcast()
        except RuntimeError as error:
            raise WorkerLost(f"the broadcast of weights failed: {error}") from error

    def logprobs(self, tokens: Sequence[int]) -> list[float]:
        """Log-probabilities of the weight-sync check's tokens."""
        return self._trainer.logprobs(tokens)

    def save(self, folder: Path, is_behind: bool) -> int:
        """Write the trainer's part of a checkpoint, at once or behind what follows."""
        return self._trainer.save(folder, is_behind)

    def saved(self) -> tuple[bool, Exception | None]:
        """Whether it is written, and what failed."""
        return self._trainer.saved()

    def train_sft(self, job: SftJob) -> None:
        """Run a cold start."""
        train_sft(job)

    def train_reward_model(self, job: RewardModelJob) -> PairQuality:
        """Train a reward model; returns its quality."""
        return train_reward_model(job)


class RewardActor(Inspectable):
    """Judges rollouts. Each rewards section of the recipe has one router, with verifier processes of its own."""

    def __init__(self) -> None:
        self._routers: dict[str, RewardRouter] = {}
        self._adding = threading.Lock()  # Ray runs many judgements of this actor at a time

    def judge(
        self, rollouts: Sequence[Rollout], rows: Sequence[Mapping[str, Any]], rewards: Rewards
    ) -> list[Judgement]:
        """One judgement per rollout."""
        key = rewards.model_dump_json()
        with self._adding:
            router = self._routers.setdefault(key, RewardRouter(rewards))
        return router.judge(rollouts, rows)

    def close(self) -> None:
        """End the verifiers' processes."""
        for router in self._routers.values():
            router.close()
