"""What preflight says of reward models before anything is started."""

from __future__ import annotations

from typing import Any

import pytest

from openqwq.training.config import Recipe, RlStage, VerifierUse
from openqwq.training.errors import DataError, RecipeError
from openqwq.training.pipeline.reward_model_checks import check_tripwire, pairs_left, warn_of_slow_reward_models

LARGE, SMALL = "Qwen/Qwen2.5-32B", "HuggingFaceTB/SmolLM2-135M"
OWN: dict[str, Any] = {"model": "{stage:rm}"}


def stage(**changes: Any) -> RlStage:
    return RlStage(name="s", kind="rl", steps=1, prompts=({"source": "rows.jsonl"},), **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("model", "arguments", "role", "is_warned"),
    [
        (LARGE, OWN, None, True),
        (LARGE, OWN, {"workers": 2}, True),
        (LARGE, OWN, {"gpus": 1}, False),
        (LARGE, {**OWN, "device": "cpu"}, None, False),
        (LARGE, {"url": "http://rm"}, None, False),
        (SMALL, OWN, None, False),
        ("no/such-model", OWN, None, False),
    ],
)
def test_a_large_reward_model_without_a_gpu_is_warned_about(
    model: str, arguments: dict[str, Any], role: Any, is_warned: bool
) -> None:
    recipe = Recipe.model_validate(
        {"name": "r", "model": model, "stages": [stage().model_dump()], "cluster": {"reward_model": role}}
    )
    said: list[str] = []
    warn_of_slow_reward_models(recipe, [VerifierUse(name="reward_model", arguments=arguments)], said.append)
    assert bool(said) == is_warned
    assert not said or "61 GiB of weights and cluster.reward_model no GPUs" in said[0]


def test_a_tripwire_watches_a_verifier_that_judges_rows_of_its_stage() -> None:
    watched = stage(tripwire={"watches": "helpful"})
    uses = [VerifierUse(name="math"), VerifierUse(name="reward_model", label="helpful", weight=2.0)]
    check_tripwire(watched, uses)
    check_tripwire(stage(), [])
    with pytest.raises(RecipeError, match=r"tripwire.watches='helpful' judges none .* judged by math"):
        check_tripwire(watched, uses[:1])


def test_pairs_that_are_left_out_are_counted_and_none_left_is_refused() -> None:
    good = {"prompt": "a", "chosen": "x", "rejected": "y"}
    turned = {"prompt": "a", "chosen": "y", "rejected": "x"}
    other = {"prompt": "b", "chosen": "x", "rejected": "y"}
    said: list[str] = []
    left = pairs_left("rm", {"rm": [other, other, good], "rm/held_out": [good]}, said.append)
    assert left == {"rm": [other], "rm/held_out": [good]}
    assert said == ["stage rm: 2 of 3 pairs left out: also held out 1, duplicate 1"]
    with pytest.raises(DataError, match=r"stage rm: no pair is left; left out: {'label conflict': 2}"):
        pairs_left("rm", {"rm": [good, turned], "rm/held_out": [other]}, said.append)
    with pytest.raises(DataError, match="stage rm: no held-out pair is left"):
        pairs_left("rm", {"rm": [other], "rm/held_out": [good, turned]}, said.append)
