"""One call of the rollout workers with its judging: begun at once, waited for when its result is needed."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from time import perf_counter
from typing import Protocol

from openqwq.training.config import Rewards, Sampling
from openqwq.training.records import Chunk, Prompt, Rollout, RolloutBatch, SampleRequest
from openqwq.training.rewards.judging import Judging
from openqwq.training.worker_group import RolloutWorkers


class Pending(Protocol):
    """A result that may still be on its way; a future is one."""

    def result(self) -> RolloutBatch:
        """Wait for it."""


class BeginRollouts(Protocol):
    """Begins a rollout batch."""

    def __call__(
        self,
        prompts: Sequence[Prompt],
        requests: Sequence[SampleRequest],
        enough_groups: int | None,
        in_background: bool,
    ) -> Pending:
        """`in_background`: its chunks are collected and judged in a thread, while the trainer works."""


class Collected:
    """A result that is there."""

    def __init__(self, batch: RolloutBatch) -> None:
        self._batch = batch

    def result(self) -> RolloutBatch:
        return self._batch


class _OnDemand:
    """A result that is collected by whoever asks first."""

    def __init__(self, collect: Callable[[], RolloutBatch]) -> None:
        self._collect = collect
        self._result: RolloutBatch | None = None

    def result(self) -> RolloutBatch:
        if self._result is None:
            self._result = self._collect()
        return self._result


class RolloutCollector:
    """Samples with the workers and judges: a sample is judged as soon as its chunk comes, not when the batch ends.
    Implements BeginRollouts."""

    def __init__(self, workers: RolloutWorkers, judging: Judging, rewards: Rewards, sampling: Sampling) -> None:
        self._workers, self._judging, self._rewards, self._sampling = workers, judging, rewards, sampling
        self._pool = ThreadPoolExecutor(thread_name_prefix="rollouts")

    def __call__(
        self,
        prompts: Sequence[Prompt],
        requests: Sequence[SampleRequest],
        enough_groups: int | None,
        in_background: bool,
    ) -> Pending:
        # begun here, with the weights that the engines hold now; what is collected later is what is begun here
        chunks = self._workers.sample(requests, self._sampling, enough_groups)

        def collect() -> RolloutBatch:
            return self._collect(prompts, chunks)

        return self._pool.submit(collect) if in_background else _OnDemand(collect)

    def _collect(self, prompts: Sequence[Prompt], chunks: Iterable[Chunk]) -> RolloutBatch:
        unfinished: list[SampleRequest] = []
        busy, sampled_at = 0.0, 0.0

        def rollouts() -> Iterator[Sequence[Rollout]]:
            nonlocal busy, sampled_at
            for chunk in chunks:
                unfinished.extend(chunk.unfinished)
                busy += chunk.busy_seconds
                if chunk.rollouts:
                    yield chunk.rollouts
            sampled_at = perf_counter()

        judged = self._judging.judged(prompts, rollouts(), self._rewards)
        judged.sort(key=lambda entry: (entry.rollout.group, entry.rollout.index))
        unfinished.sort(key=lambda request: (request.group, request.index))
        return RolloutBatch(judged, unfinished, sampled_at, busy)
