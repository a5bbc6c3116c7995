"""Attention within segments: by torch's fused kernels, or in chunks of queries where no fused kernel has a window, a
cap of the scores or sinks.

R rows, W columns, A query heads, K key heads, D head width, B sequences of a bucket, L the longest of them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch.nn.functional import scaled_dot_product_attention
from torch.utils.checkpoint import checkpoint

from openqwq.training.algorithms.picking import picked_rows
from openqwq.training.batches.segments import SegmentLayout

CHUNK = 512
"""Queries whose scores are in memory at once."""


@dataclass(frozen=True)
class Score:
    """What a layer does with its scores. Example: `Score(scale=0.125, window=4096)`"""

    scale: float | None = None
    """Factor of the products; None is D ** -0.5."""
    window: int | None = None
    """Number of keys that a query sees, its own among them."""
    cap: float | None = None
    """c of c tanh(score / c)."""
    sinks: torch.Tensor | None = None
    """[A], a score for each head that takes its share of the softmax and has no value."""


def attend(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, layout: SegmentLayout, score: Score
) -> torch.Tensor:
    """[R, W, A, D] from a query [R, A, W, D], key and value [R, K, W, D]; zeros or anything in padding."""
    rows, _, width, _ = query.shape
    q, k, v = (x.transpose(1, 2).reshape(rows * width, x.shape[1], x.shape[3]) for x in (query, key, value))
    out = kernel_of(query.device.type, query.dtype, score)(q, k, v, layout, score)
    return out.view(rows, width, *out.shape[1:])


def kernel_of(device_type: str, dtype: torch.dtype, score: Score) -> Callable[..., torch.Tensor]:
    """What computes it there: `by_varlen` where a GPU's kernel knows all of the score, else `by_bucket`."""
    is_known = score.cap is None and score.sinks is None
    has_varlen = device_type == "cuda" and dtype in (torch.bfloat16, torch.float16)
    return by_varlen if is_known and has_varlen else by_bucket


def by_varlen(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, layout: SegmentLayout, score: Score
) -> torch.Tensor:
    """[R W, A, D] by one call of torch's kernel for sequences of different lengths, whose causal mask is aligned at the
    last query and key."""
    from torch.nn.attention.varlen import varlen_attn

    found: Any = varlen_attn(
        query[layout.queries],
        key[layout.keys],
        value[layout.keys],
        layout.query_bounds,
        layout.key_bounds,
        max(segment.stop - segment.start for segment in layout.segments),
        max(segment.length for segment in layout.segments),
        scale=score.scale,
        window_size=(-1 if score.window is None else score.window - 1, 0),
        enable_gqa=query.shape[1] != key.shape[1],
    )
    out = query.new_zeros(*query.shape[:-1], value.shape[-1])
    return out.index_copy(0, layout.queries, found)


def by_bucket(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, layout: SegmentLayout, score: Score
) -> torch.Tensor:
    """[R W, A, D] by one call for all sequences of like length; the queries of a shared prompt are computed for each of
    its answers and used once."""
    found = []
    for indices in layout.sequences:
        q, k, v = (picked_rows(x, indices).transpose(1, 2) for x in (query, key, value))
        found.append(_causal(q, k, v, score).transpose(1, 2).flatten(0, 1))
    return picked_rows(torch.cat(found), layout.places_T)


def _causal(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, score: Score) -> torch.Tensor:
    """[B, A, L, D] of whole sequences."""
    length = query.shape[2]
    is_wide = score.window is None or score.window >= length
    is_grouped = query.shape[1] != key.shape[1]
    if is_wide and score.cap is None and score.sinks is None:
        return scaled_dot_product_attention(query, key, value, is_causal=True, scale=score.scale, enable_gqa=is_grouped)
    if is_grouped:
        copies = query.shape[1] // key.shape[1]
        key, value = key.repeat_interleave(copies, 1), value.repeat_interleave(copies, 1)
    window = length if score.window is None else score.window
    chunks = []
    for start in range(0, length, CHUNK):
        stop, first = min(start + CHUNK, length), max(0, start - window + 1)
        parts = query[:, :, start:stop], key[:, :, first:stop], value[:, :, first:stop]
        if torch.is_grad_enabled() and length > CHUNK:  # else the scores of all chunks would be kept
            chunks.append(checkpoint(_chunk, *parts, start - first, window, score, use_reentrant=False))
        else:
            chunks.append(_chunk(*parts, start - first, window, score))
    return torch.cat(chunks, 2)


def _chunk(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, offset: int, window: int, score: Score
) -> torch.Tensor:
    """Attention of queries whose first one is key `offset`, in float32 or what is wider."""
    scale = query.shape[-1] ** -0.5 if score.scale is None else score.scale
    products = (query @ key.transpose(-1, -2)) * scale
    if score.cap is not None:
        products = score.cap * torch.tanh(products / score.cap)
    queries = torch.arange(query.shape[2], device=query.device)[:, None] + offset
    keys = torch.arange(key.shape[2], device=query.device)
    products = products.masked_fill((keys > queries) | (keys <= queries - window), -torch.inf)
    if score.sinks is not None:
        sinks = score.sinks.to(products.dtype).view(1, -1, 1, 1).expand(*products.shape[:-1], 1)
        products = torch.cat([products, sinks], -1)
    exact = torch.promote_types(products.dtype, torch.float32)
    shares = products.softmax(-1, dtype=exact).to(value.dtype)
    return shares[..., : key.shape[2]] @ value
