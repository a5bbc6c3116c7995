"""Checkpoints whose files are written while the run goes on."""

from __future__ import annotations

import errno
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from openqwq.training.errors import CheckpointError
from openqwq.training.run_folder.checkpoint import CheckpointStore
from tests.training.run_folder.test_checkpoint_keeping import save, writer


class Behind:
    """Writes the files of a checkpoint when it is let, or fails."""

    def __init__(self, error: Exception | None = None) -> None:
        self.go, self.error = threading.Event(), error

    def __call__(self, folder: Path) -> Callable[[], None]:
        def wait() -> None:
            assert self.go.wait(60)
            if self.error is not None:
                (folder / "half").write_bytes(b"x")
                raise self.error
            writer(7)(folder)

        return wait


def never(_: Path) -> Any:
    pytest.fail("not the way that was asked for")


def test_files_are_written_in_the_background_and_waited_for(tmp_path: Path) -> None:
    store, behind = CheckpointStore(tmp_path, 2, in_background=True), Behind()
    store.save(1, never, {"a": 1}, write_behind=behind)
    assert [p.name for p in tmp_path.rglob("*.*")] == [".step_1.part", "state.json"] and store.last_seconds == 0
    threading.Timer(0.05, behind.go.set).start()
    assert store.steps() == [1] and store.read(1).state["a"] == 1 and store.last_seconds >= 0.05
    plain = CheckpointStore(tmp_path / "plain", 2)
    plain.save(1, writer(1), {}, write_behind=never)
    assert plain.steps() == [1]


@pytest.mark.parametrize("error", [OSError(errno.ENOSPC, "No space left"), OSError(errno.EROFS, "read-only")])
def test_files_that_cannot_be_written_in_the_background_leave_what_there_was(tmp_path: Path, error: OSError) -> None:
    store, behind = save(CheckpointStore(tmp_path, 5, in_background=True), 1), Behind(error)
    store.save(2, never, {}, write_behind=behind)
    behind.go.set()
    is_full = error.errno == errno.ENOSPC
    said = "no space left for the checkpoint of step 2 .* step 1 is the newest" if is_full else "read-only"
    with pytest.raises(CheckpointError if is_full else OSError, match=said):
        save(store, 3)
    assert [p.name for p in tmp_path.iterdir()] == ["step_1"] and save(store, 3).steps() == [1, 3]


def test_with_little_disk_a_checkpoint_is_written_at_once_so_that_older_ones_can_make_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = save(CheckpointStore(tmp_path, 5, in_background=True), 1, 2)
    store.wait()
    size = sum(path.stat().st_size for path in store.path(2).rglob("*") if path.is_file())
    usage, used = shutil.disk_usage(tmp_path), list[str]()

    def at_once(_: Path) -> None:
        used.append("at once")

    def behind(_: Path) -> Callable[[], None]:
        used.append("behind")
        return lambda: None

    for free in (int(1.1 * size) - 1, int(1.1 * size) + 2):
        monkeypatch.setattr(shutil, "disk_usage", lambda _, free=free: usage._replace(free=free))
        store.save(3, at_once, {}, write_behind=behind)
        store.wait()
    assert used == ["at once", "behind"]
