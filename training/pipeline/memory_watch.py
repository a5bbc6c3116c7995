"""Peak memory of a run over all its processes on this machine."""

import os
import threading
from collections.abc import Iterable
from pathlib import Path

PERIOD_SECONDS = 2.0


class MemoryWatch:
    """Adds up this process and its descendants: anonymous memory of each, and the largest file-backed and shared part
    once, because libraries and the object store are mapped by all. Exact sharing would cost a walk of all page tables.

    Linux only; elsewhere, and for processes on other machines, nothing is counted.
    """

    def __init__(self) -> None:
        self.peak_bytes = 0

    def start(self) -> None:
        """Watch in the background until the process ends."""
        if Path("/proc/self/status").exists():
            threading.Thread(target=self._watch, daemon=True).start()

    def _watch(self) -> None:
        pause = threading.Event()
        while True:
            self.peak_bytes = max(self.peak_bytes, memory_bytes(descendants(os.getpid())))
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


def memory_bytes(pids: Iterable[int]) -> int:
    """Resident memory of these processes together, mappings that all share counted once."""
    anonymous = shared = 0
    for pid in pids:
        try:
            lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        except OSError:
            continue  # ended meanwhile
        sizes = {line.split(":")[0]: int(line.split()[1]) * 1024 for line in lines if line.startswith("Rss")}
        anonymous += sizes.get("RssAnon", 0)
        shared = max(shared, sizes.get("RssFile", 0) + sizes.get("RssShmem", 0))
    return anonymous + shared
