"""Checkpoints of an RL stage: written under a temporary name and verified by checksums; a run resumes from the newest
valid one."""

import errno
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from openqwq.training.errors import CheckpointError

MANIFEST = "manifest.json"
STATE = "state.json"
SCARCE_BYTES = 2**20
"""If a write fails with less free space than this, the disk counts as full."""


@dataclass(frozen=True)
class Checkpoint:
    """A verified checkpoint. `state` is the state of the loop: prompts, rollout buffer, alerts, regression check."""

    folder: Path
    step: int
    state: Mapping[str, Any]


class CheckpointStore:
    """`checkpoints/<stage>/step_N/`, each with `model/`, the trainer's state, `state.json` and a manifest."""

    def __init__(self, folder: Path, keep: int) -> None:
        self.folder = folder
        self.keep = keep

    def path(self, step: int) -> Path:
        """The folder of the checkpoint of step N."""
        return self.folder / f"step_{step}"

    def save(
        self,
        step: int,
        write: Callable[[Path], None],
        state: Mapping[str, Any],
        protected: Collection[int | None] = (),
    ) -> Path:
        """Write a checkpoint; `write(folder)` adds the trainer's files. The checkpoint exists only when it is complete.

        If the disk is full, all older checkpoints but the newest and the protected ones are removed, and the write is
        tried once more.

        Raises:
            CheckpointError: the disk is full; the half-written checkpoint is removed, the remaining ones are untouched.
        """
        try:
            return self._write(step, write, state)
        except _DiskFull:
            pass
        for older in self.steps()[:-1]:
            if older not in protected:
                shutil.rmtree(self.path(older), ignore_errors=True)
        try:
            return self._write(step, write, state)
        except _DiskFull as error:
            newest = max(self.steps(), default=None)
            kept = "there is no older one" if newest is None else f"step {newest} is the newest that is kept"
            raise CheckpointError(
                f"no space left for the checkpoint of step {step} in {self.folder} "
                f"({shutil.disk_usage(self.folder).free / 2**20:.0f} MiB free); {kept}. Make room, or lower "
                f"keep_checkpoints, and run the same command again"
            ) from error.__cause__

    def _write(self, step: int, write: Callable[[Path], None], state: Mapping[str, Any]) -> Path:
        self.folder.mkdir(parents=True, exist_ok=True)
        for half_written in self.folder.glob(".step_*.part"):
            shutil.rmtree(half_written, ignore_errors=True)
        temporary = self.folder / f".step_{step}.part"
        try:
            temporary.mkdir()
            write(temporary)
            (temporary / STATE).write_text(json.dumps({"step": step, **state}))
            (temporary / MANIFEST).write_text(json.dumps(_checksums(temporary)))
            _flush(temporary)
        except BaseException as error:
            is_full = _is_full(error, self.folder)  # before the removal of the half-written files frees their space
            shutil.rmtree(temporary, ignore_errors=True)
            if is_full:
                raise _DiskFull from error
            raise
        target = self.path(step)
        shutil.rmtree(target, ignore_errors=True)
        os.replace(temporary, target)
        return target

    def prune(self, protected: Collection[int | None]) -> None:
        """Remove all but the newest `keep` checkpoints and the protected ones; None among these is no step."""
        for step in self.steps()[: -self.keep]:
            if step not in protected:
                shutil.rmtree(self.path(step), ignore_errors=True)

    def steps(self) -> list[int]:
        """Steps that have a checkpoint, ascending, verified or not."""
        if not self.folder.is_dir():
            return []
        names = [p.name.removeprefix("step_") for p in self.folder.iterdir() if p.name.startswith("step_")]
        return sorted(int(name) for name in names if name.isdecimal())

    def newest(self, warn: Callable[[str], None]) -> Checkpoint | None:
        """The newest valid checkpoint; `warn` is called for each damaged one, which is skipped."""
        for step in reversed(self.steps()):
            try:
                return self.read(step)
            except CheckpointError as error:
                warn(f"{error}; going back to an older one")
        return None

    def read(self, step: int) -> Checkpoint:
        """The verified checkpoint of step N.

        Raises:
            CheckpointError: it is missing or incomplete, or a file differs from the manifest.
        """
        folder = self.path(step)
        try:
            expected = json.loads((folder / MANIFEST).read_text())
            state = json.loads((folder / STATE).read_text())
            found = _checksums(folder)
        except (OSError, ValueError) as error:  # neither JSON nor even text
            raise CheckpointError(f"checkpoint {folder} is incomplete ({error})") from error
        damaged = sorted(name for name in expected if found.get(name) != expected[name])
        if damaged:
            raise CheckpointError(f"checkpoint {folder} is damaged ({', '.join(damaged[:3])})")
        return Checkpoint(folder, int(state["step"]), state)


def _checksums(folder: Path) -> dict[str, str]:
    files = sorted(p for p in folder.rglob("*") if p.is_file())
    return {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


class _DiskFull(Exception):
    """A checkpoint could not be written because the disk is full."""


def _is_full(error: BaseException, folder: Path) -> bool:
    """Whether the error is due to a full disk. Libraries wrap the system's error, so its message and the free space are
    checked too."""
    chain: BaseException | None = error
    while chain is not None:
        if isinstance(chain, OSError) and chain.errno in (errno.ENOSPC, errno.EDQUOT):
            return True
        chain = chain.__cause__ or chain.__context__
    return "No space left" in str(error) or shutil.disk_usage(folder).free < SCARCE_BYTES


def _flush(folder: Path) -> None:
    """Flush the files to disk before the rename that makes them a checkpoint."""
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                os.fsync(file.fileno())
