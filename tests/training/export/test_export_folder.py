"""The folder of an export is whole or not there."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from openqwq.training.errors import CheckpointError, RecipeError
from openqwq.training.export.folder import RESERVE_BYTES, new_folder, refuse_without_room

KILLED = """
import os, sys
from pathlib import Path
from openqwq.training.export.folder import new_folder
with new_folder(Path(sys.argv[1])) as folder:
    (folder / "config.json").write_text("{}")
    os.kill(os.getpid(), 9)
"""


def test_a_killed_export_leaves_nothing_by_its_name_and_the_next_one_clears_up(tmp_path: Path) -> None:
    target = tmp_path / "out"
    done = subprocess.run([sys.executable, "-c", KILLED, str(target)], check=False)
    assert done.returncode == -9 and not target.exists()
    assert [path.name for path in tmp_path.iterdir()] == [".out.part"]
    with new_folder(target) as folder:
        assert list(folder.iterdir()) == []
        (folder / "a").write_text("b")
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    assert [path.name for path in target.iterdir()] == ["a"]


def test_an_error_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), new_folder(tmp_path / "deep/out") as folder:
        (folder / "a").write_text("b")
        raise KeyboardInterrupt
    assert list((tmp_path / "deep").iterdir()) == []


def test_an_empty_folder_is_taken_also_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with new_folder(tmp_path / "link") as folder:
        (folder / "a").write_text("b")
    assert (tmp_path / "real/a").read_text() == "b"


def test_two_exports_to_one_place_do_not_mix(tmp_path: Path) -> None:
    with new_folder(tmp_path / "out") as folder:
        (folder / "mine").write_text("x")
        with pytest.raises(RecipeError, match="another export writes to"), new_folder(tmp_path / "out"):
            pass
        assert (folder / "mine").exists()
    assert (tmp_path / "out/mine").exists()


def test_what_came_there_meanwhile_is_not_overwritten(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="is not empty"), new_folder(tmp_path / "out"):
        (tmp_path / "out").mkdir()
        (tmp_path / "out/theirs").write_text("x")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["theirs"]


def test_a_disk_without_room_is_refused_with_both_numbers(tmp_path: Path) -> None:
    refuse_without_room(tmp_path, 0)
    with pytest.raises(CheckpointError, match=r"needs 1048576\.06 GiB and .* has \d+\.\d\d GiB free"):
        refuse_without_room(tmp_path, 2**50)
    assert RESERVE_BYTES < 2**30
