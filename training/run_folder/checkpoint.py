"""Checkpoints of an RL stage: written under a temporary name, verified by checksums, completed in the background, and
mirrored in object storage; a run resumes from the newest valid one."""

import errno
import json
import os
import shutil
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from openqwq.training.errors import CheckpointError
from openqwq.training.run_folder.checksums import Verify, damaged_files, flush_files, manifest_of
from openqwq.training.run_folder.mirror import MANIFEST, CheckpointMirror, expendable

STATE = "state.json"
WriteBehind = Callable[[Path], Callable[[], None]]
"""Begins to add the trainer's files to a folder; what it returns waits for them."""
ROOM = 1.1
"""Free disk, in checkpoints, with which the next one is left to the background; with less it is written as the one
before the run goes on, so that older ones can make room."""
SCARCE_BYTES = 2**20
"""If a write fails with less free space than this, the disk counts as full."""


@dataclass(frozen=True)
class Checkpoint:
    """A verified checkpoint. `state` is the state of the loop: prompts, rollout buffer, alerts, regression check."""

    folder: Path
    step: int
    state: Mapping[str, Any]


class CheckpointStore:
    """`checkpoints/<stage>/step_N/`, each with `model/`, the trainer's state, `state.json` and a manifest.

    `keep`, `keep_bytes`: what `prune` leaves. `verify`: how much of the files is read before a checkpoint is used. With
    `in_background` a save returns before it is done: what the writer keeps copies of is written, and all is hashed,
    flushed, named and mirrored, while the run goes on. The next save waits for that. `mirror`: a second place, in
    object storage.
    """

    def __init__(
        self,
        folder: Path,
        keep: int,
        keep_bytes: float | None = None,
        verify: Verify = "sampled",
        in_background: bool = False,
        mirror: CheckpointMirror | None = None,
        warn: Callable[[str], None] = lambda _: None,
    ) -> None:
        self.folder = folder
        self.keep, self.keep_bytes = keep, keep_bytes
        self.verify, self.in_background, self.mirror, self._warn = verify, in_background, mirror, warn
        self.last_seconds = 0.0
        """Of the last save, from its beginning to its name."""
        self._worker: ThreadPoolExecutor | None = None
        self._pending: list[Future[None]] = []

    def path(self, step: int) -> Path:
        """The folder of the checkpoint of step N."""
        return self.folder / f"step_{step}"

    def save(
        self,
        step: int,
        write: Callable[[Path], None],
        state: Mapping[str, Any],
        protected: Collection[int | None] = (),
        write_behind: WriteBehind | None = None,
    ) -> Path:
        """Write a checkpoint; `write(folder)` adds the trainer's files. The checkpoint exists only when it is complete.
        In the background `write_behind` takes its place, where the disk has room for one more like the largest.

        If the disk is full, all older checkpoints but the newest and the protected ones are removed, and the write is
        tried once more. In the background it is not.

        Raises:
            CheckpointError: the disk is full; the half-written checkpoint is removed, the remaining ones are untouched.
                Or the save before could not be completed.
        """
        self.wait()
        try:
            if self.in_background and write_behind is not None and self._has_room():
                return self._write(step, write_behind, state)
            return self._write(step, write, state)
        except _DiskFull:
            pass
        for older in self.steps()[:-1]:
            if older not in protected:
                shutil.rmtree(self.path(older), ignore_errors=True)
        with self._reported(step):
            return self._write(step, write, state)

    def _has_room(self) -> bool:
        largest = max((_size_of(self.path(step)) for step in self._steps()), default=0)
        self.folder.mkdir(parents=True, exist_ok=True)
        return shutil.disk_usage(self.folder).free > ROOM * largest

    def _write(self, step: int, write: Callable[[Path], Callable[[], None] | None], state: Mapping[str, Any]) -> Path:
        begun = time.perf_counter()
        self.folder.mkdir(parents=True, exist_ok=True)
        for half_written in self.folder.glob(".step_*.part"):
            shutil.rmtree(half_written, ignore_errors=True)
        temporary = self.folder / f".step_{step}.part"
        with self._removed_on_failure(temporary):
            temporary.mkdir()
            wait = write(temporary) or _nothing
            (temporary / STATE).write_text(json.dumps({"step": step, **state}))
        if self.in_background:
            self._later(self._complete_reported, step, wait, begun)
        else:
            self._complete(step, wait, begun)
        return self.path(step)

    def _complete(self, step: int, wait: Callable[[], None], begun: float) -> None:
        """Make the files, once they are written, a checkpoint."""
        temporary = self.folder / f".step_{step}.part"
        with self._removed_on_failure(temporary):
            wait()
            (temporary / MANIFEST).write_text(manifest_of(temporary).to_json())
            flush_files(temporary)
        target = self.path(step)
        shutil.rmtree(target, ignore_errors=True)
        os.replace(temporary, target)
        if self.mirror is not None:
            self._upload(step)
        self.last_seconds = time.perf_counter() - begun

    def _complete_reported(self, step: int, wait: Callable[[], None], begun: float) -> None:
        with self._reported(step):
            self._complete(step, wait, begun)

    def _upload(self, step: int) -> None:
        assert self.mirror is not None
        try:
            self.mirror.upload(self.path(step), step)
        except Exception as error:  # whatever a storage raises; the checkpoint on the disk is whole
            self._warn(f"checkpoint {self.path(step)} was not copied to {self.mirror.url}: {_line(error)}")

    @contextmanager
    def _removed_on_failure(self, temporary: Path) -> Iterator[None]:
        try:
            yield
        except BaseException as error:
            is_full = _is_full(error, self.folder)  # before the removal of the half-written files frees their space
            shutil.rmtree(temporary, ignore_errors=True)
            if is_full:
                raise _DiskFull from error
            raise

    @contextmanager
    def _reported(self, step: int) -> Iterator[None]:
        try:
            yield
        except _DiskFull as error:
            newest = max(self._steps(), default=None)
            kept = "there is no older one" if newest is None else f"step {newest} is the newest that is kept"
            raise CheckpointError(
                f"no space left for the checkpoint of step {step} in {self.folder} "
                f"({shutil.disk_usage(self.folder).free / 2**20:.0f} MiB free); {kept}. Make room, or lower "
                f"keep_checkpoints, and run the same command again"
            ) from error.__cause__

    def prune(self, protected: Collection[int | None]) -> None:
        """Remove all but the newest `keep` checkpoints and the protected ones; None among these is no step. Then the
        oldest that are not protected, until all together have at most `keep_bytes`; never the newest. After a save in
        the background, in the background too."""
        if self._pending:
            self._later(self._prune, frozenset(protected))
        else:
            self._prune(protected)

    def _prune(self, protected: Collection[int | None]) -> None:
        sizes = {step: _size_of(self.path(step)) for step in self._steps()}
        for step in expendable(sizes, self.keep, self.keep_bytes, protected):
            shutil.rmtree(self.path(step), ignore_errors=True)
        if self.mirror is not None:
            try:
                self.mirror.prune(self.keep, self.keep_bytes, protected)
            except Exception as error:
                self._warn(f"older checkpoints in {self.mirror.url} were not removed: {_line(error)}")

    def _later(self, work: Callable[..., None], *arguments: Any) -> None:
        if self._worker is None:
            self._worker = ThreadPoolExecutor(1, "checkpoint")
        self._pending.append(self._worker.submit(work, *arguments))

    def wait(self) -> None:
        """Until the save in the background has ended.

        Raises:
            CheckpointError: it could not be completed.
        """
        pending, self._pending = self._pending, []
        for future in pending:
            future.result()

    @contextmanager
    def settled(self) -> Iterator[None]:
        """After the `with` block no save is pending."""
        try:
            yield
        except BaseException:
            try:
                self.wait()
            except Exception as error:  # the first error is the one to report
                self._warn(_line(error))
            raise
        self.wait()

    def steps(self) -> list[int]:
        """Steps that have a checkpoint, ascending, verified or not."""
        self.wait()
        return self._steps()

    def _steps(self) -> list[int]:
        if not self.folder.is_dir():
            return []
        names = [p.name.removeprefix("step_") for p in self.folder.iterdir() if p.name.startswith("step_")]
        return sorted(int(name) for name in names if name.isdecimal())

    def newest(self, warn: Callable[[str], None]) -> Checkpoint | None:
        """The newest valid checkpoint, here or in the mirror; `warn` is called for each damaged one, which is
        skipped."""
        here = self.steps()
        there = self.mirror.steps() if self.mirror is not None else []
        for step in sorted({*here, *there}, reverse=True):
            try:
                return self.read(step)
            except CheckpointError as error:
                warn(f"{error}; going back to an older one")
        return None

    def read(self, step: int) -> Checkpoint:
        """The verified checkpoint of step N; from the mirror, if it is not here or damaged here.

        Raises:
            CheckpointError: it is missing or incomplete, or a file differs from the manifest.
        """
        self.wait()
        try:
            return self._read(self.path(step), self.verify)
        except CheckpointError:
            if self.mirror is None or step not in self.mirror.steps():
                raise
        return self._fetch(self.mirror, step)

    def _fetch(self, mirror: CheckpointMirror, step: int) -> Checkpoint:
        """Copy a checkpoint from the mirror; it is read wholly before it counts."""
        temporary = self.folder / f".step_{step}.part"
        shutil.rmtree(temporary, ignore_errors=True)
        with self._reported(step), self._removed_on_failure(temporary):
            try:
                mirror.download(step, temporary)
            except OSError as error:
                if _is_full(error, self.folder):
                    raise
                raise CheckpointError(f"checkpoint {mirror.place(step)} cannot be read: {_line(error)}") from error
            self._read(temporary, "full")
            flush_files(temporary)
        shutil.rmtree(self.path(step), ignore_errors=True)
        os.replace(temporary, self.path(step))
        return self._read(self.path(step), "sampled")

    @staticmethod
    def _read(folder: Path, verify: Verify) -> Checkpoint:
        try:
            text = (folder / MANIFEST).read_text()
            state = json.loads((folder / STATE).read_text())
            damaged = damaged_files(folder, text, verify)
        except (OSError, ValueError) as error:  # neither JSON nor even text
            raise CheckpointError(f"checkpoint {folder} is incomplete ({error})") from error
        if damaged:
            raise CheckpointError(f"checkpoint {folder} is damaged ({', '.join(damaged[:3])})")
        return Checkpoint(folder, int(state["step"]), state)


def _nothing() -> None:
    """All files are written."""


def _size_of(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _line(error: BaseException) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"


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
