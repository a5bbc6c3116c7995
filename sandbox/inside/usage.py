"""Resources that the processes of a test use, read from a /proc that the worker holds open."""

from __future__ import annotations

import os
from collections.abc import Sequence

_TICKS = os.sysconf("SC_CLK_TCK")


def cpu_seconds(proc: int, names: Sequence[str]) -> float:
    """CPU time of these processes and of the children that they waited for."""
    ticks = 0
    for name in names:
        fields = _read(proc, f"{name}/stat").rpartition(b")")[2].split()
        ticks += sum(map(int, fields[11:15]))  # utime, stime, cutime, cstime
    return ticks / _TICKS


def memory_bytes(proc: int, names: Sequence[str], limit_bytes: int) -> int:
    """Private and shared bytes of these processes together.

    The quick sum counts a shared page once for each process. Only when it passes the limit, the exact sum is taken, in
    which a page shared by n processes counts 1/n in each.
    """
    kilobytes = sum(_kilobytes(proc, name, "status", (b"RssAnon", b"RssShmem")) for name in names)
    if kilobytes * 1024 > limit_bytes and len(names) > 1:
        keys = (b"Pss_Anon", b"Pss_Shmem")
        kilobytes = sum(_kilobytes(proc, name, "smaps_rollup", keys) for name in names)
    return kilobytes * 1024


def _kilobytes(proc: int, name: str, file: str, keys: tuple[bytes, ...]) -> int:
    """The sum of these fields. When the first thread of a process has ended, only its other threads show its memory."""
    fields = _fields(_read(proc, f"{name}/{file}"))
    if keys[0] not in fields:
        threads = _listed(proc, f"{name}/task")
        fields = next(
            (found for thread in threads if keys[0] in (found := _fields(_read(proc, f"{name}/task/{thread}/{file}")))),
            {},
        )
    return sum(int(fields[key].split()[0]) for key in keys if key in fields)


def _fields(text: bytes) -> dict[bytes, bytes]:
    return {key: value for key, colon, value in (line.partition(b":") for line in text.splitlines()) if colon}


def _listed(proc: int, path: str) -> list[str]:
    try:
        folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=proc)
    except OSError:
        return []
    try:
        return os.listdir(folder)
    except OSError:
        return []
    finally:
        os.close(folder)


def _read(proc: int, path: str) -> bytes:
    """The content of a file of /proc, empty when the process has ended."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC, dir_fd=proc)
    except OSError:
        return b""
    try:
        return os.read(file, 1 << 16)
    except OSError:
        return b""
    finally:
        os.close(file)
