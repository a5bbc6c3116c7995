"""Peak memory of a run over all its processes on this machine, as users meet it: the sum of shared-corrected sizes."""

import os
import threading
from pathlib import Path

PERIOD_SECONDS = 2.0


class MemoryWatch:
    """Adds up the proportional set sizes (shared pages counted once) of this process and its descendants.

    Linux only; elsewhere, and for processes on other machines, nothing is counted.
    """

    def __init__(self) -> None:
        self.peak_bytes = 0

    def start(self) -> None:
        """Watch in the background until the process ends."""
        if Path("/proc/self/smaps_rollup").exists():
            threading.Thread(target=self._watch, daemon=True).start()

    def _watch(self) -> None:
        pause = threading.Event()
        while True:
            self.peak_bytes = max(self.peak_bytes, sum(map(memory_bytes, descendants(os.getpid()))))
            pause.wait(PERIOD_SECONDS)


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
    """Proportional set size of a process; 0 if it is gone or may not be read."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith("Pss:")), 0)
