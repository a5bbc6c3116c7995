"""A run folder read for the report: what is there, whole or damaged, and nothing that is not."""

from __future__ import annotations

import fcntl
import json
import warnings
from pathlib import Path
from typing import Any

import pytest

from openqwq.training.errors import RunFolderError
from openqwq.training.run_folder.entry import Check, GateDecision, StageEntry
from openqwq.training.run_folder.record import RunRecord, read_run

RECIPE = """name: quick
stages:
- {name: cold_start, kind: sft, steps: 30}
- {name: stage1, kind: rl, steps: 40, algorithm: {name: dapo}}
- {name: stage2, kind: rl, steps: 50}
"""
SUMMARY = {
    "status": "running",
    "stages": [
        {"name": "cold_start", "kind": "sft", "steps": 31, "seconds": 2.5},
        {"name": "stage1", "kind": "rl", "gate": {"passed": False, "checks": [{"name": "x", "passed": False}]}},
        {"name": "extra", "kind": "sft"},
    ],
}
METRICS = [
    {"stage": "stage1", "step": 10, "reward/mean": 0.25, "errors/share": 0.5},
    {"stage": "stage1", "step": 2, "reward/mean": 0.125, "reward/math": 0.5},
    {"stage": "stage2", "step": 99, "reward/mean": 0.75},
    {"stage": "stage1", "step": 10, "reward/mean": 0.5, "guard/math": -0.25},
    {"stage": "stage1", "step": None, "reward/mean": 0.9},
    {"stage": "stage1", "step": 3, "reward/mean": None},
    {"stage": "stage4", "step": None},
]


def folder_with(path: Path, **files: str) -> Path:
    for name, text in files.items():
        (path / name.replace("__", ".")).write_text(text)
    return path


def read(path: Path, summary: Any = SUMMARY) -> RunRecord:
    lines = "".join(json.dumps(line) + "\n" for line in METRICS) + '{"stage": "stage1", "st\n[1]\n'
    return read_run(folder_with(path, recipe__yaml=RECIPE, summary__json=json.dumps(summary), metrics__jsonl=lines))


def test_stages_are_the_planned_ones_with_what_the_summary_knows_and_then_its_others(tmp_path: Path) -> None:
    record = read(tmp_path)
    assert record.path == tmp_path and record.recipe_text == RECIPE and record.recipe["name"] == "quick"
    assert record.stages == [
        StageEntry("cold_start", "sft", seconds=2.5, steps=31),
        StageEntry("stage1", "rl", steps=40, algorithm="dapo",
                   gate=GateDecision((Check("x", None, None, False),), False)),
        StageEntry("stage2", "rl", steps=50),
        StageEntry("extra", "sft"),
    ]  # fmt: skip
    assert record.finished == {"cold_start", "stage1", "extra"}
    assert record.has_gates


def test_a_gate_without_conditions_is_no_gate(tmp_path: Path) -> None:
    summary = {"stages": [{"name": "stage1", "kind": "rl", "gate": {"passed": True, "checks": []}}]}
    assert not read(tmp_path, summary).has_gates
    assert not read(tmp_path, {}).has_gates


def test_a_series_is_ascending_and_the_last_line_of_a_step_counts(tmp_path: Path) -> None:
    record = read(tmp_path)
    assert record.series("stage1", "reward/mean") == [(2.0, 0.125), (10.0, 0.5)]
    assert record.series("stage2", "reward/mean") == [(99.0, 0.75)]
    assert record.series("stage1", "errors/fraction") == [(10.0, 0.5)]  # under its present name
    assert record.series("stage1", "regression_check/math") == [(10.0, -0.25)]
    assert record.series("stage3", "reward/mean") == record.series("stage1", "nothing") == []


