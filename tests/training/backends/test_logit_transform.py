"""What models do to their logits, measured on the outside."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from openqwq.training.backends.logit_transform import LogitTransform, measure
from openqwq.training.errors import RecipeError
from tests.training.backends.architectures import TRAINED, small_model


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize(
    ("name", "changes", "expected"),
    [
        ("Qwen2", {}, LogitTransform()),
        ("Granite", {}, LogitTransform(0.125)),
        ("Granite", {"logits_scaling": 3.0}, LogitTransform(1 / 3)),
        ("Cohere", {}, LogitTransform(0.0625)),
        ("Cohere", {"logit_scale": 1.0}, LogitTransform()),
        ("Gemma2", {}, LogitTransform(1.0, 20.0)),
        ("Gemma2", {"final_logit_softcapping": 50.0, "attn_logit_softcapping": 30.0}, LogitTransform(1.0, 50.0)),
        ("Gemma2", {"final_logit_softcapping": None}, LogitTransform()),
    ],
)
def test_factors_and_caps_are_those_of_the_configuration(
    name: str, changes: dict[str, Any], expected: LogitTransform, dtype: torch.dtype
) -> None:
    model = small_model(name, TRAINED[name] | changes, dtype).train()
    assert measure(model) == expected
    assert model.training and not model._forward_hooks and not model.get_output_embeddings()._forward_hooks


def with_head(model: Any, change: Any) -> Any:
    forward = model.forward

    def changed(*arguments: Any, **named: Any) -> Any:
        out = forward(*arguments, **named)
        out.logits = change(out.logits)
        return out

    model.forward = changed
    return model


def test_a_factor_that_no_number_names_is_taken_as_measured_in_float32_and_refused_in_bfloat16() -> None:
    found = measure(with_head(small_model("Llama", {}), lambda logits: logits * 0.7731))
    assert found.cap is None and found.scale == pytest.approx(0.7731, rel=1e-6)
    with pytest.raises(RecipeError, match="LlamaForCausalLM changes its logits"):
        measure(with_head(small_model("Llama", {}, torch.bfloat16), lambda logits: logits * 0.7731))


def test_a_factor_beside_a_number_of_the_configuration_is_not_taken_for_it() -> None:
    model = with_head(small_model("Llama", {"rms_norm_eps": 0.5}), lambda logits: logits * 0.5002)
    assert measure(model).scale == pytest.approx(0.5002, rel=1e-6)


@pytest.mark.parametrize(
    "change", [lambda x: x + 1, lambda x: x**2, lambda x: x.clamp(-20, 20), lambda x: 20 * torch.tanh(x / 20)]
)
def test_any_other_change_is_refused(change: Any) -> None:
    """A cap as well, if the configuration does not know of it."""
    with pytest.raises(RecipeError, match="LlamaForCausalLM changes its logits"):
        measure(with_head(small_model("Llama", {}), change))
