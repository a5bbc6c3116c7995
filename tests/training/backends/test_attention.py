"""Attention within segments against a softmax under the mask that they stand for, and what it refuses."""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Any

import pytest
import torch
from torch.nn.attention import varlen

from openqwq.training.backends import attention_kernels
from openqwq.training.backends.attention import _attention, watched
from openqwq.training.backends.attention_kernels import Score, attend, by_bucket, by_varlen, kernel_of
from openqwq.training.batches import segments
from openqwq.training.batches.segments import Segment, SegmentLayout
from openqwq.training.errors import RecipeError

SEGMENTS = [Segment(0, 0, 7), Segment(0, 7, 11, 0, 3), Segment(1, 0, 4), Segment(1, 4, 12)]
LAYOUT = SegmentLayout(SEGMENTS, 2, 12, torch.device("cpu"))  # column 11 of the first row is padding
REAL = torch.tensor([[True] * 11 + [False], [True] * 12])
SINKS = torch.tensor([0.5, -1.0, 2.0, 0.0], dtype=torch.float64)
SCORES = {
    "plain": Score(),
    "scaled": Score(scale=0.3),
    "window": Score(window=3),
    "window of all": Score(window=12),
    "capped": Score(cap=0.7),
    "sinks": Score(sinks=SINKS),
    "all": Score(0.9, 5, 1.1, SINKS),
}


def tensors(width: int = 12, rows: int = 2, depth: int = 6) -> list[torch.Tensor]:
    random = torch.Generator().manual_seed(0)
    shapes = [(rows, heads, width, depth) for heads in (4, 2, 2)]
    return [torch.randn(*shape, generator=random, dtype=torch.float64).requires_grad_() for shape in shapes]


def by_mask(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, layout: SegmentLayout, score: Score) -> torch.Tensor:
    """[R, W, A, D]; a dense mask of the segments, where distance counts in what a query sees."""
    distance = torch.full((layout.num_rows, 1, layout.width, layout.width), 10**6)
    for row, start, stop, prompt_start, prompt_stop in layout.segments:
        for column in range(start, stop):
            seen = [*range(prompt_start, prompt_stop), *range(start, column + 1)]
            distance[row, 0, column, seen] = torch.arange(len(seen)).flip(0)
    distance.diagonal(dim1=2, dim2=3).zero_()  # padding sees itself
    k, v = k.repeat_interleave(2, 1), v.repeat_interleave(2, 1)
    logits = (q @ k.transpose(2, 3)) * (score.scale or 1 / math.sqrt(q.shape[-1]))
    logits = logits if score.cap is None else score.cap * torch.tanh(logits / score.cap)
    logits = logits.masked_fill(distance >= min(score.window or 10**6, 10**6), -torch.inf)
    if score.sinks is not None:
        logits = torch.cat([logits, score.sinks.view(1, 4, 1, 1).expand(*logits.shape[:3], 1)], -1)
    return (logits.softmax(-1)[..., : layout.width] @ v).transpose(1, 2)


def assert_same(found: torch.Tensor, layout: SegmentLayout, score: Score, leaves: list[torch.Tensor]) -> None:
    real = REAL[..., None, None]
    weights = real * torch.arange(found.numel()).view_as(found) / found.numel()
    expected = by_mask(*leaves, layout, score)
    for mine, wanted in zip(
        [found * real, *torch.autograd.grad((found * weights).sum(), leaves, retain_graph=True)],
        [expected * real, *torch.autograd.grad((expected * weights).sum(), leaves)],
        strict=True,
    ):
        assert torch.allclose(mine, wanted, atol=1e-9)


@pytest.mark.parametrize("name", SCORES)
@pytest.mark.parametrize("chunk", [512, 2])
def test_values_and_gradients_are_those_of_a_masked_softmax(
    name: str, chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attention_kernels, "CHUNK", chunk)
    leaves = tensors()
    assert_same(attend(*leaves, LAYOUT, SCORES[name]), LAYOUT, SCORES[name], leaves)


@pytest.mark.parametrize("name", ["plain", "all"])
def test_sequences_of_other_lengths_are_computed_apart(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(segments, "LEAST_TOKENS", 1)
    layout, leaves = SegmentLayout(SEGMENTS, 2, 12, torch.device("cpu")), tensors()
    assert len(layout.sequences) > 1
    assert_same(attend(*leaves, layout, SCORES[name]), layout, SCORES[name], leaves)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float32])
