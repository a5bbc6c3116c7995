"""The process that runs sympy: its verdicts, what it answers to what it cannot read, and the limits that end it."""

import json
import os
import resource
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest

from openqwq.verifiers.child_process.environment import child_environment
from openqwq.verifiers.child_process.server import GRACE_SECONDS

MEMORY = 3 << 30
SECONDS = 60.0


class Process:
    """The worker as a plain process, spoken to in its protocol."""

    def __init__(self) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "openqwq.verifiers.math_answer.worker", str(MEMORY)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=child_environment({}),
            text=True,
        )
        self.hello = self.read()

    def read(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        return dict(json.loads(self.process.stdout.readline()))

    def ask(self, gold: str, answer: str, seconds: float = SECONDS) -> dict[str, Any]:
        self.send(gold, answer, seconds)
        return self.read()

    def send(self, gold: str, answer: str, seconds: float = SECONDS) -> None:
        assert self.process.stdin is not None
        request = {"gold": gold, "answer": answer, "seconds": seconds}
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()


def column(first: int, second: int) -> str:
    return rf"\begin{{pmatrix}}{first}\\{second}\end{{pmatrix}}"


@pytest.fixture(scope="module")
def worker() -> Iterator[Process]:
    worker = Process()
    yield worker
    worker.process.kill()
    worker.process.communicate()


def test_a_worker_says_when_it_is_ready_and_keeps_to_its_limits(worker: Process) -> None:
    pid = worker.process.pid
    assert worker.hello == {"ready": pid}
    assert resource.prlimit(pid, resource.RLIMIT_AS) == (MEMORY, MEMORY)
    assert resource.prlimit(pid, resource.RLIMIT_CORE) == (0, 0)
    with open(f"/proc/{pid}/statm") as file:
        assert int(file.read().split()[1]) * resource.getpagesize() > 40 << 20  # sympy is loaded before the first check
    assert os.readlink(f"/proc/{pid}/fd/1") == "/dev/null"  # what libraries print is no reply


@pytest.mark.parametrize(
    ("gold", "answer", "equal"),
    [
        (r"\lim_{x\to7}x", "7", True),
        (r"\lim_{x\to7}x", "8", False),
        (r"\sum_{k=1}^{3}k", "6", True),
        (r"\sum_{k=1}^{3}k", "7", False),
        (r"\int_0^1 2x dx", "1", True),
        ("x", "x+0", True),
        ("x", "y", False),
        ("x+0", "y", False),
        ("a", "A", False),
        ("x+a", "x+A", False),
        (r"\sqrt{x^2}", "|x|", True),
        (r"\sqrt{x^2}", "x", False),
        (r"\sqrt{x^2}+i", "|x|+i", False),
        (r"\sqrt{x^2}", "|x|+i-i", False),  # one side alone makes both complex
        ("x>1", r"(1,\infty)", True),
        (r"(1,\infty)", "x>1", False),  # the library asks more of an answer than of a gold
        ("x+1", r"\boxed{x}+1", True),
        ("x^3", "x^(2+1)", True),
        ("2+i", "i+2", True),
        ("2+i", "2-i", False),
        (r"\sin(x)", r"\sin x", True),
        (r"\frac13", "0.3333333333", False),
        (r"\frac13", "0." + "3" * 28, False),
        (r"\frac13", "0." + "3" * 30, True),  # rounded to 30 decimals
        (r"\sqrt2", r"\sqrt2+10^{-20}", False),
        (r"\sqrt2", r"\sqrt2+10^{-42}", True),  # past the 40 digits
        ("0.5", rf"\frac{{1{'0' * 34}1}}{{2{'0' * 35}}}", False),  # 0.5 is one half, no rounded number
        ("x", "x=1", False),  # no expression, so not for `simplify`
        ("x", r"\{x\}", True),
        ("1.41421356", r"\sqrt2", False),
        (r"\frac12", "0.5", True),
        (r"\frac12", r"\frac 1 2", True),
        (r"30^{\circ}", "30", True),
        (r"30^{\circ}", r"\frac{\pi}{6}", False),
        (
            r"\begin{pmatrix}2\\2\end{pmatrix}",
            r"\begin{pmatrix}1\\0\end{pmatrix}+\begin{pmatrix}1\\2\end{pmatrix}",
            True,
        ),
        (
            r"\begin{pmatrix}2\\2\end{pmatrix}",
            r"\begin{pmatrix}1\\0\end{pmatrix}+\begin{pmatrix}1\\1\end{pmatrix}",
            False,
        ),
    ],
)
def test_two_expressions_are_one_or_not(worker: Process, gold: str, answer: str, equal: bool) -> None:
    assert worker.ask(gold, answer) == {"equal": equal}


def test_what_cannot_be_read_is_a_problem_in_one_line(worker: Process) -> None:
    reply = worker.ask("x", r"\frac{1}{2" + "3" * 300)
    assert set(reply) == {"problem"}
    assert reply["problem"].startswith("Exception: ")
    assert len(reply["problem"]) == 300
    assert worker.ask("x", "x") == {"equal": True}


def test_a_finished_check_leaves_no_alarm_behind(worker: Process) -> None:
    assert worker.ask("x", "x", seconds=0.0) == {"equal": True}
    time.sleep(GRACE_SECONDS + 0.2)
    assert worker.process.poll() is None


def test_a_check_may_take_longer_than_the_grace_that_is_added_to_its_time(worker: Process) -> None:
    assert worker.ask("x", r"\prod_{k=1}^{600} (x+k)") == {"equal": False}


def test_a_check_out_of_memory_says_so(worker: Process) -> None:
    with open(f"/proc/{worker.process.pid}/statm") as file:
        used = int(file.read().split()[0]) * resource.getpagesize()
    resource.prlimit(worker.process.pid, resource.RLIMIT_AS, (used + (2 << 20), MEMORY))
    assert worker.ask("x", r"\lim_{x\to9}x^{30000000}") == {"limit": "memory"}
    resource.prlimit(worker.process.pid, resource.RLIMIT_AS, (MEMORY, MEMORY))
    assert worker.ask("x", "x") == {"equal": True}


@pytest.mark.parametrize("gold", ["x", "x+1"], ids=["simplify", "the library"])
def test_a_worker_ends_itself_when_nobody_ends_it(gold: str) -> None:
    assert GRACE_SECONDS == 1.0
    worker = Process()
    worker.send(gold, r"\prod_{k=1}^{5000000} (x+k)", seconds=-0.8)
    assert worker.process.wait(SECONDS) == -signal.SIGALRM
    worker.process.communicate()
