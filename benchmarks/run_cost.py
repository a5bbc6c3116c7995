"""Wall time and peak memory, over all processes, of one `openqwq run`. Prints JSON.

    python benchmarks/run_cost.py recipes/quickstart.yaml seed=1 --run-dir runs/cost

Memory is the sum of the proportional set sizes (shared pages counted once) of the run and all its descendants,
read twice a second.
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

PERIOD_SECONDS = 0.5


def descendants(root: int) -> list[int]:
    """`root` and every process below it."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except (OSError, ValueError, IndexError):
                continue  # ended meanwhile
            children.setdefault(parent, []).append(int(entry.name))
    found, waiting = [], [root]
    while waiting:
        pid = waiting.pop()
        found.append(pid)
        waiting += children.get(pid, [])
    return found


def memory_bytes(pid: int) -> int:
    """Proportional set size of one process, 0 if it is gone."""
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass  # ended, or a jail we may not look into
    return 0


def main(arguments: list[str]) -> int:
    """Run and measure; the exit status is the run's."""
    start, peak, most = time.perf_counter(), 0, 0
    process = subprocess.Popen([sys.executable, "-m", "openqwq.training.cli", "run", *arguments], stdout=sys.stderr)
    while process.poll() is None:
        pids = descendants(process.pid)
        peak, most = max(peak, sum(map(memory_bytes, pids))), max(most, len(pids))
        time.sleep(PERIOD_SECONDS)
    seconds = time.perf_counter() - start
    result = {
        "command": ["openqwq", "run", *arguments],
        "exit_status": process.returncode,
        "seconds": round(seconds, 1),
        "peak_memory_gib": round(peak / 2**30, 2),
        "most_processes": most,
        "cpus": len(os.sched_getaffinity(0)),
    }
    print(json.dumps(result, indent=2))
    return process.returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
