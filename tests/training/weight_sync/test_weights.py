"""Weights from trainer to engine: exact, complete, and a sync that did not arrive is noticed."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import nn
from transformers import PreTrainedModel

from openqwq.training.errors import EngineError
from openqwq.training.rollout.hf_engine import HFEngine
from openqwq.training.weight_sync.arrays import copy_into, to_arrays
from openqwq.training.weight_sync.check import check_synced, check_tokens


def pair(dtype: torch.dtype) -> tuple[nn.Module, nn.Module]:
    torch.manual_seed(0)
    return nn.Linear(3, 5).to(dtype), nn.Linear(3, 5).to(dtype)


def arrays_of(model: nn.Module) -> dict[str, np.ndarray]:
    """All parameters in the precision they have."""
    parameters = dict(model.named_parameters())
    return to_arrays(parameters, str(next(iter(parameters.values())).dtype).removeprefix("torch."))


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_weights_arrive_bit_for_bit(dtype: torch.dtype) -> None:
    source, target = pair(dtype)
    arrays = arrays_of(source)
    for array in arrays.values():
        array.flags.writeable = False  # as an object store hands them out
    copy_into(target, arrays)
    for ours, theirs in zip(target.parameters(), source.parameters(), strict=True):
        assert ours.dtype == dtype and torch.equal(ours, theirs)
        assert ours.data_ptr() != theirs.data_ptr()


def test_tied_weights_travel_once_and_arrive_on_both_sides(tiny_model: PreTrainedModel) -> None:
    arrays = {name: array * 2 for name, array in arrays_of(tiny_model).items()}
    assert "lm_head.weight" not in arrays
    copy_into(tiny_model, arrays)
    embedding = torch.from_numpy(arrays["model.embed_tokens.weight"])
    assert torch.equal(tiny_model.get_output_embeddings().weight, embedding)


def test_a_parameter_that_does_not_fit_is_named() -> None:
    source, target = pair(torch.float32)
    arrays = arrays_of(source)
    with pytest.raises(EngineError, match="'bias'"):
        copy_into(target, {"weight": arrays["weight"]})
    with pytest.raises(EngineError, match="'other'"):
        copy_into(target, {**arrays, "other": arrays["bias"]})
    with pytest.raises(EngineError, match=r"bias: sent \(3,\), engine has \(5,\)"):
        copy_into(target, {**arrays, "bias": arrays["bias"][:3]})


def test_the_check_accepts_a_sync_and_catches_a_skipped_one(tiny_model: PreTrainedModel) -> None:
    engine = HFEngine(tiny_model, [3])
    tokens = check_tokens(tiny_model.config.vocab_size)
    before = engine.logprobs(tokens)
    arrays = {name: array * 1.1 for name, array in arrays_of(tiny_model).items()}
    engine.load_weights(5, arrays)
    after = engine.logprobs(tokens)
    assert engine.weights_version == 5
    check_synced(after, engine.logprobs(tokens), "engine", 5, "float32")
    with pytest.raises(EngineError, match=r"worker 2 disagrees .* version 5"):
        check_synced(after, before, "worker 2", 5, "float32")


@pytest.mark.parametrize("index", [0, 1, 2])
def test_the_check_catches_a_number_that_is_not_finite_at_any_index(index: int) -> None:
    answer = [-1.0, -2.0, -3.0]
    answer[index] = math.nan
    with pytest.raises(EngineError):
        check_synced([-1.0, -2.0, -3.0], answer, "engine", 1, "bfloat16")


def test_the_check_tokens_are_in_the_vocabulary() -> None:
    for vocabulary in (17, 640, 152_064):
        assert len(set(check_tokens(vocabulary))) > 10
        assert all(0 <= token < vocabulary for token in check_tokens(vocabulary))
