"""The script that repeats the tests finds one that fails now and then, and leaves no process."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType

import psutil
import pytest

SCRIPT = Path(__file__).parents[2] / "scripts" / "repeat_tests.py"
FLAKY = """
import pathlib
def test_is_right():
    pass
def test_fails_every_second_time():
    with pathlib.Path(__file__).with_name("runs").open("a+") as file:
        file.write("x")
        file.seek(0)
        assert file.read() != "xx", "the second run"
"""


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("repeat_tests", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_a_test_that_fails_now_and_then_is_named_and_the_busy_process_ends(
    script: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "test_flaky.py").write_text(FLAKY)
    out, before = tmp_path / "report.json", psutil.Process().children()
    words = ["--times", "3", "--beside", "busy_core", "--out", str(out), str(tmp_path)]
    assert script.main(words) == 1
    report = json.loads(capsys.readouterr().out)
    assert report == json.loads(out.read_text())
    assert (report["beside"], report["num_failures"]) == (["busy_core"], 1)
    assert [(run["tests"], run["status"], len(run["failures"])) for run in report["runs"]] == [
        (2, 0, 0), (2, 1, 1), (2, 0, 0),
    ]  # fmt: skip
    (failure,) = report["runs"][1]["failures"]
    assert failure["test"].endswith("test_flaky::test_fails_every_second_time")  # after the way from the root of pytest
    assert "the second run" in failure["text"]
    assert all(run["seconds"] > 0 for run in report["runs"])
    assert psutil.Process().children() == before


def test_a_run_that_does_not_get_as_far_as_its_tests_is_a_failure(
    script: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert script.main(["--times", "1", str(tmp_path / "nothing.py")]) == 1
    (run,) = json.loads(capsys.readouterr().out)["runs"]
    assert run["failures"][0]["test"] == "pytest" and "nothing.py" in run["failures"][0]["text"]


def test_the_words_for_pytest_are_those_of_the_makefile(script: ModuleType) -> None:
    assert script.words_of_make_test()[:2] == ["-n", "2"]
