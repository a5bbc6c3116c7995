"""Checkpoints: complete or not there, verified before use, pruned with care."""

from __future__ import annotations

import errno
import json
from collections.abc import Callable
from pathlib import Path

import pytest

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
    found = store_with(tmp_path / "stage1", 4).newest(pytest.fail)
    assert found is not None
    assert (found.step, found.state["prompts"]) == (4, {"cursor": [4]})
    assert (found.folder / "model" / "weights.bin").read_bytes() == b"\x04" * 1000


def test_a_stage_without_checkpoints_starts_anew(tmp_path: Path) -> None:
    assert CheckpointStore(tmp_path / "none", 2).newest(pytest.fail) is None


@pytest.mark.parametrize(
    "damage", [cut, flip, lose("trainer.pt"), lose("state.json"), lose("manifest.json"), lose("model/weights.bin")]
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


def test_a_half_written_manifest_is_damage_too(tmp_path: Path) -> None:
    store = store_with(tmp_path, 1, 2)
    manifest = store.path(2) / "manifest.json"
    manifest.write_text(manifest.read_text()[:20])
    found = store.newest(lambda _: None)
    assert found is not None and found.step == 1


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


def test_steps_are_ordered_by_number_and_foreign_names_are_left_alone(tmp_path: Path) -> None:
    store = store_with(tmp_path, 9, 10)
    (tmp_path / "step_best").mkdir()
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


def test_a_full_disk_leaves_the_last_good_checkpoint_and_is_reported(tmp_path: Path) -> None:
    store = store_with(tmp_path, 2, 4, keep=5)
    with pytest.raises(CheckpointError, match=r"no space left for the checkpoint of step 6.*step 4 is the newest"):
        store.save(6, full_disk, {})
    assert sorted(p.name for p in tmp_path.iterdir()) == ["step_4"]
    found = store.newest(lambda _: None)
    assert found is not None and found.step == 4


def test_older_checkpoints_are_removed_for_a_new_one_when_the_disk_is_full(tmp_path: Path) -> None:
    store = store_with(tmp_path, 1, 2, 3, keep=5)
    attempts = []

    def write(folder: Path) -> None:
        attempts.append(folder)
        if len(attempts) == 1:
            full_disk()
        write_model(folder, 4)

    store.save(4, write, {}, protected={1})
    assert store.steps() == [1, 3, 4]


def test_another_failure_of_writing_is_not_called_a_full_disk(tmp_path: Path) -> None:
    store = store_with(tmp_path, 1, 2, keep=5)

    def write(_: Path) -> None:
        raise RuntimeError("the trainer is gone")

    with pytest.raises(RuntimeError, match="the trainer is gone"):
        store.save(3, write, {})
    assert store.steps() == [1, 2] and not list(tmp_path.glob("*.part"))
