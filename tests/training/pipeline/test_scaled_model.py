"""YaRN in a recipe: one scaled model, with which everything works."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest
import torch

from openqwq.training.config.context_budget import held_tokens, scaled_by_yarn
from openqwq.training.config.files import load_recipe
from openqwq.training.config.recipe import Yarn
from openqwq.training.errors import RecipeError
from openqwq.training.models import held_context, load_model, load_tokenizer
from openqwq.training.pipeline.scaled_model import with_yarn
from openqwq.training.planning.plan import make_plan

QWEN = {"model_type": "qwen2", "max_position_embeddings": 131072, "rope_theta": 1e6, "rope_scaling": None}


def test_a_scaled_model_is_held_for_the_factor_and_computes_otherwise(tmp_path: Path) -> None:
    said: list[str] = []
    recipe = load_recipe("smoke", ["yarn.factor=4"])
    scaled = with_yarn(recipe, tmp_path / "run", said.append)
    assert said == []  # no stage bounds its conversations: each may take what the model holds
    assert scaled.model == str(tmp_path / "run-yarn") and held_context(scaled.model) == 4 * 512
    assert not (tmp_path / "run-yarn" / "config.json").is_symlink()
    assert (tmp_path / "run-yarn" / "model.safetensors").is_symlink()
    ids = torch.arange(5, 45)[None]
    plain, longer = load_model(recipe.model), load_model(scaled.model)
    with torch.no_grad():
        gaps = (plain(input_ids=ids).logits - longer(input_ids=ids).logits).abs().amax(2)[0]
    assert float(gaps[0]) < 1e-4 and float(gaps[1:].min()) > 1e-4  # alone a token has no distances
    rotary: Any = longer.base_model.rotary_emb
    assert rotary.attention_scaling == pytest.approx(0.1 * math.log(4) + 1)  # the paper's temperature
    assert load_tokenizer(scaled.model).chat_template == load_tokenizer(recipe.model).chat_template
    before = (tmp_path / "run-yarn").stat().st_mtime_ns
    assert with_yarn(recipe, tmp_path / "run", said.append) == scaled  # a second start
    assert (tmp_path / "run-yarn").stat().st_mtime_ns == before
    assert with_yarn(scaled, tmp_path / "other", said.append) == scaled  # the recipe of the run folder
    assert make_plan(scaled).shape.held_tokens == make_plan(recipe).shape.held_tokens == 2048


def test_what_fits_without_it_is_warned_about_and_a_budget_beyond_it_refused(tmp_path: Path) -> None:
    said: list[str] = []
    keys = ["stages.stage1", "stages.stage2", "evaluation"]
    with_yarn(load_recipe("smoke", ["yarn.factor=2", *(f"{k}.sampling.max_context=400" for k in keys)]),
              tmp_path / "run", said.append)  # fmt: skip
    assert "no conversation of this recipe is longer than 400 tokens, of which the model holds 512" in said[0]
    beyond = load_recipe("smoke", ["yarn.factor=2", *(f"{k}.sampling.max_context=1025" for k in keys)])
    with pytest.raises(RecipeError, match=r"max_context=1025 is more than model .* holds, 1024 tokens"):
        make_plan(beyond)
    assert with_yarn(load_recipe("smoke"), tmp_path / "x", said.append).model == load_recipe("smoke").model


def test_positions_are_scaled_from_those_of_training_and_keep_their_base() -> None:
    scaled = scaled_by_yarn(QWEN, Yarn(), "m")
    rope = {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 32768, "rope_theta": 1e6}
    assert scaled["rope_parameters"] == rope and held_tokens(scaled) == scaled["max_position_embeddings"] == 131072
    assert scaled_by_yarn(scaled, Yarn(), "m") == scaled
    assert held_tokens(scaled_by_yarn({**QWEN, "max_position_embeddings": 4096}, Yarn(factor=2.5), "m")) == 10240
    assert held_tokens(scaled_by_yarn(QWEN, Yarn(original=40960), "m")) == 163840


@pytest.mark.parametrize(
    ("changes", "yarn", "words"),
    [
        ({"rope_scaling": {"type": "linear", "factor": 2.0}}, Yarn(), "scaled already .linear."),
        ({"max_position_embeddings": None}, Yarn(), "states no rotary positions of one kind"),
        ({"rope_parameters": {"full_attention": {"rope_type": "default"}}}, Yarn(), "of one kind for all layers"),
        (scaled_by_yarn(QWEN, Yarn(), "m"), Yarn(factor=8.0), "is scaled by 4.0 from 32768 tokens, the recipe asks"),
    ],
)
def test_positions_that_cannot_be_scaled_are_refused(changes: dict[str, Any], yarn: Yarn, words: str) -> None:
    with pytest.raises(RecipeError, match=f"^yarn: model 'm' .*{words}|{words}"):
        scaled_by_yarn(json.loads(json.dumps({**QWEN, **changes})), yarn, "m")
