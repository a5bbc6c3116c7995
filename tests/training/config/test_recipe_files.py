"""Recipes: every shipped one is valid, overrides reach every key, and mistakes get one line with the remedy."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from openqwq.training.config import EnvironmentUse, RlStage
from openqwq.training.config.files import apply_overrides, dump_recipe, load_recipe, merge, validate
from openqwq.training.errors import RecipeError


def test_an_override_reaches_keys_of_any_depth_by_name_or_index() -> None:
    recipe = load_recipe(
        "quickstart",
        ["seed=3", "stages.stage1.steps=7", "stages.1.group_size=4", "rewards.tasks.math.verifiers.0.weight=2.5",
         "stages.stage1.optimizer.learning_rate=3e-5", "sandbox.url=http://127.0.0.1:1"],
    )  # fmt: skip
    stage = recipe.stages[1]
    assert isinstance(stage, RlStage)
    assert (recipe.seed, stage.steps, stage.group_size, stage.optimizer.learning_rate) == (3, 7, 4, 3e-5)
    assert recipe.rewards.tasks["math"].verifiers[0].weight == 2.5
    assert recipe.sandbox.url == "http://127.0.0.1:1"


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("sed=1", r"sed: unknown key; did you mean 'seed'\?"),
        ("stages.stage1.group_sise=4", r"group_sise: unknown key; did you mean 'group_size'\?"),
        ("stages.stage9.steps=4", r"no entry 'stage9'; did you mean 'stage\d'\?"),
        ("stages.cold_start.batchsize=4", r"batchsize: unknown key; did you mean 'batch_size'\?"),
        ("stages.stage2.guard.evry=4", r"evry: unknown key; did you mean 'every'\?"),
        ("rewards.truncatd=mask", r"truncatd: unknown key; did you mean 'truncated'\?"),
        ("rewards.tasks.math.verifier=x", r"verifier: unknown key; did you mean 'verifiers'\?"),
        ("evaluation.suites.math.sample_per_prompt=4", r"did you mean 'samples_per_prompt'\?"),
        ("cluster.rollout.worker=4", r"did you mean 'workers'\?"),
        ("stages.stage1.prompts.0.wait=4", r"did you mean 'weight'\?"),
        ("seed=-1", r"seed: .*greater than or equal to 0, got -1"),
        ("dtype=float16", r"dtype: .*got 'float16'"),
        ("stages.stage1.group_size=0", r"group_size: .*greater than 0, got 0"),
        ("rewards.truncated=drop", r"rewards\.truncated: .*'zero', 'mask' or 'judge', got 'drop'"),
        ("stages.stage1.evaluate=[maths]", r"evaluates \['maths'\]"),
        ("stages.stage1.name=cold_start", r"more than once"),
        ("seed.deep=1", r"seed is a value"),
        ("seed", r"an override is key=value, got 'seed'"),
        ("seed=[", r"override seed: '\[' is not YAML"),
    ],
)
def test_a_mistake_in_an_override_gets_one_line_with_the_remedy(override: str, words: str) -> None:
    with pytest.raises(RecipeError, match=words) as caught:
        load_recipe("quickstart", [override])
    assert "\n" not in str(caught.value)


def test_an_unknown_recipe_is_answered_with_the_shipped_ones() -> None:
    with pytest.raises(RecipeError, match=r"no recipe 'quikstart'.*quickstart\.yaml"):
        load_recipe("quikstart")


@pytest.mark.parametrize(("text", "words"), [("a: [", "not readable as YAML"), ("- 1", "a recipe is a mapping")])
def test_a_file_that_is_no_recipe_is_refused_in_one_line(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "r.yaml").write_text(text)
    with pytest.raises(RecipeError, match=words) as caught:
        load_recipe(str(tmp_path / "r.yaml"))
    assert "\n" not in str(caught.value)


def test_a_missing_key_is_named(tmp_path: Path) -> None:
    (tmp_path / "r.yaml").write_text("name: r\nstages: []\n")
    with pytest.raises(RecipeError, match=r"r\.yaml: model: required key is missing"):
        load_recipe(str(tmp_path / "r.yaml"))


def test_a_recipe_extends_another_by_key_and_stage(tmp_path: Path) -> None:
    stages = "stages: {stage1: {steps: 3, gate: {gain: null}}}"
    (tmp_path / "r.yaml").write_text(f"extends: quickstart\nname: mine\n{stages}\n")
    recipe, parent = load_recipe(str(tmp_path / "r.yaml")), load_recipe("quickstart")
    assert (recipe.name, recipe.stages[1].steps, recipe.stages[1].gate.gain) == ("mine", 3, {})
    assert recipe.stages[0] == parent.stages[0] and recipe.evaluation == parent.evaluation


def test_extending_a_stage_that_is_not_there_is_refused(tmp_path: Path) -> None:
    (tmp_path / "r.yaml").write_text("extends: quickstart\nstages: {stage7: {steps: 3}}\n")
    with pytest.raises(RecipeError, match=r"stage7"):
        load_recipe(str(tmp_path / "r.yaml"))


def test_a_stage_with_a_new_name_and_a_kind_follows_those_of_the_extended_recipe(tmp_path: Path) -> None:
    own = {"kind": "reward_model", "pairs": {"source": "p.jsonl"}, "held_out": {"source": "h.jsonl"}, "steps": 3}
    tree = {"extends": "smollm2/words", "name": "more", "stages": {"judge": own, "stage1": {"steps": 2}}}
    (tmp_path / "more.yaml").write_text(yaml.safe_dump(tree))
    stages = load_recipe(str(tmp_path / "more.yaml")).stages
    assert [(stage.name, stage.kind) for stage in stages] == [
        ("cold_start", "sft"), ("stage1", "rl"), ("judge", "reward_model"),
    ]  # fmt: skip
    assert [stage.steps for stage in stages[1:]] == [2, 3]


def test_a_null_drops_a_stage_and_what_is_no_mapping_is_refused(tmp_path: Path) -> None:
    suites = "evaluation: {suites: {math: null}}\n"
    (tmp_path / "r.yaml").write_text(f"extends: smollm2/gsm8k\nstages: {{cold_start: null}}\n{suites}")
    recipe = load_recipe(str(tmp_path / "r.yaml"))
    assert [stage.name for stage in recipe.stages] == ["stage1"]
    (tmp_path / "r.yaml").write_text("extends: quickstart\nstages: {stage1: 7}\n")
    with pytest.raises(RecipeError, match=r"stages\.stage1: a stage is a mapping of keys, or null to drop it; got 7"):
        load_recipe(str(tmp_path / "r.yaml"))


def test_a_dumped_recipe_is_the_recipe() -> None:
    recipe = load_recipe("smoke", ["seed=5"])
    assert validate(yaml.safe_load(dump_recipe(recipe)), "dump") == recipe


TREES = st.recursive(
    st.integers() | st.text(max_size=3),
    lambda inner: st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=6,
).filter(lambda tree: isinstance(tree, dict))


@given(tree=TREES, change=TREES)
def test_merging_is_idempotent_and_leaves_its_arguments_alone(tree: dict[str, Any], change: dict[str, Any]) -> None:
    kept = yaml.safe_dump(tree), yaml.safe_dump(change)
    once = merge(tree, change)
    assert merge(once, change) == once and merge(tree, {}) == tree
    assert (yaml.safe_dump(tree), yaml.safe_dump(change)) == kept
    assert apply_overrides(tree, []) == tree


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("stages.stage1.optimizer.decay_steps=49", "at least steps=50"),
        ("stages.stage1.optimizer.decay_steps=5", "more than warmup_steps=5"),
        ("stages.cold_start.optimizer.decay_steps=200", "is of RL"),
    ],
)
def test_a_learning_rate_may_not_end_before_its_stage(override: str, words: str) -> None:
    with pytest.raises(RecipeError, match=words):
        load_recipe("quickstart", [override])
    assert load_recipe("quickstart", ["stages.stage1.optimizer.decay_steps=50"]).stages[1].optimizer.decay_steps == 50


def test_a_stage_without_a_before_cannot_be_gated_on_a_gain() -> None:
    with pytest.raises(RecipeError, match="cold_start is not compared with a stage before it"):
        load_recipe("quickstart", ["stages.cold_start.gate={gain: {math: 0.1}}"])


def test_wandb_off_means_off_although_yaml_reads_a_truth_value() -> None:
    assert load_recipe("quickstart", ["logging.wandb=off"]).logging.wandb == "off"


def test_the_file_of_a_verifier_is_found_beside_the_recipe_that_names_it_or_where_the_run_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def uses(*names: str) -> str:
        return "[" + ", ".join(f"{{name: '{name}'}}" for name in names) + "]"

    recipes, start = tmp_path / "recipes", tmp_path / "start"
    for file in (recipes / "base" / "mine.py", start / "mine.py", start / "here.py"):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    head = "name: r\nmodel: m\nstages: []\n"
    task = f"{{verifiers: {uses('mine.py:f', 'math')}, environment: 'mine.py:Calculator'}}"
    (recipes / "base" / "parent.yaml").write_text(f"{head}rewards: {{tasks: {{chat: {task}}}}}\n")
    (recipes / "child.yaml").write_text(f"extends: base/parent.yaml\nrewards: {{gates: {uses('here.py:g')}}}\n")
    monkeypatch.chdir(start)
    rewards = load_recipe(str(recipes / "child.yaml"), [f"rewards.for_rows={uses('mine.py:h')}"]).rewards
    assert [use.name for use in rewards.tasks["chat"].verifiers] == [f"{recipes}/base/mine.py:f", "math"]
    assert rewards.tasks["chat"].environment == EnvironmentUse(name=f"{recipes}/base/mine.py:Calculator")
    assert rewards.gates[0].name == f"{start}/here.py:g"
    assert rewards.for_rows[0].name == f"{start}/mine.py:h"