def test_the_metrics_of_a_stage_are_named_in_the_order_of_the_log(tmp_path: Path) -> None:
    record = read(tmp_path)
    assert record.metric_names("stage1", "re") == ["reward/mean", "reward/math", "regression_check/math"]
    assert record.metric_names("stage2", "reward/") == ["reward/mean"]
    assert (record.last_step("stage1"), record.last_step("stage2"), record.last_step("stage3")) == (10, 99, 0)
    assert record.last_step("stage4") == 0
    assert len(record.metrics) == len(METRICS)  # damaged lines are left out


def test_logged_rollouts_are_found_by_the_number_of_their_step(tmp_path: Path) -> None:
    record = read(tmp_path)
    assert record.rollout_steps("stage1") == []
    folder = tmp_path / "rollouts" / "stage1"
    folder.mkdir(parents=True)
    for name in ("step_10.jsonl", "step_9.jsonl", "step_best.jsonl", "step_².jsonl", "step_3.txt"):
        (folder / name).write_text('{"id": "a"}\n{"id"\n{"id": "b"}\n')
    assert record.rollout_steps("stage1") == [9, 10]
    assert [answer.id for answer in record.rollouts("stage1", 10)] == ["a", "b"]
    assert record.rollouts("stage1", 11) == []


@pytest.mark.parametrize(
    ("said", "locked", "status"),
    [
        ("running", True, "running"),
        ("running", False, "killed"),
        ("completed", False, "completed"),
        ("completed", True, "completed"),
        (None, True, "running"),
        (None, False, "not started"),
    ],
)
def test_a_run_whose_process_is_gone_was_killed(tmp_path: Path, said: str | None, locked: bool, status: str) -> None:
    with (tmp_path / ".lock").open("w") as file:
        if locked:
            fcntl.flock(file, fcntl.LOCK_EX)
        record = read(tmp_path, {} if said is None else {"status": said})
    assert (record.is_in_use, record.status) == (locked, status)


def test_a_folder_without_a_lock_is_in_nobodys_use_and_two_readers_do_not_disturb_each_other(tmp_path: Path) -> None:
    assert not read(tmp_path).is_in_use
    with (tmp_path / ".lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_SH)
        assert not read(tmp_path).is_in_use


@pytest.mark.parametrize("name", ["recipe.yaml", "summary.json", "metrics.jsonl"])
@pytest.mark.parametrize("text", ["", "[" * 1000, "{", "- a\n", "3", "\x00\ufffd: ["])
def test_one_damaged_file_is_enough_to_be_read_and_is_nothing(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    record = read_run(tmp_path)
    assert (record.recipe, record.summary, record.metrics, record.stages) == ({}, {}, [], [])
    assert record.recipe_text == (text if name == "recipe.yaml" else "")
    assert (record.status, record.finished, record.has_gates) == ("not started", set(), False)


def test_text_that_is_not_utf8_is_read_as_far_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "metrics.jsonl").write_bytes(b'{"stage": "a", "step": 1, "x": 2}\n{"stage": "\xff"}\n')
    assert read_run(tmp_path).series("a", "x") == [(1.0, 2.0)]


def test_a_recipe_with_both_names_of_a_key_is_no_recipe(tmp_path: Path) -> None:
    (tmp_path / "recipe.yaml").write_text("plan: {signal_share: 0.5, signal_fraction: 0.5}\n")
    assert read_run(tmp_path).recipe == {}


def test_a_recipe_under_old_names_is_read_under_the_present_ones_without_a_warning(tmp_path: Path) -> None:
    (tmp_path / "recipe.yaml").write_text("plan: {signal_share: 0.5}\n")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert read_run(tmp_path).recipe == {"plan": {"signal_fraction": 0.5}}


def test_what_is_no_run_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RunFolderError, match=r"^no run folder .*nothing; a run writes to"):
        read_run(tmp_path / "nothing")
    (tmp_path / "summary.json").mkdir()
    with pytest.raises(RunFolderError, match=r"is no run folder: it holds no recipe.yaml, summary.json or metrics"):
        read_run(tmp_path)
