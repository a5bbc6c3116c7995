"""How much room a machine has left, and whether that is little: memory, the disks of run folder and temporary files,
shared memory. Without Ray."""

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from openqwq.training.backends.machine_memory import SHARED, free_and_total_memory

GB = 1e9
LEAST_SHARED = 0.05
"""Part of /dev/shm that should stay free; Ray's object store takes its room there in advance."""
RAY_KILLS_BELOW = 0.05
"""Part of a machine's memory with less than which free Ray ends workers."""


@dataclass(frozen=True)
class Room:
    """Example: `Room("10.0.0.7", free_memory=8e9, memory=64e9, disks={"/runs": (2e11, 1e12)})`"""

    machine: str
    free_memory: float
    memory: float
    disks: Mapping[str, tuple[float, float]]
    """Folder -> free and all bytes of its disk."""


@dataclass(frozen=True)
class Limits:
    """Below what it is said that there is little."""

    memory: float
    """Part of a machine's memory that is free."""
    disk: float
    """Free bytes."""


def look(machine: str, folders: Sequence[str]) -> Room:
    """This machine. Folders on the same disk count once; those that are not there are left out."""
    free, total = free_and_total_memory()
    disks: dict[str, tuple[float, float]] = {}
    seen = set[int]()
    for folder in [*folders, os.environ.get("RAY_TMPDIR") or tempfile.gettempdir(), SHARED]:
        with suppress(OSError):
            device = Path(folder).stat().st_dev
            if device not in seen:
                seen.add(device)
                usage = shutil.disk_usage(folder)
                disks[folder] = usage.free, usage.total
    return Room(machine, free, total, disks)


def shortages(room: Room, limits: Limits) -> Iterator[tuple[str, str]]:
    """What there is little of: a name that stays the same while it is so, and a line with the remedy."""
    if room.free_memory < limits.memory * room.memory:
        yield (
            f"{room.machine} memory",
            f"{room.machine} has {room.free_memory / GB:.1f} GB of {room.memory / GB:.1f} GB of memory left; below "
            f"{RAY_KILLS_BELOW:.0%} Ray ends workers. Lower cluster.rollout.workers, sampling.max_batch or "
            f"micro_batch_tokens, or look for another program",
        )
    for folder, (free, total) in room.disks.items():
        if folder == SHARED:
            if free < LEAST_SHARED * total:
                yield (
                    f"{room.machine} {folder}",
                    f"{room.machine} has {free / GB:.2f} GB of {total / GB:.2f} GB of {SHARED} left; lower "
                    f"cluster.object_store_mb, or give more (in a container --shm-size)",
                )
        elif free < limits.disk:
            yield (
                f"{room.machine} {folder}",
                f"{room.machine} has {free / GB:.1f} GB left on the disk of {folder}; the next checkpoints want "
                f"{limits.disk / GB:.1f} GB. Make room, or lower keep_checkpoints",
            )
