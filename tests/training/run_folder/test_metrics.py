"""The run's own log: whole lines, and a resumed stage writes no step twice."""

from __future__ import annotations

import json
from pathlib import Path

from openqwq.training.config import Logging
from openqwq.training.run_folder.metrics import MetricsLog
from tests.training.small_records import make_group


def lines(folder: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def test_a_resumed_stage_drops_its_later_steps_and_an_incomplete_line(tmp_path: Path) -> None:
    log = MetricsLog(tmp_path, Logging(), "run")
    for step in (1, 2, 3):
        log.write("stage1", step, {"x": step})
    log.write("stage0", 9, {"x": 0})
    with (tmp_path / "metrics.jsonl").open("a") as file:
        file.write('{"stage": "stage1", "st')
    log.forget_after("stage1", 2)
    log.write("stage1", 3, {"x": 33})
    assert [(line["stage"], line["step"], line["x"]) for line in lines(tmp_path)] == [
        ("stage1", 1, 1), ("stage1", 2, 2), ("stage0", 9, 0), ("stage1", 3, 33),
    ]  # fmt: skip
    assert [path.name for path in tmp_path.iterdir()] == ["metrics.jsonl"]


def test_a_line_after_an_incomplete_one_is_not_lost(tmp_path: Path) -> None:
    (tmp_path / "metrics.jsonl").write_text('{"stage": "cold_start", "st')
    MetricsLog(tmp_path, Logging(), "run").write("cold_start", 1, {"x": 1})
    assert json.loads((tmp_path / "metrics.jsonl").read_text().splitlines()[-1])["x"] == 1


def test_the_first_rollouts_of_a_step_are_kept_with_their_verdicts(tmp_path: Path) -> None:
    MetricsLog(tmp_path, Logging(rollouts_per_step=3), "run").rollouts("stage1", 5, [make_group([1.0, None, 0.0, 0.5])])
    kept = [json.loads(line) for line in (tmp_path / "rollouts" / "stage1" / "step_5.jsonl").read_text().splitlines()]
    assert [entry["reward"] for entry in kept] == [1.0, None, 0.0]
    assert kept[0]["prompt"] == "question 0" and kept[0]["turns"][0]["content"] == "yes"
