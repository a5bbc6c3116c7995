"""`openqwq schema`: every shipped file is valid, a changing file may be partial, and mistakes are found."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from openqwq.training.ablation.schema import Ablation
from openqwq.training.cli import main
from openqwq.training.config import Recipe, Section
from openqwq.training.config.files import dump_recipe, load_recipe
from openqwq.training.config.json_schema import CHANGE, recipe_schema, section_schema
from openqwq.training.config.keys import sections

ROOT = Path(__file__).resolve().parents[3]
ABLATIONS = sorted((ROOT / "recipes" / "ablations").glob("*.yaml"))
SUITES = (ROOT / "recipes" / "suites").glob("*.yaml")
RECIPES = sorted(
    {*(ROOT / "recipes").rglob("*.yaml"), *(ROOT / "docs" / "examples").rglob("*.yaml")} - {*ABLATIONS, *SUITES}
)
RECIPE = Draft202012Validator(recipe_schema())
ABLATION = Draft202012Validator(section_schema(Ablation))
WHOLE = {
    "name": "r",
    "model": "m",
    "stages": [{"name": "cold", "kind": "sft", "steps": 1, "demonstrations": {"source": "d"}}],
}


def faults(validator: Draft202012Validator, tree: Any) -> list[str]:
    return [error.message for error in validator.iter_errors(tree)]


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: str(path.relative_to(ROOT)))
def test_every_shipped_recipe_is_valid_as_written_and_as_resolved(path: Path) -> None:
    assert faults(RECIPE, yaml.safe_load(path.read_text())) == []
    assert faults(RECIPE, yaml.safe_load(dump_recipe(load_recipe(str(path))))) == []


@pytest.mark.parametrize("path", ABLATIONS, ids=lambda path: path.stem)
def test_every_shipped_ablation_is_valid(path: Path) -> None:
    assert faults(ABLATION, yaml.safe_load(path.read_text())) == []


def test_the_lists_of_shipped_files_are_not_empty() -> None:
    assert len(RECIPES) > 15 and len(ABLATIONS) > 3


@pytest.mark.parametrize("schema", [recipe_schema(), section_schema(Ablation)])
def test_a_schema_is_one_itself_and_every_section_in_it_is_closed_and_described(schema: dict[str, Any]) -> None:
    Draft202012Validator.check_schema(schema)
    for name, section in schema["$defs"].items():
        assert section["additionalProperties"] is False and section["description"], name
        for key, field in section["properties"].items():
            assert "\n" not in field.get("description", ""), key
            assert isinstance(field, dict) and not isinstance(field.get("title"), str), key
    assert "discriminator" not in json.dumps(schema)


def test_the_schema_has_every_field_of_every_section_and_requires_none_of_a_change() -> None:
    definitions = recipe_schema()["$defs"]
    known: set[str] = set()
    waiting: list[type[Section]] = [Recipe]
    while waiting:
        section = waiting.pop()
        known.add(section.__name__)
        assert set(definitions[section.__name__]["properties"]) == set(section.model_fields)
        assert set(definitions[section.__name__ + CHANGE]["properties"]) - {"extends"} == set(section.model_fields)
        assert "required" not in definitions[section.__name__ + CHANGE]
        waiting += [below for field in section.model_fields.values() for below in sections(field.annotation)]
    assert set(definitions) == known | {name + CHANGE for name in known}


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"name": "mine", "seed": 3, "description": None},
        {"stages": {"stage1": {"steps": 3, "gate": {"gain": None}}}},
        {
            "stages": {
                "cold_start": {"demonstrations": {"rows": [0, 5]}},
                "stage1": {"lora": {"rank": 8}, "alerts": None},
            }
        },
        {"stages": WHOLE["stages"]},
        {"stages": {"cold_start": None}},
        {"evaluation": {"suites": {"math": {"samples_per_prompt": 4}, "code": None}}},
        {"rewards": {"tasks": {"math": {"environment": "calculator"}}}},
    ],
)
def test_a_recipe_that_extends_another_says_only_what_changes(change: dict[str, Any]) -> None:
    assert faults(RECIPE, {"extends": "quickstart", **change}) == []


@pytest.mark.parametrize(
    "tree",
    [
        {**WHOLE, "sed": 1},
        {**WHOLE, "seed": -1},
        {**WHOLE, "dtype": "float16"},
        {**WHOLE, "seed": None},
        {**WHOLE, "stages": {"cold": {"steps": 3}}},
        {key: value for key, value in WHOLE.items() if key != "model"},
        {},
        {"extends": 1},
        {"extends": "quickstart", "sed": 1},
        {"extends": "quickstart", "stages": {"stage1": {"group_sise": 4}}},
        {"extends": "quickstart", "stages": {"stage1": {"group_size": 0}}},
        {"extends": "quickstart", "stages": [{"name": "cold", "kind": "sft"}]},
        {"extends": "quickstart", "rewards": {"gates": [{"weight": 1}]}},
        {"extends": "quickstart", "cluster": {"rollout": {"engine": "sglang"}}},
    ],
)
def test_mistakes_are_found(tree: dict[str, Any]) -> None:
    assert faults(RECIPE, WHOLE) == []
    assert faults(RECIPE, tree) != []


def test_an_arm_is_a_list_of_overrides_or_a_mapping_or_nothing() -> None:
    head = {"name": "a", "recipe": "quickstart"}
    assert faults(ABLATION, {**head, "arms": {"one": ["seed=1"], "two": {"until": "stage1"}, "three": None}}) == []
    assert Ablation.model_validate({**head, "arms": {"one": ["seed=1"], "three": None}}).arms["three"].overrides == ()
    assert faults(ABLATION, {**head, "arms": {"one": "seed=1"}}) != []
    assert faults(ABLATION, {**head, "arms": {"one": {"overides": []}}}) != []


@pytest.mark.parametrize(("words", "key"), [(["schema"], "then"), (["schema", "--ablation"], "properties")])
def test_the_command_prints_a_schema(words: list[str], key: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 0
    assert key in json.loads(capsys.readouterr().out)


def test_the_command_loads_neither_torch_nor_ray() -> None:
    program = (
        "import sys; from openqwq.training.cli import main; assert main(['schema', '--ablation']) == 0; "
        "heavy = {'torch', 'ray', 'transformers', 'trl', 'datasets'} & set(sys.modules); assert not heavy, heavy"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
