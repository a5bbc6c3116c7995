"""What the engines of a recipe are told: the environments of every stage, the largest batch, the policy's model."""

from __future__ import annotations

from openqwq.training.config import Recipe
from openqwq.training.worker_group import engine_settings


def recipe_of(stages: list[dict[str, object]], **changes: object) -> Recipe:
    task = {"verifiers": [{"name": "math"}]}
    tree: dict[str, object] = {
        "name": "small",
        "model": "tiny",
        "dtype": "bfloat16",
        "rewards": {"tasks": {"math": task, "tools": {**task, "environment": "calculator"}}},
        "evaluation": {"sampling": {"max_batch": 77}},
        "cluster": {"rollout": {"cpus": 3}},
        "stages": stages,
        **changes,
    }
    return Recipe.model_validate(tree)


def rl(name: str, max_batch: int, **changes: object) -> dict[str, object]:
    sampling = {"max_batch": max_batch}
    return {"name": name, "kind": "rl", "prompts": [{"source": "r.jsonl"}], "steps": 1, "sampling": sampling, **changes}


SFT: dict[str, object] = {"name": "cold", "kind": "sft", "steps": 1, "demonstrations": {"source": "d.jsonl"}}


def test_engines_know_the_environments_of_every_stage_and_decode_the_largest_batch() -> None:
    own = {"tasks": {"shell": {"verifiers": [{"name": "math"}], "environment": "envs.py:Shell"}}}
    settings = engine_settings(recipe_of([SFT, rl("one", 8), rl("two", 16, rewards=own), rl("three", 4)]), "folder")
    assert (settings.model, settings.dtype, settings.max_batch) == ("folder", "bfloat16", 16)
    assert {task: use.name for task, use in settings.environments.items()} == {
        "tools": "calculator",
        "shell": "envs.py:Shell",
    }
    assert settings.role.cpus == 3
    assert settings.max_context is None


def test_engines_make_room_for_the_largest_budget_of_all_stages() -> None:
    stages = [rl("one", 8), rl("two", 16)]
    for stage, budget in zip(stages, (300, 700), strict=True):
        stage["sampling"] = {"max_context": budget}
    assert engine_settings(recipe_of(stages), "folder").max_context == 700
    assert engine_settings(recipe_of([*stages, rl("three", 4)]), "folder").max_context is None


def test_without_an_rl_stage_the_evaluation_says_how_much_is_decoded_at_once() -> None:
    assert engine_settings(recipe_of([SFT]), "folder").max_batch == 77
