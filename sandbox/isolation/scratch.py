"""The scratch folder of a jail, its only writable part: a tmpfs, or a folder of the host where no mount is possible."""

from __future__ import annotations

import os
import stat

MAX_FETCHED_BYTES = 16 << 20
FOLDERS = ("work", "tmp", "shm")


def make_folders() -> None:
    """Make the folders in the current one. The umask is 0 here, and the usual one in a program."""
    for name in FOLDERS:
        os.mkdir(name, 0o1777)


def put(scratch: int, path: str, mode: int, source: int, offset: int, length: int) -> None:
    """Copy a part of a file into the scratch folder, with the folders above it. This process never holds its bytes."""
    folders = path.split("/")[:-1]
    for count in range(1, len(folders) + 1):
        folder = "/".join(folders[:count])
        if folder not in FOLDERS:
            os.makedirs(f"/proc/self/fd/{scratch}/{folder}", 0o777, exist_ok=True)
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode, dir_fd=scratch)
    try:
        while length:
            sent = os.sendfile(file, source, offset, length)
            offset, length = offset + sent, length - sent
    finally:
        os.close(file)


def fetch(scratch: int, path: str) -> int | None:
    """Open a regular file of the scratch folder that no link leads to; None without one, or when it is too large."""
    *folders, name = path.split("/")
    folder = os.dup(scratch)
    try:
        for part in folders:
            below = os.open(part, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=folder)
            os.close(folder)
            folder = below
        # O_NONBLOCK: a program may have put a pipe there.
        file = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=folder)
    except OSError:
        return None
    finally:
        os.close(folder)
    state = os.fstat(file)
    if stat.S_ISREG(state.st_mode) and state.st_size <= MAX_FETCHED_BYTES:
        return file
    os.close(file)
    return None
