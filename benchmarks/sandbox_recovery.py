"""`kill -9` of every kind of process of a server, each while a job is in flight. Prints JSON.

`python -m benchmarks.sandbox_recovery [--rounds 3] [--workers 1] [--limit-seconds 2]`

For each victim: what the job in flight is answered (pass after a retry, or error; never fail), and the seconds from
the kill until a new job passes. With one worker nothing else can answer the new job. The job in flight computes for
`--job-seconds` and is right, so `fail` would be a wrong verdict. Last the server itself is killed with a job in flight:
nobody answers then, but everything below it must end.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import sys
import threading
import time
from collections import Counter
from dataclasses import dataclass
from typing import Any

from benchmarks.measuring import BadAnswer, KeepAliveClient, machine, print_report, request, run_request, summary
from benchmarks.mixture import stdin_job
from benchmarks.processes import Process, adopt_orphans, descendants
from openqwq.sandbox import Job, TestCase, start_server

WAIT_SECONDS = 30.0
# A child of its own, so that the jail holds a test's process and one below it.
_IN_FLIGHT = """
import os, time
if os.fork() == 0:
    time.sleep(60)
end = time.monotonic() + {seconds}
while time.monotonic() < end: pass
print('done')
"""


@dataclass(frozen=True)
class Kill:
    """One kill and what followed."""

    kind: str
    verdict: str
    """Of the job in flight: a verdict, `HTTP <status>`, or `lost`."""
    detail: str
    seconds_to_answer: float
    """From the kill to the answer of the job in flight."""
    seconds_to_new_pass: float
    """From the kill until a new job passed; infinite when none did in time."""


def kinds(pid: int) -> list[tuple[str, Process]]:
    """Every process below the server with a name for its place; a test's own process is pid 2 of its jail."""
    found = []
    for process in descendants(pid):
        is_first = process.kind != "test process" or process.pids_in_namespaces[-1] == 2
        found.append((process.kind if is_first else "child of the test process", process))
    return found


def kinds_of_a_job(url: str, pid: int) -> set[str]:
    """The kinds of process that stay while a job runs; what is there for a moment only cannot be waited for."""
    job = Job(_IN_FLIGHT.format(seconds=1.0), tests=(TestCase("", "done\n"),))
    asking = threading.Thread(target=lambda: KeepAliveClient(url).send(run_request(job)))
    asking.start()
    seen: Counter[str] = Counter()
    while asking.is_alive():
        seen.update({name for name, _ in kinds(pid)})
        time.sleep(0.02)
    return {name for name, count in seen.items() if count >= 10}


def wait_for_kinds(pid: int, wanted: set[str]) -> list[tuple[str, Process]]:
    """The processes once all wanted kinds are there."""
    deadline = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < deadline:
        found = kinds(pid)
        if wanted <= {name for name, _ in found}:
            return found
        time.sleep(0.005)
    raise TimeoutError(f"no {sorted(wanted - {name for name, _ in kinds(pid)})} within {WAIT_SECONDS:g} s")


def kill_one(url: str, pid: int, kind: str, number: int, wanted: set[str], job_seconds: float) -> Kill:
    """Start a job, kill the `number`th process of this kind when all are there, and see what is answered."""
    in_flight = run_request(Job(_IN_FLIGHT.format(seconds=job_seconds), tests=(TestCase("", "done\n"),)))
    answers: list[tuple[str, str, float]] = []

    def ask() -> None:
        client = KeepAliveClient(url, WAIT_SECONDS)
        try:
            answer = client.send(in_flight)
            answers.append((answer.verdict, answer.body[:300].decode(errors="replace"), time.monotonic()))
        except (BadAnswer, OSError) as problem:
            answers.append(("lost", f"{type(problem).__name__}: {problem}", time.monotonic()))
        client.close()

    asking = threading.Thread(target=ask)
    asking.start()
    candidates = [process for name, process in wait_for_kinds(pid, wanted) if name == kind]
    victim = candidates[number % len(candidates)]
    killed_at = time.monotonic()
    with contextlib.suppress(ProcessLookupError):
        os.kill(victim.pid, signal.SIGKILL)
    passed_at = _first_pass(url, killed_at + WAIT_SECONDS)
    asking.join()
    verdict, detail, answered_at = answers[0]
    return Kill(kind, verdict, detail, answered_at - killed_at, passed_at - killed_at)


