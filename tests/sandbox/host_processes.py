"""What a host sees of its processes: those below one, and those that gave themselves a name."""

from __future__ import annotations

import os


def below(pid: int) -> list[int]:
    """All processes below this one."""
    found: list[int] = []
    try:
        for thread in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{thread}/children") as file:
                found += map(int, file.read().split())
    except OSError:  # ended meanwhile
        return found
    return found + [deeper for child in found for deeper in below(child)]


def named(mark: str) -> list[int]:
    """Processes of the host that gave themselves this name (15 characters at the most)."""
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{name}/comm") as file:
                if file.read().strip() == mark:
                    found.append(int(name))
        except OSError:
            continue
    return found
