"""Programs and tests a second through a real sandbox server on loopback, full isolation on. Prints JSON.

`python -m benchmarks.sandbox_throughput [--seconds 3] [--rounds 3] [--workers 2] [--clients 1 4 16]`

Clients of `/v1/run` are threads with one kept connection each and hand-made requests, because they share the cores
with the server. `/v1/batch` goes through `SandboxClient`, whose own cost is part of the figure.
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import dataclass, field
from typing import Any

from benchmarks.measuring import (
    KeepAliveClient,
    in_threads,
    interleave,
    machine,
    milliseconds,
    print_report,
    run_request,
    summary,
)
from benchmarks.mixture import call_job, stdin_job
from openqwq.sandbox import Job, SandboxClient, start_server

PROGRAMS = {
    "one_stdin_test": stdin_job(1),
    "ten_stdin_tests": stdin_job(10),
    "ten_call_tests": call_job(10),
}


@dataclass
class Case:
    """One kind of program asked for in one way, and what was seen of it."""

    url: str
    job: Job
    seconds: float
    num_clients: int = 0
    """0 asks by batch."""
    batch: int = 64
    latencies: list[float] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    def measure(self) -> float:
        """Programs a second over about this long."""
        return self._by_run() if self.num_clients else self._by_batch()

    def _by_run(self) -> float:
        data = run_request(self.job)
        stop_at = time.perf_counter() + self.seconds
        before = len(self.latencies)

        def ask(_: int) -> None:
            client = KeepAliveClient(self.url)
            while (started := time.perf_counter()) < stop_at:
                answer = client.send(data)
                self.latencies.append(time.perf_counter() - started)
                if answer.verdict != "pass":
                    self.wrong.append(answer.body[:300].decode(errors="replace"))
            client.close()

        wall = in_threads(self.num_clients, ask)
        return (len(self.latencies) - before) / wall

    def _by_batch(self) -> float:
        started, num_programs = time.perf_counter(), 0
        with SandboxClient(self.url, timeout_seconds=600) as client:
            while time.perf_counter() - started < self.seconds:
                outcomes = client.run_many([self.job] * self.batch)
                self.wrong += [str(outcome)[:300] for outcome in outcomes if outcome.verdict != "pass"]
                num_programs += self.batch
        return num_programs / (time.perf_counter() - started)

    def report(self, rates: list[float]) -> dict[str, Any]:
        figures = {"programs_per_second": summary(rates)}
        if len(self.job.tests) > 1:
            figures["tests_per_second"] = summary([rate * len(self.job.tests) for rate in rates], 1)
        return figures | (milliseconds(self.latencies) if self.latencies else {})


def main(words: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=3.0, help="for each figure and round (default 3)")
    parser.add_argument("--rounds", type=int, default=3, help="every figure once a round (default 3)")
    parser.add_argument("--workers", type=int, default=None, help="programs at a time (default: one a core)")
    parser.add_argument("--clients", type=int, nargs="+", default=[1, 4, 16], help="of /v1/run (default 1 4 16)")
    parser.add_argument("--batch", type=int, default=64, help="jobs in one request of /v1/batch (default 64)")
    parser.add_argument("--programs", nargs="+", choices=PROGRAMS, default=list(PROGRAMS))
    arguments = parser.parse_args(words)
    report: dict[str, Any] = {"benchmark": "sandbox_throughput", **machine(), "workers": arguments.workers}
    with start_server(arguments.workers) as server:
        cases: dict[str, Case] = {}
        for name in arguments.programs:
            job = PROGRAMS[name]
            for num_clients in arguments.clients:
                cases[f"{name}, {num_clients} clients"] = Case(server.url, job, arguments.seconds, num_clients)
            cases[f"{name}, batch"] = Case(server.url, job, arguments.seconds, batch=arguments.batch)
            Case(server.url, job, min(1.0, arguments.seconds), 2).measure()  # warm
        rates = interleave({name: case.measure for name, case in cases.items()}, arguments.rounds)
    report["figures"] = {name: case.report(rates[name]) for name, case in cases.items()}
    violations = [f"{name}: {case.wrong[0]}" for name, case in cases.items() if case.wrong]
    return print_report(report, violations)


if __name__ == "__main__":
    sys.exit(main())
