"""One call of the rollout workers with its judging: begun at once, waited for when its result is needed."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from time import perf_counter
from typing import Protocol

from openqwq.training.config import Rewards, Sampling
from openqwq.training.records import Chunk, Prompt, Rollout, SampleRequest, WaveResult
from openqwq.training.rewards.judging import Judging


class Pending(Protocol):
    """A result that may still be on its way; a future is one."""

    def result(self) -> WaveResult:
        """Wait for it."""


class DrawWave(Protocol):
    """Begins a wave."""

    def __call__(
        self, prompts: Sequence[Prompt], requests: Sequence[SampleRequest], enough_groups: int | None, is_ahead: bool
    ) -> Pending:
        """`is_ahead`: its chunks are collected and judged in the background, while the trainer works."""


class Drawn:
    """A result that is there."""

    def __init__(self, result: WaveResult) -> None:
        self._result = result

    def result(self) -> WaveResult:
        return self._result


class _OnDemand:
    """A result that is collected by whoever asks first."""

    def __init__(self, collect: Callable[[], WaveResult]) -> None:
        self._collect = collect
        self._result: WaveResult | None = None

    def result(self) -> WaveResult:
        if self._result is None:
            self._result = self._collect()
        return self._result


class WaveDrawer:
    """Draws waves with a crew and judges them: a sample is judged as soon as its chunk comes, not when the wave ends.
    Implements DrawWave."""

    def __init__(self, judging: Judging, rewards: Rewards, sampling: Sampling) -> None:
        self._judging, self._rewards, self._sampling = judging, rewards, sampling
        self._pool = ThreadPoolExecutor(thread_name_prefix="wave")

    def __call__(
        self, prompts: Sequence[Prompt], requests: Sequence[SampleRequest], enough_groups: int | None, is_ahead: bool
    ) -> Pending:
        # begun here, by the weights the engines hold now; what is collected later is what is begun here
        chunks = self._judging.crew.sample(requests, self._sampling, enough_groups)

        def collect() -> WaveResult:
            return self._collect(prompts, chunks)

        return self._pool.submit(collect) if is_ahead else _OnDemand(collect)

    def _collect(self, prompts: Sequence[Prompt], chunks: Iterable[Chunk]) -> WaveResult:
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
        return WaveResult(judged, unfinished, sampled_at, busy)
