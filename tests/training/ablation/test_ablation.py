"""Ablations: the format, the arms' recipes, stages taken over, resuming, and the table. Nothing is trained."""

import json
import re
from pathlib import Path

import pytest
import yaml

from openqwq.training.ablation.arms import arm_recipe, check_reuse, cut_after
from openqwq.training.ablation.run import load_ablation, run_ablation
from openqwq.training.ablation.starting import RunProcesses
from openqwq.training.ablation.table import markdown, means
from openqwq.training.comparison.result import read_result
from openqwq.training.config import RlStage
from openqwq.training.config.files import PACKAGE, load_recipe
from openqwq.training.errors import RecipeError, RunFolderError
from openqwq.training.run_folder.folder import RunFolder
from tests.training.example_run import write_example_run

MINIMAL = {"name": "small", "recipe": "quickstart", "seeds": [0, 1], "arms": {"quickstart": []}}


def write(folder: Path, **changes: object) -> str:
    path = folder / "ablation.yaml"
    path.write_text(yaml.safe_dump({**MINIMAL, **changes}, sort_keys=False))
    return str(path)


class Runs:
    """Stands in for the training process: writes what a finished run leaves, or ends without a result."""

    def __init__(self, failing: str = "") -> None:
        self.started: list[str] = []
        self.failing = failing
        self.reused: dict[str, list[str]] = {}

    def __call__(self, recipe: Path, target: Path) -> int:
        self.started.append(target.name)
        if self.failing and target.name.startswith(self.failing):
            return 1
        loaded = load_recipe(str(recipe))
        folder = RunFolder(target, loaded, "auto")  # refuses a folder that is not this recipe's
        self.reused[target.name] = list(folder.finished())
        folder.close()
        if not folder.finished():
            finished = write_example_run(target.parent / "examples" / target.name, loaded.seed)
            for name in ("state.json", "summary.json", "metrics.jsonl", "evals", "checkpoints", "rollouts"):
                (finished / name).rename(target / name)
        else:
            stages = [entry.to_json() for entry in folder.finished().values()]
            gated = {"name": "stage2", "kind": "rl", "seconds": 3.0, "gate": {"passed": False, "checks": []}}
            (target / "summary.json").write_text(
                json.dumps({"status": "gate_failed", "seconds": 9.0, "stages": [*stages, gated]})
            )
        return 0


@pytest.mark.parametrize("name", sorted(path.stem for path in (PACKAGE / "recipes" / "ablations").glob("*.yaml")))
def test_every_shipped_ablation_gives_valid_recipes_that_may_share_their_stages(name: str) -> None:
    ablation, base = load_ablation(name)
    for seed in ablation.seeds:
        recipes = {arm: arm_recipe(ablation, base, arm, seed, []) for arm in ablation.arms}
        assert {recipe.seed for recipe in recipes.values()} == {seed}
        for arm, spec in ablation.arms.items():
            if spec.reuse is not None:
                check_reuse(arm, recipes[arm], recipes[spec.reuse.arm], spec.reuse)


def test_group_size_arms_sample_equally_much_per_step() -> None:
    ablation, base = load_ablation("group_size")
    stages = [arm_recipe(ablation, base, arm, 0, []).stages for arm in ablation.arms]
    assert [[stage.name for stage in arm] for arm in stages] == [["cold_start", "stage1"]] * 3
    products = [s.prompts_per_step * s.group_size for arm in stages for s in arm if isinstance(s, RlStage)]
    assert products == [256] * 3


def test_placebo_pays_by_the_seed_of_the_run_and_nothing_else() -> None:
    ablation, base = load_ablation("quickstart_controls")
    stage = arm_recipe(ablation, base, "placebo", 2, []).stages[-1]
    assert isinstance(stage, RlStage) and stage.rewards is not None
    assert stage.rewards.gates == ()
    uses = [use for task in stage.rewards.tasks.values() for use in task.verifiers]
    assert {(use.name, use.arguments["p"], use.arguments["seed"]) for use in uses} == {("placebo", 0.3, 2)}


def test_a_cut_drops_what_only_later_stages_need() -> None:
    recipe = cut_after(load_recipe("quickstart"), "stage1")
    assert [stage.name for stage in recipe.stages] == ["cold_start", "stage1"]
    assert set(recipe.evaluation.suites) == {"math", "math_hard", "code"}
    assert "chat" not in recipe.rewards.tasks


