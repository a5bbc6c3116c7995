"""The log-prob head's operations on a block of logits, as functions that torch.compile turns into one kernel each.
Pure.

They are used on GPUs, where every pass over a block costs memory traffic. On a CPU head.py overwrites the blocks in
place instead, which saves memory. K counted tokens, B vocabulary block.
"""

from collections.abc import Callable
from functools import cache
from typing import Any

import torch


def block_statistics(
    block_KB: torch.Tensor,
    columns_K: torch.Tensor,
    top_K: torch.Tensor,
    total_K: torch.Tensor,
    weighted_K: torch.Tensor,
    picked_K: torch.Tensor,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """One step of the online softmax: largest logit, sum of exp, sum of exp times logit, the target's logit.

    `columns_K`: index of each target relative to the block's first column. Blocks come from left to right, so a target
    on the right of this one is picked anew by its own block, and one on the left (negative) keeps what it has.
    """
    own = block_KB.gather(1, columns_K.clamp(0, block_KB.shape[1] - 1)[:, None])[:, 0]
    picked = torch.where(columns_K >= 0, own, picked_K)
    highest = torch.maximum(top_K, block_KB.amax(1))
    shrink = torch.exp(top_K - highest)
    probs = torch.exp(block_KB - highest[:, None])
    total = total_K * shrink + probs.sum(1)
    weighted = weighted_K * shrink + (probs * block_KB).sum(1)
    return highest, total, weighted, picked


def block_dlogits(
    block_KB: torch.Tensor,
    columns_K: torch.Tensor,
    normaliser_K: torch.Tensor,
    entropies_K: torch.Tensor,
    by_logprob_K: torch.Tensor,
    by_entropy_K: torch.Tensor | None,
    dtype: torch.dtype,
) -> torch.Tensor:
    """dl/dz of the block in `dtype`, [K, B]; `by_logprob_K` and `by_entropy_K` are divided by the temperature."""
    logprobs = block_KB - normaliser_K[:, None]
    factor = by_logprob_K[:, None]
    if by_entropy_K is not None:
        factor = factor + (logprobs + entropies_K[:, None]) * by_entropy_K[:, None]
    is_target = torch.arange(block_KB.shape[1], device=block_KB.device) == columns_K[:, None]
    return (torch.where(is_target, by_logprob_K[:, None], 0.0) - torch.exp(logprobs) * factor).to(dtype)


@cache
def compiled(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function compiled, once per process, for any number of tokens."""
    return torch.compile(function, dynamic=True)
