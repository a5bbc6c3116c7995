"""Where the processor time of a test goes: each stage of its process, the worker, the server. Prints JSON.

`python -m benchmarks.sandbox_split [--tests 300] [--traced-tests 20]`

One server runs with marks in its worker (`split_marks.py`): CPU time, page faults and, where `strace` may attach,
system calls of each stage of a test's process, medians. A second one runs without marks, in turns with it: what the
server, its worker and the tests' processes use in all, as the kernel counts it. CPU time, unlike wall time, can be read
on a machine that others use, but it still grows with their load: compare figures of one run. Stages of a test's
process: fork (until its first line), settle (namespaces, mounts), files, lock (rights given up), order (waits for its
program and reads it), program (parse and run), finish (what an interpreter does at its end), exit (in the kernel).
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import split_marks
from benchmarks.measuring import KeepAliveClient, machine, print_report, run_request
from benchmarks.mixture import stdin_job
from benchmarks.processes import descendants
from benchmarks.server_process import Served, serving, wait_until
from openqwq.sandbox import Job, TestCase

KINDS = {
    "empty program": Job("", tests=(TestCase("", ""),)),
    "one test": stdin_job(1),
    "ten tests": stdin_job(10),
}
_TURNS = 10
_TICKS = os.sysconf("SC_CLK_TCK")
_PREPARATION = """
import openqwq.sandbox.worker as worker
start = "from benchmarks.split_marks import install; install({path!r}); from openqwq"
worker._BOOT = worker._BOOT.replace("from openqwq", start, 1)
"""
_CALL = re.compile(r"(\d+) +(\w+)\((\w*)")
_MARK, _CLOCK = ("getrusage", "RUSAGE_SELF"), ("clock_gettime", "CLOCK_THREAD_CPUTIME_ID")


@dataclass(frozen=True)
class Used:
    """CPU seconds and page faults so far. Example: `used(server) - earlier`."""

    server_seconds: float
    worker_seconds: float
    process_seconds: float
    """Of the tests' processes, those that the worker has waited for."""
    worker_faults: int
    process_faults: int

    def __sub__(self, other: Used) -> Used:
        mine, its = vars(self), vars(other)
        return Used(**{name: mine[name] - its[name] for name in mine})

    def __add__(self, other: Used) -> Used:
        mine, its = vars(self), vars(other)
        return Used(**{name: mine[name] + its[name] for name in mine})

    def report(self, num_tests: int, num_cores: int) -> dict[str, float]:
        seconds = self.server_seconds + self.worker_seconds + self.process_seconds
        return {
            "server_us": round(self.server_seconds / num_tests * 1e6),
            "worker_us": round(self.worker_seconds / num_tests * 1e6),
            "processes_us": round(self.process_seconds / num_tests * 1e6),
            "all_us": round(seconds / num_tests * 1e6),
            "worker_faults": round(self.worker_faults / num_tests, 1),
            "processes_faults": round(self.process_faults / num_tests, 1),
            "tests_a_second_that_the_cores_allow": round(num_cores * num_tests / seconds),
        }


NOTHING = Used(0.0, 0.0, 0.0, 0, 0)


def used(server: Served) -> Used:
    worker = worker_pid(server)
    fields = Path(f"/proc/{worker}/stat").read_text().rpartition(")")[2].split()
    return Used(
        _own_seconds(server.pid),
        _own_seconds(worker),
        (int(fields[13]) + int(fields[14])) / _TICKS,
        int(fields[7]),
        int(fields[8]),
    )


def _own_seconds(pid: int) -> float:
    """CPU time of a process, to the nanosecond."""
    threads = Path(f"/proc/{pid}/task").iterdir()
    return sum(int((thread / "schedstat").read_text().split()[0]) for thread in threads) / 1e9


def worker_pid(server: Served) -> int:
    """The one Python worker of a server with one slot."""
    return next(process.pid for process in descendants(server.pid) if process.kind == "worker pid 1")


class Asker:
    """Asks one server for programs of a kind, one after the other."""

    def __init__(self, server: Served, wrong: list[str]) -> None:
        self._client, self._wrong = KeepAliveClient(server.url), wrong

    def ask(self, kind: str, num_programs: int) -> None:
        data = run_request(KINDS[kind])
        for _ in range(num_programs):
            answer = self._client.send(data)
            if answer.verdict != "pass":
                self._wrong.append(f"{kind}: {answer.body[:300]!r}")


