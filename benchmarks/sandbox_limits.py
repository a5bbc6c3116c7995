"""Programs that sleep for exactly their wall limit, on a busy machine: none may pass. Prints JSON.

`python -m benchmarks.sandbox_limits [--sleeps 200] [--spinners 4] [--workers 8]`

Half of them sleep in a stdin program, half in a function that is called. Beside them run as many that sleep half as
long, which should pass where the machine leaves them a core. Spinners are processes that use a core each. Exit status 1
when a program that slept too long passes, or its status is another one than time_limit.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from benchmarks.measuring import machine, print_report
from openqwq.sandbox import Job, Limits, LocalSandbox, TestCase

LIMITS = Limits(time_seconds=0.05)
STDIN = "import time; time.sleep({0}); print(9)"
CALL = "import time\ndef f():\n    time.sleep({0})\n    return 9"


def programs(sleep_seconds: float, count: int) -> list[Job]:
    stdin = Job(STDIN.format(sleep_seconds), tests=(TestCase("", "9"),), limits=LIMITS)
    call = Job(CALL.format(sleep_seconds), mode="call", entry_point="f", tests=(TestCase([], 9),), limits=LIMITS)
    return [stdin, call] * (count // 2)


@contextmanager
def spinning(count: int) -> Iterator[None]:
    processes = [subprocess.Popen([sys.executable, "-I", "-S", "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sleeps", type=int, default=200)
    parser.add_argument("--spinners", type=int, default=4)
    parser.add_argument("--workers", type=int, default=8)
    options = parser.parse_args()
    too_long = programs(LIMITS.wall_seconds, options.sleeps)
    jobs = [
        job for pair in zip(too_long, programs(LIMITS.wall_seconds / 2, options.sleeps), strict=True) for job in pair
    ]
    with spinning(options.spinners), LocalSandbox(workers=options.workers) as sandbox:
        outcomes = sandbox.run_many(jobs)
    counts = [Counter(outcome.tests[0].status for outcome in outcomes[start::2]) for start in (0, 1)]
    report = {"machine": machine(), "spinners": options.spinners, "at_the_limit": counts[0], "half_of_it": counts[1]}
    wrong = options.sleeps - counts[0]["time_limit"]
    violations = [f"{wrong} programs slept for their limit and did not end at it"] if wrong else []
    return print_report(report, violations)


if __name__ == "__main__":
    sys.exit(main())
