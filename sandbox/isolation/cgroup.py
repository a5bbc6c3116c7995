"""Control groups (version 2) where the host grants some: hard limits of memory and processes for a worker's jails.

The server moves itself into a leaf first, because a group that gives controllers to its children may hold no process
of its own (kernel documentation, admin-guide/cgroup-v2, "No Internal Process Constraint").
"""

from __future__ import annotations

import contextlib
import itertools
import os
from pathlib import Path

from openqwq.sandbox.isolation.limits import MAX_PROCESSES

_CONTROLLERS = ("memory", "pids")
_LEAF = "openqwq-server"
_numbers = itertools.count()


class ControlGroup:
    """The group of one worker's jails. A process joins by writing 0 into `procs`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir()
        self.procs = os.open(folder / "cgroup.procs", os.O_WRONLY | os.O_CLOEXEC)
        self._write("pids.max", str(MAX_PROCESSES))
        with contextlib.suppress(OSError):  # a kernel without swap accounting
            self._write("memory.swap.max", "0")
        self._memory_mb = 0

    def limit(self, memory_mb: int) -> None:
        if memory_mb != self._memory_mb:
            self._write("memory.max", str(memory_mb << 20))
            self._memory_mb = memory_mb

    def num_kills(self) -> int:
        """Processes that the kernel has killed for memory so far."""
        lines = (self._folder / "memory.events").read_text().splitlines()
        return int(next((line.split()[1] for line in lines if line.startswith("oom_kill ")), 0))

    def close(self) -> None:
        """Called once the worker has ended."""
        os.close(self.procs)
        with contextlib.suppress(OSError):
            self._write("cgroup.kill", "1")
        with contextlib.suppress(OSError):
            self._folder.rmdir()

    def _write(self, name: str, text: str) -> None:
        (self._folder / name).write_text(text)


class ControlGroups:
    """Makes a group for every worker. Raises OSError where the host grants none."""

    def __init__(self, home: Path) -> None:
        self._home = home

    def new(self) -> ControlGroup:
        return ControlGroup(self._home / f"openqwq-{os.getpid()}-{next(_numbers)}")


def find_control_groups(own_groups: Path = Path("/proc/self/cgroup")) -> ControlGroups | None:
    """The groups below that of this process, when it may pass memory and process limits on to them."""
    try:
        home = _mount_point() / next(
            line[4:].strip().lstrip("/") for line in own_groups.read_text().splitlines() if line.startswith("0::/")
        )
        if home.name == _LEAF:  # a second pool of this server
            home = home.parent
        if not set(_CONTROLLERS) <= set((home / "cgroup.controllers").read_text().split()):
            return None
        _hand_down(home)
        groups = ControlGroups(home)
        groups.new().close()
    except (OSError, StopIteration):
        return None
    return groups


def _mount_point() -> Path:
    with open("/proc/self/mountinfo") as file:
        for line in file:
            fields, _, kind = line.partition(" - ")
            if kind.startswith("cgroup2 "):
                return Path(fields.split()[4])
    raise FileNotFoundError("no cgroup2 file system is mounted")


def _hand_down(home: Path) -> None:
    """Move the group's own processes into a leaf, then give its controllers to its children."""
    leaf = home / _LEAF
    leaf.mkdir(exist_ok=True)
    for pid in (home / "cgroup.procs").read_text().split():
        with contextlib.suppress(ProcessLookupError):
            (leaf / "cgroup.procs").write_text(pid)
    wanted = " ".join(f"+{name}" for name in _CONTROLLERS)
    (home / "cgroup.subtree_control").write_text(wanted)
