"""What a run says is kept beside what it prints."""

import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from openqwq.training.console import ConsoleLogger


def test_lines_are_kept_with_the_stage_and_step_at_which_they_were_said(tmp_path: Path) -> None:
    console = ConsoleLogger(Console(file=io.StringIO()))
    console.info("before anything is kept")
    console.keep(tmp_path / "console.jsonl")
    with console.stage("stage1", 20):
        console.step(3, "reward 0.5")
        console.warn("alert kl: [red]2[/red] \udcff")
        console.info("stage1: resuming after step 2", at=("stage1", 2))
    console.record("error", "out of memory")
    lines = [json.loads(line) for line in (tmp_path / "console.jsonl").read_text().splitlines()]
    assert [(line["kind"], line["stage"], line["step"], line["text"]) for line in lines] == [
        ("warning", "stage1", 3, "alert kl: [red]2[/red] \udcff"),
        ("info", "stage1", 2, "stage1: resuming after step 2"),
        ("error", "stage1", 3, "out of memory"),
    ]


def test_a_log_gets_ten_lines_of_a_stage_that_say_what_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("openqwq.training.console.time.monotonic", lambda: now[0])
    said = io.StringIO()
    console = ConsoleLogger(Console(file=said))
    with console.stage("stage1", 40):
        for step in range(21, 41):  # goes on after step 20
            console.step(step, "reward 0.500")
            now[0] += 60.0
    lines = said.getvalue().splitlines()
    assert lines[0] == "stage1 24/40  reward 0.500  16 min left"
    assert lines[-1] == "stage1 40/40  reward 0.500" and len(lines) == 5


def test_a_folder_that_cannot_be_written_does_not_end_a_run(tmp_path: Path) -> None:
    console = ConsoleLogger(Console(file=io.StringIO()))
    console.keep(tmp_path / "nowhere" / "console.jsonl")
    console.warn("said all the same")
