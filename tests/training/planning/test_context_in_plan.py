"""The plan's longest conversation and `max_model_len` follow from the context budget."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from openqwq.training.cli import main
from openqwq.training.config import Recipe
from openqwq.training.errors import RecipeError
from openqwq.training.planning.lengths import longest_conversation, max_model_len
from openqwq.training.planning.plan import make_plan

SIZES = {
    "model_type": "qwen2", "num_hidden_layers": 28, "hidden_size": 3584, "num_attention_heads": 28,
    "num_key_value_heads": 4, "intermediate_size": 18944, "vocab_size": 152064,
}  # fmt: skip


@pytest.fixture
def model(tmp_path: Path) -> str:
    """A 7B model of 131 072 positions, of which only the config is there."""
    (tmp_path / "config.json").write_text(json.dumps({**SIZES, "max_position_embeddings": 131072}))
    return str(tmp_path)


def recipe(model: str, environment: str | None = None, **sampling: Any) -> Recipe:
    return Recipe.model_validate(
        {
            "name": "small",
            "model": model,
            "dtype": "bfloat16",
            "rewards": {"tasks": {"math": {"verifiers": [{"name": "math"}], "environment": environment}}},
            "cluster": {"gpus_per_node": 1, "rollout": {"engine": "vllm", "workers": 1, "gpus": 1},
                        "trainer": {"gpus": 1}},
            "stages": [{"name": "s", "kind": "rl", "steps": 1, "prompts": [{"source": "rows.jsonl"}],
                        "sampling": sampling}],
        }
    )  # fmt: skip


@pytest.mark.parametrize(
    ("environment", "sampling", "held", "tokens"),
    [
        (None, {"max_new_tokens": 1000}, None, 1150),
        (None, {"max_new_tokens": 1000}, 1100, 1100),
        (None, {"max_new_tokens": 1000, "max_context": 900}, 1100, 900),
        (None, {"max_new_tokens": 1000, "max_context": 1200}, None, 1150),
        ("calculator", {"max_new_tokens": 1000, "max_context": 4000}, None, 4000),
        ("calculator", {"max_new_tokens": 1000}, 4000, 1150),
    ],
)
def test_the_longest_conversation_keeps_the_budget(
    environment: str | None, sampling: dict[str, int], held: int | None, tokens: int
) -> None:
    planned = recipe("some/model", environment, **sampling)
    [stage] = planned.stages
    assert longest_conversation(planned, stage, held) == tokens  # type: ignore[arg-type]
    assert max_model_len(planned, held) == min(filter(None, (sampling.get("max_context"), held)), default=None)


def test_a_prompt_that_fills_the_budget_is_refused(model: str) -> None:
    with pytest.raises(RecipeError, match=r"plan\.prompt_tokens=150 leaves no room in a context of 150 tokens"):
        make_plan(recipe(model, max_context=150))


def test_a_budget_beyond_the_model_is_refused_as_a_run_refuses_it(
    model: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(RecipeError, match=r"max_context=131073 is more than model .* holds, 131072 tokens"):
        make_plan(recipe(model, max_context=131073))
    assert main(["plan", "smoke", "stages.stage1.sampling.max_context=513"]) == 2
    assert "holds, 512 tokens" in capsys.readouterr().err


def test_an_engine_without_room_for_the_models_whole_context_is_a_problem_that_a_budget_solves(model: str) -> None:
    whole, bounded = (recipe(model, max_new_tokens=500, **budget) for budget in ({}, {"max_context": 2000}))
    problems = []
    for planned in (whole, bounded):
        rollout = planned.cluster.rollout.model_copy(update={"gpu_memory_utilization": 0.26})
        cluster = planned.cluster.model_copy(update={"rollout": rollout})
        [stage] = make_plan(planned.model_copy(update={"cluster": cluster})).stages
        problems.append([problem for problem in stage.problems if "max_model_len" in problem])
    assert problems[1] == []
    assert "vLLM starts only with room for a conversation of max_model_len=131,072 tokens" in problems[0][0]


def test_the_plan_prints_max_model_len(model: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["plan", "smoke", f"model={model}", "cluster.rollout.engine=vllm"]
    main(words)
    assert "max_model_len 131,072\n" in capsys.readouterr().out
    budgets = [f"{key}.sampling.max_context=700" for key in ("stages.stage1", "stages.stage2", "evaluation")]
    main([*words, *budgets])
    assert "max_model_len 700\n" in capsys.readouterr().out
    main([*words[:3], *budgets])
    assert "max_model_len" not in capsys.readouterr().out
