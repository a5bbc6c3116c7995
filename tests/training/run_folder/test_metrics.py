"""The run's own log: one definition per number, and a resumed stage writes no step twice."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from openqwq.training.algorithms.catalogue import CATALOGUE
from openqwq.training.batches.collate import make_batch
from openqwq.training.config import Logging
from openqwq.training.records import Group, Judgement, UpdateReport
from openqwq.training.rl.schedule import StepBatch
from openqwq.training.rl.step_numbers import step_metrics
from openqwq.training.run_folder.metrics import MetricsLog
from tests.training.small_records import make_group, make_prompt, make_rollout


def lines(folder: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]


def numbers_of(groups: list[Group], update: UpdateReport | None) -> dict[str, float]:
    batch = make_batch(groups, CATALOGUE["grpo"], 64)
    step_batch = StepBatch(groups, [], {"tokens/consumed": 12.0, "time/rollout_busy_seconds": 3.0})
    return step_metrics(step_batch, batch, update, -2.5, {"time/step_seconds": 2.0}, num_workers=2)


def test_the_numbers_of_a_step_are_the_hand_computed_ones() -> None:
    failed = Judgement(None, {"think_format": 1.0}, {"think_format": "scored", "code": "sandbox_error"})
    paid = Judgement(0.5, {"code": 0.5}, {"code": "scored"}, seconds=2.0)
    rollouts = [make_rollout(1, 0, task="code", tokens=(1,) * 5, mask=(1, 1, 0, 0, 1), finish="length"),
                make_rollout(1, 1, task="code")]  # fmt: skip
    groups = [make_group([1.0, 0.0]), Group(make_prompt(1, "code", is_replay=True), rollouts, [failed, paid])]
    numbers = numbers_of(groups, UpdateReport({"loss": 0.25, "tokens_computed": 15.0}, seconds=1.5))
    assert numbers["reward/mean"] == pytest.approx(0.5) and numbers["reward/code"] == 0.5
    assert (numbers["samples"], numbers["samples/masked"], numbers["errors/sandbox_error"]) == (4.0, 1.0, 1.0)
    assert (numbers["groups/with_signal"], numbers["groups/zero_signal_fraction"]) == (1.0, 0.5)
    assert (numbers["completions/tokens_mean"], numbers["completions/tokens_max"]) == (3.0, 3.0)
    assert (numbers["completions/truncated_fraction"], numbers["prompts/replay_fraction"]) == (0.25, 0.5)
    assert (numbers["verifier/code"], numbers["verifier/think_format"]) == (0.5, 1.0)
    assert (numbers["update/loss"], numbers["time/update_seconds"], numbers["time/verifier_seconds"]) == (
        0.25,
        1.5,
        2.0,
    )

    assert (numbers["errors/fraction"], numbers["weight_sync/check_logprob"]) == (0.25, -2.5)
    assert numbers["packing/computed_per_token"] == 1.5  # two sequences of five tokens
    assert (numbers["time/tokens_per_second"], numbers["time/rollout_idle_fraction"]) == (6.0, 0.25)
    assert numbers["time/trainer_idle_fraction"] == 0.25


def test_the_digest_of_the_samples_changes_with_any_token() -> None:
    first, second = make_group([1.0, 0.0]), make_group([1.0, 0.0], tokens=(7, 8, 10))
    assert numbers_of([first], None)["samples/digest"] == numbers_of([make_group([0.5, 0.0])], None)["samples/digest"]
    assert numbers_of([first], None)["samples/digest"] != numbers_of([second], None)["samples/digest"]


def test_repetition_is_the_fraction_of_four_grams_seen_before() -> None:
    assert numbers_of([make_group([1.0], tokens=range(9))], None)["completions/repetition"] == 0.0
    assert numbers_of([make_group([1.0], tokens=(1, 2) * 4)], None)["completions/repetition"] == pytest.approx(3 / 5)


def test_a_step_in_which_nothing_could_be_judged_has_no_reward() -> None:
    groups = [make_group([None, None])]
    numbers = numbers_of(groups, None)
    assert "reward/mean" not in numbers and numbers["samples/masked"] == 2.0


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
