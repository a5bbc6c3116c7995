"""A crew whose rollouts, updates and verdicts are waits of known length: what a schedule does, without the noise.

Each worker draws its calls one after another, all samples of a call at once and a token per tick, as an engine with
continuous batching does; a sync waits for the call before it. Lengths are lognormal and a function of the seed.
"""

from __future__ import annotations

import math
import queue
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

from openqwq.training.cluster.shards import enough_per_worker
from openqwq.training.records import Chunk, Judged, Judgement, PartialRollout, Rollout, SampleRequest

MAX_TOKENS = 4000


@dataclass(frozen=True)
class Pace:
    """Seconds of everything. Example: `Pace(token=0.002, update=0.5, verdict=(0.2, 2.0))`"""

    token: float
    """One more token of every sample that a worker has."""
    update: float
    verdict: tuple[float, float] = (0.0, 0.0)
    """Shortest and longest verdict; the logarithm is uniform."""
    mean_tokens: float = 100.0
    sigma: float = 0.8


class SimulatedWorkers:
    """The part of Crew that a schedule needs, with `num_workers` rollout workers."""

    def __init__(self, pace: Pace, num_workers: int) -> None:
        self.pace, self.num_rollout_workers, self.version = pace, num_workers, 0
        self._calls: list[queue.Queue[Callable[[], None]]] = [queue.Queue() for _ in range(num_workers)]
        self._judges = ThreadPoolExecutor(256)
        self._versions = [0] * num_workers
        for calls in self._calls:
            threading.Thread(target=self._work, args=(calls,), daemon=True).start()

    @staticmethod
    def _work(calls: queue.Queue[Callable[[], None]]) -> None:
        while True:
            calls.get()()

    def sample(self, requests: Sequence[SampleRequest], sampling: Any, enough: int | None = None) -> Iterator[Chunk]:
        """Begun at once, one call a worker."""
        shares: list[list[SampleRequest]] = [[] for _ in self._calls]
        for request in requests:
            shares[request.group % len(shares)].append(request)
        results: queue.Queue[Chunk | None] = queue.Queue()
        for number, (share, count) in enumerate(zip(shares, enough_per_worker(shares, enough), strict=True)):
            self._calls[number].put(lambda n=number, s=share, c=count: self._draw(n, s, c, results))
        return self._read(results)

    def _read(self, results: queue.Queue[Chunk | None]) -> Iterator[Chunk]:
        for _ in self._calls:
            while (chunk := results.get()) is not None:
                yield chunk

    def _draw(
        self, worker: int, requests: list[SampleRequest], enough: int | None, results: queue.Queue[Chunk | None]
    ) -> None:
        started, ticks = time.perf_counter(), 0
        left = Counter(request.group for request in requests)
        have = {id(r): len(r.partial.tokens) if r.partial else 0 for r in requests}
        alive = sorted(requests, key=lambda r: self.length(r) - have[id(r)])
        while alive:
            first = alive[0]
            ticks = self.length(first) - have[id(first)]
            time.sleep(max(0.0, started + ticks * self.pace.token - time.perf_counter()))
            results.put(Chunk([self._rollout(first, worker)]))
            alive.pop(0)
            left[first.group] -= 1
            if enough is not None and sum(count == 0 for count in left.values()) >= enough:
                results.put(Chunk([], [self._cut(r, have[id(r)] + ticks, worker) for r in alive if r.may_be_aborted]))
                alive = [r for r in alive if not r.may_be_aborted]
        results.put(Chunk([], (), time.perf_counter() - started))
        results.put(None)

    def length(self, request: SampleRequest) -> int:
        drawn = random.Random(request.seed).lognormvariate(math.log(self.pace.mean_tokens), self.pace.sigma)
        return max(1, min(MAX_TOKENS, round(drawn)))

    def _oldest(self, request: SampleRequest, worker: int) -> int:
        return request.partial.oldest_version if request.partial else self._versions[worker]

    def _rollout(self, request: SampleRequest, worker: int) -> Rollout:
        count = self.length(request)
        return Rollout(
            request.group, request.index, request.prompt.id, request.prompt.task, (1,), (5,) * count, (-1.0,) * count,
            (1,) * count, (), "", "stop", self._versions[worker], request.seed, self._oldest(request, worker),
        )  # fmt: skip

    def _cut(self, request: SampleRequest, count: int, worker: int) -> SampleRequest:
        partial = PartialRollout((5,) * count, (-1.0,) * count, (1,) * count, (), count, self._oldest(request, worker))
        return replace(request, partial=partial)

    def judge(self, chunks: Iterable[Sequence[Rollout]], rows: Mapping[str, Any], rewards: Any) -> list[Judged]:
        """Verdicts of their own length each, begun as the samples come."""
        pending = [(r, self._judges.submit(self._verdict, r)) for chunk in chunks for r in chunk]
        return [Judged(rollout, verdict.result()) for rollout, verdict in pending]

    def _verdict(self, rollout: Rollout) -> Judgement:
        low, high = self.pace.verdict
        chance = random.Random(rollout.seed + 1).random()
        seconds = low * (high / low) ** chance if low else 0.0
        time.sleep(seconds)
        return Judgement(float(rollout.seed % 2), {}, {}, seconds=seconds)

    def update(self) -> None:
        time.sleep(self.pace.update)

    def sync_weights(self, version: int) -> None:
        """Each worker takes it after the calls it has."""
        for number, calls in enumerate(self._calls):
            calls.put(lambda n=number: self._versions.__setitem__(n, version))
