"""N workers behind one bounded queue: hand out jobs, replace a stuck or killed worker, count what happens.

Belongs to one event loop. Over HTTP it is driven by `server.py`, in process by `local.py`.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
import os
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

from openqwq.sandbox.execution import Compiler, run_raw
from openqwq.sandbox.isolation.cgroup import find_control_groups
from openqwq.sandbox.jobs import Job, Outcome, error_outcome
from openqwq.sandbox.parts import join, split
from openqwq.sandbox.verdict import form_verdict
from openqwq.sandbox.worker import Answer, CannotIsolate, WorkerLost
from openqwq.sandbox.worker_slot import WorkerSlot

T = TypeVar("T")
_RESTART_PAUSE_SECONDS = 0.5


class QueueFull(RuntimeError):
    """No room; try again later."""


class PoolClosed(RuntimeError):
    """The pool stopped before the job could run."""


@dataclass
class PoolCounts:
    """What `/metrics` shows. The histograms count values up to each bound of `BOUNDS`, in seconds."""

    verdicts: Counter[str] = field(default_factory=Counter)
    restarts: int = 0
    retries: int = 0
    wait_seconds: list[float] = field(default_factory=lambda: [0.0, 0.0])
    run_seconds: list[float] = field(default_factory=lambda: [0.0, 0.0])
    run_buckets: Counter[float] = field(default_factory=Counter)
    wait_buckets: Counter[float] = field(default_factory=Counter)

    BOUNDS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)

    def observe(self, wait_seconds: float, run_seconds: float) -> None:
        for total, buckets, value in (
            (self.wait_seconds, self.wait_buckets, wait_seconds),
            (self.run_seconds, self.run_buckets, run_seconds),
        ):
            total[0] += value
            total[1] += 1
            for bound in self.BOUNDS:
                if value <= bound:
                    buckets[bound] += 1


@dataclass
class _Ticket:
    run: Callable[[WorkerSlot], Awaitable[Any]]
    answer: asyncio.Future[Any]
    queued_at: float


def _cancel_with(run: asyncio.Future[Any], answer: asyncio.Future[Any]) -> None:
    if answer.cancelled():
        run.cancel()


class SandboxPool:
    """Example: `pool = SandboxPool(2); await pool.start(); outcome = await pool.run(job); await pool.stop()`."""

    def __init__(self, num_workers: int | None = None, queue_limit: int = 1024, backend: str = "namespaces") -> None:
        self.num_workers = num_workers or len(os.sched_getaffinity(0))
        self.queue_limit = queue_limit
        self.isolation = "unknown"
        """Set by `probe.open_pool`, which tries the attacks."""
        self.counts = PoolCounts()
        self.backend = backend
        self.compiler = Compiler()
        groups = find_control_groups() if backend == "namespaces" else None
        self.has_control_groups = groups is not None
        self.slots = [WorkerSlot(backend, groups) for _ in range(self.num_workers)]
        self._queue: asyncio.Queue[_Ticket] = asyncio.Queue(queue_limit)
        self._tasks: list[asyncio.Task[None]] = []
        self.num_running = 0
        self.last_judged_at = -math.inf
        """On the monotonic clock: when a program was last judged."""

    @property
    def queue_depth(self) -> int:
        return self._queue.qsize()

    async def start(self) -> None:
        """Start all workers; CannotIsolate when this host does not let us build a jail."""
        results = await asyncio.gather(*(slot.worker() for slot in self.slots), return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException):
                await self.stop()
                raise result
        self._tasks = [asyncio.create_task(self._work(slot)) for slot in self.slots]

    async def stop(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []
        while not self._queue.empty():
            ticket = self._queue.get_nowait()
            if not ticket.answer.done():
                ticket.answer.set_exception(PoolClosed("the sandbox stopped"))
        await asyncio.gather(*(slot.stop() for slot in self.slots))

    async def run(self, job: Job, wait_for_room: bool = False, deadline_seconds: float | None = None) -> Outcome:
        """Judge a job, from now within the deadline. Raises QueueFull; all other trouble is a verdict error."""
        try:
            async with asyncio.timeout(deadline_seconds) as deadline:
                outcome = await self._run_parts(job, wait_for_room)
            self.last_judged_at = time.monotonic()
        except (WorkerLost, TimeoutError, PoolClosed, CannotIsolate) as problem:
            words = f"{type(problem).__name__}: {problem}"
            if deadline.expired():
                words = f"no answer within the deadline of {deadline_seconds:g} s"
            outcome = error_outcome(words, self.isolation)
        except QueueFull:
            raise
        except Exception as problem:
            # A fault of ours must not take the worker's loop down, nor read as a statement on the program.
            outcome = error_outcome(f"internal error, {type(problem).__name__}: {problem}", self.isolation)
        self.counts.verdicts[outcome.verdict] += 1
        return outcome

    async def _run_parts(self, job: Job, wait_for_room: bool) -> Outcome:
        """On one slot, or on all that are idle when the job has tests enough for them."""
        num_idle = 0 if self.queue_depth else self.num_workers - self.num_running
        tasks = [
            asyncio.ensure_future(self._submit(partial(self._run_part, part), wait_for_room))
            for part in split(job, num_idle)
        ]
        outcomes: list[Outcome] = []
        try:
            for task in tasks:
                outcomes.append(await task)
                if outcomes[-1].verdict != "pass" and job.stop_on_first_failure:
                    break
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        return join(job, outcomes)

    async def _run_part(self, job: Job, slot: WorkerSlot) -> Outcome:
        return await form_verdict(job, slot, self.compiler, self.isolation)

    async def run_raw(
        self, job: Job, files: Mapping[str, bytes] | None = None, fetch: tuple[str, ...] = ()
    ) -> tuple[Answer, dict[str, bytes]]:
        """Run a program for its output; raises what goes wrong."""
        return await self._submit(lambda slot: run_raw(job, slot, self.compiler, files or {}, fetch), False)

    async def _submit(self, run: Callable[[WorkerSlot], Awaitable[T]], wait_for_room: bool) -> T:
        answer: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        ticket = _Ticket(run, answer, time.monotonic())
        if wait_for_room:
            await self._queue.put(ticket)
        else:
            try:
                self._queue.put_nowait(ticket)
            except asyncio.QueueFull:
                raise QueueFull(f"{self.queue_limit} jobs are waiting already") from None
        return await answer

    async def _work(self, slot: WorkerSlot) -> None:
        while True:
            ticket = await self._queue.get()
            if ticket.answer.cancelled():
                continue
            started = time.monotonic()
            self.num_running += 1
            try:
                await self._answer(ticket, slot)
            finally:
                self.num_running -= 1
            self.counts.observe(started - ticket.queued_at, time.monotonic() - started)

    async def _answer(self, ticket: _Ticket, slot: WorkerSlot) -> None:
        """Run with one retry after a lost worker; a stuck one (TimeoutError) is replaced without a retry."""
        for is_last_try in (False, True):
            run = asyncio.ensure_future(ticket.run(slot))
            # A client that leaves cancels its answer, and that ends the jail.
            ticket.answer.add_done_callback(partial(_cancel_with, run))
            try:
                result = await run
            except asyncio.CancelledError:
                if not ticket.answer.done():  # the pool is stopping
                    ticket.answer.set_exception(PoolClosed("the sandbox stopped"))
                if not ticket.answer.cancelled():
                    run.cancel()
                    raise
                return
            except (WorkerLost, TimeoutError) as problem:
                await self._replace(slot)
                if is_last_try or isinstance(problem, TimeoutError):
                    self._fail(ticket, problem)
                    return
                self.counts.retries += 1
            except Exception as problem:
                self._fail(ticket, problem)
                return
            else:
                if not ticket.answer.done():
                    ticket.answer.set_result(result)
                return

    @staticmethod
    def _fail(ticket: _Ticket, problem: Exception) -> None:
        if not ticket.answer.done():
            ticket.answer.set_exception(problem)

    async def _replace(self, slot: WorkerSlot) -> None:
        self.counts.restarts += 1
        await slot.stop()
        with contextlib.suppress(WorkerLost, CannotIsolate):
            await slot.worker()
            return
        await asyncio.sleep(_RESTART_PAUSE_SECONDS)  # a start that fails now may work soon: the next job tries


__all__ = ["CannotIsolate", "PoolClosed", "QueueFull", "SandboxPool"]
