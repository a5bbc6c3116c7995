"""Buckets and pushes: bounded, complete, in order, and an engine whose push was cut samples nothing."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import PreTrainedModel

from openqwq.training.errors import EngineError
from openqwq.training.rollout.engine import GenerationRequest
from openqwq.training.rollout.hf_engine import HFEngine
from openqwq.training.weight_sync.arrays import to_arrays
from openqwq.training.weight_sync.buckets import ArraySpec, arrays_of, plan_buckets, specs_of
from openqwq.training.weight_sync.push import load_in_buckets

SHAPES = st.lists(st.lists(st.integers(0, 9), max_size=3).map(tuple), min_size=1, max_size=6)
LIMIT = 3000
"""Bytes of a bucket; the embedding of the tiny model needs many."""


@given(shapes=SHAPES, dtype=st.sampled_from(["float32", "bfloat16"]), limit=st.integers(1, 400))
def test_buckets_hold_every_element_once_in_order_and_are_bounded(
    shapes: list[tuple[int, ...]], dtype: str, limit: int
) -> None:
    specs = [ArraySpec(f"a{i}", dtype, shape) for i, shape in enumerate(shapes)]
    seen: dict[str, list[tuple[int, int]]] = {}
    for bucket in plan_buckets(specs, limit):
        for spec, offset in zip(bucket.arrays, bucket.offsets, strict=True):
            assert offset % 64 == 0 and offset + spec.nbytes <= bucket.size
            seen.setdefault(spec.name, []).append(spec.elements)
            assert spec.whole_shape == shapes[int(spec.name[1:])]
        is_one_row = len(bucket.arrays) == 1 and (bucket.arrays[0].shape[:1] or (1,))[0] <= 1
        assert bucket.size <= limit or is_one_row
    assert list(seen) == [spec.name for spec in specs]
    for spec in specs:
        ends = seen[spec.name]
        assert ends[0][0] == 0 and ends[-1][1] * (4 if dtype == "float32" else 2) == spec.nbytes
        assert all(before[1] == after[0] for before, after in pairwise(ends))


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_a_push_in_small_buckets_arrives_bit_for_bit(tiny_model: PreTrainedModel, dtype: str) -> None:
    engine = HFEngine(tiny_model.to(getattr(torch, dtype)), [3])
    arrays = {n: p * 2 for n, p in to_arrays(dict(tiny_model.float().named_parameters()), "float32").items()}
    tiny_model.to(getattr(torch, dtype))
    given = to_arrays({name: torch.from_numpy(array) for name, array in arrays.items()}, dtype)
    buckets = plan_buckets(specs_of(given), LIMIT)
    assert any(spec.num_rows for bucket in buckets for spec in bucket.arrays) and len(buckets) > 10
    load_in_buckets(engine, 4, buckets, (arrays_of(bucket, given) for bucket in buckets))
    assert engine.weights_version == 4
    found = to_arrays(dict(engine.model.named_parameters()), dtype)
    assert all(np.array_equal(found[name], given[name]) for name in given)


@pytest.mark.parametrize("is_within_a_bucket", [False, True])
def test_an_engine_whose_push_was_cut_is_refused_until_it_is_whole(
    tiny_model: PreTrainedModel, is_within_a_bucket: bool
) -> None:
    engine = HFEngine(tiny_model, [3])
    arrays = {name: array * 1.5 for name, array in to_arrays(dict(tiny_model.named_parameters()), "float32").items()}
    buckets = plan_buckets(specs_of(arrays), LIMIT)
    request = GenerationRequest(0, (5, 9), seed=1, max_new_tokens=2)
    assert len(list(engine.generate([request]))) == 1
    middle = len(buckets) // 2
    engine.begin_load(7, buckets)
    for index in range(middle):
        engine.load_bucket(index, arrays_of(buckets[index], arrays))
    if is_within_a_bucket:
        cut = [array[:-1] if array.ndim == 2 else array for array in arrays_of(buckets[middle], arrays)]
        with pytest.raises(EngineError, match="the bucket has"):
            engine.load_bucket(middle, cut)
    cut_words = rf"{middle} of {len(buckets)} buckets of weights version 7, the push was cut"
    for ask in (lambda: list(engine.generate([request])), lambda: engine.logprobs([5, 9]), engine.end_load):
        with pytest.raises(EngineError, match=cut_words):
            ask()
    assert engine.weights_version == 0
    engine.load_weights(8, arrays)
    assert engine.weights_version == 8 and len(list(engine.generate([request]))) == 1


def test_a_push_that_does_not_fit_changes_nothing(tiny_model: PreTrainedModel) -> None:
    engine = HFEngine(tiny_model, [3])
    before = engine.logprobs([5, 9, 8])
    arrays = to_arrays(dict(tiny_model.named_parameters()), "float32")
    name = "model.norm.weight"
    for wrong in ({**arrays, "more": arrays[name]}, {**arrays, name: np.ones(7, np.float32)}):
        with pytest.raises(EngineError, match=r"more|norm.weight: sent \(7,\)"):
            engine.begin_load(2, plan_buckets(specs_of(wrong), LIMIT))
    assert engine.logprobs([5, 9, 8]) == before and engine.weights_version == 0
