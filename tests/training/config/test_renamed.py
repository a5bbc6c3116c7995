"""Names of version 0.1: read under the present ones, with a warning, wherever a recipe or a log is read."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from openqwq.training.config import Recipe
from openqwq.training.config.files import apply_overrides, dump_recipe, load_recipe
from openqwq.training.config.renamed import KEYS, RenamedKey, current_metric, current_names, current_override
from openqwq.training.errors import RecipeError
from openqwq.training.run_folder.folder import RunFolder
from openqwq.training.run_folder.record import read_run

OLD = {
    "guard": {"suites": ["math_watch"], "every": 7},
    "tripwires": {"quiet": {"metric": "groups/zero_signal_share", "above": 0.5}},
    "schedule": {"kind": "async", "ahead": 2},
    "algorithm": {"name": "dapo", "max_refills": 2, "overlong_share": 0.3},
}
NEW = {
    "regression_check": {"suites": ["math_watch"], "every": 7},
    "alerts": {"quiet": {"metric": "groups/zero_signal_fraction", "above": 0.5}},
    "schedule": {"kind": "async", "async_depth": 2},
    "algorithm": {"name": "dapo", "max_generation_rounds": 3, "overlong_fraction": 0.3},
}


def old_recipe(folder: Path) -> Path:
    """An extending recipe in old names, over a shipped one in present names."""
    tree = {
        "extends": "smoke", "name": "old", "stages": {"stage1": OLD},
        "rewards": {"max_error_share": 0.2}, "plan": {"signal_share": 0.5},
        "cluster": {"rollout": {"push": "store", "memory_share": 0.7}},
    }  # fmt: skip
    path = folder / "old.yaml"
    path.write_text(yaml.safe_dump(tree))
    return path


def test_old_keys_are_read_as_the_present_ones_with_a_warning_each(tmp_path: Path) -> None:
    with pytest.warns(RenamedKey) as warnings:
        recipe = load_recipe(str(old_recipe(tmp_path)))
    words = sorted(str(warning.message).split(":")[0] for warning in warnings)
    assert len(words) == len(KEYS) - 1 == len(set(words))  # all but the error limit of a stage's own rewards
    stage = recipe.model_dump(mode="json")["stages"][1]
    assert {key: stage["alerts"]["quiet"][key] for key in ("metric", "above")} == NEW["alerts"]["quiet"]
    assert (stage["regression_check"]["every"], stage["schedule"]["async_depth"]) == (7, 2)
    assert (stage["algorithm"]["max_generation_rounds"], stage["algorithm"]["overlong_fraction"]) == (3, 0.3)
    assert (recipe.rewards.max_error_fraction, recipe.plan.signal_fraction) == (0.2, 0.5)
    assert (recipe.cluster.rollout.weight_sync, recipe.cluster.rollout.gpu_memory_utilization) == ("store", 0.7)


def test_present_names_are_left_as_they_are_without_a_warning(recwarn: pytest.WarningsRecorder) -> None:
    tree = {"stages": [{"name": "a", **NEW}], "rewards": {"tasks": {"guard": {"verifiers": []}}}}
    assert current_names(tree) == tree
    assert current_names(current_names({"stages": {"a": OLD}}, warn=False)) == {"stages": {"a": NEW}}
    assert not [warning for warning in recwarn if issubclass(warning.category, RenamedKey)]


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        (("stages.stage2.guard.every", 3), ("stages.stage2.regression_check.every", 3)),
        (("stages.0.algorithm.max_refills", 0), ("stages.0.algorithm.max_generation_rounds", 1)),
        (("stages.stage1.schedule", {"ahead": 3}), ("stages.stage1.schedule", {"async_depth": 3})),
        (("stages.stage1.tripwires.kl.metric", "errors/share"), ("stages.stage1.alerts.kl.metric", "errors/fraction")),
        (("seed", 1), ("seed", 1)),
    ],
)
def test_old_names_work_in_overrides(override: tuple[str, Any], expected: tuple[str, Any]) -> None:
    if override != expected:
        with pytest.warns(RenamedKey):
            assert current_override(*override) == expected
    else:
        assert current_override(*override) == expected


def test_an_override_by_an_old_name_changes_the_present_key() -> None:
    tree = {"stages": [{"name": "a", "regression_check": {"suites": ["s"], "every": 20}}]}
    with pytest.warns(RenamedKey, match=r"stages.a.guard: guard is now regression_check"):
        changed = apply_overrides(tree, ["stages.a.guard.every=3"])
    assert changed["stages"][0]["regression_check"] == {"suites": ["s"], "every": 3}


def test_both_names_of_one_key_are_refused(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="'guard' is the old name of 'regression_check'; both are given"):
        current_names({"stages": {"a": {"guard": {}, "regression_check": {}}}}, warn=False)
    path = tmp_path / "both.yaml"
    path.write_text("extends: smoke\nstages: {stage2: {guard: {every: 1}, regression_check: {every: 2}}}\n")
    with pytest.raises(RecipeError, match="both are given"):
        load_recipe(str(path))


def test_a_recipe_object_takes_old_names_too() -> None:
    tree = load_recipe("smoke").model_dump(mode="json")
    tree["stages"][1]["schedule"] = {"kind": "async", "ahead": 2}
    with pytest.warns(RenamedKey):
        assert Recipe.model_validate(tree).stages[1].schedule.async_depth == 2  # type: ignore[union-attr]


def test_a_run_folder_of_before_is_opened_and_its_log_read(tmp_path: Path, recwarn: pytest.WarningsRecorder) -> None:
    recipe = load_recipe("smoke")
    tree = yaml.safe_load(dump_recipe(recipe))
    for stage in tree["stages"]:
        if stage["kind"] == "rl":
            stage["guard"], stage["tripwires"] = stage.pop("regression_check"), stage.pop("alerts")
            stage["schedule"]["ahead"] = stage["schedule"].pop("async_depth")
            stage["algorithm"]["max_refills"] = stage["algorithm"].pop("max_generation_rounds") - 1
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(tree))
    line = {"stage": "stage1", "step": 1, "guard/math": -0.1, "partial/share": 0.5, "reward/mean": 1.0}
    (tmp_path / "metrics.jsonl").write_text(json.dumps(line) + "\n")
    RunFolder(tmp_path, recipe, "auto").close()
    record = read_run(tmp_path)
    assert record.series("stage1", "regression_check/math") == [(1.0, -0.1)]
    assert record.series("stage1", "partial/fraction") == [(1.0, 0.5)]
    assert not [warning for warning in recwarn if issubclass(warning.category, RenamedKey)]


def test_metrics_that_were_not_renamed_keep_their_names() -> None:
    assert current_metric("reward/guard") == "reward/guard"
    assert current_metric("guard/code_watch") == "regression_check/code_watch"
    assert current_metric("update/kl") == "update/kl"


def test_the_command_prints_one_line_for_an_old_name(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "openqwq.training.cli", "plan", str(old_recipe(tmp_path))]
    printed = subprocess.run(command, capture_output=True, text=True, cwd=Path(__file__).parents[3]).stderr
    assert "openqwq: warning: cluster.rollout.push: push is now weight_sync; the old name" in printed
    assert "renamed.py" not in printed
