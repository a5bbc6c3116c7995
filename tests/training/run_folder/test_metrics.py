"""The run's own log: whole lines, and a resumed stage writes no step twice."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from openqwq.training.config import Logging
from openqwq.training.records import Group, Judgement
from openqwq.training.run_folder.metrics import MetricsLog
from tests.training.small_records import make_group, make_prompt, make_rollout


def lines(folder: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def test_a_resumed_stage_drops_its_later_steps_and_an_incomplete_line(tmp_path: Path) -> None:
    log = MetricsLog(tmp_path, Logging(), "run")
    log.write("cold_start", 7, {"x": -1.5})
    for step in (1, 2, 3, 4):
        log.write("stage1", step, {"x": step})
    log.write("stage0", 9, {"x": 0})
    with (tmp_path / "metrics.jsonl").open("a") as file:
        file.write('{"stage": "stage1", "st')
    log.forget_after("stage1", 2)
    log.write("stage1", 3, {"x": 33})
    assert [(line["stage"], line["step"], line["x"]) for line in lines(tmp_path)] == [
        ("cold_start", 7, -1.5), ("stage1", 1, 1), ("stage1", 2, 2), ("stage0", 9, 0), ("stage1", 3, 33),
    ]  # fmt: skip
    assert [path.name for path in tmp_path.iterdir()] == ["metrics.jsonl"]


def test_a_line_without_a_step_belongs_to_the_start_of_its_stage(tmp_path: Path) -> None:
    (tmp_path / "metrics.jsonl").write_text('{"stage": "stage1", "x": 5}\n')
    MetricsLog(tmp_path, Logging(), "run").forget_after("stage1", 0)
    assert lines(tmp_path) == [{"stage": "stage1", "x": 5}]


def test_a_stage_that_logged_nothing_has_nothing_to_forget(tmp_path: Path) -> None:
    log = MetricsLog(tmp_path, Logging(), "run")
    log.forget_after("stage1", 0)
    assert list(tmp_path.iterdir()) == []
    log.write("stage1", 1, {"reward/mean": 0.5})
    log.close()
    assert (tmp_path / "metrics.jsonl").read_text() == '{"stage": "stage1", "step": 1, "reward/mean": 0.5}\n'


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ('{"stage": "cold_start", "st', ""),
        ('{"a": 1}\n{"b": 2}\n{"c', '{"a": 1}\n{"b": 2}\n'),
        ('{"a": 1}\n{"b": 2}\n', '{"a": 1}\n{"b": 2}\n'),
        ("", ""),
    ],
)
def test_a_line_after_an_incomplete_one_is_not_lost(tmp_path: Path, text: str, kept: str) -> None:
    (tmp_path / "metrics.jsonl").write_text(text)
    MetricsLog(tmp_path, Logging(), "run").write("cold_start", 1, {"x": 1})
    assert (tmp_path / "metrics.jsonl").read_text() == kept + '{"stage": "cold_start", "step": 1, "x": 1}\n'


def test_a_log_that_is_whole_is_not_written_again(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_text('{"a": 1}\n')
    before = path.stat().st_ino
    MetricsLog(tmp_path, Logging(), "run")
    assert path.stat().st_ino == before


def test_every_rollout_is_logged_with_a_judgement(tmp_path: Path) -> None:
    group = replace(make_group([1.0, 0.0]), judgements=[Judgement(1.0, {}, {})])
    with pytest.raises(ValueError, match="shorter"):
        MetricsLog(tmp_path, Logging(), "run").rollouts("stage1", 1, [group])


def test_the_first_rollouts_of_a_step_are_kept_with_their_verdicts(tmp_path: Path) -> None:
    log = MetricsLog(tmp_path, Logging(rollouts_per_step=3), "run")
    judgement = Judgement(None, {"math": 0.5}, {"math": "scored", "code": "sandbox_error"}, "gone")
    rollout = replace(make_rollout(4, 1, response="no", tokens=(1, 2, 3, 4), mask=(1, 0, 1, 1), finish="length"),
                      weights_version=6)  # fmt: skip
    log.rollouts("stage1", 5, [Group(make_prompt(4), [rollout], [judgement]), make_group([1.0, 0.0, 0.5])])
    kept = [json.loads(line) for line in (tmp_path / "rollouts" / "stage1" / "step_5.jsonl").read_text().splitlines()]
    assert [entry["reward"] for entry in kept] == [None, 1.0, 0.0]
    assert kept[0] == {
        "id": "p4",
        "task": "math",
        "sample": 1,
        "prompt": "question 4",
        "turns": [{"role": "assistant", "content": "no"}],
        "num_tokens": 3,
        "finish_reason": "length",
        "weights_version": 6,
        "reward": None,
        "parts": {"math": 0.5},
        "statuses": {"math": "scored", "code": "sandbox_error"},
        "reason": "gone",
    }
    log.rollouts("stage1", 5, [make_group([0.25])])  # a resumed run writes the step again
    assert len((tmp_path / "rollouts" / "stage1" / "step_5.jsonl").read_text().splitlines()) == 1


def test_the_prompt_of_a_rollout_is_the_last_message(tmp_path: Path) -> None:
    system = {"role": "system", "content": "be brief"}
    group = make_group([1.0])
    group = replace(group, prompt=replace(group.prompt, messages=(system, *group.prompt.messages)))
    MetricsLog(tmp_path, Logging(), "run").rollouts("stage1", 1, [group])
    assert json.loads((tmp_path / "rollouts" / "stage1" / "step_1.jsonl").read_text())["prompt"] == "question 0"


class Wandb:
    """Stands in for the package, which is not installed here."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, Any]] = []

    def init(self, **settings: Any) -> Wandb:
        self.calls.append(("init", settings))
        return self

    def log(self, numbers: dict[str, float]) -> None:
        self.calls.append(("log", numbers))

    def finish(self) -> None:
        self.calls.append(("finish", None))


def test_wandb_gets_the_same_numbers_under_the_name_of_their_stage(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wandb = Wandb()
    monkeypatch.setitem(sys.modules, "wandb", wandb)
    log = MetricsLog(tmp_path, Logging(wandb="offline", wandb_project="mine"), "quick")
    log.write("stage1", 3, {"x": 0.5, "y": 2.0})
    log.close()
    settings = {"project": "mine", "name": "quick", "dir": str(tmp_path), "mode": "offline", "resume": "allow"}
    assert wandb.calls == [("init", settings), ("log", {"stage1/x": 0.5, "stage1/y": 2.0}), ("finish", None)]
    assert lines(tmp_path) == [{"stage": "stage1", "step": 3, "x": 0.5, "y": 2.0}]
    MetricsLog(tmp_path, Logging(), "quick").close()
    assert len(wandb.calls) == 3  # off by default
