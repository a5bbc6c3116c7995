"""What a run may go on with, and what is refused by its key."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from openqwq.training.config import Recipe
from openqwq.training.errors import RunFolderError
from openqwq.training.run_folder.extension import extension

SFT = {"name": "cold", "kind": "sft", "steps": 5, "demonstrations": {"source": "d"}}
RL = {
    "kind": "rl",
    "steps": 10,
    "prompts": [{"source": "p"}],
    "optimizer": {"learning_rate": 1e-4, "weight_decay": 0.1},
}
FREE = frozenset({"logging"})
DONE = {"cold": 5, "stage1": 8}


def tree() -> dict[str, Any]:
    stages = [SFT, {**RL, "name": "stage1"}, {**RL, "name": "stage2"}]
    suites = {"math": {"sources": [{"source": "s"}]}}
    found = Recipe.model_validate({"name": "r", "model": "m", "stages": stages, "evaluation": {"suites": suites}})
    return copy.deepcopy(found.model_dump(mode="json"))


def changed(*path: Any) -> dict[str, Any]:
    found = tree()
    node: Any = found
    for key in path[:-2]:
        node = node[key]
    node[path[-2]] = path[-1]
    return found


@pytest.mark.parametrize(
    ("path", "key", "values"),
    [
        (("stages", 1, "steps", 20), "stages.stage1.steps", (10, 20)),
        (("stages", 1, "steps", 8), "stages.stage1.steps", (10, 8)),
        (("stages", 1, "optimizer", "learning_rate", 1e-5), "stages.stage1.optimizer.learning_rate", (1e-4, 1e-5)),
        (("stages", 2, "group_size", 16), "stages.stage2.group_size", (8, 16)),
        (("stages", 2, "optimizer", "weight_decay", 0.0), "stages.stage2.optimizer.weight_decay", (0.1, 0.0)),
    ],
)
def test_a_change_of_the_stage_that_runs_or_of_one_that_has_not_begun(path: Any, key: str, values: Any) -> None:
    found = extension(tree(), changed(*path), FREE, DONE)
    assert found.changes == {key: values} and not found.new_prompts
    assert found.stage == ("stage1" if "stage1" in key else None)


def test_other_prompts_are_noted_and_further_stages_and_suites_are_added() -> None:
    now = changed("stages", 1, "prompts", 0, "source", "q")
    now["stages"].append({**now["stages"][2], "name": "stage3"})
    now["evaluation"]["suites"]["code"] = {"sources": []}
    found = extension(tree(), now, FREE, DONE)
    assert (found.stage, found.new_prompts) == ("stage1", frozenset({"stage1"}))
    assert set(found.changes) == {"stages.stage1.prompts", "stages.stage3"}


def test_nothing_changed_is_nothing_and_free_sections_do_not_count() -> None:
    for now in (tree(), changed("logging", "wandb", "offline")):
        found = extension(tree(), now, FREE, DONE)
        assert (found.stage, dict(found.changes)) == (None, {})


@pytest.mark.parametrize(
    ("path", "words"),
    [
        (("seed", 1), "seed may not change: it is the same for the whole run"),
        (("model", "n"), "model may not change"),
        (("rewards", "truncated", "mask"), "rewards may not change"),
        (("evaluation", "sampling", "temperature", 0.5), "evaluation.sampling may not change: accuracies"),
        (("evaluation", "suites", "math", "samples_per_prompt", 4), "evaluation.suites.math may not change"),
        (("stages", 0, "steps", 9), "stages.cold.steps may not change: stage1 has begun from what cold made"),
        (("stages", 1, "steps", 7), "stages.stage1.steps may not change: 8 steps are done, and 7 would take some back"),
        (
            ("stages", 1, "group_size", 16),
            "stages.stage1.group_size .* only optimizer.learning_rate, prompts, steps may",
        ),
        (("stages", 1, "optimizer", "weight_decay", 0.0), "stages.stage1.optimizer.weight_decay may not change"),
        (("stages", 1, "name", "other"), "stages may not change: .* keep their order"),
        (("stages", []), "stages may not change"),
    ],
)
def test_everything_else_is_refused_by_its_key(path: Any, words: str) -> None:
    with pytest.raises(RunFolderError, match=rf"--resume extend: {words}"):
        extension(tree(), changed(*path), FREE, DONE)


def test_a_supervised_stage_that_has_begun_is_not_extended() -> None:
    with pytest.raises(RunFolderError, match=r"stages.cold.steps may not change: a supervised stage ends where"):
        extension(tree(), changed("stages", 0, "steps", 9), FREE, {"cold": 5})


def test_before_anything_has_begun_every_stage_may_change() -> None:
    found = extension(tree(), changed("stages", 0, "steps", 9), FREE, {})
    assert found.changes == {"stages.cold.steps": (5, 9)} and found.stage is None
