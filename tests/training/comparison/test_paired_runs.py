"""Arms against the baseline: what is paired, which stages stand beside each other, what is said."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from openqwq.training.ablation.schema import Ablation
from openqwq.training.comparison.paired_runs import compare, comparison_table, suites_after, tidy
from openqwq.training.comparison.result import RunResult

NUM_PROBLEMS = 200


def run(folder: Path, arm: str, seed: int, right: dict[str, int], status: str = "completed") -> tuple[RunResult, Path]:
    """A run whose policies answered the first `right[stage]` of 200 problems, and other ones by seed."""
    target = folder / f"{arm}-{seed}"
    (target / "evals").mkdir(parents=True)
    for stage, count in right.items():
        scores = {f"p{i}": float((i * 7 + seed) % NUM_PROBLEMS < count) for i in range(NUM_PROBLEMS)}
        suite = {"scores": scores, "kinds": dict.fromkeys(scores, "sum"), "errors": 0, "mean_tokens": 3.0}
        report = {"label": stage, "seconds": 1.0, "suites": {"sums": suite}}
        (target / "evals" / f"{stage}.json").write_text(json.dumps(report))
    stages = [{"name": stage, "kind": "rl", "seconds": 1.0} for stage in right if stage != "base"]
    return RunResult(arm, seed, {"status": status, "stages": stages}), target


def ablation(folder: Path, **arms: dict[str, int]) -> dict[tuple[str, int], tuple[RunResult, Path]]:
    return {(arm, seed): run(folder, arm, seed, right) for arm, right in arms.items() for seed in range(3)}


def test_an_arm_is_compared_with_the_baseline_after_the_stage_of_the_same_name(tmp_path: Path) -> None:
    runs = ablation(tmp_path, whole={"sft": 60, "rl": 120}, placebo={"sft": 60, "rl": 60}, same={"sft": 60})
    placebo, same = compare(runs, "whole", {})
    assert (placebo.stage, placebo.beside, placebo.seeds) == ("rl", "rl", 3)
    assert placebo.difference.value == pytest.approx(-0.3) and placebo.verdict == "worse"
    assert (same.stage, same.difference.value) == ("sft", 0.0)
    assert same.verdict.startswith("cannot tell (would have seen 0.")


def test_a_longer_cold_start_can_stand_beside_the_end_of_the_baseline(tmp_path: Path) -> None:
    runs = ablation(tmp_path, whole={"sft": 60, "rl": 90}, longer={"sft": 120})
    [found] = compare(runs, "whole", {"longer": "rl"})
    assert (found.stage, found.beside, found.verdict) == ("sft", "rl", "better")
    title, _, [row] = comparison_table("whole", [found])
    assert title == "Against whole" and row[1] == "sft, beside rl"


def test_seeds_without_a_partner_and_unfinished_runs_are_left_out(tmp_path: Path) -> None:
    runs = ablation(tmp_path, whole={"rl": 60}, other={"rl": 120}, third={"rl": 120})
    del runs["whole", 2]
    for seed in range(3):
        result, folder = runs["third", seed]
        runs["third", seed] = RunResult("third", seed, {**result.summary, "status": "failed"}), folder
    [found] = compare(runs, "whole", {})
    assert (found.arm, found.seeds) == ("other", 2)


def test_p_values_hold_for_all_arms_of_a_suite_at_once(tmp_path: Path) -> None:
    runs = ablation(tmp_path, whole={"rl": 60}, a={"rl": 66}, b={"rl": 60}, c={"rl": 60})
    alone = compare({key: value for key, value in runs.items() if key[0] in ("whole", "a")}, "whole", {})
    assert compare(runs, "whole", {})[0].difference.p == pytest.approx(min(1.0, 3 * alone[0].difference.p))


def test_scores_are_written_one_a_row(tmp_path: Path) -> None:
    rows = list(csv.DictReader(tidy(ablation(tmp_path, whole={"base": 20, "rl": 60})).splitlines()))
    assert len(rows) == 3 * 2 * NUM_PROBLEMS
    where = {"arm": "whole", "seed": "0", "stage": "base", "suite": "sums"}
    assert rows[0] == {**where, "problem": "p0", "sample": "0", "score": "1.0"}


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"suites": 3}', "\x00"])
def test_an_evaluation_that_cannot_be_read_is_not_there(tmp_path: Path, text: str) -> None:
    (tmp_path / "evals").mkdir()
    (tmp_path / "evals" / "rl.json").write_text(text)
    assert suites_after(tmp_path, "rl") == {} == suites_after(tmp_path, "other")


def test_a_baseline_that_is_no_arm_is_refused() -> None:
    with pytest.raises(ValueError, match="baseline 'b' is no arm; arms are a"):
        Ablation.model_validate({"name": "x", "recipe": "quickstart", "baseline": "b", "arms": {"a": []}})
