"""Runs the tests several times in a row: is one of them flaky? Prints JSON; fails when a run did.

Each run is that of `make test`. Beside it, where asked: a process that keeps one core busy, at the priority of the
tests; a Ray that somebody else has started with `ray start --head`, which RAY_ADDRESS names to the tests and which no
test may join or end. Both are ended by their process ids.

    python scripts/repeat_tests.py --times 10 --out tests.json
    python scripts/repeat_tests.py --times 3 --beside busy_core --beside foreign_ray
    python scripts/repeat_tests.py --times 5 tests/training/cluster     # words for pytest in place of `make test`'s
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).absolute().parents[1]
SPIN = "import os, sys\nwhile os.getppid() == int(sys.argv[1]):\n    sum(range(100_000))\n"
"""Ends by itself when whoever started it is gone."""
HEAD = ["-m", "ray.scripts.scripts", "start", "--head", "--block", "--num-cpus=1", "--object-store-memory=80000000"]
LOOK = """  # only looks
import json, sys, ray
ray.init(sys.argv[1], log_to_driver=False, logging_level="ERROR")
others = [job["Entrypoint"] for job in ray._private.state.jobs() if "only looks" not in job["Entrypoint"]]
print(json.dumps({"nodes": [node["NodeID"] for node in ray.nodes() if node["Alive"]], "joined": others}))
"""
LEFT_SECONDS = 30.0
"""How long the processes of the foreign Ray may take to end with its head."""


def words_of_make_test() -> list[str]:
    """What `make test` gives to pytest."""
    line = re.search(r"^test:.*\n\t.* -m pytest(.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert line, "the Makefile has no target `test` that runs pytest"
    return line[1].split()


def run_once(words: list[str], environment: dict[str, str]) -> dict[str, Any]:
    """One run of pytest: seconds, how many tests did what, and the failures with the end of their text."""
    with tempfile.TemporaryDirectory(prefix="tests-") as folder:
        file, start = Path(folder, "results.xml"), time.monotonic()
        command = [sys.executable, "-m", "pytest", *words, f"--junitxml={file}"]
        done = subprocess.run(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        seconds = time.monotonic() - start
        cases = list(ElementTree.parse(file).iter("testcase")) if file.exists() else []
    failures = [{"test": name_of(case), "text": (bad.text or "")[-3000:]}
                for case in cases for bad in case if bad.tag in ("failure", "error")]  # fmt: skip
    if done.returncode and not failures:  # pytest itself did not get to the end
        failures = [{"test": "pytest", "text": done.stdout.decode(errors="replace")[-3000:]}]
    skipped = sum(case.find("skipped") is not None for case in cases)
    return {"seconds": round(seconds, 1), "status": done.returncode, "tests": len(cases), "skipped": skipped,
            "failures": failures}  # fmt: skip


def name_of(case: ElementTree.Element) -> str:
    return f"{case.get('classname', '')}::{case.get('name', '')}"


@contextlib.contextmanager
def busy_core() -> Iterator[None]:
    process = subprocess.Popen([sys.executable, "-S", "-c", SPIN, str(os.getpid())])
    try:
        yield
    finally:
        process.kill()
        process.wait()


class ForeignRay:
    """A Ray on a free port, with its files where Ray puts them by default: where other processes look for a Ray."""

    def __init__(self) -> None:
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        outside = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
        self._known = {**outside, "RAY_AUTH_MODE": "disabled", "RAY_USAGE_STATS_ENABLED": "0"}
        self.address = f"127.0.0.1:{port}"
        command = [sys.executable, *HEAD, f"--port={port}", "--include-dashboard=false"]
        self._head = subprocess.Popen(
            command, env=self._known, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        assert self._head.stdout is not None
        printed = []
        for line in self._head.stdout:
            printed.append(line)
            if "--block" in line:  # it runs, and stays until it is ended
                break
        else:
            raise RuntimeError("the foreign Ray did not start: " + "".join(printed))
        self._before = self.look()
        if "error" in self._before:
            self.end()
            raise RuntimeError(f"the foreign Ray does not answer: {self._before['error']}")

    def look(self) -> dict[str, Any]:
        """Its nodes that are alive, and the drivers but this one that have ever joined it."""
        command = [sys.executable, "-c", LOOK, self.address]
        done = subprocess.run(command, env=self._known, capture_output=True, text=True, timeout=120)
        return json.loads(done.stdout) if done.returncode == 0 else {"error": done.stderr[-1000:]}

    def violations(self) -> list[dict[str, str]]:
        """In the form of failures, what the tests did to it since the last look."""
        seen = self.look()
        before, self._before = self._before, seen
        return [] if seen == before else [{"test": "the foreign Ray", "text": f"was {before}, is {seen}"}]

    def end(self) -> None:
        family = psutil.Process(self._head.pid).children(recursive=True) if self._head.poll() is None else []
        self._head.send_signal(signal.SIGTERM)
        self._head.communicate(timeout=120)
        _, left = psutil.wait_procs(family, timeout=LEFT_SECONDS)
        for process in left:
            process.kill()


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--times", type=int, default=10)
    parser.add_argument("--beside", action="append", choices=["busy_core", "foreign_ray"], default=[])
    parser.add_argument("--out", type=Path, help="the JSON goes there as well, after each run")
    options, words = parser.parse_known_args(arguments)
    environment, runs = dict(os.environ), []
    with contextlib.ExitStack() as stack:
        foreign = None
        if "busy_core" in options.beside:
            stack.enter_context(busy_core())
        if "foreign_ray" in options.beside:
            foreign = ForeignRay()
            stack.callback(foreign.end)
            environment["RAY_ADDRESS"] = foreign.address
        for number in range(options.times):
            run = run_once(words or words_of_make_test(), environment)
            run["failures"] += foreign.violations() if foreign else []
            runs.append(run)
            failed = [failure["test"] for failure in run["failures"]]
            print(f"run {number + 1}: {run['tests']} tests, {run['seconds']} s, failed: {failed}", file=sys.stderr)
            report = {"beside": options.beside, "num_failures": sum(len(run["failures"]) for run in runs), "runs": runs}
            if options.out:
                options.out.write_text(json.dumps(report, indent=1) + "\n")
    print(json.dumps(report, indent=1))
    return 1 if report["num_failures"] else 0


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # what was started beside the tests is ended then too
    sys.exit(main())
