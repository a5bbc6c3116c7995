"""Brings many items to a service in bounded chunks. A chunk on which the service fails is divided until only the items
stay without a score on which it fails alone. Knows nothing of HTTP."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from openqwq.verifiers.base import VerifierError
from openqwq.verifiers.scoring.item import Outcome

GIVE_UP_AFTER = 8
"""So many items or chunks lost while nothing was answered end a call: the service is down."""
FAILURES_OF_A_CHUNK = 8
"""On average so many failed divisions of each chunk while nothing was answered end a call as well."""
LONGEST_PAUSE_SECONDS = 15.0
RETRIES_OF_PARTS = 1
SLOW_PARTS = 8
"""A chunk that took too long is divided into so many parts: each division costs the whole time limit of a request."""

Ask = Callable[[Sequence[int]], Awaitable[list[Outcome]]]
"""Asks the service for the items with these indices, and gives as many outcomes. Raises the exceptions below."""


@dataclass(frozen=True)
class Limits:
    """How much goes into one request, how many run at once, how long is waited."""

    chunk_items: int = 64
    chunk_bytes: int = 1 << 20
    """Largest request; an item that is larger alone is sent alone."""
    parallel: int = 8
    request_seconds: float = 60.0
    deadline_seconds: float = 300.0
    """From the first request of a chunk to the last retry of its last part."""
    retries: int = 5
    pause_seconds: float = 0.25
    """Before the first retry; each one after it waits twice as long."""

    def __post_init__(self) -> None:
        for name in ("chunk_items", "chunk_bytes", "parallel", "request_seconds", "deadline_seconds"):
            if not getattr(self, name) > 0:
                raise VerifierError(f"{name} must be above 0, got {getattr(self, name)}")


class Unavailable(Exception):
    """Nobody listens, or the service has no room now: the same request is sent again, until the deadline."""

    def __init__(self, reason: str, after_seconds: float = 0.0) -> None:
        super().__init__(reason)
        self.after_seconds = after_seconds


class ItemsFailed(Exception):
    """The service failed on these items, perhaps because of one of them. `may_pass`: worth another attempt."""

    def __init__(self, reason: str, may_pass: bool) -> None:
        super().__init__(reason)
        self.may_pass = may_pass


class ServiceRefuses(Exception):
    """The service refuses all requests: a wrong key or address."""


async def deliver(sizes: Sequence[int], ask: Ask, limits: Limits, room: asyncio.Semaphore) -> list[Outcome]:
    """One outcome for each item; `sizes`: bytes of each in a request. Items of a failing chunk that the service can
    score alone are scored. `room`: places for requests, which all calls to one service share."""
    chunks = chunks_of(sizes, limits)
    delivery = _Delivery(len(sizes), len(chunks), ask, limits, room)
    await asyncio.gather(*(delivery.chunk(chunk) for chunk in chunks))
    return [outcome or Outcome(None, "not asked") for outcome in delivery.outcomes]


def chunks_of(sizes: Sequence[int], limits: Limits) -> list[list[int]]:
    """Indices in order, in chunks within the limits. Example: sizes (3, 3, 3), chunk_bytes=6 -> [[0, 1], [2]]."""
    chunks: list[list[int]] = []
    total = 0
    for index, size in enumerate(sizes):
        if not chunks or len(chunks[-1]) == limits.chunk_items or total + size > limits.chunk_bytes:
            chunks.append([])
            total = 0
        chunks[-1].append(index)
        total += size
    return chunks


def divided(indices: Sequence[int], num_parts: int) -> list[Sequence[int]]:
    """Consecutive parts of about the same size, none empty."""
    count = min(num_parts, len(indices))
    ends = [len(indices) * part // count for part in range(count + 1)]
    return [indices[start:end] for start, end in pairwise(ends)]


@dataclass(frozen=True)
class _Failure:
    reason: str
    is_slow: bool = False
    is_final: bool = False


@dataclass
class _Clock:
    """The time of a chunk and its parts. It begins with the first request, not while the chunk waits for its turn."""

    seconds: float
    begun: float | None = None

    def left(self) -> float:
        if self.begun is None:
            self.begun = time.monotonic()
        return self.begun + self.seconds - time.monotonic()


class _Delivery:
    def __init__(self, count: int, num_chunks: int, ask: Ask, limits: Limits, room: asyncio.Semaphore) -> None:
        self.outcomes: list[Outcome | None] = [None] * count
        self._max_divisions = GIVE_UP_AFTER + FAILURES_OF_A_CHUNK * num_chunks
        self._ask, self._limits = ask, limits
        self._room = room
        self._num_answered = self._num_lost = self._num_divided = 0
        self._down = ""

    async def chunk(
        self, indices: Sequence[int], retries: int | None = None, clock: _Clock | None = None, last: str = ""
    ) -> None:
        """Score a chunk; where the service fails on it, its parts."""
        clock = clock or _Clock(self._limits.deadline_seconds)
        failure = await self._attempts(indices, self._limits.retries if retries is None else retries, clock, last)
        if failure is None:
            return
        if len(indices) == 1 or failure.is_final:
            self._lose(indices, failure)
            return
        self._num_divided += 1
        self._give_up_if(self._num_divided > self._max_divisions, failure)
        parts = divided(indices, SLOW_PARTS if failure.is_slow else 2)
        fewer = min(self._limits.retries, RETRIES_OF_PARTS)
        await asyncio.gather(*(self.chunk(part, fewer, clock, failure.reason) for part in parts))

    async def _attempts(self, indices: Sequence[int], retries: int, clock: _Clock, last: str) -> _Failure | None:
        """Ask until there is an answer (None), or a failure that another attempt would not mend."""
        pause = self._limits.pause_seconds
        while True:
            asked_pause = 0.0
            async with self._room:
                left = clock.left()
                if self._down:
                    return _Failure(self._down, is_final=True)
                if left <= 0:
                    return _Failure(_joined(f"no score within {clock.seconds:g} s", last), is_final=True)
                allowed = min(self._limits.request_seconds, left)
                try:
                    async with asyncio.timeout(allowed):
                        found = await self._ask(indices)
                    if len(found) != len(indices):
                        raise ItemsFailed(f"{len(found)} scores for {len(indices)} items", may_pass=False)
                    self._keep(indices, found)
                    return None
                except TimeoutError:
                    last = f"no answer within {allowed:.3g} s"
                    if len(indices) > 1 or retries < 1:
                        return _Failure(last, is_slow=True)
                    retries = min(retries, 1) - 1
                except Unavailable as problem:
                    last, asked_pause = str(problem), problem.after_seconds
                    if len(indices) > 1 and clock.left() < clock.seconds / 2:
                        return _Failure(last)  # perhaps the service never has room for so much at once
                except ItemsFailed as problem:
                    last = str(problem)
                    if not problem.may_pass or retries < 1:
                        return _Failure(last)
                    retries -= 1
                except ServiceRefuses as problem:
                    self._down = str(problem)
                    return _Failure(self._down, is_final=True)
            wait = max(asked_pause, pause * random.uniform(0.75, 1.0))
            await asyncio.sleep(max(0.0, min(wait, clock.left())))
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)

    def _keep(self, indices: Sequence[int], found: Sequence[Outcome]) -> None:
        self._num_answered += 1
        for index, outcome in zip(indices, found, strict=True):
            self.outcomes[index] = outcome

    def _lose(self, indices: Sequence[int], failure: _Failure) -> None:
        for index in indices:
            self.outcomes[index] = Outcome(None, failure.reason)
        self._num_lost += 1
        self._give_up_if(self._num_lost >= GIVE_UP_AFTER, failure)

    def _give_up_if(self, is_enough: bool, failure: _Failure) -> None:
        if is_enough and not self._num_answered and not self._down:
            self._down = f"the service answered nothing: {failure.reason}"


def _joined(words: str, last: str) -> str:
    return f"{words}: {last}" if last else words
