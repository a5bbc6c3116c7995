"""Checkpoints of an RL stage: written to a temporary name, verified by checksums, the last good one resumed."""

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
"""Less free space than this means that a write failed for want of it."""


@dataclass(frozen=True)
class Checkpoint:
    """A verified checkpoint. `state` is what the loop saved: prompts, rollout buffer, alerts, regression check."""

    folder: Path
    step: int
    state: Mapping[str, Any]


class CheckpointStore:
    """`checkpoints/<stage>/step_N/`, each with `model/`, the trainer's state, `state.json` and a manifest."""

    def __init__(self, folder: Path, keep: int) -> None:
        self.folder = folder
        self.keep = keep

    def path(self, step: int) -> Path:
        """Where step N is kept."""
        return self.folder / f"step_{step}"

    def save(
        self,
        step: int,
        write: Callable[[Path], None],
        state: Mapping[str, Any],
        protected: Collection[int] = (),
    ) -> Path:
        """Write a checkpoint: `write(folder)` adds the trainer's files. It exists only when it is complete.

        When the disk is full, all older checkpoints but the newest and the protected ones are given up, and it is tried
        once more.

        Raises:
            CheckpointError: it cannot be written; the half-written one is removed, the older ones are untouched.
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
            is_full = _is_full(error, self.folder)  # asked before the half-written files give their space back
            shutil.rmtree(temporary, ignore_errors=True)
            if is_full:
                raise _DiskFull from error
            raise
        target = self.path(step)
        shutil.rmtree(target, ignore_errors=True)
        os.replace(temporary, target)
        return target

    def prune(self, protected: Collection[int]) -> None:
        """Remove all but the newest `keep` checkpoints and the protected ones."""
        for step in self.steps()[: -self.keep]:
            if step not in protected:
                shutil.rmtree(self.path(step), ignore_errors=True)

    def steps(self) -> list[int]:
        """Steps that have a checkpoint, ascending, verified or not."""
        if not self.folder.is_dir():
            return []
        names = [p.name.removeprefix("step_") for p in self.folder.iterdir() if p.name.startswith("step_")]
        return sorted(int(name) for name in names if name.isdigit())

    def newest(self, warn: Callable[[str], None]) -> Checkpoint | None:
        """The newest checkpoint that verifies; damaged ones are named to `warn` and passed over."""
        for step in reversed(self.steps()):
            try:
                return self.read(step)
            except CheckpointError as error:
                warn(f"{error}; going back to an older one")
        return None

    def read(self, step: int) -> Checkpoint:
        """Step N, verified.

        Raises:
            CheckpointError: missing, incomplete, or a file differs from the manifest.
        """
        folder = self.path(step)
        try:
            expected = json.loads((folder / MANIFEST).read_text())
            state = json.loads((folder / STATE).read_text())
            found = _checksums(folder)
        except (OSError, json.JSONDecodeError) as error:
            raise CheckpointError(f"checkpoint {folder} is incomplete ({error})") from error
        damaged = sorted(name for name in expected if found.get(name) != expected[name])
        if damaged:
            raise CheckpointError(f"checkpoint {folder} is damaged ({', '.join(damaged[:3])})")
        return Checkpoint(folder, int(state["step"]), state)


def _checksums(folder: Path) -> dict[str, str]:
    files = sorted(p for p in folder.rglob("*") if p.is_file() and p.name != MANIFEST)
    return {str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}


class _DiskFull(Exception):
    """A checkpoint could not be written for want of space."""


def _is_full(error: BaseException, folder: Path) -> bool:
    """Whether it came of a full disk. Libraries wrap the system's error, so its words and the disk are asked too."""
    chain: BaseException | None = error
    while chain is not None:
        if isinstance(chain, OSError) and chain.errno in (errno.ENOSPC, errno.EDQUOT):
            return True
        chain = chain.__cause__ or chain.__context__
    return "No space left" in str(error) or shutil.disk_usage(folder).free < SCARCE_BYTES


def _flush(folder: Path) -> None:
    """Make the files durable before the rename that makes them count."""
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                os.fsync(file.fileno())