@pytest.mark.parametrize("stage", ["cold_start", "stage1", "reward_model"])
def test_a_cut_of_a_cut_is_the_earlier_cut(stage: str) -> None:
    recipe = load_recipe("quickstart")
    assert cut_after(cut_after(recipe, "reward_model"), stage) == cut_after(recipe, stage)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"sedes": [1]}, "sedes: unknown key; did you mean 'seeds'"),
        ({"arms": {"a": {"overides": []}}}, "arms.a.overides: unknown key; did you mean 'overrides'"),
        ({"arms": {"a": {"reuse": {"arm": "b", "thru": "x"}}}}, "did you mean 'through'"),
        ({"arms": {"a": {"reuse": {"arm": "b", "through": "stage1"}}}}, "no earlier arm"),
        ({"arms": {"quickstart": ["seed=3"]}}, "change `seeds`"),
        ({"arms": {"quickstart": ["stages.stage1.stepz=3"]}}, "did you mean 'steps'"),
        ({"until": "stage_1"}, "did you mean 'stage1'"),
        ({"recipe": "nothing"}, "no recipe 'nothing'"),
        ({"arms": {}}, "arms"),
    ],
)
def test_a_mistake_is_named_before_anything_starts(tmp_path: Path, changes: dict[str, object], message: str) -> None:
    runs = Runs()
    with pytest.raises(RecipeError, match=message):
        run_ablation(write(tmp_path, **changes), [], tmp_path / "out", None, runs)
    assert not runs.started and not (tmp_path / "out").exists()


def test_an_unknown_ablation_lists_the_shipped_ones() -> None:
    with pytest.raises(RecipeError, match="group_size, illnesses, keep_stage1, kl, normalisation"):
        load_ablation("nothing")


def test_stages_of_an_arm_that_differs_before_them_are_not_reused(tmp_path: Path) -> None:
    arms = {
        "quickstart": [],
        "b": {"overrides": ["stages.cold_start.steps=3"], "reuse": {"arm": "quickstart", "through": "stage1"}},
    }
    with pytest.raises(RecipeError, match="differ up to there in stages"):
        run_ablation(write(tmp_path, arms=arms), [], tmp_path / "out", None, Runs())


def test_finished_stages_are_copied_with_their_entries_evaluations_and_log(tmp_path: Path) -> None:
    arms = {
        "quickstart": [],
        "b": {"overrides": ["stages.stage2.steps=3"], "reuse": {"arm": "quickstart", "through": "reward_model"}},
    }
    runs = Runs()
    assert run_ablation(write(tmp_path, arms=arms, seeds=[1]), [], tmp_path / "out", None, runs) == 0
    target = tmp_path / "out" / "b-seed1"
    assert runs.reused["b-seed1"] == ["cold_start", "stage1", "reward_model"]
    entries = json.loads((target / "state.json").read_text())
    assert all((target / entry["model"]).is_dir() for entry in entries.values())
    assert {entry["reused_from"] for entry in entries.values()} == {"quickstart-seed1"}
    lines = [json.loads(line) for line in (target / "metrics.jsonl").read_text().splitlines()]
    assert {line["stage"] for line in lines} == {"cold_start", "stage1", "reward_model"}
    kept = json.loads((target / "evals" / "stage1.json").read_text())["suites"]
    assert set(kept) == {"math", "math_hard", "code"}, "skills belong to stage2, which the arms may define differently"
    assert not (target / "rollouts" / "stage2").exists()


def test_finished_runs_are_skipped_and_a_failed_one_is_tried_again(tmp_path: Path) -> None:
    path = write(tmp_path, arms={"quickstart": [], "other": ["stages.stage1.steps=4"]}, seeds=[0])
    first, second = Runs(failing="quickstart"), Runs()
    assert run_ablation(path, [], tmp_path / "out", None, first) == 1
    assert first.started == ["quickstart-seed0", "other-seed0"], "a failing arm does not stop the others"
    assert run_ablation(path, [], tmp_path / "out", None, second) == 0
    assert second.started == ["quickstart-seed0"]


