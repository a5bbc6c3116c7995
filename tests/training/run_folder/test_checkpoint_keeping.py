"""How checkpoints are kept: verified by blocks, completed in the background, removed by size, and mirrored."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import random
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openqwq.training.errors import CheckpointError, RecipeError
from openqwq.training.run_folder import checkpoint, checksums
from openqwq.training.run_folder.checkpoint import CheckpointStore
from openqwq.training.run_folder.checksums import damaged_files, manifest_of, num_blocks, sampled
from openqwq.training.run_folder.mirror import CheckpointMirror, expendable, open_storage


def writer(step: int, size: int = 1000) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        (folder / "model").mkdir()
        (folder / "model" / "weights.bin").write_bytes(bytes([step]) * size)
        (folder / "empty").write_bytes(b"")

    return write


def save(store: CheckpointStore, *steps: int, size: int = 1000) -> CheckpointStore:
    for step in steps:
        store.save(step, writer(step, size), {"a": step})
    return store


# ---- checksums


@given(
    sizes=st.dictionaries(st.sampled_from(["a", "b/c", "d"]), st.integers(0, 70), min_size=1),
    block=st.integers(1, 20),
    place=st.integers(0, 2**20),
)
def test_a_full_check_finds_any_change_of_any_byte(
    tmp_path_factory: pytest.TempPathFactory, sizes: dict[str, int], block: int, place: int
) -> None:
    folder = tmp_path_factory.mktemp("files")
    for name, size in sizes.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(random.Random(size).randbytes(size))
    text = manifest_of(folder, block_bytes=block).to_json()
    assert damaged_files(folder, text, "full") == damaged_files(folder, text, "sampled") == []
    name = max(sizes, key=lambda one: sizes[one])
    if sizes[name]:
        data = bytearray((folder / name).read_bytes())
        data[place % len(data)] ^= 1 + place % 255
        (folder / name).write_bytes(data)
        assert damaged_files(folder, text, "full") == [name]
    (folder / name).write_bytes(b"longer" * 20)
    assert damaged_files(folder, text, "sampled") == [name]
    (folder / name).unlink()
    assert damaged_files(folder, text, "sampled") == [name]
    assert damaged_files(folder, text, "full", lambda other: other != name) == []


@given(
    counts=st.dictionaries(st.text("abc", min_size=1), st.integers(0, 40), max_size=5),
    most=st.integers(0, 60),
    seed=st.integers(0, 9),
)
def test_a_sample_has_both_ends_of_every_file_and_is_bounded(counts: dict[str, int], most: int, seed: int) -> None:
    found = sampled(counts, most, random.Random(seed))
    ends = {(name, block) for name, count in counts.items() if count for block in (0, count - 1)}
    assert ends <= set(found) and len(set(found)) == len(found)
    assert len(found) == min(max(most, len(ends)), sum(counts.values()))
    assert all(block < counts[name] for name, block in found)


def test_a_sampled_check_reads_part_of_a_large_file_and_a_full_one_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checksums, "SAMPLE_BYTES", 40)
    (tmp_path / "large").write_bytes(bytes(1000))
    text = manifest_of(tmp_path, block_bytes=10).to_json()
    seen: list[Any] = []
    block_sum = checksums._block_sum
    monkeypatch.setattr(checksums, "_block_sum", lambda *a: (seen.append(a[1]), block_sum(*a))[1])
    assert damaged_files(tmp_path, text, "sampled") == [] and len(seen) == 4
    assert {("large", 0), ("large", 99)} <= set(seen)
    (tmp_path / "large").write_bytes(bytes(300) + b"x" * 400 + bytes(300))
    found = sum(damaged_files(tmp_path, text, "sampled") == ["large"] for _ in range(60))
    assert 0 < found < 60  # 40 of 98 blocks are damaged, and two of them are looked at
    assert damaged_files(tmp_path, text, "full") == ["large"]
    assert num_blocks(1000, 10) == 100 and num_blocks(1001, 10) == 101


def test_a_checkpoint_with_a_manifest_of_before_is_still_read(tmp_path: Path) -> None:
    store = save(CheckpointStore(tmp_path, 2), 3)
    files = [p for p in store.path(3).rglob("*") if p.is_file() and p.name != "manifest.json"]
    old = {str(p.relative_to(store.path(3))): hashlib.sha256(p.read_bytes()).hexdigest() for p in files}
    (store.path(3) / "manifest.json").write_text(json.dumps(old))
    assert store.read(3).step == 3
    (store.path(3) / "empty").write_bytes(b"1")
    with pytest.raises(CheckpointError, match=r"damaged \(empty\)"):
        store.read(3)


# ---- in the background


def test_a_save_in_the_background_returns_first_and_the_next_one_waits(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    go, hashed = threading.Event(), checkpoint.manifest_of
    monkeypatch.setattr(checkpoint, "manifest_of", lambda folder: (go.wait(60), hashed(folder))[1])
    store = CheckpointStore(tmp_path, 2, in_background=True)
    save(store, 1)
    assert [p.name for p in tmp_path.iterdir()] == [".step_1.part"]  # written, and nothing else yet
    threading.Timer(0.05, go.set).start()
    save(store, 2)
    assert (tmp_path / "step_1").is_dir()
    assert store.steps() == [1, 2] and store.read(2).state["a"] == 2


def test_pruning_after_a_save_in_the_background_counts_it(tmp_path: Path) -> None:
    store = CheckpointStore(tmp_path, 2, in_background=True)
    for step in (1, 2, 3, 4):
        save(store, step)
        store.prune({1, None})
    assert store.steps() == [1, 3, 4]


@pytest.mark.parametrize("is_full", [True, False])
def test_a_failure_in_the_background_is_told_at_the_next_save(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, is_full: bool
) -> None:
    store = save(CheckpointStore(tmp_path, 5, in_background=True), 1)
    store.wait()

    def fails(_: Path) -> None:
        raise OSError(errno.ENOSPC if is_full else errno.EIO, "it cannot")

    with monkeypatch.context() as patch:
        patch.setattr(checkpoint, "flush_files", fails)
        save(store, 2)
        error = CheckpointError if is_full else OSError
        with pytest.raises(error, match="no space left for the checkpoint of step 2" if is_full else "it cannot"):
            save(store, 3)
    assert save(store, 3).steps() == [1, 3]


def test_a_stage_ends_when_its_last_save_has_and_keeps_its_own_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    store = CheckpointStore(tmp_path, 2, in_background=True, warn=said.append)
    with store.settled():
        save(store, 1)
    assert (tmp_path / "step_1").is_dir() and not store._pending
    monkeypatch.setattr(checkpoint, "flush_files", lambda _: (_ for _ in ()).throw(OSError("gone")))
    with pytest.raises(KeyError, match="mine"), store.settled():
        save(store, 2)
        raise KeyError("mine")
    assert said == ["OSError: gone"]
    with pytest.raises(OSError, match="gone"), store.settled():
        save(store, 2)


# ---- by size


@given(
    sizes=st.dictionaries(st.integers(1, 30), st.integers(0, 50), max_size=8),
    keep=st.integers(1, 5),
    most=st.one_of(st.none(), st.integers(0, 200)),
    protected=st.sets(st.integers(1, 30), max_size=3),
)
def test_what_is_removed_is_the_oldest_and_neither_protected_nor_the_newest(
    sizes: dict[int, int], keep: int, most: int | None, protected: set[int]
) -> None:
    gone = expendable(sizes, keep, most, {None, *protected})
    left = sorted(set(sizes) - set(gone))
    assert len(set(gone)) == len(gone) and not set(gone) & protected and (not sizes or max(sizes) in left)
    free = [step for step in left if step not in protected and step != max(sizes)]
    assert all(step in sorted(sizes)[-keep:] for step in free)
    total = sum(sizes[step] for step in left)
    assert most is None or total <= most or not free
    by_count = [step for step in sorted(sizes)[:-keep] if step not in protected]
    by_size = [step for step in gone if step not in by_count]
    assert all(one < other for one in by_size for other in free)
    if by_size:
        assert most is not None and total + sizes[max(by_size)] > most  # no more than it takes


def test_checkpoints_are_kept_up_to_a_size(tmp_path: Path) -> None:
    store = save(CheckpointStore(tmp_path, 10, keep_bytes=30_000), 1, 2, 3, 4, size=10_000)
    store.prune({1})
    assert store.steps() == [1, 4]  # of some 10,200 bytes each
    CheckpointStore(tmp_path, 10, keep_bytes=1).prune(set())
    assert store.steps() == [4]


# ---- in object storage


@pytest.fixture
def mirror(tmp_path: Path) -> CheckpointMirror:
    return CheckpointMirror(f"file://{tmp_path}/storage/run/stage1")


def test_a_run_that_lost_its_folder_goes_on_from_the_mirror(tmp_path: Path, mirror: CheckpointMirror) -> None:
    store = CheckpointStore(tmp_path / "here", 2, in_background=True, mirror=mirror, warn=pytest.fail)
    for step in (1, 2, 3):
        save(store, step)
        store.prune(set())
    store.wait()
    assert mirror.steps() == [2, 3]
    fresh = CheckpointStore(tmp_path / "there", 2, mirror=mirror)
    found = fresh.newest(pytest.fail)
    assert found is not None and (found.step, found.folder) == (3, tmp_path / "there" / "step_3")
    assert found.state["a"] == 3 and (found.folder / "model" / "weights.bin").read_bytes() == b"\3" * 1000
    (store.path(3) / "model" / "weights.bin").write_bytes(b"damaged")
    assert store.read(3).state["a"] == 3  # fetched again


def test_a_copy_that_was_killed_is_none_and_is_replaced(
    tmp_path: Path, mirror: CheckpointMirror, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    store = CheckpointStore(tmp_path / "here", 5, mirror=mirror, warn=said.append)
    save(store, 1)
    put = CheckpointMirror._put

    def cut(self: CheckpointMirror, folder: Path, step: int, name: str) -> None:
        if name == "manifest.json":
            raise OSError("killed")
        put(self, folder, step, name)

    with monkeypatch.context() as patch:
        patch.setattr(CheckpointMirror, "_put", cut)
        save(store, 2)
    assert len(said) == 1 and "step_2 was not copied" in said[0]
    assert (tmp_path / "storage/run/stage1/step_2/model/weights.bin").exists() and mirror.steps() == [1]
    found = CheckpointStore(tmp_path / "there", 2, mirror=mirror).newest(pytest.fail)
    assert found is not None and found.step == 1
    (tmp_path / "storage/run/stage1/step_2/stale").write_text("of the killed copy")
    save(store, 2)
    assert mirror.steps() == [1, 2] and not (tmp_path / "storage/run/stage1/step_2/stale").exists()


def test_a_damaged_copy_is_passed_over_for_an_older_one(tmp_path: Path, mirror: CheckpointMirror) -> None:
    save(CheckpointStore(tmp_path / "here", 5, mirror=mirror, warn=pytest.fail), 1, 2)
    (tmp_path / "storage/run/stage1/step_2/model/weights.bin").write_bytes(b"\2" * 999 + b"x")
    said: list[str] = []
    fresh = CheckpointStore(tmp_path / "there", 2, mirror=mirror)
    found = fresh.newest(said.append)
    assert found is not None and found.step == 1 and len(said) == 1 and "damaged" in said[0]
    assert sorted(os.listdir(tmp_path / "there")) == ["step_1"]


def test_what_killed_copies_left_is_removed_with_older_steps(tmp_path: Path, mirror: CheckpointMirror) -> None:
    store = save(CheckpointStore(tmp_path / "here", 1, mirror=mirror, warn=pytest.fail), 4)
    half = tmp_path / "storage/run/stage1/step_2"
    half.mkdir()
    (half / "weights.bin").write_text("half")
    store.prune(set())
    assert mirror.steps() == [4] and not half.exists()


@pytest.mark.parametrize(
    ("url", "words"), [("nowhere://bucket/runs", "known are s3"), ("az://bucket/runs", "install adlfs")]
)
def test_a_storage_that_cannot_be_opened_is_refused_with_the_remedy(url: str, words: str) -> None:
    if url.startswith("az"):
        pytest.importorskip("fsspec")
        try:
            import adlfs  # noqa: F401
        except ImportError:
            pass
        else:
            pytest.skip("adlfs is installed")
    with pytest.raises(RecipeError, match=words):
        open_storage(url)
