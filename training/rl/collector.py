"""A rollout batch: one call of the rollout workers, whose samples are judged as they arrive. The call begins at once;
its result is awaited when a step needs it."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from time import perf_counter
from typing import Protocol

from openqwq.training.config import Rewards, Sampling
from openqwq.training.records import Chunk, Prompt, Rollout, RolloutBatch, SampleRequest
from openqwq.training.rewards.judging import Judging
from openqwq.training.rl.step_samples import StepSamples, noted
from openqwq.training.worker_group import RolloutWorkers


class PendingBatch(Protocol):
    """A rollout batch that may not be finished yet, for example a future."""

    def result(self) -> RolloutBatch:
        """Wait for the batch and return it."""

    def done(self) -> bool:
        """Whether `result` would not wait."""


class BeginRollouts(Protocol):
    """A function that begins a rollout batch."""

    def __call__(
        self,
        prompts: Sequence[Prompt],
        requests: Sequence[SampleRequest],
        enough_groups: int | None,
        in_background: bool,
    ) -> PendingBatch:
        """`in_background`: a thread collects and judges the chunks while the trainer works."""


class Collected:
    """A finished rollout batch. Implements PendingBatch."""

    def __init__(self, batch: RolloutBatch) -> None:
        self._batch = batch

    def result(self) -> RolloutBatch:
        return self._batch

    def done(self) -> bool:
        return True


class _OnDemand:
    """A rollout batch that the first call of `result` collects."""

    def __init__(self, collect: Callable[[], RolloutBatch]) -> None:
        self._collect = collect
        self._result: RolloutBatch | None = None

    def result(self) -> RolloutBatch:
        if self._result is None:
            self._result = self._collect()
        return self._result

    def done(self) -> bool:
        return self._result is not None


class RolloutCollector:
    """Samples with the rollout workers and judges each sample as soon as its chunk arrives, not when the batch ends.
    Implements BeginRollouts. `samples` knows what was sampled before the step was cut short."""

    def __init__(
        self,
        workers: RolloutWorkers,
        judging: Judging,
        rewards: Rewards,
        sampling: Sampling,
        samples: StepSamples | None = None,
    ) -> None:
        self._workers, self._judging, self._rewards, self._sampling = workers, judging, rewards, sampling
        self._samples = samples or StepSamples(None)
        self._pool = ThreadPoolExecutor(thread_name_prefix="rollouts")

    def __call__(
        self,
        prompts: Sequence[Prompt],
        requests: Sequence[SampleRequest],
        enough_groups: int | None,
        in_background: bool,
    ) -> PendingBatch:
        known = self._samples.open(requests)
        if known.batch is not None:
            return Collected(known.batch)
        missing = self._samples.missing(known, requests, enough_groups is not None)
        # sampling begins here, with the weights that the engines hold now, even when its chunks are read much later
        chunks = self._workers.sample(missing, self._sampling, enough_groups) if missing else iter(())

        def collect() -> RolloutBatch:
            return known.complete(self._collect(prompts, noted(known, chunks)))

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
