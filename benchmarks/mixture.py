"""Programs of known verdict for load: honest ones of three modes, and hostile ones that each end at a limit.

Hostile programs run in the sandbox only. Each is bounded, so that a weak jail harms nobody.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

from openqwq.sandbox import Job, Limits, TestCase

_STDIN_TESTS = tuple(TestCase(f"{n}\n", f"{n * n}\n") for n in range(10))
_CALL_TESTS = tuple(TestCase([n], n * n) for n in range(10))
_ASSERTS = ("assert square(3) == 9", "assert square(-2) == 4")
_OUT = (TestCase("", "out\n"),)


@dataclass(frozen=True)
class Sample:
    """A program and the verdict it must get."""

    name: str
    job: Job
    verdict: str
    is_hostile: bool = False
    is_quick: bool = True
    """False for a program that holds a worker until a limit of seconds."""


def stdin_job(num_tests: int, code: str = "print(int(input()) ** 2)") -> Job:
    return Job(code, tests=(_STDIN_TESTS * (num_tests // 10 + 1))[:num_tests])


def call_job(num_tests: int, code: str = "def square(n):\n    return n * n\n") -> Job:
    return Job(code, mode="call", entry_point="square", tests=(_CALL_TESTS * (num_tests // 10 + 1))[:num_tests])


def _asserts_job(code: str) -> Job:
    return Job(code, mode="asserts", entry_point="square", asserts=_ASSERTS)


def _hostile(name: str, code: str, limits: Limits, is_quick: bool = True) -> Sample:
    return Sample(name, Job(code, tests=_OUT, limits=limits), "fail", is_hostile=True, is_quick=is_quick)


_FILES = "import tempfile\nwith tempfile.TemporaryFile() as f: f.write(b'x' * 100000)\nprint(int(input()) ** 2)\n"
_THREADS = (
    "import threading\nn = int(input())\nt = threading.Thread(target=lambda: print(n * n))\nt.start()\nt.join()\n"
)

HONEST = (
    Sample("stdin, one test, right", stdin_job(1), "pass"),
    Sample("stdin, one test, wrong", stdin_job(1, "print(int(input()) + 1)"), "fail"),
    Sample("stdin, ten tests, right", stdin_job(10), "pass"),
    Sample("stdin, ten tests, the last wrong", stdin_job(10, "n = int(input())\nprint(n * n if n < 9 else 0)"), "fail"),
    Sample("stdin, files", stdin_job(2, _FILES), "pass"),
    Sample("stdin, a thread", stdin_job(2, _THREADS), "pass"),
    Sample("stdin, an exception", stdin_job(1, "raise ValueError(input())"), "fail"),
    Sample("call, one test, right", call_job(1), "pass"),
    Sample("call, ten tests, right", call_job(10), "pass"),
    Sample("call, ten tests, wrong", call_job(10, "def square(n): return n + n if n > 5 else n * n"), "fail"),
    Sample("asserts, right", _asserts_job("def square(n): return n * n\n"), "pass"),
    Sample("asserts, wrong", _asserts_job("def square(n): return abs(n) * n\n"), "fail"),
)
"""The first is the plain one-test program that most of a soak is made of."""

_FORKS = "import os, time\nfor _ in range(400):\n    try:\n        if os.fork() == 0: time.sleep(3); os._exit(0)\n"
_MEMORY = "x = []\nwhile len(x) < 30: x.append(b'x' * (32 << 20))\nprint('out')\n"
_DAEMON = "import os, time\nif os.fork() == 0:\n    os.setsid()\n    time.sleep(20)\nprint('started')\n"

HOSTILE = (
    _hostile("an endless loop", "while True: pass\n", Limits(0.2, 256)),
    _hostile("an endless sleep", "import time\ntime.sleep(60)\nprint('out')\n", Limits(0.2, 256), is_quick=False),
    _hostile("an output flood", "while True: print('x' * 65536)\n", Limits(1.0, 256, 1 << 20)),
    _hostile("a flood of errors", "import sys\nwhile True: sys.stderr.write('x' * 65536)\n", Limits(0.3, 256)),
    _hostile("a fork bomb", _FORKS + "    except OSError: break\nelse: print('out')\n", Limits(1.0, 512)),
    _hostile("forks of forks", "import os\nfor _ in range(10):\n    os.fork()\nwhile True: pass\n", Limits(0.3, 512)),
    _hostile("a memory bomb", _MEMORY, Limits(1.0, 128)),
    _hostile("a large file", "open('f', 'wb').write(bytes(500 << 20))\nprint('out')\n", Limits(1.0, 256)),
    _hostile("an early exit", "import os\nos._exit(0)\n", Limits(1.0, 256)),
    _hostile("an abort after the answer", "import os\nprint('out', flush=True)\nos.abort()\n", Limits(1.0, 256)),
    _hostile("a failing exit after the answer", "print('out', flush=True)\nraise SystemExit(3)\n", Limits(1.0, 256)),
    _hostile("a daemon", _DAEMON, Limits(1.0, 256)),
    _hostile("a kill of all it sees", "import os\nos.kill(-1, 9)\nos.kill(1, 9)\n", Limits(1.0, 256)),
)


def draw(seed: int, num_programs: int, hostile_share: float, plain_share: float, only_quick: bool) -> Iterator[Sample]:
    """A seeded stream: hostile ones at their share, the plain one-test program at its share, honest ones else."""
    choice = random.Random(seed)
    hostile = [sample for sample in HOSTILE if sample.is_quick or not only_quick]
    for _ in range(num_programs):
        place = choice.random()
        if place < hostile_share:
            yield choice.choice(hostile)
        else:
            yield HONEST[0] if place < hostile_share + plain_share else choice.choice(HONEST)
