"""The recipes of the cures run, with every arm's rewards and prompts, for one small step a stage."""

import json
from pathlib import Path

import pytest

from openqwq.training.ablation.arms import arm_recipe
from openqwq.training.ablation.run import load_ablation
from openqwq.training.cli import main
from openqwq.training.config import RlStage
from openqwq.training.config.files import dump_recipe

SMALL = ("steps=1", "prompts_per_step=4", "group_size=2")
LAST_ARMS = {"keep_stage1": "both", "cures_form": "all", "cures_length": "over_thinking", "cures_safety": "both"}


@pytest.mark.parametrize("name", LAST_ARMS)
def test_an_arm_of_each_cure_runs_and_measures_every_suite_it_names(name: str, tmp_path: Path) -> None:
    ablation, base = load_ablation(name)
    whole = arm_recipe(ablation, base, LAST_ARMS[name], 0, [])
    stages = [stage for stage in whole.stages if isinstance(stage, RlStage)]
    small = ["stages.cold_start.steps=1", "stages.cold_start.batch_size=4", "evaluation.sampling.max_new_tokens=8"]
    small += [f"stages.{stage.name}.{size}" for stage in stages for size in SMALL]
    small += [f"stages.{stage.name}.sampling.max_new_tokens=8" for stage in stages]
    small += [f"stages.{stage.name}.gate={{accuracy: {{}}}}" for stage in stages]
    small += [
        f"evaluation.suites.{suite}.sources.{index}.rows=[0, 2]"
        for suite, spec in whole.evaluation.suites.items()
        for index in range(len(spec.sources))
    ]
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(dump_recipe(arm_recipe(ablation, base, LAST_ARMS[name], 0, small)))
    assert main(["run", str(recipe), "--inline", "--run-dir", str(tmp_path / "run")]) == 0
    summary = json.loads((tmp_path / "run" / "summary.json").read_text())
    assert summary["status"] == "completed"
    assert set(summary["stages"][-1]["eval"]["after"]) == set(stages[-1].evaluate)
