"""What preflight says of reward models before anything is started."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from openqwq.training.config import Recipe, RlStage, VerifierUse
from openqwq.training.errors import DataError, RecipeError
from openqwq.training.pipeline.reward_model_checks import (
    check_tripwire,
    pairs_left,
    refuse_slow_reward_models,
    warn_of_idle_gpus,
)
from openqwq.verifiers.scoring.local_model import NoDevice, device_for, num_parameters

LARGE, SMALL = "Qwen/Qwen2.5-32B", "HuggingFaceTB/SmolLM2-135M"
OWN: dict[str, Any] = {"model": "{stage:rm}"}


def stage(**changes: Any) -> RlStage:
    return RlStage(name="s", kind="rl", steps=1, prompts=({"source": "rows.jsonl"},), **changes)  # type: ignore[arg-type]


def sized(folder: Path, parameters: int) -> str:
    """A folder whose weight file says in its header that it holds so many numbers, and holds none."""
    header = json.dumps({"w": {"dtype": "BF16", "shape": [parameters], "data_offsets": [0, 0]}}).encode()
    (folder / "model.safetensors").write_bytes(len(header).to_bytes(8, "little") + header)
    (folder / "config.json").write_text("{}")
    return str(folder)


@pytest.mark.parametrize(
    ("model", "arguments", "role", "is_refused"),
    [
        (LARGE, OWN, None, True),
        (LARGE, OWN, {"workers": 2}, True),
        (LARGE, OWN, {"gpus": 1}, False),
        (LARGE, {**OWN, "device": "cpu"}, None, False),
        (LARGE, {"url": "http://rm"}, None, False),
        ("Qwen/Qwen2.5-1.5B", OWN, None, True),
        ("Qwen/Qwen2.5-0.5B", OWN, None, False),
        (SMALL, OWN, None, False),
        (SMALL, {"model": LARGE}, None, True),
        ("no/such-model", OWN, None, False),
    ],
)
def test_a_reward_model_of_a_billion_parameters_judges_on_a_cpu_only_if_asked(
    model: str, arguments: dict[str, Any], role: Any, is_refused: bool
) -> None:
    recipe = Recipe.model_validate(
        {"name": "r", "model": model, "stages": [stage().model_dump()], "cluster": {"reward_model": role}}
    )
    uses = [VerifierUse(name="reward_model", arguments=arguments)]
    if is_refused:
        with pytest.raises(RecipeError, match=r"reward model .*B parameters would judge on a CPU.*device: cpu"):
            refuse_slow_reward_models(recipe, uses)
    else:
        refuse_slow_reward_models(recipe, uses)


@pytest.mark.parametrize("parameters", [999_999_999, 1_000_000_001])
def test_parameters_are_counted_in_the_files_of_a_folder(parameters: int, tmp_path: Path) -> None:
    folder = sized(tmp_path, parameters)
    assert num_parameters(folder) == parameters
    if parameters > 1e9:
        with pytest.raises(NoDevice, match=r"1\.0B parameters and no GPU in this process"):
            device_for("auto", num_parameters(folder), 0)
    else:
        assert device_for("auto", num_parameters(folder), 0) == "cpu"


@pytest.mark.parametrize(
    ("role", "use", "algorithm", "is_idle"),
    [
        ("reward_model", {"name": "reward_model", "arguments": {"url": "http://rm"}}, "grpo", True),
        ("reward_model", {"name": "reward_model", "arguments": {"model": "m", "device": "cpu"}}, "grpo", True),
        ("reward_model", {"name": "reward_model", "arguments": {"model": "m"}}, "grpo", False),
        ("reward_model", {"name": "grade.py:Own"}, "grpo", False),
        ("critic", {"name": "math"}, "grpo", True),
        ("critic", {"name": "math"}, "ppo", False),
        ("reference", {"name": "math"}, "dapo", True),
    ],
)
def test_gpus_that_a_role_reserves_and_nothing_uses_are_said(
    role: str, use: dict[str, Any], algorithm: str, is_idle: bool
) -> None:
    recipe = Recipe.model_validate({
        "name": "r", "model": SMALL, "stages": [stage(algorithm={"name": algorithm}).model_dump()],
        "rewards": {"tasks": {"math": {"verifiers": [use]}}}, "cluster": {role: {"workers": 2, "gpus": 4}},
    })  # fmt: skip
    said: list[str] = []
    warn_of_idle_gpus(recipe, said.append)
    assert bool(said) == is_idle and (not said or f"cluster.{role} reserves 2 x 4 GPUs" in said[0])


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