def _first_pass(url: str, deadline: float) -> float:
    client, data = KeepAliveClient(url, WAIT_SECONDS), run_request(stdin_job(1))
    while time.monotonic() < deadline:
        with contextlib.suppress(BadAnswer, OSError):
            if client.send(data).verdict == "pass":
                client.close()
                return time.monotonic()
        time.sleep(0.005)
    return float("inf")


def kill_server(url: str, pid: int, limit_seconds: float) -> tuple[float, list[str]]:
    """Seconds until nothing of the server is left, and what is left after the limit; we adopt its orphans."""
    job = Job(_IN_FLIGHT.format(seconds=5.0), tests=(TestCase("", "done\n"),))

    def ask() -> None:
        with contextlib.suppress(BadAnswer, OSError):
            KeepAliveClient(url).send(run_request(job))

    threading.Thread(target=ask, daemon=True).start()
    wait_for_kinds(pid, {"test process"})
    os.kill(pid, signal.SIGKILL)
    killed_at = time.monotonic()
    while left := [process.kind for process in descendants(os.getpid())]:
        if time.monotonic() - killed_at > limit_seconds:
            break
        time.sleep(0.01)
    return round(time.monotonic() - killed_at, 3), left


def by_kind(kills: list[Kill]) -> dict[str, Any]:
    report = {}
    for kind in dict.fromkeys(kill.kind for kill in kills):
        mine = [kill for kill in kills if kill.kind == kind]
        report[kind] = {
            "answers_of_the_job_in_flight": dict(Counter(kill.verdict for kill in mine)),
            "seconds_to_its_answer": summary([kill.seconds_to_answer for kill in mine], 3),
            "seconds_until_a_new_job_passes": summary([kill.seconds_to_new_pass for kill in mine], 3),
        }
    return report


def main(words: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3, help="every kind once a round (default 3)")
    parser.add_argument("--workers", type=int, default=1, help="programs at a time (default 1)")
    parser.add_argument("--job-seconds", type=float, default=0.3, help="of the job in flight (default 0.3)")
    parser.add_argument("--limit-seconds", type=float, default=2.0, help="until a new job passes (default 2)")
    arguments = parser.parse_args(words)
    report: dict[str, Any] = {"benchmark": "sandbox_recovery", **machine(), **vars(arguments)}
    adopt_orphans()
    kills: list[Kill] = []
    with start_server(arguments.workers) as server:
        idle = Counter(process.kind for process in descendants(server.pid))
        wanted = kinds_of_a_job(server.url, server.pid)
        for number in range(arguments.rounds):
            for kind in sorted(wanted):
                kills.append(kill_one(server.url, server.pid, kind, number, wanted, arguments.job_seconds))
                print(f"round {number + 1}: {kills[-1]}", file=sys.stderr, flush=True)
        time.sleep(1.0)
        after = Counter(process.kind for process in descendants(server.pid))
        health = KeepAliveClient(server.url, 30.0).send(request("GET", "/health")).status
        seconds_to_end, left = kill_server(server.url, server.pid, arguments.limit_seconds)
    report |= {"kinds": by_kind(kills), "processes_before": dict(idle), "processes_after": dict(after)}
    report["seconds_until_all_ended_with_the_server"] = seconds_to_end
    violations = [f"{kill.kind} killed: {kill.verdict}: {kill.detail}" for kill in kills if not _is_allowed(kill)]
    violations += [
        f"{kill.kind} killed: a new job passed only after {kill.seconds_to_new_pass:.2f} s"
        for kill in kills
        if kill.seconds_to_new_pass > arguments.limit_seconds
    ]
    if idle != after or left or health != 200:
        violations.append(f"before {dict(idle)}, after {dict(after)}, left without the server {left}, health {health}")
    return print_report(report, violations)


def _is_allowed(kill: Kill) -> bool:
    return kill.verdict in ("pass", "error")


if __name__ == "__main__":
    sys.exit(main())
