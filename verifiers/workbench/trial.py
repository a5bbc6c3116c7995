"""All passes of one verifier over a list of questions: twice one by one, then as batches, then from several threads."""

from __future__ import annotations

import queue
import random
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from types import TracebackType
from typing import Literal

from openqwq.verifiers.base import Status, is_error
from openqwq.verifiers.workbench.cases import Question
from openqwq.verifiers.workbench.process import CheckingProcess, Crash, Hang, Mode, Subject

MAX_HANGS = 20  # every hang costs a whole deadline; what is left is then reported as not run
BATCH_SIZE = 16
CONSISTENCY_CASES = 512  # as many are asked again as batches and from threads; enough to see a wrong order


@dataclass(frozen=True)
class Observation:
    """What one check gave. Example: Observation("scored", 1.0, "equal (exact)", 3e-5, False)."""

    status: Status | Literal["exception", "crash", "hang", "not_run"]
    """A verdict's status, or: exception (raised, or no Verdict), crash (the process died), hang, not_run."""
    score: float | None
    """The verdict's score."""
    reason: str
    """The verdict's reason, or what happened."""
    seconds: float
    """Time of the check as the checking process measured it; the deadline for a hang."""
    is_cold: bool
    """True for the first check of a process, and where one imported a module or started a process that stays."""

    @property
    def is_lost(self) -> bool:
        """The process hung, died or was never asked: asking again gives nothing new."""
        return self.status in ("hang", "crash", "not_run")

    @property
    def is_exception(self) -> bool:
        """The verifier raised, died, or gave a verdict that is an error."""
        return self.status in ("exception", "crash") or is_error(self.status)

    def outcome(self) -> str:
        return self.status if self.score is None else f"{self.score:g}"


@dataclass(frozen=True)
class Difference:
    """One question that got two verdicts. Example: Difference("q1", "1", "0")."""

    id: str
    first: str
    """Score or status of the first pass."""
    second: str
    """The same of the other pass."""


@dataclass(frozen=True)
class Agreement:
    """How a pass compares with the first one. Example: Agreement(512, (), "")."""

    num_compared: int
    differences: tuple[Difference, ...]
    problem: str
    """Why the pass as a whole failed, or empty."""

    @property
    def num_broken(self) -> int:
        return len(self.differences) + bool(self.problem)


@dataclass(frozen=True)
class Trial:
    """Everything that was observed of one verifier. `first` and `second` are in the order of the questions."""

    first: Sequence[Observation]
    second: Sequence[Observation | None]
    """None where the first check was lost."""
    repeated: Agreement
    batched: Agreement
    threaded: Agreement
    wall_seconds: float
    """Of the two passes one by one, restarts included."""
    growth_bytes: int
    """Growth of the checking process's memory at its peak."""
    start_seconds: float
    """Longest start of a checking process: the interpreter, the imports, the building of the verifier."""

    def checks(self) -> tuple[list[Observation], list[Observation]]:
        """The checks of both passes that gave something: warm ones and cold starts.

        A check that was cold in both passes counts as warm: what it loads or starts is its own cost every time, as
        where it times out and a worker is replaced.
        """
        warm: list[Observation] = []
        cold: list[Observation] = []
        for pair in zip(self.first, self.second, strict=True):
            seen = [each for each in pair if each is not None and not each.is_lost]
            is_always_cold = len(seen) == 2 and all(each.is_cold for each in seen)
            for each in seen:
                (cold if each.is_cold and not is_always_cold else warm).append(each)
        return warm, cold


