"""Limits are read again after the exit, and a program's status does not depend on when it is looked at."""

from __future__ import annotations

import pytest

from openqwq.sandbox import Job, Limits, LocalSandbox, TestCase
from openqwq.sandbox.inside.supervisor import _ending_after_exit
from openqwq.sandbox.protocol import Order

OUT = (TestCase("", "9"),)
ORDER = Order("stdin", "", (0, 0), (), 1.0, 2.0, 512, 1 << 20)
FILL = "import os\nn = 0\ntry:\n    while True: open(f'f{n}', 'w').close(); n += 1\nexcept OSError: pass\n"
COPY = "block = b'x' * (1 << 20)\nfor n in range(4):\n"
COPY += "    with open(f'f{n}', 'wb') as f:\n        for _ in range(50): f.write(block)\n"


@pytest.mark.parametrize(
    ("cpu", "wall", "peak_mb", "file_mb", "ending"),
    [
        (1.0, 2.0, 640, 512, "exited"),
        (1.001, 0.5, 1, 0, "time_limit"),
        (0.1, 2.001, 1, 0, "time_limit"),
        (0.1, 0.1, 641, 0, "memory_limit"),
        (0.1, 0.1, 1, 513, "memory_limit"),
        (1.5, 0.1, 900, 0, "time_limit"),
    ],
)
def test_a_limit_that_was_passed_before_the_exit_is_the_ending(
    cpu: float, wall: float, peak_mb: int, file_mb: int, ending: str
) -> None:
    assert _ending_after_exit(ORDER, cpu, wall, peak_mb << 10, file_mb << 20) == ending


def test_a_small_memory_limit_leaves_half_of_itself_to_mapped_files() -> None:
    small = ORDER._replace(memory_mb=64)
    assert _ending_after_exit(small, 0.1, 0.1, 96 << 10, 0) == "exited"
    assert _ending_after_exit(small, 0.1, 0.1, 97 << 10, 0) == "memory_limit"


def statuses(sandbox: LocalSandbox, code: str, count: int, limits: Limits) -> set[str]:
    outcomes = sandbox.run_many([Job(code, tests=OUT, limits=limits)] * count)
    return {outcome.tests[0].status for outcome in outcomes}


def test_a_sleep_of_the_wall_limit_is_never_rewarded(sandbox: LocalSandbox) -> None:
    code = "import time; time.sleep(1.05); print(9)"
    assert statuses(sandbox, code, 8, Limits(0.05)) == {"time_limit"}
    assert statuses(sandbox, code, 2, Limits(1.5)) == {"pass"}


@pytest.mark.parametrize(
    ("end", "status"),
    [
        ("print(9)", "pass"),
        ("import time; time.sleep(0.1); print(9)", "pass"),
        ("print(9, flush=True); import time; time.sleep(0.1)", "pass"),
        ("print('x' * 3000000)", "output_limit"),
        ("for _ in range(3000): os.write(1, b'x' * 2049)", "output_limit"),
    ],
)
def test_a_program_that_used_up_its_files_ends_the_same_way_each_time(
    sandbox: LocalSandbox, end: str, status: str
) -> None:
    assert statuses(sandbox, FILL + end, 6, Limits(2.0)) == {status}


def test_files_of_a_program_that_ends_at_once_count_as_memory(sandbox: LocalSandbox) -> None:
    assert statuses(sandbox, COPY + "print(9)", 4, Limits(4.0, 128)) == {"memory_limit"}
    assert statuses(sandbox, COPY + "print(9)", 2, Limits(4.0, 512)) == {"pass"}


DEEP = "def f(x):\n    for _ in range({depth}): x = {step}\n    return x"


@pytest.mark.parametrize(
    "code",
    [
        DEEP.format(depth=340, step="(x,)"),
        DEEP.format(depth=340, step="{'a': x}"),
        DEEP.format(depth=340, step="frozenset([x])"),
        DEEP.format(depth=5000, step="[x]"),
        "def f(x): return object()",
        "def f(x): return ValueError",
        "def f(x):\n    x = []\n    x.append(x)\n    return x",
        "def f(x): return 10 ** 100000",
        "def f(x): return float('nan')",
        "def f(x): raise ValueError('\\udfff\\0\\x1b[2J' * 9999)",
        "class E(Exception):\n    def __str__(self): raise self\ndef f(x): raise E",
        "class S(str):\n    def __str__(self): return self\ndef f(x): return {S('1'): 2, '1': 3}",
        "import sys\ndef f(x): sys.exit('\\udfff')",
        "def f(x): return [b'\\xff', '\\ud800', 1j]",
    ],
    ids=range(14),
)
def test_a_wrong_program_fails_whatever_it_raises_or_returns(sandbox: LocalSandbox, code: str) -> None:
    wanted: object = 1
    for _ in range(340):
        wanted = [wanted]
    outcome = sandbox.run(Job(code, mode="call", entry_point="f", tests=(TestCase([2], wanted),)))
    assert outcome.verdict == "fail", outcome
    outcome.reason.encode()


def test_a_right_program_whose_deep_answer_is_of_tuples_passes(sandbox: LocalSandbox) -> None:
    wanted: object = 1
    for _ in range(340):
        wanted = [wanted]
    job = Job(DEEP.format(depth=340, step="(x,)"), mode="call", entry_point="f", tests=(TestCase([1], wanted),))
    assert sandbox.run(job).verdict == "pass"


def test_a_program_that_reads_its_own_output_holds_nobody_up(sandbox: LocalSandbox) -> None:
    code = (
        "import os, threading, time\nread = os.open('/proc/self/fd/1', os.O_RDONLY | os.O_NONBLOCK)\n"
        "def drain():\n    while True:\n        try: os.read(read, 1 << 20)\n        except BlockingIOError: pass\n"
        "threading.Thread(target=drain, daemon=True).start()\nends = time.monotonic() + 0.5\n"
        "while time.monotonic() < ends: os.write(1, b'x' * 4096)\ntime.sleep(60)\n"
    )
    assert statuses(sandbox, code, 4, Limits(1.5)) <= {"time_limit", "output_limit"}
