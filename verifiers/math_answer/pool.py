"""Persistent, killable processes for the symbolic tier: a deadline ends in SIGKILL, and a warm spare takes
over.

Started lazily, by exec and never by fork, so it is safe in threads, in Ray actors and beside CUDA.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import selectors
import subprocess
import sys
import threading
import time
from typing import Any

from openqwq.verifiers.child_environment import child_environment

START_SECONDS = 120.0  # importing sympy takes 1 s, on a machine under load far longer
CHECKS_PER_WORKER = 2_000  # a new process after so many bounds the memory of sympy's caches


class WorkerTimeout(Exception):
    """The check passed its deadline or its memory, or ended two processes: the answer caused it and scores 0."""


class WorkerUnavailable(Exception):
    """No process could be started: the answer did not cause it, so the verdict is an error."""


class _Worker:
    """One process. Used by one thread at a time."""

    def __init__(self, memory_bytes: int) -> None:
        command = [sys.executable, "-m", "openqwq.verifiers.math_answer.worker", str(memory_bytes)]
        try:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=child_environment({"CUDA_VISIBLE_DEVICES": ""}),
                start_new_session=True,  # Ctrl-C in the terminal goes to the caller alone
            )
        except OSError as error:
            raise WorkerUnavailable(f"cannot start {' '.join(command)}: {error}") from error
        self.is_ready = False
        self.checks = 0
        self.buffer = b""

    def wait_ready(self) -> None:
        if self.is_ready:
            return
        reply = self._receive(time.monotonic() + START_SECONDS)
        if reply is None or "ready" not in reply:
            code = self.process.poll()
            self.kill()
            raise WorkerUnavailable(f"the sympy worker did not start (exit code {code}); is math-verify installed?")
        self.is_ready = True

    def check(self, gold: str, answer: str, seconds: float) -> bool:
        self.checks += 1
        request = {"id": self.checks, "gold": gold, "answer": answer, "seconds": seconds}
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(json.dumps(request).encode() + b"\n")
            self.process.stdin.flush()
        except OSError as error:
            raise _Died from error
        deadline = time.monotonic() + seconds
        reply = self._receive(deadline)
        if reply is None:
            if time.monotonic() < deadline:
                raise _Died
            raise WorkerTimeout("timeout")
        if reply.get("problem") == "memory":
            raise WorkerTimeout("memory")
        return bool(reply.get("equal", False))

    def _receive(self, deadline: float) -> dict[str, Any] | None:
        """The next message, or None when the deadline passed or the process ended."""
        assert self.process.stdout is not None
        with selectors.DefaultSelector() as selector:
            selector.register(self.process.stdout, selectors.EVENT_READ)
            while b"\n" not in self.buffer:
                left = deadline - time.monotonic()
                if left <= 0 or not selector.select(left):
                    return None
                chunk = os.read(self.process.stdout.fileno(), 65_536)
                if not chunk:
                    return None
                self.buffer += chunk
        line, _, self.buffer = self.buffer.partition(b"\n")
        message: dict[str, Any] = json.loads(line)
        return message

    def kill(self) -> None:
        with contextlib.suppress(OSError):
            self.process.kill()
        for stream in (self.process.stdin, self.process.stdout):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()
        self.process.wait()


class _Died(Exception):
    """The process ended before it answered: killed from outside, or by this check."""


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
                except _Died:
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
            while self.idle and self.idle[-1].process.poll() is not None:  # ended from outside while it was idle
                self.all.discard(self.idle.pop())
            worker = self.idle.pop() if self.idle else self._start()
        try:
            worker.wait_ready()
        except WorkerUnavailable:
            self._discard(worker)
            raise
        return worker

    def _start(self) -> _Worker:
        worker = _Worker(self.memory_bytes)
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
                worker.kill()  # the pool was closed meanwhile

    def _discard(self, worker: _Worker) -> None:
        with self.lock:
            self.all.discard(worker)
        worker.kill()

    def _add_spare(self) -> None:
        """Start the next process now, so that it imports sympy while nobody waits for it."""
        with self.lock, contextlib.suppress(WorkerUnavailable):
            if not self.idle:
                self.idle.insert(0, self._start())

    def close(self) -> None:
        with self.lock:
            workers, self.all, self.idle = self.all, set(), []
        for worker in workers:
            worker.kill()


_pools: dict[tuple[int, int], WorkerPool] = {}
_pools_lock = threading.Lock()


def shared_pool(num_workers: int, memory_bytes: int) -> WorkerPool:
    """The one pool of this process for these settings."""
    key = (num_workers, memory_bytes)
    with _pools_lock:
        if key not in _pools:
            _pools[key] = WorkerPool(num_workers, memory_bytes)
        return _pools[key]


def _forget_pools() -> None:
    """In a forked child: the workers belong to the parent, and another thread may have held the lock at the fork."""
    global _pools, _pools_lock
    _pools, _pools_lock = {}, threading.Lock()


os.register_at_fork(after_in_child=_forget_pools)


def close_pools() -> None:
    """Kill every worker of this process; the next check starts new ones."""
    with _pools_lock:
        pools = list(_pools.values())
    for pool in pools:
        pool.close()


atexit.register(close_pools)
