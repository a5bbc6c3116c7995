"""Worker slots behind one bounded queue: a free slot takes the oldest ticket; a lost or stuck worker is replaced.

Belongs to one event loop. Independent of jobs: a ticket is any work that needs a slot.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

from openqwq.sandbox.worker import CannotIsolate, WorkerLost
from openqwq.sandbox.worker_slot import WorkerSlot

T = TypeVar("T")
_RESTART_PAUSE_SECONDS = 0.5


class QueueFull(RuntimeError):
    """No room; try again later."""


class PoolClosed(RuntimeError):
    """The pool stopped before the job could run."""


@dataclass
class QueueCounts:
    """Counts of the queue for `/metrics`. The histograms count values up to each bound of `BOUNDS`, in seconds."""

    restarts: int = 0
    retries: int = 0
    wait_seconds: list[float] = field(default_factory=lambda: [0.0, 0.0])
    """Sum and number of the waits; `run_seconds` the same of the runs."""
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
    work: Callable[[WorkerSlot], Awaitable[Any]]
    result: asyncio.Future[Any]
    queued_at: float

    def fail(self, problem: BaseException) -> None:
        if not self.result.done():
            self.result.set_exception(problem)


class WorkerQueue:
    """Example: `queue = WorkerQueue(slots, 1024); await queue.start(); result = await (await queue.submit(work))`."""

    def __init__(self, slots: Sequence[WorkerSlot], limit: int) -> None:
        self.limit = limit
        self.counts = QueueCounts()
        self.num_running = 0
        self._slots = slots
        self._tickets: asyncio.Queue[_Ticket] = asyncio.Queue(limit)
        self._tasks: list[asyncio.Task[None]] = []

    @property
    def num_waiting(self) -> int:
        return self._tickets.qsize()

    @property
    def num_idle(self) -> int:
        """Number of slots without work; 0 while a ticket waits."""
        return 0 if self.num_waiting else len(self._slots) - self.num_running

    async def start(self) -> None:
        """Start the Python worker of each slot; CannotIsolate when no jail can be built on this host."""
        results = await asyncio.gather(*(slot.worker() for slot in self._slots), return_exceptions=True)
        for result in results:
            if isinstance(result, BaseException):
                await self.stop()
                raise result
        self._tasks = [asyncio.create_task(self._serve_slot(slot)) for slot in self._slots]

    async def stop(self) -> None:
        """End all work and all workers; unfinished work fails with PoolClosed."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks = []
        while not self._tickets.empty():
            self._tickets.get_nowait().fail(PoolClosed("the sandbox stopped"))
        await asyncio.gather(*(slot.stop() for slot in self._slots))

    async def submit(
        self, work: Callable[[WorkerSlot], Awaitable[T]], wait_for_room: bool = False
    ) -> asyncio.Future[T]:
        """Queue the work; the future of its result. Cancelling the future ends the work. Raises QueueFull."""
        ticket = _Ticket(work, asyncio.get_running_loop().create_future(), time.monotonic())
        if wait_for_room:
            await self._tickets.put(ticket)
        else:
            try:
                self._tickets.put_nowait(ticket)
            except asyncio.QueueFull:
                raise QueueFull(f"{self.limit} jobs are waiting already") from None
        return ticket.result

    async def _serve_slot(self, slot: WorkerSlot) -> None:
        while True:
            ticket = await self._tickets.get()
            if ticket.result.cancelled():
                continue
            started = time.monotonic()
            self.num_running += 1
            try:
                await self._serve_ticket(ticket, slot)
            finally:
                self.num_running -= 1
            self.counts.observe(started - ticket.queued_at, time.monotonic() - started)

    async def _serve_ticket(self, ticket: _Ticket, slot: WorkerSlot) -> None:
        """Run the work in a task of its own, so that it can end without its slot:

        work returns            -> result
        work raises             -> that exception
        WorkerLost              -> new worker, one more try; the second time that exception
        TimeoutError (stuck)    -> new worker, that exception
        the result is cancelled -> the work is cancelled, which ends its jail; the slot serves the next ticket
        the queue stops         -> the work is cancelled, PoolClosed
        """
        for is_last_try in (False, True):
            run = asyncio.ensure_future(ticket.work(slot))
            ticket.result.add_done_callback(partial(_cancel_with, run))
            try:
                await asyncio.wait((run,))
            except asyncio.CancelledError:
                run.cancel()
                ticket.fail(PoolClosed("the sandbox stopped"))
                raise
            if run.cancelled():
                ticket.result.cancel()
                return
            problem = run.exception()
            if problem is None:
                if not ticket.result.done():
                    ticket.result.set_result(run.result())
                return
            if isinstance(problem, WorkerLost | TimeoutError):
                await self._replace(slot)
            if is_last_try or not isinstance(problem, WorkerLost):
                ticket.fail(problem)
                return
            self.counts.retries += 1

    async def _replace(self, slot: WorkerSlot) -> None:
        self.counts.restarts += 1
        await slot.stop()
        with contextlib.suppress(WorkerLost, CannotIsolate):
            await slot.worker()
            return
        await asyncio.sleep(
            _RESTART_PAUSE_SECONDS
        )  # a start that fails now may succeed soon: the next ticket tries again


def _cancel_with(run: asyncio.Future[Any], result: asyncio.Future[Any]) -> None:
    if result.cancelled():
        run.cancel()
