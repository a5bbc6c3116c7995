"""The folder of an export: written under a temporary name, renamed when it is whole."""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from openqwq.training.errors import CheckpointError, RecipeError

RESERVE_BYTES = 64 * 2**20
"""Room for tokenizer, card and the file system's own."""


@contextmanager
def new_folder(target: Path) -> Iterator[Path]:
    """A temporary folder beside `target`, which takes its name at the end of the block. After an error it is removed;
    one that a killed export left is removed by the next export to the same place.

    Raises:
        RecipeError: the target is not empty, cannot be written, or another export writes it now.
    """
    target = target.resolve()
    refuse_full(target)
    temporary = target.with_name(f".{target.name}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary.mkdir(exist_ok=True)
        lock = os.open(temporary, os.O_RDONLY)
    except OSError as error:
        raise RecipeError(f"{target} cannot be written: {error.strerror}; choose another folder") from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        os.close(lock)
        raise RecipeError(f"another export writes to {target} now; wait for it, or choose another folder") from error
    try:
        _clear(temporary)
        yield temporary
        _flush(temporary)
        refuse_full(target)
        os.replace(temporary, target)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    finally:
        os.close(lock)


def refuse_full(target: Path) -> None:
    """Refuse a place where something lies.

    Raises:
        RecipeError: it is a file, or a folder that is not empty.
    """
    if target.exists() and not target.is_dir():
        raise RecipeError(f"{target} is a file; choose a folder that is empty or not there")
    if target.is_dir() and any(target.iterdir()):
        raise RecipeError(f"{target} is not empty; choose a folder that is empty or not there")


def refuse_without_room(folder: Path, needed: int) -> None:
    """Refuse to begin what the disk cannot hold.

    Raises:
        CheckpointError: says how much is needed and how much is free.
    """
    free = shutil.disk_usage(folder).free
    if free < needed + RESERVE_BYTES:
        raise CheckpointError(
            f"no room for the export: it needs {(needed + RESERVE_BYTES) / 2**30:.2f} GiB and {folder.parent} has "
            f"{free / 2**30:.2f} GiB free; make room, or choose another disk"
        )


def _clear(folder: Path) -> None:
    for path in folder.iterdir():
        shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()


def _flush(folder: Path) -> None:
    """Flush the files, and let others read them as any new file: safetensors writes for its owner only."""
    mask = os.umask(0o077)
    os.umask(mask)
    for path in (*(p for p in folder.rglob("*") if p.is_file()), folder):
        path.chmod((0o777 if path.is_dir() else 0o666) & ~mask)
        descriptor = os.open(path, os.O_RDONLY)
        os.fsync(descriptor)
        os.close(descriptor)
