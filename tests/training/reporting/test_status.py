"""`openqwq status`: one screen of what a run does."""

import json
import os
import time
from pathlib import Path

import pytest

from openqwq.training.cli import main
from openqwq.training.reporting.status import status_lines
from openqwq.training.run_folder.folder import hold
from openqwq.training.run_folder.record import read_run
from tests.training.example_run import write_example_run


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return write_example_run(tmp_path / "run")


def screen(folder: Path, later: float = 0.0) -> str:
    return "\n".join(status_lines(read_run(folder), time.time() + later))


def test_a_finished_run_says_what_it_learned_and_kept(run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status", str(run)]) == 0
    said = capsys.readouterr().out
    assert "quickstart, seed 0: completed" in said and "gate passed" in said
    assert "+ stage1 raised math (0.31 → 0.68" in said and "+ stage2 kept math" in said
    assert "signs of illness" in said and "newest file: " in said


def test_a_run_under_way_says_its_step_its_pace_and_what_is_left(run: Path) -> None:
    summary = json.loads((run / "summary.json").read_text())
    del summary["stages"][3:]
    (run / "summary.json").write_text(json.dumps({**summary, "status": "running"}))
    began = {
        "time": time.time() - 600,
        "kind": "info",
        "stage": "",
        "step": 0,
        "text": "recipe quickstart, seed 0, ...",
    }
    waits = {**began, "kind": "warning", "text": "no machine has room; waiting"}
    (run / "console.jsonl").write_text(f"{json.dumps(began)}\n{json.dumps(waits)}\n")
    with hold(run):
        said = screen(run)
        assert "running for 10 min" in said and "(it said: no machine has room; waiting)" in said
        assert "s a step, about" in said
        assert "nothing has been written" not in said
        assert "nothing has been written for 17 min" in screen(run, later=1000)


def test_a_killed_run_says_how_it_goes_on(run: Path) -> None:
    summary = json.loads((run / "summary.json").read_text())
    (run / "summary.json").write_text(json.dumps({**summary, "status": "running"}))
    said = screen(run, later=7200)
    assert f"go on: openqwq run {run / 'recipe.yaml'} --run-dir {run}" in said
    assert "nothing has been written" not in said, "it is known to be dead"


def test_a_folder_with_nothing_but_metrics_has_a_status(tmp_path: Path) -> None:
    (tmp_path / "metrics.jsonl").write_text("")
    os.symlink(tmp_path / "nowhere", tmp_path / "broken")
    assert "not started" in screen(tmp_path)


def test_no_run_folder_is_a_clear_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status", str(tmp_path / "nothing")]) == 2
    assert "no run folder" in capsys.readouterr().err


def test_the_newest_warnings_and_what_ended_a_session_are_said_again(run: Path) -> None:
    lines = [{"time": time.time() - 600, "kind": "warning", "stage": "s", "step": i, "text": f"w{i}"} for i in range(5)]
    lines.append({"time": time.time() - 300, "kind": "error", "stage": "s", "step": 5, "text": "out of memory"})
    (run / "console.jsonl").write_text("\n".join(map(json.dumps, lines)))
    said = screen(run)
    assert "error, 5 min ago: out of memory" in said
    assert "warning, 10 min ago: w4" in said and "w3" in said and "w2" not in said
