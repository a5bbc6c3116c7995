"""That memory and disk run short is said before they are gone, once each time, with what to do."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from openqwq.training.cluster.machine_room import GB, Limits, Room, look, shortages
from openqwq.training.config import Cluster
from openqwq.training.pipeline import room_watch
from openqwq.training.pipeline.room_watch import RoomWatch, newest_checkpoint

LIMITS = Limits(memory=0.1, disk=5 * GB)
FULL = {"/runs": (50 * GB, 100 * GB), "/dev/shm": (8 * GB, 16 * GB)}


def room(memory: float = 0.5, **changes: object) -> Room:
    return Room(**{"machine": "10.0.0.7", "free_memory": memory * 64 * GB, "memory": 64 * GB, "disks": FULL, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (room(), []),
        (room(0.09), ["10.0.0.7 has 5.8 GB of 64.0 GB of memory left", "micro_batch_tokens"]),
        (room(disks={"/runs": (4.9 * GB, 100 * GB)}), ["4.9 GB left on the disk of /runs", "keep_checkpoints"]),
        (room(disks={"/runs": (5.1 * GB, 100 * GB)}), []),
        (room(disks={"/dev/shm": (0.5 * GB, 16 * GB)}), ["0.50 GB of 16.00 GB of /dev/shm", "object_store_mb"]),
        (room(disks={"/dev/shm": (1.0 * GB, 16 * GB)}), []),
    ],
)
def test_a_shortage_names_machine_amount_and_remedy(found: Room, words: list[str]) -> None:
    lines = [line for _, line in shortages(found, LIMITS)]
    assert len(lines) == bool(words) and all(word in "".join(lines) for word in words)
    assert all("\n" not in line for line in lines)


def test_limits_of_zero_say_nothing() -> None:
    empty = room(0.0, disks={"/runs": (0.0, 100 * GB)})
    assert list(shortages(empty, Limits(0.0, 0.0))) == []


def test_this_machine_has_room_and_each_disk_is_looked_at_once(tmp_path: Path) -> None:
    found = look("here", [str(tmp_path), str(tmp_path), str(tmp_path / "none")])
    assert 0 < found.free_memory <= found.memory
    assert str(tmp_path) in found.disks and str(tmp_path / "none") not in found.disks
    assert all(0 <= free <= total for free, total in found.disks.values())


def test_a_shortage_is_said_once_until_it_is_over(tmp_path: Path) -> None:
    said: list[str] = []
    watch = RoomWatch(Cluster(free_memory=0.1), tmp_path, said.append)
    for memory in (0.5, 0.05, 0.04, 0.5, 0.05):
        watch.say([room(memory)])
    assert len(said) == 2
    watch.say([room(0.05), Room("10.0.0.8", 1 * GB, 64 * GB, {})])
    assert len(said) == 3 and said[2].startswith("10.0.0.8 has 1.0 GB")


@pytest.mark.parametrize(
    ("least", "free", "is_said"), [(None, 2.5, True), (None, 3.5, False), (9.0, 8.0, True), (0.0, 0.1, False)]
)
def test_the_disk_holds_two_more_of_the_newest_checkpoint_or_what_the_recipe_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, least: float | None, free: float, is_said: bool
) -> None:
    monkeypatch.setattr(room_watch, "newest_checkpoint", lambda folder: int(1.5 * GB))
    said: list[str] = []
    RoomWatch(Cluster(free_disk_gb=least), tmp_path, said.append).say([room(disks={"/runs": (free * GB, 100 * GB)})])
    assert bool(said) == is_said


def test_the_newest_checkpoint_counts_with_all_its_files(tmp_path: Path) -> None:
    assert newest_checkpoint(tmp_path) == 0
    for stage, step, size in (("a", 1, 10), ("b", 7, 300)):
        folder = tmp_path / "checkpoints" / stage / f"step_{step}" / "model"
        folder.mkdir(parents=True)
        (folder / "x").write_bytes(bytes(size))
    assert newest_checkpoint(tmp_path) in (10, 300)


def test_a_watch_looks_until_it_is_stopped_and_outlives_what_it_cannot_see(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room_watch, "PERIOD_SECONDS", 0.01)
    looked = threading.Event()

    def others(folders: object) -> Iterator[Room]:
        looked.set()
        raise OSError("no such machine")

    said: list[str] = []
    watch = RoomWatch(Cluster(free_memory=0.0, free_disk_gb=0.0), tmp_path, said.append)
    watch.others = others  # type: ignore[assignment]
    watch.start()
    assert looked.wait(60)
    watch._thread.join(60)
    assert said == ["free memory and disk are not watched any more: OSError: no such machine"]
    watch.stop()
    RoomWatch(Cluster(), tmp_path, said.append).stop()  # of a run that did not get as far as to start it