def stages(data: bytes, rows: range) -> dict[str, dict[str, float]]:
    """Medians of what each stage used, over the rows of one kind of program."""
    found = [split for row in rows if (split := split_marks.read(data, row)) is not None]
    names = list(found[0]) if found else []
    return {
        name: {
            "cpu_us": round(statistics.median(split[name][0] for split in found) / 1e3),
            "faults": statistics.median(split[name][1] for split in found),
        }
        for name in names
    }


@contextmanager
def traced(pid: int, file: Path) -> Iterator[bool]:
    """Write the system calls of a worker and of all that it starts into a file; False where no tracer may attach."""
    if shutil.which("strace") is None:
        yield False
        return
    command = ["strace", "-f", "-q", "-o", str(file), "-p", str(pid)]
    tracer = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        threading.Event().wait(1.0)
        yield tracer.poll() is None
    finally:
        tracer.terminate()
        tracer.wait()


def calls_of_stages(text: str, worker: int) -> dict[str, float]:
    """System calls of each stage, medians over the tests of a trace, and of the worker a test."""
    calls: dict[int, list[tuple[str, str]]] = {}
    for line in text.splitlines():
        if call := _CALL.match(line):
            calls.setdefault(int(call[1]), []).append((call[2], call[3]))
    counts = [_between_marks(made) for pid, made in calls.items() if pid != worker and made.count(_MARK) >= 7]
    if not counts:
        return {}
    found = {name: statistics.median(count[name] for count in counts) for name in (*split_marks.STAGES, "exit")}
    num_own = sum(call not in (_MARK, _CLOCK) for call in calls.get(worker, ()))
    return {**found, "worker": round(num_own / len(counts), 1)}


def _between_marks(calls: list[tuple[str, str]]) -> Counter[str]:
    names = iter((*split_marks.STAGES, "exit"))
    stage, counts = next(names), Counter[str]()
    for call in calls:
        if call == _MARK:
            stage = next(names, "exit")
        elif call != _CLOCK:
            counts[stage] += 1
    return counts


def main(words: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tests", type=int, default=300, help="of each kind of program (default 300)")
    parser.add_argument("--traced-tests", type=int, default=20, help="with system calls counted (default 20)")
    arguments = parser.parse_args(words)
    report: dict[str, Any] = {"benchmark": "sandbox_split", **machine(), "tests": arguments.tests}
    wrong: list[str] = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "marks")
        path.write_bytes(bytes(split_marks.file_bytes()))
        options = ["--workers", "1", "--backend", "namespaces"]
        with serving(options, _PREPARATION.format(path=str(path))) as marked, serving(options) as plain:
            report["bare_jail"] = {name: round(value, 1) for name, value in split_marks.bare(path.read_bytes()).items()}
            report["programs"] = {
                kind: measured(kind, marked, plain, path, arguments.tests, report["num_cores"], wrong) for kind in KINDS
            }
            for kind in KINDS:
                counted = trace(kind, marked, Path(folder, "calls"), arguments.traced_tests, wrong)
                report["programs"][kind]["system_calls"] = counted or "no tracer may attach here"
    return print_report(report, wrong)


def measured(
    kind: str, marked: Served, plain: Served, path: Path, num_tests: int, num_cores: int, wrong: list[str]
) -> dict[str, Any]:
    """One kind of program on both servers, in turns."""
    num_programs = max(1, num_tests // _TURNS // len(KINDS[kind].tests))
    askers = Asker(marked, wrong), Asker(plain, wrong)
    for asker in askers:
        asker.ask(kind, 5)
    first, total = split_marks.num_rows(path.read_bytes()), NOTHING
    for _ in range(_TURNS):
        askers[0].ask(kind, num_programs)
        before = used(plain)
        askers[1].ask(kind, num_programs)
        total += used(plain) - before
    data = path.read_bytes()
    rows = range(first, split_marks.num_rows(data) - 1)  # the last one waits for a program
    num_done = _TURNS * num_programs * len(KINDS[kind].tests)
    return {"without_marks": total.report(num_done, num_cores), "stages": stages(data, rows)}


def trace(kind: str, marked: Served, file: Path, num_tests: int, wrong: list[str]) -> dict[str, float]:
    asker, worker = Asker(marked, wrong), worker_pid(marked)
    with traced(worker, file) as is_attached:
        if is_attached:
            asker.ask(kind, max(1, num_tests // len(KINDS[kind].tests)))
            wait_until(lambda: False, 0.2)  # the last jail ends
    return calls_of_stages(file.read_text(errors="replace"), worker) if file.exists() else {}


if __name__ == "__main__":
    sys.exit(main())
