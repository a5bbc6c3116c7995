"""CPU seconds of the tests, folder by folder: what `make test` costs, which depends less than its duration on what else
the machine does. Prints JSON.

    python -m benchmarks.tests_cpu                            # every folder of tests/ and of tests/training/
    python -m benchmarks.tests_cpu tests/golden tests/recipes/test_smoke.py

Each is run alone in one process, so what the tests of several folders share (imports, a sandbox) counts for each. Every
process that a test started counts, also one that nobody waited for: a sandbox's jails, Ray's workers.
"""

from __future__ import annotations

import argparse
import ctypes
import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).absolute().parents[1]
PR_SET_CHILD_SUBREAPER = 36
"""Of Linux's prctl: orphans of this process's children become its own children."""


def folders() -> list[str]:
    """The folders that hold tests, `tests/training` divided."""
    places = [*(ROOT / "tests").iterdir(), *(ROOT / "tests" / "training").iterdir()]
    found = [path for path in places if path.name != "training" and path.is_dir() and any(path.rglob("test_*.py"))]
    loose = [*(ROOT / "tests").glob("test_*.py"), *(ROOT / "tests" / "training").glob("test_*.py")]
    return sorted(path.relative_to(ROOT).as_posix() for path in (*found, *loose))


def used() -> float:
    """CPU seconds of all children that have ended, and of theirs."""
    of_children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return of_children.ru_utime + of_children.ru_stime


def measure(place: str) -> dict[str, object]:
    """One run of pytest over a folder or file."""
    before, start = used(), time.monotonic()
    command = [sys.executable, "-m", "pytest", "-n", "0", place]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    seconds = time.monotonic() - start
    while True:  # what it left behind ends with it, or within moments
        try:
            os.wait()
        except ChildProcessError:
            break
    return {"tests": place, "cpu_seconds": round(used() - before, 1), "seconds": round(seconds, 1),
            "status": done.returncode, "last": done.stdout.strip().splitlines()[-1:]}  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("places", nargs="*", help="folders or files; without one, every folder")
    chosen = parser.parse_args().places or folders()
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    results = [measure(place) for place in chosen]
    total = sum(float(str(one["cpu_seconds"])) for one in results)
    print(json.dumps({"folders": results, "cpu_seconds": round(total, 1)}, indent=1))
    return max(int(str(one["status"])) for one in results)


if __name__ == "__main__":
    sys.exit(main())
