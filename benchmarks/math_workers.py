"""Processes that check pairs for the math benchmarks: warm before the clock starts, killed when they hang."""

from __future__ import annotations

import logging
import multiprocessing
import os
import resource
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from multiprocessing.connection import Connection
from pathlib import Path

from benchmarks.math_pairs import CONTENDERS, PAIRS, Contender, Outcome, Pair, check_pairs
from benchmarks.processes import descendants, peak_rss_mb, rss_bytes

START_SECONDS = 120.0


@dataclass(frozen=True)
class Setup:
    """What a process checks with. Example: `Setup("ours", memory_mb=4096)`."""

    contender: str
    measures_memory: bool = False
    """Fill in `Outcome.growth_mb`; costs about a millisecond a check."""
    memory_mb: int = 0
    """Limit of the address space; 0 for none."""


def _check_all(setup: Setup, pairs: Sequence[Pair]) -> tuple[float, float, list[Outcome]]:
    contender = _built[setup.contender]
    if not setup.measures_memory:
        return check_pairs(contender, pairs)
    outcomes = []
    started = time.monotonic()
    for pair in pairs:
        with suppress(OSError):  # the kernel forgets the highest resident size so far
            Path("/proc/self/clear_refs").write_text("5")
        before = rss_bytes(os.getpid()) / 2**20
        outcome = check_pairs(contender, [pair])[2][0]
        outcomes.append(replace(outcome, growth_mb=round(max(0.0, peak_rss_mb(os.getpid()) - before), 1)))
    return started, time.monotonic(), outcomes


_built: dict[str, Contender] = {}  # contender -> its check, in a checking process


def _serve(connection: Connection, setup: Setup) -> None:
    logging.disable(logging.CRITICAL)
    if setup.memory_mb:
        resource.setrlimit(resource.RLIMIT_AS, (setup.memory_mb << 20,) * 2)
    _built[setup.contender] = CONTENDERS[setup.contender]()

    _check_all(replace(setup, measures_memory=False), PAIRS)
    connection.send("ready")
    with suppress(EOFError):
        while pairs := connection.recv():
            connection.send("have them")
            connection.recv()
            connection.send(_check_all(setup, pairs))


class CheckingProcess:
    """One process, warm when the constructor returns. `send`, `go`, `receive`; or `check`, which kills and restarts."""

    def __init__(self, setup: Setup) -> None:
        self.setup = setup
        self._start()

    def _start(self) -> None:
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self.process = context.Process(target=_serve, args=(theirs, self.setup))
        self.process.start()
        theirs.close()
        self._expect("ready")

    def _expect(self, word: str) -> None:
        if not self.connection.poll(START_SECONDS) or self.connection.recv() != word:
            raise RuntimeError(f"a process of {self.setup} did not say {word!r} in {START_SECONDS} s")

    def send(self, pairs: Sequence[Pair]) -> None:
        """Hand the pairs over; the clock does not run yet."""
        self.connection.send(list(pairs))
        self._expect("have them")

    def go(self) -> None:
        self.connection.send("go")

    def receive(self) -> tuple[float, float, list[Outcome]]:
        """Start and end by the machine's monotonic clock, and an outcome for each pair."""
        started, ended, outcomes = self.connection.recv()
        return started, ended, outcomes

    def check(self, pair: Pair, deadline_seconds: float) -> Outcome:
        """Past the deadline the process is killed and the next one started."""
        started = time.monotonic()
        with suppress(EOFError, OSError):
            self.send([pair])
            self.go()
            if self.connection.poll(deadline_seconds):
                return self.receive()[2][0]
        self.kill()
        self._start()
        seconds = time.monotonic() - started
        return Outcome(
            False, min(seconds, deadline_seconds), "killed", reason="past the deadline, or the process ended"
        )

    def kill(self) -> None:
        below = descendants(self.process.pid or 0)
        self.process.kill()
        self.process.join()
        for process in below:
            with suppress(OSError):
                os.kill(process.pid, 9)

    def close(self) -> None:
        with suppress(OSError):
            self.connection.send([])
        self.process.join(10.0)
        if self.process.is_alive():
            self.kill()


@contextmanager
def checking_processes(setup: Setup, num_processes: int) -> Iterator[list[CheckingProcess]]:
    processes: list[CheckingProcess] = []
    try:
        for _ in range(num_processes):
            processes.append(CheckingProcess(setup))
        yield processes
    finally:
        for process in processes:
            process.close()


def timed(processes: Sequence[CheckingProcess], pairs: Sequence[Pair]) -> tuple[float, list[Outcome]]:
    """Checks a second with the pairs dealt out in turn, and the outcomes in the order of the pairs."""
    for number, process in enumerate(processes):
        process.send(pairs[number :: len(processes)])
    for process in processes:
        process.go()
    ends = [process.receive() for process in processes]
    outcomes: list[Outcome | None] = [None] * len(pairs)
    for number, (_, _, found) in enumerate(ends):
        outcomes[number :: len(processes)] = found
    wall = max(end for _, end, _ in ends) - min(start for start, _, _ in ends)
    return len(pairs) / wall, [outcome for outcome in outcomes if outcome is not None]


def check_all(processes: Sequence[CheckingProcess], pairs: Sequence[Pair], deadline_seconds: float) -> list[Outcome]:
    """An outcome for each pair, in order; whichever process is free takes the next. Hung processes are replaced."""
    outcomes: list[Outcome] = [Outcome(False, 0.0, "killed")] * len(pairs)
    lock = threading.Lock()
    left = iter(range(len(pairs)))

    def feed(process: CheckingProcess) -> None:
        while True:
            with lock:
                number = next(left, None)
            if number is None:
                return
            outcomes[number] = process.check(pairs[number], deadline_seconds)

    threads = [threading.Thread(target=feed, args=(process,)) for process in processes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return outcomes
