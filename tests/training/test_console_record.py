"""What a run says is kept beside what it prints."""

import io
import json
from pathlib import Path

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


def test_a_folder_that_cannot_be_written_does_not_end_a_run(tmp_path: Path) -> None:
    console = ConsoleLogger(Console(file=io.StringIO()))
    console.keep(tmp_path / "nowhere" / "console.jsonl")
    console.warn("said all the same")
