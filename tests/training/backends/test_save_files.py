"""Files of a save: the same bytes at once and behind, whatever there is room for."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from openqwq.training.backends import accelerate_trainer, save_files
from openqwq.training.backends.save_files import SaveFiles, room_for_save
from openqwq.training.config import Optimizer
from tests.training.small_updates import mixed_batch, trainer_of


def make(folder: Path) -> Path:
    folder.mkdir()
    return folder


@given(
    files=st.lists(st.lists(st.binary(max_size=20), max_size=5), max_size=4),
    room=st.integers(0, 120),
)
def test_files_have_their_bytes_whatever_there_was_room_for(
    files: list[list[bytes]], room: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder, save = tmp_path_factory.mktemp("files"), SaveFiles(room)
    buffer = bytearray(20)
    for index, parts in enumerate(files):
        with save.open(folder / f"{index}") as file:
            for part in parts:
                buffer[: len(part)] = part
                assert file.write(memoryview(buffer)[: len(part)]) == len(part)
                buffer[:] = bytes(20)  # as weights that change after their save
    kept = sum(len(part) for _, parts in save._kept for part in parts)
    total = sum(len(part) for parts in files for part in parts)
    assert kept <= room and kept + save.written_at_once == total
    assert total > room or room == 0 or save.written_at_once == 0
    save.start()
    save.wait()
    assert save.state() == (True, None) and not save._kept
    assert [(folder / f"{i}").read_bytes() for i in range(len(files))] == [b"".join(parts) for parts in files]


def test_a_value_is_that_of_its_save(tmp_path: Path) -> None:
    save, value = SaveFiles(2**20), torch.arange(6.0)
    save.save({"a": value, "b": value[2:4], "n": 3}, tmp_path / "a.pt")
    value += 1
    save.start()
    save.wait()
    found = torch.load(tmp_path / "a.pt", weights_only=True)
    assert torch.equal(found["a"], torch.arange(6.0)) and found["n"] == 3
    found["a"][2] = 9.0
    assert found["b"][0] == 9.0, "tensors that share memory share it again"


def test_what_cannot_be_written_is_told_and_no_other_file_follows(tmp_path: Path) -> None:
    save = SaveFiles(100)
    for name in ("missing/a", "b"):
        with save.open(tmp_path / name) as file:
            file.write(b"x")
    save.start()
    save.wait()
    is_done, error = save.state()
    assert is_done and isinstance(error, OSError) and error.errno == errno.ENOENT
    assert not list(tmp_path.iterdir()) and not save._kept


def test_a_file_whose_writing_is_broken_off_is_not_written_later(tmp_path: Path) -> None:
    save = SaveFiles(100)
    with pytest.raises(RuntimeError, match="a rank is gone"), save.open(tmp_path / "a") as file:
        file.write(b"x")
        raise RuntimeError("a rank is gone")
    save.start()
    assert save.state() == (True, None) and not list(tmp_path.iterdir())


def test_ranks_share_half_of_the_free_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(save_files, "free_and_total_memory", lambda: (800, 1000))
    assert (room_for_save(1), room_for_save(4)) == (400, 100)


@pytest.mark.parametrize("share", [2.0, 0.5, 0.001])
def test_a_save_behind_an_update_has_the_weights_of_before_it(
    tiny_folder: str, tmp_path: Path, share: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainer = trainer_of(tiny_folder, optimizer=Optimizer(learning_rate=1e-2))
    trainer.update(mixed_batch())
    whole = trainer.save(make(tmp_path / "at once"))
    assert whole > 0
    monkeypatch.setattr(accelerate_trainer, "room_for_save", lambda num_ranks: int(share * whole))
    at_once = trainer.save(make(tmp_path / "behind"), is_behind=True)
    trainer.update(mixed_batch(1))
    trainer._saving.wait()
    assert trainer.saved() == (True, None) and (at_once == 0) == (share == 2.0)
    names = sorted(str(p.relative_to(tmp_path / "at once")) for p in (tmp_path / "at once").rglob("*") if p.is_file())
    assert names == sorted(str(p.relative_to(tmp_path / "behind")) for p in (tmp_path / "behind").rglob("*.*"))
    for name in names:
        one, other = (tmp_path / folder / name for folder in ("at once", "behind"))
        if name.endswith(".pt"):  # the name of the archive stands in it
            assert str(torch.load(one)) == str(torch.load(other)), name
        else:
            assert one.read_bytes() == other.read_bytes(), name
    trainer.load(tmp_path / "behind")
