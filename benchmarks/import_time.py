"""Seconds of `import openqwq.verifiers` in a fresh interpreter, less those of the interpreter alone. Prints JSON.

`python -m benchmarks.import_time [--rounds 15] [--modules openqwq.verifiers openqwq.sandbox]`
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.measuring import interleave, machine, print_report, summary

ROOT = Path(__file__).absolute().parents[1]
TARGET_SECONDS = 0.15


def seconds_of(code: str) -> float:
    started = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)
    return time.perf_counter() - started


def main(words: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15, help="fresh interpreters of each kind (default 15)")
    parser.add_argument("--modules", nargs="+", default=["openqwq.verifiers"])
    arguments = parser.parse_args(words)
    measures = {"nothing": lambda: seconds_of("pass")}
    measures |= {module: lambda module=module: seconds_of(f"import {module}") for module in arguments.modules}
    rounds = interleave(measures, arguments.rounds)
    report: dict[str, Any] = {"benchmark": "import_time", **machine(), "nothing_s": summary(rounds["nothing"], 3)}
    violations = []
    for module in arguments.modules:
        alone = statistics.median(a - b for a, b in zip(rounds[module], rounds["nothing"], strict=True))
        report[module] = {"with_interpreter_s": summary(rounds[module], 3), "import_s": round(alone, 3)}
        if alone > TARGET_SECONDS:
            violations.append(f"import {module}: {alone:.3f} s, at most {TARGET_SECONDS}")
    return print_report(report, violations)


if __name__ == "__main__":
    sys.exit(main())
