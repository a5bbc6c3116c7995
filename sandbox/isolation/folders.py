"""Folders in the file tree of another process, opened when first needed, and the two that a jail has."""

from __future__ import annotations

import os


class Folder:
    """Example: `Folder("/proc/17/root/box").descriptor`."""

    def __init__(self, path: str) -> None:
        self._path, self._descriptor = path, -1

    @property
    def descriptor(self) -> int:
        if self._descriptor < 0:
            self._descriptor = os.open(self._path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        return self._descriptor

    def close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)


class JailFolders:
    """The `proc` and `scratch` of a jail, by their paths in the worker."""

    def __init__(self, proc_path: str, scratch_path: str) -> None:
        self._proc, self._scratch = Folder(proc_path), Folder(scratch_path)

    @property
    def proc(self) -> int:
        return self._proc.descriptor

    @property
    def scratch(self) -> int:
        return self._scratch.descriptor

    def processes_but_the_first(self) -> list[str]:
        """The processes in `proc` without the init, where `proc` is that of a PID namespace. OSError once it has
        ended."""
        return [name for name in os.listdir(self.proc) if name.isdigit() and name != "1"]

    def tmpfs_bytes(self) -> int:
        """Bytes in `scratch`, where it is a tmpfs of its own; files without a name count too."""
        usage = os.statvfs(self.scratch)
        return (usage.f_blocks - usage.f_bfree) * usage.f_frsize

    def close(self) -> None:
        self._proc.close()
        self._scratch.close()
