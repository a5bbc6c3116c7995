"""Peak memory of a run over all its processes on this machine."""

import contextlib
import os
import sys
import threading

import psutil

PERIOD_SECONDS = 2.0


class MemoryWatch:
    """Adds up this process and its descendants: anonymous memory of each, and the largest file-backed and shared part
    once, because libraries and the object store are mapped by all. Exact sharing would cost a walk of all page tables.

    Linux only; elsewhere, and for processes on other machines, nothing is counted.
    """

    def __init__(self) -> None:
        self.peak_bytes = 0
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True, name="memory watch")

    def start(self) -> None:
        """Watch in the background until `stop`."""
        if sys.platform == "linux":
            self._thread.start()

    def stop(self) -> None:
        """Look no more: each look goes through all processes of the machine."""
        self._is_over.set()
        if self._thread.is_alive():
            self._thread.join()

    def _watch(self) -> None:
        while True:
            self.peak_bytes = max(self.peak_bytes, memory_bytes(os.getpid()))
            if self._is_over.wait(PERIOD_SECONDS):
                return


def memory_bytes(root: int) -> int:
    """Resident memory of a process and its descendants together, mappings that all share counted once."""
    anonymous = shared = 0
    for process in _family(root):
        with contextlib.suppress(psutil.Error):  # ended meanwhile
            sizes = process.memory_info()
            anonymous += sizes.rss - sizes.shared
            shared = max(shared, sizes.shared)
    return anonymous + shared


def _family(root: int) -> list[psutil.Process]:
    try:
        process = psutil.Process(root)
        return [process, *process.children(recursive=True)]
    except psutil.Error:
        return []
