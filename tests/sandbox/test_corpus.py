"""Every program of the corpus gets its verdict, and nothing of it stays on the host."""

from __future__ import annotations

import os
import threading
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait

import pytest

from openqwq.sandbox import LocalSandbox, Outcome
from tests.sandbox.corpus import CORRECT, PROGRAMS, Program


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


@pytest.fixture(scope="module")
def answers(request: pytest.FixtureRequest, sandbox: LocalSandbox) -> Iterator[dict[str, Future[Outcome]]]:
    """The chosen programs, two at a time: many of them only wait."""
    calls = [item.callspec.params for item in request.session.items if hasattr(item, "callspec")]
    chosen = [params["program"] for params in calls if "program" in params]
    with ThreadPoolExecutor(2) as threads:
        yield {program.name: threads.submit(sandbox.run, program.job) for program in chosen}
        threads.shutdown(cancel_futures=True)


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.name.replace(" ", "_"))
def test_program_gets_its_verdict(answers: dict[str, Future[Outcome]], program: Program) -> None:
    outcome = answers[program.name].result()
    assert outcome.verdict == program.verdict, outcome
    assert outcome.isolation.startswith("L")
    assert len(outcome.tests) == len(program.job.tests or program.job.asserts)


def test_no_process_is_left(answers: dict[str, Future[Outcome]]) -> None:
    """A worker is a launcher and the worker itself, with the next jail's init and its waiting process."""
    wait(answers.values())
    deadline = time.monotonic() + 5
    while counts := [count for pid in workers() if (count := num_descendants(pid)) > 3]:
        assert time.monotonic() < deadline, f"processes below a worker's launcher: {counts}"
        threading.Event().wait(0.05)


def test_correct_programs_pass_also_under_load(sandbox: LocalSandbox) -> None:
    programs = CORRECT[::3]
    jobs = [program.job for program in programs]
    alone = [sandbox.run(job).verdict for job in jobs]
    together = [outcome.verdict for outcome in sandbox.run_many(jobs * 2)]
    assert together == alone * 2


def test_names_are_unique() -> None:
    assert [name for name, count in Counter(program.name for program in PROGRAMS).items() if count > 1] == []
