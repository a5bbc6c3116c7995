"""Says that memory or disk run short on the machines of a run before they run out: one line each time that it comes to
it."""

import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from openqwq.training.cluster.machine_room import GB, Limits, Room, look, shortages
from openqwq.training.config import Cluster

PERIOD_SECONDS = 15.0
STOP_SECONDS = 2.0
"""How long the end of a run waits for a look at other machines."""
LEAST_DISK = 1e9
CHECKPOINTS = 2.0
"""Checkpoints for which there should be room: a new one is written before an older one is removed."""


class RoomWatch:
    """A thread that looks at this machine and, where `others` sees some, at the other machines."""

    def __init__(self, cluster: Cluster, folder: Path, warn: Callable[[str], None]) -> None:
        self._cluster, self._folder, self._warn = cluster, folder, warn
        self._said: set[str] = set()
        self._is_over = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True, name="room watch")
        self.others: Callable[[Sequence[str]], Sequence[Room]] = lambda folders: ()

    def start(self) -> None:
        """Look in the background until `stop`."""
        self._thread.start()

    def stop(self) -> None:
        """Look no more."""
        self._is_over.set()
        if self._thread.is_alive():
            self._thread.join(STOP_SECONDS)

    def _watch(self) -> None:
        while not self._is_over.wait(PERIOD_SECONDS):
            try:
                # the run folder lies on storage that all see; it is looked at once
                self.say([look("this machine", [str(self._folder)]), *self.others([])])
            except Exception as error:  # a watch that fails must not end anything
                if not self._is_over.is_set():
                    self._warn(f"free memory and disk are not watched any more: {type(error).__name__}: {error}")
                return

    def say(self, rooms: Sequence[Room]) -> None:
        """Warn of what has become short, once until there is room again."""
        cluster = self._cluster
        least = cluster.free_disk_gb
        disk = least * GB if least is not None else max(LEAST_DISK, CHECKPOINTS * newest_checkpoint(self._folder))
        short = {name: line for room in rooms for name, line in shortages(room, Limits(cluster.free_memory, disk))}
        for name in short.keys() - self._said:
            self._warn(short[name])
        self._said = set(short)


def newest_checkpoint(folder: Path) -> int:
    """Bytes of a run's newest checkpoint; 0 without one."""
    steps = [path for path in folder.glob("checkpoints/*/step_*") if path.is_dir()]
    newest = max(steps, key=lambda path: path.stat().st_mtime, default=None)
    files = newest.rglob("*") if newest is not None else ()
    return sum(file.stat().st_size for file in files if file.is_file())
