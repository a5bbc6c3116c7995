"""Checkpoints: complete or not there, verified before use, pruned with care."""

from __future__ import annotations

import errno
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openqwq.training.errors import CheckpointError
from openqwq.training.run_folder.checkpoint import CheckpointStore


def store_with(folder: Path, *steps: int, keep: int = 2) -> CheckpointStore:
    store = CheckpointStore(folder, keep)
    for step in steps:
        store.save(step, lambda f, step=step: write_model(f, step), {"prompts": {"cursor": [step]}})  # type: ignore[misc]
    return store


def write_model(folder: Path, step: int) -> None:
    (folder / "model").mkdir()
    (folder / "model" / "weights.bin").write_bytes(bytes([step]) * 1000)
    (folder / "model" / "manifest.json").write_text("a file of the model's own")
    (folder / "trainer.pt").write_bytes(b"state")


def cut(folder: Path) -> None:
    path = folder / "model" / "weights.bin"
    path.write_bytes(path.read_bytes()[:500])


def flip(folder: Path) -> None:
    path = folder / "model" / "weights.bin"
    data = bytearray(path.read_bytes())
    data[77] ^= 1
    path.write_bytes(bytes(data))


def lose(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).unlink()


def test_a_checkpoint_holds_what_was_written_and_the_state_of_the_loop(tmp_path: Path) -> None:
    found = store_with(tmp_path / "checkpoints" / "stage1", 4).newest(pytest.fail)
    assert found is not None
    assert (found.step, found.state["prompts"]) == (4, {"cursor": [4]})
    assert (found.folder / "model" / "weights.bin").read_bytes() == b"\x04" * 1000


def test_a_stage_without_checkpoints_starts_anew(tmp_path: Path) -> None:
    assert CheckpointStore(tmp_path / "none", 2).newest(pytest.fail) is None


@pytest.mark.parametrize(
    "damage",
    [cut, flip, *map(lose, ["trainer.pt", "state.json", "manifest.json", "model/weights.bin", "model/manifest.json"])],
)
def test_a_damaged_checkpoint_is_passed_over_with_a_warning(tmp_path: Path, damage: Callable[[Path], None]) -> None:
    store = store_with(tmp_path, 1, 2)
    damage(store.path(2))
    warnings: list[str] = []
    found = store.newest(warnings.append)
    assert found is not None and found.step == 1
    assert len(warnings) == 1 and "step_2" in warnings[0]
    with pytest.raises(CheckpointError, match="step_2"):
        store.read(2)


@pytest.fixture(scope="module")
def two_checkpoints(tmp_path_factory: pytest.TempPathFactory) -> CheckpointStore:
    return store_with(tmp_path_factory.mktemp("checkpoints"), 1, 2)


@given(data=st.data(), name=st.sampled_from(["manifest.json", "state.json", "trainer.pt", "model/weights.bin"]))
def test_any_damage_of_any_file_goes_back_to_the_older_one(
    two_checkpoints: CheckpointStore, data: st.DataObject, name: str
) -> None:
    path = two_checkpoints.path(2) / name
    whole = path.read_bytes()
    position = data.draw(st.integers(0, len(whole) - 1))
    kind = data.draw(st.sampled_from(["cut", "zero", "flip the highest bit", "flip the lowest bit"]))
    flipped = {"zero": 0, "flip the highest bit": whole[position] ^ 128}.get(kind, whole[position] ^ 1)
    damaged = whole[:position] if kind == "cut" else whole[:position] + bytes([flipped]) + whole[position + 1 :]
    path.write_bytes(damaged)
    try:
        found = two_checkpoints.newest(lambda _: None)
        assert found is not None
        assert found.step == 1 or json.loads(damaged) == json.loads(whole)  # white space of a JSON file
    finally:
        path.write_bytes(whole)


def test_the_newest_of_several_damaged_ones_is_found_in_order(tmp_path: Path) -> None:
    store = store_with(tmp_path, 3, 9, 10, 11)
    cut(store.path(11))
    cut(store.path(9))
    warnings: list[str] = []
    found = store.newest(warnings.append)
    assert found is not None and (found.step, found.folder) == (10, tmp_path / "step_10")
    assert len(warnings) == 1 and "step_11" in warnings[0] and "going back to an older one" in warnings[0]


