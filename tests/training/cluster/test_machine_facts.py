"""What is wrong with the machines of a cluster, side by side; the looking itself runs on this machine."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from openqwq.training.cluster.machine_facts import Machine, faults, look, table

SOUND = Machine(
    "10.0.0.1",
    cpus=64,
    memory=2**39,
    shared_memory=2**37,
    gpus=("H100",) * 8,
    driver="570.1",
    disk_free=2**42,
    sees_folder=True,
    skew_seconds=0.01,
    versions={"python": "3.11.7", "torch": "2.13.0"},
    sandbox="L2",
)
RUNS = Path("runs")


def beside(**changes: object) -> list[str]:
    """The faults of a cluster of three whose last machine differs."""
    other = replace(SOUND, name="10.0.0.3", **changes)  # type: ignore[arg-type]
    return faults([SOUND, replace(SOUND, name="10.0.0.2"), other], RUNS)


def test_equal_machines_have_no_fault() -> None:
    assert beside() == []
    assert faults([replace(SOUND, gpus=(), driver="")], RUNS) == []


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"sees_folder": False}, "does not see runs"),
        ({"disk_free": 2**30}, "1.0 GiB are free in runs"),
        ({"skew_seconds": -2.5}, "its clock differs by -2.5 s"),
        ({"shared_memory": 2**26}, "--shm-size"),
        ({"gpus": ("H100",) * 7}, "GPUs 7 x H100, elsewhere 8 x H100"),
        ({"driver": "550.2"}, "driver 550.2, elsewhere 570.1"),
        ({"versions": {"python": "3.11.7", "torch": "2.12.0"}}, "torch 2.12.0, elsewhere 2.13.0"),
        ({"versions": {"python": "3.11.7"}}, "torch none, elsewhere 2.13.0"),
        ({"problem": "the actor died"}, "could not be looked at: the actor died"),
    ],
)
def test_a_machine_that_differs_is_named_with_what_is_wrong(changes: dict[str, object], said: str) -> None:
    (fault,) = beside(**changes)
    assert fault.startswith("10.0.0.3: ") and said in fault


def test_a_machine_without_gpus_beside_others_is_no_fault() -> None:
    assert beside(gpus=(), driver="") == []


def test_the_table_has_a_line_a_machine_also_for_one_that_does_not_answer() -> None:
    lines = table([SOUND, Machine("10.0.0.2", problem="the actor died")]).splitlines()
    assert len(lines) == 3 and lines[1].split()[0] == "10.0.0.1" and "8 x H100" in lines[1]
    assert set(lines[2].split()[1:]) == {"?"}


def test_a_machine_looks_at_itself_and_at_the_mark_of_the_driver(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    mark.write_text("words")
    found = look("here", mark, "words")
    assert found.sees_folder and found.cpus and found.memory and found.disk_free and found.versions["openqwq"]
    assert not look("here", tmp_path / "other", "words").sees_folder
