"""Checkpoints of an RL stage: written to a temporary name, verified by checksums, the last good one resumed."""

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from openqwq.training.errors import CheckpointError

MANIFEST = "manifest.json"
STATE = "state.json"


@dataclass(frozen=True)
class Checkpoint:
    """A verified checkpoint. `state` is what the loop saved: prompt cursor, guard, weights version."""

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

    def save(self, step: int, write: Callable[[Path], None], state: Mapping[str, Any]) -> Path:
        """Write a checkpoint: `write(folder)` adds the trainer's files. It exists only when it is complete."""
        self.folder.mkdir(parents=True, exist_ok=True)
        temporary = self.folder / f".step_{step}.part"
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir()
        write(temporary)
        (temporary / STATE).write_text(json.dumps({"step": step, **state}))
        (temporary / MANIFEST).write_text(json.dumps(_checksums(temporary)))
        _flush(temporary)
        target = self.path(step)
        shutil.rmtree(target, ignore_errors=True)
        os.replace(temporary, target)
        return target

    def prune(self, protected: set[int]) -> None:
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


def _flush(folder: Path) -> None:
    """Make the files durable before the rename that makes them count."""
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                os.fsync(file.fileno())
