"""Memory of this machine, or of the container in which this process runs."""

import os
from pathlib import Path

SHARED = "/dev/shm"


def free_and_total_memory() -> tuple[int, int]:
    """Bytes this process may still take, and the most it may have: the machine's, or its control group's."""
    page = os.sysconf("SC_PAGE_SIZE")
    total, free = os.sysconf("SC_PHYS_PAGES") * page, os.sysconf("SC_AVPHYS_PAGES") * page
    fields = dict(line.split(":", 1) for line in _first_text("/proc/meminfo").splitlines() if ":" in line)
    if "MemAvailable" in fields:
        free = int(fields["MemAvailable"].split()[0]) * 1024
    limit = _first_text("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes").strip()
    if limit.isdigit() and int(limit) < total:
        used = _first_text("/sys/fs/cgroup/memory.current", "/sys/fs/cgroup/memory/memory.usage_in_bytes").strip()
        total = int(limit)
        free = min(free, max(0, total - int(used or 0)))
    return free, total


def free_shared_memory() -> int:
    """Bytes that are free in /dev/shm; where there is none, the free memory."""
    try:
        found = os.statvfs(SHARED)
    except OSError:
        return free_and_total_memory()[0]
    return found.f_frsize * found.f_bavail


def _first_text(*paths: str) -> str:
    for path in paths:
        try:
            return Path(path).read_text()
        except OSError:
            continue
    return ""
