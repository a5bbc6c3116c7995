"""Ulysses (Jacobs et al., arXiv 2309.14509): the ranks of a sequence group share each row. Every rank computes its own
columns. For attention the ranks exchange columns for heads, so that each computes whole rows of its heads, and back.

Everything else, including head and loss, is computed on the rank's own columns, so the sum of the ranks' gradients is
the gradient of the whole. R rows, W columns of a row, P ranks of a group, w = W / P columns of a rank, D head width.
"""

import math
from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed


@dataclass(frozen=True)
class SequenceGroup:
    """The ranks that share this rank's rows."""

    process_group: Any
    index: int
    """Index of this rank in the group, which selects its columns."""
    size: int


def make_sequence_group(rank: int, world_size: int, size: int) -> SequenceGroup | None:
    """The group of `size` consecutive ranks that share rows with this rank; None when every rank has rows of its own. A
    collective: all ranks create all groups."""
    if size == 1:
        return None
    groups = [torch.distributed.new_group(list(range(start, start + size))) for start in range(0, world_size, size)]
    return SequenceGroup(groups[rank // size], rank % size, size)


def with_heads_for(size: int, x: torch.Tensor) -> torch.Tensor:
    """[R, K, w, D] -> with so many copies of each key head that `size` ranks can divide them."""
    copies = math.lcm(x.shape[1], size) // x.shape[1]
    return x if copies == 1 else x.repeat_interleave(copies, 1)


def gather_columns(x: torch.Tensor, group: SequenceGroup) -> torch.Tensor:
    """[R, heads, w, D] of this rank's columns -> [R, heads / P, W, D] of this rank's heads."""
    rows, heads, width, depth = x.shape
    by_owner = x.reshape(rows, group.size, heads // group.size, width, depth).transpose(0, 1)
    mine = _exchange(by_owner, group)  # the columns of every rank: [P, R, heads / P, w, D]
    return mine.permute(1, 2, 0, 3, 4).reshape(rows, heads // group.size, group.size * width, depth)


def scatter_columns(x: torch.Tensor, group: SequenceGroup) -> torch.Tensor:
    """[R, heads / P, W, D] of this rank's heads -> [R, heads, w, D] of this rank's columns."""
    rows, heads, width, depth = x.shape
    by_owner = x.reshape(rows, heads, group.size, width // group.size, depth).permute(2, 0, 1, 3, 4)
    mine = _exchange(by_owner, group)  # the heads of every rank: [P, R, heads / P, w, D]
    return mine.transpose(0, 1).reshape(rows, group.size * heads, width // group.size, depth)


class _Exchange(torch.autograd.Function):
    """Send part p of the first dimension to rank p. The backward pass does the same with the gradient."""

    @staticmethod
    def forward(ctx: Any, parts: torch.Tensor, group: SequenceGroup) -> torch.Tensor:
        ctx.group = group
        parts = parts.contiguous()
        out = torch.empty_like(parts)
        torch.distributed.all_to_all_single(out, parts, group=group.process_group)
        return out

    @staticmethod
    def backward(ctx: Any, *gradients: torch.Tensor) -> tuple[torch.Tensor, None]:
        return _exchange(gradients[0], ctx.group), None


def _exchange(parts: torch.Tensor, group: SequenceGroup) -> torch.Tensor:
    out: torch.Tensor = _Exchange.apply(parts, group)  # type: ignore[no-untyped-call]
    return out
