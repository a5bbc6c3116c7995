"""The sandbox beside other ways to judge a program, in the same minutes on the same machine. Prints JSON.

`python -m benchmarks.sandbox_peers [--sandbox-fusion PATH] [--livecodebench PATH] [--peer-python PATH]`

Contenders: ours in process (`local`: `LocalSandbox.run` one after the other, or `run_many`) and over HTTP (`http`:
`/v1/run`, one kept connection a client); a bare `python -I -S -c` a test (`subprocess`); SandboxFusion's `run_python`
(`fusion`); LiveCodeBench's `check_correctness` (`livecodebench`). A cell is a number of tests a program at a
concurrency, 1 or the number of cores, the same for all. Within a cell every contender runs once a round.
Only ours isolates the program; the peers run without isolation, which is their fastest form. `cpu_ms_a_program` is
what the server (`http`) or the peer used, with all its processes and without its client: wall time on a busy machine
says little, and a ratio of CPU time says what is left of a rate when all cores are busy.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.measuring import KeepAliveClient, in_threads, interleave, machine, print_report, run_request, summary
from benchmarks.mixture import stdin_job
from benchmarks.processes import tree_cpu_seconds
from openqwq.sandbox import LocalSandbox, start_server

Run = Callable[[int, int, int], int]
"""(programs, tests a program, concurrency) -> programs that passed."""
NUM_TESTS = (1, 10)
RATIOS = (
    # name, peer, tests a program, least, aim
    ("ours / subprocess, 1-test programs", "subprocess", 1, 1.0, 1.0),
    ("ours / subprocess, tests of 10-test programs", "subprocess", 10, 1.0, 1.0),
    ("ours / SandboxFusion run_python, 1-test programs", "fusion", 1, 6.0, 12.0),
    ("ours / LiveCodeBench check_correctness, 10-test programs", "livecodebench", 10, 2.0, 6.0),
)


def run_subprocesses(num_programs: int, num_tests: int, concurrency: int) -> int:
    """A bare interpreter a test: no limits, no isolation, output compared."""
    job = stdin_job(num_tests)
    command = [os.path.realpath(getattr(sys, "_base_executable", sys.executable)), "-I", "-S", "-c", job.code]

    def program(_: int) -> bool:
        for test in job.tests:
            done = subprocess.run(command, input=test.input, capture_output=True, text=True, check=False)
            if done.returncode != 0 or done.stdout.rstrip() != test.output.rstrip():
                return False
        return True

    if concurrency == 1:
        return sum(map(program, range(num_programs)))
    with ThreadPoolExecutor(concurrency) as threads:
        return sum(threads.map(program, range(num_programs)))


def run_local(sandbox: LocalSandbox, num_programs: int, num_tests: int, concurrency: int) -> int:
    """`run_many` keeps as many programs running as there are workers, which is the concurrency of the cell."""
    job = stdin_job(num_tests)
    if concurrency == 1:
        outcomes = [sandbox.run(job) for _ in range(num_programs)]
    else:
        outcomes = sandbox.run_many([job] * num_programs)
    return sum(outcome.verdict == "pass" for outcome in outcomes)


def run_http(url: str, num_programs: int, num_tests: int, concurrency: int) -> int:
    data = run_request(stdin_job(num_tests))
    passed: list[int] = []

    def client(number: int) -> None:
        connection = KeepAliveClient(url)
        share = len(range(number, num_programs, concurrency))
        passed.append(sum(connection.send(data).verdict == "pass" for _ in range(share)))
        connection.close()

    in_threads(concurrency, client)
    return sum(passed)


@dataclass
class Cpu:
    """What one contender's processes used in one cell."""

    pid: int
    milliseconds: list[float] = field(default_factory=list)
    """A program, in each round."""

    def used(self) -> float:
        return tree_cpu_seconds(self.pid)


