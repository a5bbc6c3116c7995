"""Escapes, exhaustion and whatever waits for a limit get their verdicts, and nothing of them stays on the host.

The rest of the corpus: `test_corpus_verdicts.py`.
"""

from __future__ import annotations

import os
import threading
import time
from collections import Counter
from concurrent.futures import Future, wait

import pytest

from openqwq.sandbox import LocalSandbox, Outcome
from tests.sandbox.corpus import CORRECT, JUDGED, PROGRAMS, Program
from tests.sandbox.corpus.program import assert_verdict

_JUDGED_NAMES = {program.name for program in JUDGED}
OTHERS = tuple(program for program in PROGRAMS if program.name not in _JUDGED_NAMES)


def num_descendants(pid: int) -> int:
    try:
        threads = os.listdir(f"/proc/{pid}/task")
        children = [int(word) for thread in threads for word in read_words(f"/proc/{pid}/task/{thread}/children")]
    except FileNotFoundError:  # ended meanwhile
        return 0
    return sum(map(is_living, children)) + sum(map(num_descendants, children))


def is_living(pid: int) -> bool:
    """False for one that has ended and that nobody has waited for yet."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def workers() -> list[int]:
    """Launchers of this process's own workers, and not those of a server that it started."""
    threads = os.listdir("/proc/self/task")
    children = [int(word) for thread in threads for word in read_words(f"/proc/self/task/{thread}/children")]
    return [pid for pid in children if any("inside.zygote" in line for line in read_words(f"/proc/{pid}/cmdline"))]


def read_words(path: str) -> list[str]:
    with open(path) as file:
        return file.read().split()


@pytest.mark.parametrize("program", OTHERS, ids=lambda program: program.name.replace(" ", "_"))
def test_program_gets_its_verdict(answers: dict[str, Future[Outcome]], program: Program) -> None:
    assert_verdict(program, answers[program.name].result())


def test_no_process_is_left(answers: dict[str, Future[Outcome]]) -> None:
    """A worker is a launcher and the worker itself, with the next jail's init and its waiting process."""
    wait(answers.values())
    deadline = time.monotonic() + 5
    while counts := [count for pid in workers() if (count := num_descendants(pid)) > 3]:
        assert time.monotonic() < deadline, f"processes below a worker's launcher: {counts}"
        threading.Event().wait(0.05)


def test_correct_programs_pass_also_under_load(sandbox: LocalSandbox) -> None:
    programs = CORRECT[::3] * 2
    together = [outcome.verdict for outcome in sandbox.run_many([program.job for program in programs])]
    assert together == [program.verdict for program in programs]


def test_names_are_unique() -> None:
    assert [name for name, count in Counter(program.name for program in PROGRAMS).items() if count > 1] == []