def test_files_that_were_added_later_do_no_harm(tmp_path: Path) -> None:
    store = store_with(tmp_path, 1)
    (store.path(1) / "note.txt").write_text("mine")
    assert store.read(1).step == 1


def test_a_left_over_of_a_killed_write_blocks_nothing_and_is_removed(tmp_path: Path) -> None:
    for name in (".step_2.part", ".step_7.part"):
        (tmp_path / name / "model").mkdir(parents=True)
        (tmp_path / name / "model" / "weights.bin").write_bytes(b"half")
        (tmp_path / name / "stale").write_text("of the killed run")
    store = store_with(tmp_path, 2)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["step_2"]
    assert not (store.path(2) / "stale").exists() and store.read(2).step == 2


def test_every_file_is_on_the_disk_before_the_checkpoint_gets_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    events: list[Any] = []
    fsync, replace = os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda fd: (events.append(os.fstat(fd).st_ino), fsync(fd)))
    monkeypatch.setattr(os, "replace", lambda old, new: (events.append((old, new)), replace(old, new)))
    store = store_with(tmp_path, 5)
    files = {path.stat().st_ino for path in store.path(5).rglob("*") if path.is_file()}
    assert len(files) == 5 and set(events[:-1]) == files
    assert events[-1] == (tmp_path / ".step_5.part", tmp_path / "step_5")


def test_an_interrupted_write_leaves_the_older_checkpoint_valid(tmp_path: Path) -> None:
    store = store_with(tmp_path, 1)

    def killed(folder: Path) -> None:
        write_model(folder, 2)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        store.save(2, killed, {})
    assert store.steps() == [1]
    found = store.newest(pytest.fail)
    assert found is not None and found.step == 1
    store_with(tmp_path, 2)  # the half-written files do not disturb a later write
    assert store.steps() == [1, 2]


def test_all_damaged_means_none(tmp_path: Path) -> None:
    store = store_with(tmp_path, 1, 2)
    for step in (1, 2):
        cut(store.path(step))
    warnings: list[str] = []
    assert store.newest(warnings.append) is None
    assert len(warnings) == 2


def test_pruning_keeps_the_newest_and_the_protected_ones(tmp_path: Path) -> None:
    store = store_with(tmp_path, 2, 4, 6, 8, 10)
    store.prune(protected={4})
    assert store.steps() == [4, 8, 10]
    store.prune(protected=set())
    assert store.steps() == [8, 10]
    store.prune(protected=set())
    assert store.steps() == [8, 10]
    CheckpointStore(tmp_path, 1).prune(protected={99})
    assert store.steps() == [10]


def test_steps_are_ordered_by_number_and_foreign_names_are_left_alone(tmp_path: Path) -> None:
    store = store_with(tmp_path, 9, 10)
    for name in ("step_best", "step_²", "mystep_3", "step_", "11"):
        (tmp_path / name).mkdir()
    (tmp_path / "notes.txt").write_text("mine")
    store.prune(protected=set())
    assert store.steps() == [9, 10]
    assert (tmp_path / "step_best").is_dir() and (tmp_path / "notes.txt").exists()


def test_saving_a_step_again_replaces_it_whole(tmp_path: Path) -> None:
    store = store_with(tmp_path, 3)
    store.save(3, lambda folder: (folder / "other").write_text("x") and None, {"a": 1})  # type: ignore[func-returns-value]
    assert sorted(path.name for path in store.path(3).iterdir()) == ["manifest.json", "other", "state.json"]
    assert json.loads((store.path(3) / "state.json").read_text()) == {"step": 3, "a": 1}


def full_disk(*_: object) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def over_quota(_: Path) -> None:
    raise OSError(errno.EDQUOT, "Disk quota exceeded")


def wrapped(_: Path) -> None:
    try:
        full_disk()
    except OSError as error:
        raise RuntimeError("the trainer could not save") from error