def test_chosen_arms_and_seeds_are_run_and_the_table_keeps_what_others_finished(tmp_path: Path) -> None:
    path = write(tmp_path, arms={"quickstart": [], "other": ["stages.stage1.steps=4"]}, seeds=[0])
    first, second, table = Runs(), Runs(), tmp_path / "table.md"
    assert run_ablation(path, [], tmp_path / "out", None, first, only=["quickstart"]) == 0
    assert run_ablation(path, [], tmp_path / "out", table, second, only=["other"], seeds=[0, 7]) == 0
    assert (first.started, second.started) == (["quickstart-seed0"], ["other-seed0", "other-seed7"])
    assert "| quickstart | 0 | completed |" in table.read_text() and "| quickstart | 7 |" not in table.read_text()


def test_an_arm_that_is_not_there_cannot_be_chosen(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="has no arm 'quikstart'; did you mean 'quickstart'"):
        run_ablation(write(tmp_path), [], tmp_path / "out", None, Runs(), only=["quikstart"])


def test_an_arm_whose_source_failed_is_reported_and_not_started(tmp_path: Path) -> None:
    arms = {"quickstart": [], "b": {"reuse": {"arm": "quickstart", "through": "stage1"}}}
    runs = Runs(failing="quickstart")
    assert run_ablation(write(tmp_path, arms=arms, seeds=[0]), [], tmp_path / "out", None, runs) == 1
    assert runs.started == ["quickstart-seed0"]


def test_a_folder_with_the_run_of_another_recipe_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, seeds=[0])
    run_ablation(path, [], tmp_path / "out", None, Runs())
    with pytest.raises(RunFolderError, match=r"another recipe \(differs in stages\)"):
        run_ablation(path, ["stages.stage1.steps=2"], tmp_path / "out", None, Runs())


def test_a_failed_gate_is_a_result_and_the_tables_hold_the_numbers(tmp_path: Path) -> None:
    arms = {"quickstart": [], "b": {"reuse": {"arm": "quickstart", "through": "reward_model"}}}
    path, table = write(tmp_path, arms=arms), tmp_path / "table.md"
    assert run_ablation(path, [], tmp_path / "out", table, Runs()) == 0
    text = table.read_text()
    assert "| quickstart | 0 | stage1 | math | 300 | 0.310 | 0.680 | +0.370 [+0.315, +0.427] | passed |" in text
    assert "| quickstart | stage1 | math | 2 | 0.310 | 0.680 | +0.370 | +0.370 | +0.370 |" in text
    assert "0.860 (padded)" in text
    assert "| b | 1 | gate_failed | 61* | 84* | 24* | 3 | 9 | - |" in text
    tree = json.loads((tmp_path / "out" / "table.json").read_text())
    assert [(run["arm"], run["seed"]) for run in tree["runs"]] == [
        ("quickstart", 0),
        ("b", 0),
        ("quickstart", 1),
        ("b", 1),
    ]
    assert tree["means"]


def test_a_table_of_nothing_is_still_a_table(tmp_path: Path) -> None:
    results = [read_result(tmp_path, "a", 0)]
    assert "| a | 0 | not started |" in markdown("x", "", results)
    assert means(results) == []


def test_a_run_is_a_process_of_its_own_whose_status_comes_back(tmp_path: Path) -> None:
    assert RunProcesses()(Path("--no-such-option"), tmp_path / "run") == 2


def test_the_ablation_of_the_page_can_be_run(tmp_path: Path) -> None:
    page = (Path(__file__).parents[3] / "docs" / "ablations.md").read_text()
    path = tmp_path / "longer.yaml"
    path.write_text(re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)[0])
    runs = Runs()
    assert run_ablation(str(path), [], tmp_path / "out", None, runs, seeds=[3]) == 0
    assert runs.started == ["short-seed3", "long-seed3"] and runs.reused["long-seed3"] == ["cold_start"]
    recipe = load_recipe(str(tmp_path / "out" / "recipes" / "long-seed3.yaml"))
    stage = recipe.stages[1]
    assert isinstance(stage, RlStage) and (stage.steps, stage.evaluate) == (100, ("math",))


def test_overrides_of_the_ablation_are_laid_under_those_of_the_arm(tmp_path: Path) -> None:
    arms = {"quickstart": [], "long": ["stages.stage1.steps=9"]}
    path = write(tmp_path, arms=arms, seeds=[0], overrides=["stages.stage1.steps=7"])
    run_ablation(path, ["stages.stage2.steps=3"], tmp_path / "out", None, Runs())
    recipes = [load_recipe(str(tmp_path / "out" / "recipes" / f"{arm}-seed0.yaml")) for arm in arms]
    assert [[recipe.stages[i].steps for i in (1, 3)] for recipe in recipes] == [[7, 3], [9, 3]]