@pytest.mark.parametrize("name", SCORES)
def test_a_gpu_takes_its_kernel_in_half_precision_where_it_can_say_all(name: str, dtype: torch.dtype) -> None:
    is_said = name not in ("capped", "sinks", "all")
    is_half = dtype != torch.float32
    assert kernel_of("cuda", dtype, SCORES[name]) is (by_varlen if is_said and is_half else by_bucket)
    assert kernel_of("cpu", dtype, SCORES[name]) is by_bucket


def test_calls_are_watched_only_inside() -> None:
    with watched() as outer:
        called()
        with watched() as inner:
            called(sliding_window=3)
        called()
    called()
    assert (outer, inner) == ([None, None], [3])


def aligned_at_the_end(query: Any, key: Any, value: Any, cu_q: Any, cu_k: Any, *longest: int, **how: Any) -> Any:
    """What torch documents of `varlen_attn`, which has no kernel for CPUs."""
    left, right = how["window_size"]
    assert right == 0 and how["enable_gqa"]
    q, k, found = cu_q.tolist(), cu_k.tolist(), []
    assert longest == tuple(max(b - a for a, b in pairwise(x)) for x in (q, k))
    for m in range(len(q) - 1):
        mine, keys, values = query[q[m] : q[m + 1]], key[k[m] : k[m + 1]], value[k[m] : k[m + 1]]
        keys, values = keys.repeat_interleave(2, 1), values.repeat_interleave(2, 1)
        logits = torch.einsum("qad,kad->aqk", mine, keys) * (how["scale"] or mine.shape[-1] ** -0.5)
        ends = torch.arange(len(mine))[:, None] + len(keys) - len(mine)
        index = torch.arange(len(keys))
        hidden = (index > ends) | ((index < ends - left) if left >= 0 else torch.tensor(False))
        found.append(torch.einsum("aqk,kad->qad", logits.masked_fill(hidden, -torch.inf).softmax(-1), values))
    return torch.cat(found)


@pytest.mark.parametrize("name", ["plain", "scaled", "window", "window of all"])
def test_the_call_of_a_gpus_kernel_says_the_same(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(varlen, "varlen_attn", aligned_at_the_end)
    leaves = tensors()
    flat = [x.transpose(1, 2).flatten(0, 1) for x in leaves]
    found = by_varlen(*flat, LAYOUT, SCORES[name]).view(2, 12, 4, 6)
    assert not found[0, 11].any()  # padding
    assert_same(found, LAYOUT, SCORES[name], leaves)
    assert torch.allclose(found[REAL], by_bucket(*flat, LAYOUT, SCORES[name]).view(2, 12, 4, 6)[REAL])


def called(**changes: Any) -> torch.Tensor:
    q, k, v = tensors()
    arguments = {"attention_mask": None, "scaling": 0.3, "segments": LAYOUT, "position_ids": torch.ones(1)} | changes
    return _attention(torch.nn.Identity(), q, arguments.pop("key", k), v, **arguments)[0]


def test_what_a_layer_hands_over_reaches_its_scores() -> None:
    leaves = tensors()
    found = called(sliding_window=5, softcap=1.1, s_aux=SINKS, use_cache=False, attention_mask=torch.ones(2, 12))
    assert torch.allclose(found[REAL], by_mask(*leaves, LAYOUT, Score(0.3, 5, 1.1, SINKS))[REAL])
    rows = SegmentLayout([Segment(0, 0, 12), Segment(1, 0, 12)], 2, 12, torch.device("cpu"))
    assert torch.allclose(called(segments=None), by_mask(*leaves, rows, Score(0.3)))


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"position_bias": torch.zeros(1)}, "position_bias"),
        ({"head_mask": torch.ones(4)}, "head_mask"),
        ({"dropout": 0.1}, "dropout"),
        ({"is_causal": False}, "no causal order"),
        ({"attention_mask": torch.tensor([[0] + [1] * 11, [1] * 12])}, "a mask"),
        ({"key": torch.zeros(2, 2, 13, 6)}, "a cache"),
    ],
)
def test_what_is_not_known_is_refused_by_name(changes: dict[str, Any], named: str) -> None:
    with pytest.raises(RecipeError, match=rf"Identity does to its attention what training cannot: .*{named}"):
        called(**changes)
    assert called(head_mask=None).shape == (2, 12, 4, 6)


def test_a_module_that_looks_ahead_is_refused() -> None:
    module = torch.nn.Identity()
    module.is_causal = False  # type: ignore[assignment]
    with pytest.raises(RecipeError, match="no causal order"):
        _attention(module, *tensors(), None)
