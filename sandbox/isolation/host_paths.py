"""Files and folders of the host in the tree of a jail, read-only.

Each is shown through an overlay of this worker's own where the host allows one: its inodes are then the worker's, so
that a lock on a library is seen by no other worker, and /proc/self/mountinfo names no path of the host. Elsewhere, for
devices, and for a folder in which other mounts lie, it is bound as it is.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable
from typing import NamedTuple

from openqwq.sandbox.isolation import syscalls as sc

EMPTY = "empty"
"""An empty folder beside the targets: an overlay that cannot be written has two layers at least."""
_PASSAGE = "passage"


class HostPath(NamedTuple):
    """A path of the host, opened before a tmpfs covers it."""

    target: str
    """Where it is shown, relative to the tree's root."""
    descriptor: int
    folder: int
    """Descriptor of the folder that an overlay takes: itself, or the one above a file. -1 when it is bound."""


def mount_points() -> list[str]:
    with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as file:
        return [line.split()[4].encode("latin-1", "replace").decode("unicode_escape") for line in file]


def open_host_path(target: str, source: str, mounts: Iterable[str]) -> HostPath:
    descriptor = os.open(source, os.O_PATH)
    mode = os.fstat(descriptor).st_mode
    has_mounts = any(point == source or point.startswith(f"{source}/") for point in mounts)
    if stat.S_ISCHR(mode) or has_mounts:
        return HostPath(target[1:], descriptor, -1)
    is_folder = stat.S_ISDIR(mode)
    return HostPath(target[1:], descriptor, descriptor if is_folder else os.open(os.path.dirname(source), os.O_PATH))


def show(path: HostPath) -> None:
    """Show it in the current folder, the root of the tree."""
    mode = os.fstat(path.descriptor).st_mode
    if stat.S_ISDIR(mode):
        os.makedirs(path.target, mode=0o755, exist_ok=True)
    else:
        os.makedirs(os.path.dirname(path.target), mode=0o755, exist_ok=True)
        with open(path.target, "w"):
            pass
    if path.folder < 0 or not _overlay(path):
        sc.mount(f"/proc/self/fd/{path.descriptor}", path.target, None, sc.MS_BIND | sc.MS_REC)
    sc.make_read_only(path.target, allow_devices=stat.S_ISCHR(mode))
    for descriptor in {path.descriptor, path.folder} - {-1}:
        os.close(descriptor)


def _overlay(path: HostPath) -> bool:
    """Mount an overlay, for a file one of its folder that only the file is taken from; False where none is possible."""
    is_folder = path.folder == path.descriptor
    place = path.target if is_folder else _PASSAGE
    layers = f"lowerdir=/proc/self/fd/{path.folder}:{EMPTY}"
    if not is_folder:
        os.mkdir(_PASSAGE)
    try:
        sc.mount("overlay", place, "overlay", sc.MS_RDONLY | sc.MS_NOSUID | sc.MS_NODEV, layers)
        try:
            if is_folder:
                os.listdir(place)  # some file systems are taken as a layer and cannot be read as one
                return True
            file = f"{_PASSAGE}/{os.path.basename(path.target)}"
            with open(file, "rb") as content:
                content.read(1)
            sc.mount(file, path.target, None, sc.MS_BIND)
        except OSError:
            sc.unmount(place)
            raise
        sc.unmount(_PASSAGE)
        return True
    except OSError:
        return False
    finally:
        if not is_folder:
            os.rmdir(_PASSAGE)
