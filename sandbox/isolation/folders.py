"""Folders of another process's view of the files, opened when first needed."""

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
