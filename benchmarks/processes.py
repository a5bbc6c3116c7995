"""What the host shows of a server's processes: the tree, its memory, descriptors and mounts. Linux, by /proc."""

from __future__ import annotations

import contextlib
import ctypes
import os
from dataclasses import dataclass
from pathlib import Path

_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_PR_SET_CHILD_SUBREAPER = 36


@dataclass(frozen=True)
class Process:
    """One process below a root. Example: `Process(4711, 2, (4711, 1), "worker pid 1")`."""

    pid: int
    depth: int
    """1 for a child of the root."""
    pids_in_namespaces: tuple[int, ...]
    """Its pid on the host, then in each PID namespace below."""

    @property
    def kind(self) -> str:
        """By PID namespaces: a worker has its own, and every program's jail one more below."""
        num_namespaces, inner = len(self.pids_in_namespaces) - 1, self.pids_in_namespaces[-1]
        if num_namespaces == 0:
            return "worker launcher" if self.depth == 1 else "helper on the host"
        owner = {1: "worker", 2: "jail"}.get(num_namespaces, f"namespace {num_namespaces}")
        if inner == 1:
            return f"{owner} pid 1"
        return "test process" if owner == "jail" else f"{owner} helper"


def _parents() -> dict[int, int]:
    parents = {}
    for name in os.listdir("/proc"):
        if name.isdigit():
            with contextlib.suppress(OSError):
                stat = Path(f"/proc/{name}/stat").read_text(errors="replace")
                fields = stat.rpartition(")")[2].split()
                if fields[0] not in "ZX":  # an ended process holds nothing but its pid
                    parents[int(name)] = int(fields[1])
    return parents


def _pids_in_namespaces(pid: int) -> tuple[int, ...]:
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text(errors="replace").splitlines():
            if line.startswith("NSpid:"):
                return tuple(int(word) for word in line.split()[1:])
    return (pid,)


def descendants(root: int) -> list[Process]:
    """All live processes below a root, parents first."""
    children: dict[int, list[int]] = {}
    for pid, parent in _parents().items():
        children.setdefault(parent, []).append(pid)
    found: list[Process] = []
    level, depth = children.get(root, []), 1
    while level:
        found += [Process(pid, depth, _pids_in_namespaces(pid)) for pid in sorted(level)]
        level, depth = [child for pid in level for child in children.get(pid, [])], depth + 1
    return found


def rss_bytes(pid: int) -> int:
    """Resident memory; 0 when the process has ended."""
    try:
        return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE_BYTES
    except (OSError, IndexError):
        return 0


def tree_rss_mb(root: int) -> float:
    """Resident memory of a process and all below it. A page that n processes share counts n times."""
    pids = [root, *(process.pid for process in descendants(root))]
    return round(sum(rss_bytes(pid) for pid in pids) / (1 << 20), 2)


def tree_cpu_seconds(root: int) -> float:
    """CPU time so far of a process, of all below it, and of those that they have waited for."""
    ticks = 0
    for pid in (root, *(process.pid for process in descendants(root))):
        with contextlib.suppress(OSError):
            fields = Path(f"/proc/{pid}/stat").read_text(errors="replace").rpartition(")")[2].split()
            ticks += sum(map(int, fields[11:15]))
    return ticks / os.sysconf("SC_CLK_TCK")


def lasting_rss_mb(root: int) -> float:
    """The same without the programs' jails, which come and go: the server, its workers and their helpers."""
    pids = [root, *(process.pid for process in descendants(root) if len(process.pids_in_namespaces) < 3)]
    return round(sum(rss_bytes(pid) for pid in pids) / (1 << 20), 2)


def peak_rss_mb(pid: int) -> float:
    """The most that a process ever had resident (VmHWM); 0 when it has ended."""
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text(errors="replace").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    return 0.0


def num_descriptors(pid: int) -> int | None:
    """Open descriptors; None when this user may not look."""
    try:
        return len(os.listdir(f"/proc/{pid}/fd"))
    except OSError:
        return None


def num_mounts(pid: int) -> int | None:
    """Mounts in the process's mount namespace; None when this user may not look."""
    try:
        return len(Path(f"/proc/{pid}/mountinfo").read_text().splitlines())
    except OSError:
        return None


def named(comm: str) -> list[int]:
    """Processes of the whole host that call themselves so."""
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit():
            with contextlib.suppress(OSError):
                if Path(f"/proc/{name}/comm").read_text(errors="replace").rstrip("\n") == comm[:15]:
                    found.append(int(name))
    return found


def num_with_command(*parts: str) -> int:
    """Processes of the whole host whose command line holds all these texts."""
    count = 0
    for name in os.listdir("/proc"):
        if name.isdigit() and int(name) != os.getpid():
            with contextlib.suppress(OSError):
                command = Path(f"/proc/{name}/cmdline").read_bytes()
                count += all(part.encode() in command for part in parts)
    return count


def adopt_orphans() -> None:
    """From now on a process that loses its parent below us becomes our child, so that none gets out of sight."""
    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_CHILD_SUBREAPER)")
