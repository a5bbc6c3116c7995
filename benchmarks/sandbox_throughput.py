"""Programs and tests a second through a real sandbox server, full isolation on. Prints JSON.

`python -m benchmarks.sandbox_throughput [--seconds 5] [--workers 2] [--batch 64]`
"""

from __future__ import annotations

import argparse
import json
import os
import time
from concurrent.futures import ThreadPoolExecutor

from openqwq.sandbox import Job, SandboxClient, TestCase, start_server

ONE_STDIN_TEST = Job("print(int(input()) + 1)", tests=(TestCase("1\n", "2\n"),))
SEVEN_CALL_TESTS = Job(
    "def f(n):\n    return n * 2\n",
    mode="call",
    entry_point="f",
    tests=tuple(TestCase([n], 2 * n) for n in range(7)),
)
TEN_STDIN_TESTS = Job("print(int(input()) + 1)", tests=(TestCase("1\n", "2\n"),) * 10)


def batches(client: SandboxClient, job: Job, size: int, seconds: float) -> dict[str, float]:
    """One batch request after the other for about this long."""
    started, programs = time.perf_counter(), 0
    while time.perf_counter() - started < seconds:
        outcomes = client.run_many([job] * size)
        wrong = [outcome for outcome in outcomes if outcome.verdict != "pass"]
        if wrong:
            raise SystemExit(f"a correct program was not passed: {wrong[0]}")
        programs += size
    rate = programs / (time.perf_counter() - started)
    return {"programs_per_second": round(rate, 1), "tests_per_second": round(rate * len(job.tests), 1)}


def singles(client: SandboxClient, job: Job, num_threads: int, seconds: float) -> dict[str, float]:
    """Many clients with one program a request."""
    latencies: list[float] = []
    stop_at = time.perf_counter() + seconds

    def ask(_: int) -> None:
        while time.perf_counter() < stop_at:
            started = time.perf_counter()
            client.run(job)
            latencies.append(time.perf_counter() - started)

    with ThreadPoolExecutor(num_threads) as threads:
        list(threads.map(ask, range(num_threads)))
    latencies.sort()
    return {
        "programs_per_second": round(len(latencies) / seconds, 1),
        "p50_ms": round(latencies[len(latencies) // 2] * 1e3, 2),
        "p99_ms": round(latencies[int(len(latencies) * 0.99)] * 1e3, 2),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=5.0, help="for each figure")
    parser.add_argument("--workers", type=int, default=None, help="default: one a core")
    parser.add_argument("--batch", type=int, default=64)
    arguments = parser.parse_args()
    with start_server(arguments.workers) as server, SandboxClient(server.url, timeout_seconds=600) as client:
        report = {
            "num_cores": len(os.sched_getaffinity(0)),
            "load_average_at_start": os.getloadavg()[0],
            "one_stdin_test_1_client": singles(client, ONE_STDIN_TEST, 1, arguments.seconds),
            "one_stdin_test_4_clients": singles(client, ONE_STDIN_TEST, 4, arguments.seconds),
            "one_stdin_test_batch": batches(client, ONE_STDIN_TEST, arguments.batch, arguments.seconds),
            "seven_call_tests_batch": batches(client, SEVEN_CALL_TESTS, arguments.batch, arguments.seconds),
            "ten_stdin_tests_batch": batches(client, TEN_STDIN_TESTS, arguments.batch, arguments.seconds),
        }
    print(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
