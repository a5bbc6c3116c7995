"""Rows picked by index, some of them many times, with a gradient that is the same in every run. Pure."""

import torch
from torch.nn import functional


def picked_rows(rows_T: torch.Tensor, indices: torch.Tensor) -> torch.Tensor:
    """`rows_T[indices]`, [*indices.shape, ...] from [T, ...].

    The gradient of a row is a sum over all who picked it. Behind `x[i]` the threads of a CPU add to it atomically, in
    an order that differs from run to run once the tensor is large, and behind `index_select` those of a GPU do. The
    gradient of an embedding is summed in one order on both.
    """
    flat = rows_T.flatten(1) if rows_T.dim() > 1 else rows_T[:, None]
    return functional.embedding(indices, flat).view(*indices.shape, *rows_T.shape[1:])
