"""Files of a checkpoint: written at once, or kept in memory first and written by a thread while training goes on.

What is kept are the bytes of the files, so that they are the same either way, whatever the weights do meanwhile.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Protocol

import torch

from openqwq.training.backends.machine_memory import free_and_total_memory

PART_OF_FREE_MEMORY = 0.5
"""Of a machine's free memory that all ranks together may keep of a save. The trainers of a machine are taken to be all
ranks."""


class Writes(Protocol):
    """The part of a file that a save uses."""

    def write(self, data: Any, /) -> int:
        """Append bytes."""


def room_for_save(num_ranks: int) -> int:
    """Bytes of memory that one of so many ranks may keep of a save."""
    free, _ = free_and_total_memory()
    return int(PART_OF_FREE_MEMORY * free / num_ranks)


class SaveFiles:
    """The files of one rank of one save. `room`: bytes that may be kept in memory; what finds no room is written at
    once. Used as `with files.open(path) as file: file.write(...)`, `files.save(value, path)`, then `start`."""

    def __init__(self, room: int = 0) -> None:
        self.room = room
        self.written_at_once = 0
        """Bytes that were not kept."""
        self._kept: list[tuple[Path, list[bytes]]] = []
        self._thread: threading.Thread | None = None
        self._error: Exception | None = None

    @contextmanager
    def open(self, path: Path) -> Iterator[Writes]:
        """A new file, to be written front to back."""
        file = _KeptFile(self, path)
        try:
            yield file
            file.keep()
        finally:
            file.close()

    def save(self, value: Any, path: Path) -> None:
        """`torch.save` of a value."""
        if self.room <= 0:
            torch.save(value, path)
            self.written_at_once += path.stat().st_size
            return
        with self.open(path) as file:
            torch.save(value, file)  # type: ignore[arg-type]

    def keep(self, path: Path, parts: list[bytes]) -> None:
        """Have a whole file written after `start`."""
        self._kept.append((path, parts))

    def start(self) -> None:
        """Begin to write what is kept, in a thread."""
        if self._kept:
            # a daemon: files of a process that ends are of a checkpoint that never gets its name
            self._thread = threading.Thread(target=self._write_all, name="checkpoint files", daemon=True)
            self._thread.start()

    def _write_all(self) -> None:
        try:
            while self._kept:
                path, parts = self._kept[0]
                with path.open("wb") as file:
                    file.writelines(parts)
                del self._kept[0], parts  # its memory is free again
        except Exception as error:
            self._error = error
            self._kept.clear()

    def wait(self) -> None:
        """Until all is written, or one file could not be."""
        if self._thread is not None:
            self._thread.join()

    def state(self) -> tuple[bool, Exception | None]:
        """Whether nothing is being written any more, and what failed."""
        is_done = self._thread is None or not self._thread.is_alive()
        return is_done, self._error if is_done else None


WRITTEN_AT_ONCE = SaveFiles()
"""Keeps nothing, so it may be shared."""


class _KeptFile:
    """Keeps its bytes as long as there is room, then writes them and all that follow."""

    def __init__(self, files: SaveFiles, path: Path) -> None:
        self._files, self._path = files, path
        self._parts: list[bytes] = []
        self._file: IO[bytes] | None = None
        if files.room <= 0:
            self._file = path.open("wb")

    def write(self, data: Any, /) -> int:
        view = memoryview(data).cast("B")
        if self._file is None:
            if view.nbytes <= self._files.room:
                self._files.room -= view.nbytes
                self._parts.append(bytes(view))
                return view.nbytes
            self._file = self._path.open("wb")
            self._write(self._file, *self._parts)
            self._files.room += sum(map(len, self._parts))
            self._parts.clear()
        self._write(self._file, view)
        return view.nbytes

    def _write(self, file: IO[bytes], *parts: bytes | memoryview) -> None:
        for part in parts:
            file.write(part)
            self._files.written_at_once += len(part)

    def flush(self) -> None:
        """torch calls it."""

    def keep(self) -> None:
        if self._file is None:
            self._files.keep(self._path, self._parts)

    def close(self) -> None:
        if self._file is not None:
            self._file.close()
