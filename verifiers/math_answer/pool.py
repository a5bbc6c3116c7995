"""Persistent, killable processes for the symbolic tier: a deadline ends in SIGKILL, and a warm spare takes over."""

from __future__ import annotations

import contextlib
import threading
import time

from openqwq.verifiers.child_process.caller import ChildProcess, Ended, NotStarted
from openqwq.verifiers.child_process.shared import Shared

START_SECONDS = 120.0  # importing sympy takes 1 s, on a machine under load far longer
CHECKS_PER_WORKER = 2_000  # a new process after so many bounds the memory of sympy's caches


class WorkerTimeout(Exception):
    """The check passed its deadline or its memory, or ended two processes: the answer caused it and scores 0."""


class WorkerUnavailable(Exception):
    """No process could be started: the answer did not cause it, so the verdict is an error."""


class _Worker:
    """One process. Used by one thread at a time."""

    def __init__(self, memory_bytes: int) -> None:
        self.process = ChildProcess("openqwq.verifiers.math_answer.worker", str(memory_bytes))
        self.checks = 0

    def check(self, gold: str, answer: str, seconds: float) -> bool:
        self.checks += 1
        try:
            reply = self.process.ask({"gold": gold, "answer": answer}, seconds)
        except TimeoutError as error:
            raise WorkerTimeout("timeout") from error
        if "limit" in reply:
            raise WorkerTimeout(str(reply["limit"]))
        return bool(reply.get("equal", False))  # what the library cannot read is not equal to anything


class WorkerPool:
    """At most `num_workers` checks at once, and one idle spare beside them. `close` may be followed by new checks."""

    def __init__(self, num_workers: int, memory_bytes: int) -> None:
        self.memory_bytes = memory_bytes
        self.slots = threading.BoundedSemaphore(num_workers)
        self.lock = threading.Lock()
        self.idle: list[_Worker] = []
        self.all: set[_Worker] = set()

    def check(self, gold: str, answer: str, seconds: float) -> bool:
        """Are the two equal? Raises WorkerTimeout past the deadline, WorkerUnavailable when no process starts."""
        return self.timed_check(gold, answer, seconds)[0]

    def timed_check(self, gold: str, answer: str, seconds: float) -> tuple[bool, float]:
        """The verdict and the seconds that it took, without the wait for a free process."""
        with self.slots:
            for _ in range(2):
                worker = self._take()
                start = time.monotonic()
                try:
                    equal = worker.check(gold, answer, seconds)
                except Ended:
                    self._discard(worker)
                    continue
                except BaseException:  # also KeyboardInterrupt: a worker with an unread reply must not be reused
                    self._discard(worker)
                    self._add_spare()
                    raise
                self._put_back(worker)
                return equal, time.monotonic() - start
            raise WorkerTimeout("crash")  # two processes in a row ended during it, so the check ends them

    def _take(self) -> _Worker:
        with self.lock:
            # most recently used first: its caches are warm; among fresh ones any
            while self.idle and self.idle[-1].process.has_ended():  # ended from outside while it was idle
                self.all.discard(self.idle.pop())
            worker = self.idle.pop() if self.idle else self._start()
        try:
            worker.process.wait_ready(START_SECONDS)
        except NotStarted as error:
            self._discard(worker)
            raise WorkerUnavailable(f"the sympy worker did not start ({error}); is math-verify installed?") from error
        return worker

    def _start(self) -> _Worker:
        try:
            worker = _Worker(self.memory_bytes)
        except NotStarted as error:
            raise WorkerUnavailable(str(error)) from error
        self.all.add(worker)
        return worker

    def _put_back(self, worker: _Worker) -> None:
        if worker.checks >= CHECKS_PER_WORKER:
            self._discard(worker)
            self._add_spare()
        else:
            with self.lock:
                is_open = worker in self.all
                if is_open:
                    self.idle.append(worker)
            if not is_open:
                worker.process.kill()  # the pool was closed meanwhile

    def _discard(self, worker: _Worker) -> None:
        with self.lock:
            self.all.discard(worker)
        worker.process.kill()

    def _add_spare(self) -> None:
        """Start the next process now, so that it imports sympy while nobody waits for it."""
        with self.lock, contextlib.suppress(WorkerUnavailable):
            if not self.idle:
                self.idle.insert(0, self._start())

    def close(self) -> None:
        with self.lock:
            workers, self.all, self.idle = self.all, set(), []
        for worker in workers:
            worker.process.kill()


_pools: Shared[tuple[int, int], WorkerPool] = Shared(lambda settings: WorkerPool(*settings))


def shared_pool(num_workers: int, memory_bytes: int) -> WorkerPool:
    """The one pool of this process for these settings."""
    return _pools.get((num_workers, memory_bytes))


def close_pools() -> None:
    """Kill every worker of this process; the next check starts new ones."""
    _pools.close()
