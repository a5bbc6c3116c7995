"""Which way a process holds its models: alone, or as one rank of a group."""

from typing import Any

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from torch import nn

from openqwq.training.backends.optimizer_wrapper import LocalOptimizer, OptimizerWrapper
from openqwq.training.backends.ranks import Rank
from openqwq.training.backends.zero_optimizer import ZeroOptimizer, join_group, zero_accelerator
from openqwq.training.config import Optimizer


def make_accelerator(rank: Rank | None, dtype: str, max_grad_norm: float) -> Any:
    """Joins the group of `rank`. Comes before any model is loaded: under ZeRO-3 they are divided as they load."""
    if rank is not None:
        join_group(rank)
    # Accelerate keeps one precision a process: a trainer of TRL that ran before would leave its autocast to ours
    AcceleratorState._reset_state()
    if rank is None:
        return Accelerator(cpu=not torch.cuda.is_available(), mixed_precision="no")
    return zero_accelerator(rank, dtype, max_grad_norm)


def make_optimizer(
    accelerator: Any, module: nn.Module, config: Optimizer, rank: Rank | None, saves_weights: bool = False
) -> OptimizerWrapper:
    """`saves_weights`: nothing else saves the trained weights in full."""
    if rank is None:
        return LocalOptimizer(accelerator, module, config, saves_weights)
    return ZeroOptimizer(accelerator, module, config, rank)