class Peer:
    """A peer's judge in its own interpreter; `sandbox_peer_driver.py` says what is spoken."""

    def __init__(self, name: str, path: Path, interpreter: Path) -> None:
        driver = Path(__file__).with_name("sandbox_peer_driver.py")
        command = [str(interpreter), str(driver), "--peer", name, "--path", str(path)]
        pipe = subprocess.PIPE
        # In the checkout, where the peer looks for its own files; without our PYTHONPATH.
        variables = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
        self._process = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, cwd=path, env=variables)
        self.pid = self._process.pid
        self._read()

    def run(self, num_programs: int, num_tests: int, concurrency: int) -> int:
        assert self._process.stdin is not None
        order = {"programs": num_programs, "tests": num_tests, "concurrency": concurrency}
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()
        return int(self._read()["passed"])

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit(f"the peer ended with status {self._process.wait()}; its message is above")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def measurement(
    name: str, run: Run, num_tests: int, concurrency: int, wanted_seconds: float, lost: list[str], cpu: Cpu | None
) -> Callable[[], float]:
    """Programs a second, over so many programs that it takes about so many seconds; warms up and calibrates first."""

    def timed(num_programs: int) -> float:
        used, started = cpu.used() if cpu else 0.0, time.perf_counter()
        passed = run(num_programs, num_tests, concurrency)
        seconds = time.perf_counter() - started
        if cpu:
            cpu.milliseconds.append((cpu.used() - used) / num_programs * 1e3)
        if passed != num_programs:
            lost.append(f"{name}, {num_tests} tests, concurrency {concurrency}: passed {passed} of {num_programs}")
        return num_programs / seconds

    timed(2 * concurrency)
    num_programs = max(2 * concurrency, int(wanted_seconds * timed(4 * concurrency)))
    if cpu:
        cpu.milliseconds.clear()
    return lambda: timed(num_programs)


def ratios(cells: dict[str, dict[str, list[float]]], num_cores: int) -> list[dict[str, Any]]:
    """The asked ratios, each at both concurrencies and for both of our forms; medians of the rounds' ratios."""
    found = []
    for name, peer, num_tests, least, aim in RATIOS:
        for concurrency in dict.fromkeys((1, num_cores)):
            rates = cells[f"{num_tests} tests, concurrency {concurrency}"]
            entry: dict[str, Any] = {"name": name, "concurrency_of_both": concurrency, "least": least, "aim": aim}
            for ours in ("local", "http"):
                if peer in rates:
                    values = [our / its for our, its in zip(rates[ours], rates[peer], strict=True)]
                    entry[f"{ours}_over_{peer}"] = summary(values)
                    entry[f"{ours}_reaches_least"] = statistics.median(values) >= least
                else:
                    entry[f"{ours}_over_{peer}"] = "not given"
            found.append(entry)
    return found


def main(words: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=3.0, help="of each contender in each round (default 3)")
    parser.add_argument("--rounds", type=int, default=5, help="A B A B ... (default 5)")
    parser.add_argument("--sandbox-fusion", type=Path, default=None, help="a checkout of SandboxFusion")
    parser.add_argument("--livecodebench", type=Path, default=None, help="a checkout of LiveCodeBench")
    parser.add_argument("--peer-python", type=Path, default=Path(sys.executable), help="has what the peers import")
    arguments = parser.parse_args(words)
    report: dict[str, Any] = {"benchmark": "sandbox_peers", **machine()}
    num_cores: int = report["num_cores"]
    lost: list[str] = []
    cells: dict[str, dict[str, list[float]]] = {}
    used: dict[str, dict[str, Any]] = {}
    with ExitStack() as stack:
        sandbox = stack.enter_context(LocalSandbox(num_cores))
        server = stack.enter_context(start_server(num_cores))
        runs: dict[str, Run] = {
            "local": partial(run_local, sandbox),
            "subprocess": run_subprocesses,
            "http": partial(run_http, server.url),
        }
        pids = {"http": server.pid}
        for name, path in (("fusion", arguments.sandbox_fusion), ("livecodebench", arguments.livecodebench)):
            if path is not None:
                peer = Peer(name, path.resolve(), arguments.peer_python.absolute())
                stack.callback(peer.close)
                runs[name], pids[name] = peer.run, peer.pid
        for num_tests in NUM_TESTS:
            for concurrency in dict.fromkeys((1, num_cores)):
                label = f"{num_tests} tests, concurrency {concurrency}"
                print(label, file=sys.stderr)
                cpus = {name: Cpu(pid) for name, pid in pids.items()}
                measurements = {
                    name: measurement(name, run, num_tests, concurrency, arguments.seconds, lost, cpus.get(name))
                    for name, run in runs.items()
                }
                cells[label] = interleave(measurements, arguments.rounds)
                used[label] = {name: summary(cpu.milliseconds) for name, cpu in cpus.items()}
    missing = {name: "not given" for name in ("fusion", "livecodebench") if name not in runs}
    report["programs_per_second"] = {
        label: {name: summary(values) for name, values in rates.items()} | missing for label, rates in cells.items()
    }
    report["cpu_ms_a_program"] = used
    report["ratios"] = ratios(cells, num_cores)
    return print_report(report, lost)


if __name__ == "__main__":
    sys.exit(main())
