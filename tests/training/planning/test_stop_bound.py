"""How long a run that is told to stop may take: said by the recipe, measured, or planned, in this order."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from openqwq.training.cli import main
from openqwq.training.config.files import load_recipe
from openqwq.training.planning.plan import make_plan
from openqwq.training.planning.stop_bound import measured_step, stop_bound
from openqwq.training.rl.stopping import MOST_WITHIN, UNKNOWN_WITHIN, derived_within

GPUS = ["cluster.gpus_per_node=1"]


def steps(folder: Path, **stages: list[float]) -> Path:
    lines = [
        json.dumps({"stage": stage, "step": i, "time/step_seconds": seconds})
        for stage, found in stages.items()
        for i, seconds in enumerate(found)
    ]
    (folder / "metrics.jsonl").write_text("\n".join([*lines, '{"stage": "a", "eval/x": 1}', "[]", '{"cut of']))
    return folder


def test_what_the_recipe_says_counts_whatever_was_measured(tmp_path: Path) -> None:
    found = stop_bound(load_recipe("smoke", ["cluster.stop_within=45s"]), steps(tmp_path, a=[900.0]))
    assert (found.seconds, found.is_fixed) == (45.0, True)
    assert str(found) == "told to stop (TERM, Ctrl-C), the run ends within 45 s: cluster.stop_within"


def test_the_longest_of_the_last_steps_of_any_stage_counts_before_the_plan(tmp_path: Path) -> None:
    folder = steps(tmp_path, a=[9000.0, 1.0, 2.0, 300.0, 4.0, 5.0], b=[200.0])
    assert measured_step(folder) == 300.0
    for changes in ([], GPUS):
        found = stop_bound(load_recipe("smoke", changes), folder)
        assert (found.seconds, found.is_fixed) == (derived_within(300.0, 0.0), False)
        assert "its longest recent step, 300 s" in found.why


def test_before_the_first_step_the_plan_counts_where_it_is_of_the_runs_own_gpus(tmp_path: Path) -> None:
    assert stop_bound(load_recipe("smoke", []), tmp_path).seconds == UNKNOWN_WITHIN
    recipe = load_recipe("smoke", [*GPUS, "plan.exposed_verifier_seconds=400"])
    longest = max(stage.step_seconds for stage in make_plan(recipe).stages)
    found = stop_bound(recipe, None)
    assert longest > 400 and found.seconds == derived_within(longest, 0.0) and "from its plan, a step of" in found.why
    slow = load_recipe("smoke", [*GPUS, "plan.exposed_verifier_seconds=40000"])
    assert stop_bound(slow, None).seconds == MOST_WITHIN


def test_a_plan_that_cannot_be_made_is_no_plan(tmp_path: Path) -> None:
    found = stop_bound(load_recipe("smoke", [*GPUS, "cluster.gpu=abacus"]), tmp_path)
    assert found.seconds == UNKNOWN_WITHIN and "no step is measured or planned" in found.why


def test_scripts_are_told_the_number_that_the_run_takes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = steps(tmp_path, a=[300.0])
    assert main(["plan", "smoke", *GPUS, "--stop-within", str(folder)]) == 0
    assert capsys.readouterr().out == f"{stop_bound(load_recipe('smoke', GPUS), folder).seconds:.0f}\n"