class Bench:
    """Checking processes for one verifier, and the threads that wait for them. Use it in a `with`."""

    def __init__(self, subject: Subject, deadline_seconds: float, num_processes: int = 1) -> None:
        self.deadline_seconds = deadline_seconds
        self._processes = [CheckingProcess(subject) for _ in range(num_processes)]
        self._idle: queue.SimpleQueue[CheckingProcess] = queue.SimpleQueue()
        # the kernel ends a process with the thread that started it, so these threads live as long as the processes
        self._threads = ThreadPoolExecutor(num_processes)
        self._num_hangs = 0

    def __enter__(self) -> Bench:
        try:
            list(self._threads.map(CheckingProcess.start, self._processes))
        except BaseException:
            self._end(CheckingProcess.close)
            raise
        for process in self._processes:
            self._idle.put(process)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end(CheckingProcess.retire if kind is None else CheckingProcess.close)

    def _end(self, how: Callable[[CheckingProcess], None]) -> None:
        self._threads.shutdown(wait=False, cancel_futures=True)
        for process in self._processes:
            how(process)

    @property
    def growth_bytes(self) -> int:
        """Largest growth of a process's memory so far."""
        return max(process.growth_bytes() for process in self._processes)

    @property
    def start_seconds(self) -> float:
        """Longest start of a process so far."""
        return max(process.start_seconds for process in self._processes)

    @property
    def needed_columns(self) -> tuple[str, ...]:
        """Columns without which the verifier cannot be called, as far as it says so."""
        return self._processes[0].needed_columns

    def observe(self, questions: Sequence[Question]) -> Iterable[Observation]:
        """One observation for each question, in order, as they come."""
        return self._threads.map(self._observe, questions)

    def _observe(self, question: Question) -> Observation:
        if self._num_hangs >= MAX_HANGS:
            return Observation("not_run", None, f"not run after {MAX_HANGS} hangs", 0.0, False)
        process = self._idle.get()
        try:
            process.start()
            was_fresh = process.is_fresh
            found = process.ask([question], "one", self.deadline_seconds).observations[0]
            return Observation(**{**found, "is_cold": was_fresh or found["is_cold"]})
        except Hang:
            self._num_hangs += 1
            return Observation("hang", None, f"no verdict in {self.deadline_seconds:g} s", self.deadline_seconds, False)
        except Crash as crash:
            return Observation("crash", None, str(crash), 0.0, False)
        finally:
            self._idle.put(process)

    def compare(self, questions: Sequence[Question], known: Sequence[Observation], mode: Mode) -> Agreement:
        """Ask the questions in another way; only the first failure of a whole request is reported."""
        chunks = [slice(start, start + BATCH_SIZE) for start in range(0, len(questions), BATCH_SIZE)]
        jobs = [(questions[chunk], known[chunk], mode) for chunk in chunks]
        parts = list(self._threads.map(lambda job: self._compare(*job), jobs))
        differences = tuple(difference for part in parts for difference in part.differences)
        problem = next((part.problem for part in parts if part.problem), "")
        return Agreement(sum(part.num_compared for part in parts), differences, problem)

    def _compare(self, questions: Sequence[Question], known: Sequence[Observation], mode: Mode) -> Agreement:
        process = self._idle.get()
        deadline = self.deadline_seconds + 2 * sum(seen.seconds for seen in known)
        try:
            reply = process.ask(questions, mode, deadline)
        except Hang:
            return Agreement(0, (), f"no answer for {len(questions)} answers in {deadline:.1f} s")
        except Crash as crash:
            return Agreement(0, (), str(crash))
        finally:
            self._idle.put(process)
        if reply.problem:
            return Agreement(0, (), reply.problem)
        seen = [Observation(**found, is_cold=False) for found in reply.observations]
        return agreement(questions, known, seen)


def agreement(
    questions: Sequence[Question], first: Sequence[Observation], second: Sequence[Observation | None]
) -> Agreement:
    """Where two passes over the same questions differ in status or score; None was not asked again."""
    pairs = [(q, a, b) for q, a, b in zip(questions, first, second, strict=True) if b is not None]
    differences = [
        Difference(q.id, a.outcome(), b.outcome()) for q, a, b in pairs if (a.status, a.score) != (b.status, b.score)
    ]
    return Agreement(len(pairs), tuple(differences), "")


def run_trial(bench: Bench, questions: Sequence[Question], on_progress: Callable[[str, int, int], None]) -> Trial:
    """Every pass over the questions; `on_progress(pass, done, total)` is called after each check."""
    start = time.perf_counter()
    first = _collect(bench.observe(questions), "first pass", len(questions), on_progress)
    order = [index for index, seen in enumerate(first) if not seen.is_lost]
    random.Random(0).shuffle(order)
    again = _collect(bench.observe([questions[index] for index in order]), "second pass", len(order), on_progress)
    wall_seconds = time.perf_counter() - start
    second: list[Observation | None] = [None] * len(questions)
    for index, seen in zip(order, again, strict=True):
        second[index] = seen
    repeated = agreement(questions, first, second)
    steady = [
        index for index in order if second[index] is not None and first[index].outcome() == _outcome(second[index])
    ]
    chosen = [questions[index] for index in steady[:CONSISTENCY_CASES]]
    known = [first[index] for index in steady[:CONSISTENCY_CASES]]
    on_progress("batches and threads", 0, len(chosen))
    batched = bench.compare(chosen, known, "batch")
    threaded = bench.compare(chosen, known, "threads")
    return Trial(first, second, repeated, batched, threaded, wall_seconds, bench.growth_bytes, bench.start_seconds)


def _outcome(seen: Observation | None) -> str:
    return "" if seen is None else seen.outcome()


def _collect(
    observations: Iterable[Observation], name: str, total: int, on_progress: Callable[[str, int, int], None]
) -> list[Observation]:
    seen = []
    for observation in observations:
        seen.append(observation)
        on_progress(name, len(seen), total)
    return seen