def wrapped_later(_: Path) -> None:
    kept: list[OSError] = []
    try:
        full_disk()
    except OSError as error:
        kept.append(error)
    raise RuntimeError("the trainer could not save") from kept[0]


def wrapped_while_handling(_: Path) -> None:
    try:
        full_disk()
    except OSError:
        raise RuntimeError("the trainer could not save")  # noqa: B904


def named_only(_: Path) -> None:
    raise RuntimeError("unexpected pos 64 vs 0: No space left on device (os error 28)")


@pytest.mark.parametrize("write", [full_disk, over_quota, wrapped, wrapped_later, wrapped_while_handling, named_only])
def test_a_full_disk_leaves_the_last_good_checkpoint_and_is_reported(
    tmp_path: Path, write: Callable[[Path], None]
) -> None:
    store = store_with(tmp_path, 2, 4, keep=5)
    with pytest.raises(CheckpointError, match=r"no space left for the checkpoint of step 6.*step 4 is the newest") as e:
        store.save(6, write, {})
    assert isinstance(e.value.__cause__, OSError | RuntimeError)
    with pytest.raises(CheckpointError, match="step 4 is the newest"):
        store_with(tmp_path, 2, 3, 4).save(6, write, {}, protected={2})
    assert store.steps() == [2, 4]
    shutil.rmtree(store.path(2))
    assert sorted(p.name for p in tmp_path.iterdir()) == ["step_4"]
    found = store.newest(lambda _: None)
    assert found is not None and found.step == 4


def test_a_checkpoint_that_was_moved_behind_a_link_does_not_stop_the_run(tmp_path: Path) -> None:
    store = store_with(tmp_path / "here", 1, 2, 3, keep=1)
    shutil.move(store.path(1), tmp_path / "elsewhere")
    store.path(1).symlink_to(tmp_path / "elsewhere")
    store.prune(protected=set())
    assert store.steps() == [1, 3]
    with pytest.raises(CheckpointError, match="no space left"):
        store.save(4, full_disk, {})
    assert store.read(1).step == 1


def test_a_writer_that_loses_its_folder_is_reported_as_itself(tmp_path: Path) -> None:
    def write(folder: Path) -> None:
        shutil.rmtree(folder)
        raise RuntimeError("the disk is gone")

    (tmp_path / ".step_9.part").write_text("not even a folder")
    with pytest.raises(RuntimeError, match="the disk is gone"):
        CheckpointStore(tmp_path, 2).save(1, write, {})


def test_the_first_checkpoint_on_a_full_disk_is_reported_too(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="there is no older one"):
        CheckpointStore(tmp_path, 2).save(1, full_disk, {})


@pytest.mark.parametrize(("free", "error"), [(2**20 - 1, CheckpointError), (2**20, RuntimeError)])
def test_a_failure_on_a_disk_that_is_nearly_full_counts_as_a_full_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int, error: type[Exception]
) -> None:
    def write(_: Path) -> None:
        raise RuntimeError("write failed")

    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=free))
    with pytest.raises(error):
        CheckpointStore(tmp_path, 2).save(1, write, {})


def test_older_checkpoints_are_removed_for_a_new_one_when_the_disk_is_full(tmp_path: Path) -> None:
    store = store_with(tmp_path, 1, 2, 3, keep=5)
    attempts = []

    def write(folder: Path) -> None:
        attempts.append(folder)
        if len(attempts) == 1:
            full_disk()
        write_model(folder, 4)

    assert store.save(4, write, {"a": 7}, protected={1}) == store.path(4)
    assert store.steps() == [1, 3, 4] and store.read(4).state == {"step": 4, "a": 7}


def test_another_failure_of_writing_is_not_called_a_full_disk(tmp_path: Path) -> None:
    store = store_with(tmp_path, 1, 2, keep=5)

    for error in (RuntimeError("the trainer is gone"), PermissionError(errno.EACCES, "the trainer is gone")):

        def write(_: Path, error: Exception = error) -> None:
            raise error

        with pytest.raises(type(error), match="the trainer is gone"):
            store.save(3, write, {})
    assert store.steps() == [1, 2] and not list(tmp_path.glob("*.part"))
