"""The doctor: each finding names what is missing and the remedy; the whole examination runs on this machine."""

import importlib.metadata
from pathlib import Path

import pytest

from openqwq.training import doctor
from openqwq.training.backends.machine_memory import free_and_total_memory, free_shared_memory


def test_examination_of_a_machine_with_everything_ends_well(capsys: pytest.CaptureFixture[str]) -> None:
    status = doctor.examine()
    words = capsys.readouterr().out
    for expected in ("Python", "torch", "ray", "CPUs", "memory", "sandbox", "equal (symbolic)", "disk", "rollouts: "):
        assert expected in words
    assert status == (1 if "cannot run here yet" in words else 0)


def test_an_unsupported_python_is_named() -> None:
    assert "3.11 or 3.12" in doctor.python_version((3, 9)).problem
    assert doctor.python_version((3, 12)).problem == ""


def test_a_missing_package_is_reported_with_how_to_install_it() -> None:
    def nothing(name: str) -> str:
        raise importlib.metadata.PackageNotFoundError(name)

    torch, wandb = doctor.package_versions(["torch", "wandb"], nothing, {})
    assert "pip install 'openqwq[train]'" in torch.problem
    assert wandb.problem == "" and "not installed" in wandb.words


def test_another_version_than_the_pinned_one_is_shown_with_the_pin() -> None:
    ranges = {"torch": "==2.13.0", "fastapi": ">=0.133,<0.137"}
    torch, fastapi = doctor.package_versions(["torch", "fastapi"], lambda name: "0.136.3", ranges)
    assert "==2.13.0" in torch.words
    assert fastapi.words.endswith(" 0.136.3")


def test_a_local_build_of_the_pinned_version_fits() -> None:
    (found,) = doctor.package_versions(["torch"], lambda name: "2.13.0+cpu", {"torch": "==2.13.0"})
    assert found.words.endswith("2.13.0+cpu")


def test_version_ranges_are_those_of_the_distribution() -> None:
    found = doctor.version_ranges()
    assert ">=2.13" in found["torch"] and "<1.15" in found["sympy"]
    assert "openqwq" not in found


def test_too_few_cpus_little_memory_and_a_read_only_folder_name_the_remedy(tmp_path: Path) -> None:
    assert "cluster.rollout.workers=1" in doctor.processors(1, 2).problem
    assert doctor.processors(2, 2).problem == ""
    assert "1.0 GiB found" in doctor.memory(2**30, 2**34).problem
    assert doctor.memory(2**34, 2**35).problem == ""
    assert str(tmp_path) in doctor.disk_space(tmp_path).words


def test_memory_of_this_machine_is_read() -> None:
    free, total = free_and_total_memory()
    assert 0 < free <= total
    assert free_shared_memory() > 0
