"""How many tokens a model holds by its config, and what a recipe makes of it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from transformers import (
    AutoConfig,
    BloomConfig,
    Gemma3Config,
    GPT2Config,
    LlamaConfig,
    MambaConfig,
    MptConfig,
    Olmo3Config,
    OPTConfig,
    Phi3Config,
    Qwen2Config,
)

from openqwq.training.config import Recipe, Sampling
from openqwq.training.config.context_budget import (
    held_tokens,
    largest_budget,
    refuse_beyond,
    samplings,
    smallest,
)
from openqwq.training.errors import RecipeError
from openqwq.training.models import context_held_by, held_context

SMALL: dict[str, Any] = {"max_position_embeddings": 1000}
YARN = {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 300, "rope_theta": 1e6}
LLAMA3 = {
    "rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
    "original_max_position_embeddings": 125, "rope_theta": 1e6,
}  # fmt: skip
LONG = {
    "rope_type": "longrope", "short_factor": [1.0] * 48, "long_factor": [2.0] * 48, "rope_theta": 1e4,
    "original_max_position_embeddings": 250,
}  # fmt: skip
LINEAR = {"rope_type": "linear", "factor": 3.0, "rope_theta": 1e4}


@pytest.mark.parametrize(
    ("config", "tokens"),
    [
        (Qwen2Config(**SMALL), 1000),
        (GPT2Config(n_positions=77), 77),
        (OPTConfig(max_position_embeddings=78), 78),
        (MptConfig(max_seq_len=79), 79),
        (BloomConfig(seq_length=80), 80),
        (BloomConfig(), None),
        (MambaConfig(), None),
        (LlamaConfig(**SMALL, rope_parameters=YARN), 1200),
        (LlamaConfig(**SMALL, rope_parameters={k: v for k, v in YARN.items() if "original" not in k}), 4000),
        (LlamaConfig(**SMALL, rope_parameters=LLAMA3), 1000),
        (LlamaConfig(**SMALL, rope_parameters=LINEAR), 3000),
        (LlamaConfig(**SMALL, rope_parameters={**LINEAR, "rope_type": "dynamic"}), 3000),
        (Phi3Config(**SMALL, hidden_size=96 * 32, pad_token_id=0, rope_parameters=LONG), 1000),
        (Gemma3Config(text_config={**SMALL, "rope_scaling": {"rope_type": "linear", "factor": 8.0}}), 1000),
        (Olmo3Config(**SMALL, rope_scaling={**YARN, "original_max_position_embeddings": 125, "factor": 8.0}), 1000),
    ],
    ids=lambda value: type(value).__name__ if not isinstance(value, int) else str(value),
)  # fmt: skip
def test_a_model_holds_what_its_config_states(config: Any, tokens: int | None) -> None:
    assert context_held_by(config) == tokens
    assert held_tokens(json.loads(config.to_json_string(use_diff=False))) == tokens  # as the planner reads it


@pytest.mark.parametrize(
    ("config", "tokens"),
    [
        ({"max_position_embeddings": 40960,
          "rope_scaling": {"type": "yarn", "factor": 4, "original_max_position_embeddings": 32768}}, 131072),
        ({"max_position_embeddings": 163840, "rope_scaling": {"type": "yarn", "factor": None}}, 163840),
        ({"max_position_embeddings": 8192, "model_max_length": 131072}, 131072),
        ({"model_type": "gemma3_text", "max_position_embeddings": 131072,
          "rope_scaling": {"rope_type": "linear", "factor": 8.0}}, 131072),
        ({"text_config": {"max_position_embeddings": 50}, "max_position_embeddings": 70}, 50),
        ({"text_config": {"hidden_size": 50}, "max_position_embeddings": 70}, 70),
        ({"n_positions": 1024, "n_ctx": 512}, 1024),
        ({"max_position_embeddings": 0}, None), ({"max_position_embeddings": None}, None), ({}, None),
        ({"max_position_embeddings": True}, None), ({"max_position_embeddings": "512"}, None),
        ({"max_position_embeddings": 512.0, "rope_scaling": None}, 512),
        ({"max_position_embeddings": 512,
          "rope_parameters": {"full_attention": None, "sliding_attention": YARN}}, 1200),
        ({"max_position_embeddings": 512,
          "rope_parameters": {"full_attention": YARN, "sliding_attention": {"rope_type": "default"}}}, 1200),
    ],
)  # fmt: skip
def test_published_forms_of_a_config_are_read(config: dict[str, Any], tokens: int | None) -> None:
    assert held_tokens(config) == tokens


def test_one_token_is_a_length_and_none_is_not() -> None:
    assert held_tokens({"max_position_embeddings": 1}) == 1
    assert held_tokens({"max_position_embeddings": 0}) is None


def test_the_config_of_a_folder_says_what_its_model_holds(base: str) -> None:
    assert held_context(base) == AutoConfig.from_pretrained(base).max_position_embeddings == 512
    with pytest.raises(RecipeError, match="config of 'nowhere/model' cannot be read"):
        held_context("nowhere/model")


def recipe(evaluation: int | None, *stages: int | None, has_suites: bool = True) -> Recipe:
    suites = {"s": {"sources": [{"source": "rows.jsonl"}]}} if has_suites else {}
    return Recipe.model_validate(
        {
            "name": "small",
            "model": "some/model",
            "evaluation": {"suites": suites, "sampling": {"max_context": evaluation}},
            "stages": [
                {"name": f"s{n}", "kind": "rl", "steps": 1, "prompts": [{"source": "rows.jsonl"}],
                 "sampling": {"max_context": budget}}
                for n, budget in enumerate(stages)
            ],
        }
    )  # fmt: skip


def test_engines_make_room_for_the_largest_budget_and_for_all_where_one_states_none() -> None:
    assert largest_budget(recipe(40, 70, 50)) == 70
    assert largest_budget(recipe(90, 70, 50)) == 90
    assert largest_budget(recipe(90, 70, has_suites=False)) == 70
    assert largest_budget(recipe(90, None, 50)) is None
    assert largest_budget(recipe(None, 70)) is None
    assert largest_budget(recipe(90, has_suites=False)) is None


def test_a_budget_beyond_what_the_model_holds_is_refused_with_its_key_and_both_numbers() -> None:
    sections = samplings(recipe(90, 70, 513))
    refuse_beyond(sections, "some/model", 513)
    refuse_beyond(sections, "some/model", None)
    words = r"stages.s1.sampling.max_context=513 is more than model 'some/model' holds, 512 tokens; lower it"
    with pytest.raises(RecipeError, match=words):
        refuse_beyond(sections, "some/model", 512)
    with pytest.raises(RecipeError, match=r"evaluation\.sampling\.max_context=513"):
        refuse_beyond(samplings(recipe(513, 70)), "some/model", 512)


@pytest.mark.parametrize("budget", [1, 0, -5, "all"])
def test_a_budget_has_room_for_a_prompt_and_a_token(budget: Any) -> None:
    with pytest.raises(ValueError, match="max_context"):
        Sampling(max_context=budget)


@given(st.lists(st.none() | st.integers(1, 100)))
def test_none_is_no_limit(limits: list[int | None]) -> None:
    stated = [limit for limit in limits if limit is not None]
    assert smallest(*limits) == (min(stated) if stated else None)
