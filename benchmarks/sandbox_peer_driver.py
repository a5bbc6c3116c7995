"""Runs a peer's judge in the peer's own interpreter, told by lines of JSON; started by `sandbox_peers.py`.

Imports the standard library and the peer's checkout only. A line `{"programs": N, "tests": T, "concurrency": C}` is
answered by `{"seconds": s, "passed": n}`.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib
import json
import logging
import os
import sys
import time
import types
from pathlib import Path
from typing import Any

CODE = "print(int(input()) ** 2)"
TIME_LIMIT_SECONDS = 6


def tests_of(count: int) -> list[tuple[str, str]]:
    return [(f"{n % 10}\n", f"{(n % 10) ** 2}\n") for n in range(count)]


def open_package(path: Path, name: str) -> None:
    """Register a package by its folder, without running its `__init__`, which loads what no judge needs."""
    package = types.ModuleType(name)
    package.__path__ = [str(path.joinpath(*name.split(".")))]
    sys.modules[name] = package


class Fusion:
    """SandboxFusion's `run_python`, isolation none (its default), one call and one comparison a test.

    It finds `python` beside this interpreter instead of in its conda environment, and its log is off: both make it
    faster. An environment with few installed packages starts fastest (a `.pth` file alone can cost 50 ms a start).
    """

    def __init__(self, path: Path) -> None:
        structlog = importlib.import_module("structlog")
        structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
        sys.path.insert(0, str(path))
        open_package(path, "sandbox.runners")
        self._types: Any = importlib.import_module("sandbox.runners.types")
        self._runner: Any = importlib.import_module("sandbox.runners.major")
        variables = {"PATH": f"{Path(sys.executable).parent}:{os.environ.get('PATH', '')}"}
        vars(self._runner)["get_python_rt_env"] = lambda name: variables

    async def _program(self, tests: list[tuple[str, str]]) -> bool:
        for given, wanted in tests:
            order = self._types.CodeRunArgs(code=CODE, stdin=given, run_timeout=TIME_LIMIT_SECONDS)
            result = (await self._runner.run_python(order)).run_result
            if result.return_code != 0 or result.stdout.rstrip() != wanted.rstrip():
                return False
        return True

    def run(self, num_programs: int, num_tests: int, concurrency: int) -> int:
        tests = tests_of(num_tests)

        async def share(count: int) -> int:
            return sum([await self._program(tests) for _ in range(count)])

        async def every() -> int:
            counts = [len(range(start, num_programs, concurrency)) for start in range(concurrency)]
            return sum(await asyncio.gather(*map(share, counts)))

        return asyncio.run(every())


class LiveCodeBench:
    """LiveCodeBench's `check_correctness`: called directly by one client, else by its own `evaluate_generations`."""

    def __init__(self, path: Path) -> None:
        os.environ["TQDM_DISABLE"] = "1"  # no progress bar
        sys.path.insert(0, str(path))
        open_package(path, "lcb_runner.evaluation")
        self._judge: Any = importlib.import_module("lcb_runner.evaluation.compute_code_generation_metrics")

    def run(self, num_programs: int, num_tests: int, concurrency: int) -> int:
        tests = tests_of(num_tests)
        texts = {"inputs": [given for given, _ in tests], "outputs": [wanted for _, wanted in tests]}
        sample = {"input_output": json.dumps(texts)}
        if concurrency == 1:
            answers = [
                self._judge.check_correctness(sample, CODE, timeout=TIME_LIMIT_SECONDS, debug=False)[0]
                for _ in range(num_programs)
            ]
        else:
            results, _ = self._judge.evaluate_generations(
                [sample] * num_programs,
                [[CODE]] * num_programs,
                debug=False,
                num_process_evaluate=concurrency,
                timeout=TIME_LIMIT_SECONDS,
            )
            answers = [generations[0] for generations in results.values()]
        return sum(len(answer) == num_tests and all(one is True for one in answer) for answer in answers)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peer", choices=("fusion", "livecodebench"), required=True)
    parser.add_argument("--path", type=Path, required=True, help="the peer's checkout")
    arguments = parser.parse_args()
    # The answers keep the real standard output; whatever the peer prints goes nowhere.
    answers = os.fdopen(os.dup(1), "w")
    with open(os.devnull, "w") as nowhere:
        os.dup2(nowhere.fileno(), 1)
    path = arguments.path.resolve()
    peer = Fusion(path) if arguments.peer == "fusion" else LiveCodeBench(path)
    print(json.dumps({"ready": arguments.peer}), file=answers, flush=True)
    for line in sys.stdin:
        order = json.loads(line)
        started = time.perf_counter()
        passed = peer.run(order["programs"], order["tests"], order["concurrency"])
        print(json.dumps({"seconds": time.perf_counter() - started, "passed": passed}), file=answers, flush=True)


if __name__ == "__main__":
    main()
