"""A worker group in one process, without Ray: for debugging, tests and evaluations."""

import statistics
import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from openqwq.training.backends.settings import TrainerSettings
from openqwq.training.backends.trainer import make_trainer
from openqwq.training.batches.collate import Batch
from openqwq.training.config import Rewards, Sampling
from openqwq.training.records import Chunk, Judged, PairQuality, Rollout, SampleRequest, UpdateReport
from openqwq.training.rewards.threads import RewardThreads
from openqwq.training.rollout.build import EngineSettings, make_sampler
from openqwq.training.supervised.cold_start import train_sft
from openqwq.training.supervised.jobs import RewardModelJob, SftJob
from openqwq.training.supervised.reward_model import train_reward_model
from openqwq.training.weight_sync.check import check_synced, check_tokens
from openqwq.training.weight_sync.push import load_in_buckets
from openqwq.training.worker_group import PendingSave


class InlineWorkerGroup:
    """Implements WorkerGroup. Only judging uses threads, because verifiers wait for other processes."""

    num_rollout_workers = 1

    def __init__(self) -> None:
        self._rewards = RewardThreads()
        self._streams: list[_Stream] = []

    def start_engines(self, settings: EngineSettings) -> None:
        self._sampler = make_sampler(settings)

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
        return self._rewards.judge(chunks, rows, rewards)

    def start_trainer(self, settings: TrainerSettings, resume_from: Path | None) -> None:
        self._trainer = make_trainer(settings, resume_from)
        self._dtype = settings.dtype

    def update(self, batch: Batch) -> UpdateReport:
        return self._trainer.update(batch)

    def sync_weights(self, version: int) -> float:
        self._read_to_end()  # calls that began before the sync are sampled with the weights of that time
        engine = self._sampler.engine
        buckets = self._trainer.buckets
        load_in_buckets(engine, version, buckets, (self._trainer.bucket(i) for i in range(len(buckets))))
        tokens = check_tokens(self._trainer.vocabulary)
        expected = self._trainer.logprobs(tokens)
        check_synced(expected, engine.logprobs(tokens), "the engine", version, self._dtype)
        return statistics.fmean(expected)

    def save(self, folder: Path) -> None:
        self._trainer.save(folder)

    def save_behind(self, folder: Path) -> PendingSave:
        trainer = self._trainer
        without_room = trainer.save(folder, is_behind=True)

        def wait() -> None:
            while not (state := trainer.saved())[0]:
                time.sleep(0.02)
            if state[1] is not None:
                raise state[1]

        return PendingSave(wait, without_room)

    def abandon(self) -> None:
        for stream in self._streams:
            stream.is_given_up = True

    def train_sft(self, job: SftJob) -> None:
        train_sft(job)

    def train_reward_model(self, job: RewardModelJob) -> PairQuality:
        return train_reward_model(job)

    def close(self) -> None:
        self._rewards.close()


class _Stream:
    """The chunks of one sampling call, sampled as they are read; `read_to_end` samples the rest into a buffer."""

    def __init__(self, sampled: Iterator[Rollout | SampleRequest]) -> None:
        self._sampled = sampled
        self._buffer: deque[Chunk] = deque()
        self._lock = threading.Lock()
        self.is_given_up = False
        """Whether nothing more shall be sampled."""

    def _advance(self) -> bool:
        if self.is_given_up:
            return False
        start = time.perf_counter()
        item = next(self._sampled, None)
        if item is None:
            return False
        seconds = time.perf_counter() - start
        self._buffer.append(Chunk([item], (), seconds) if isinstance(item, Rollout) else Chunk([], [item], seconds))
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
