"""Builds the Accelerator and the optimizers of a process that trains alone or as one rank of a group."""

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
    """Join the group of `rank` and build its Accelerator. Called before any model is loaded, because ZeRO-3 divides the
    models over the ranks while they load."""
    if rank is not None:
        join_group(rank)
    # Accelerate keeps one precision per process: without a reset, the autocast of an earlier TRL trainer would stay on
    AcceleratorState._reset_state()
    if rank is None:
        return Accelerator(cpu=not torch.cuda.is_available(), mixed_precision="no")
    return zero_accelerator(rank, dtype, max_grad_norm)


def make_optimizer(
    accelerator: Any, module: nn.Module, config: Optimizer, rank: Rank | None, saves_weights: bool = False
) -> OptimizerWrapper:
    """The optimizer of `module`. `saves_weights`: its checkpoint includes the trained weights, because no other file
    holds them."""
    if rank is None:
        return LocalOptimizer(accelerator, module, config, saves_weights)
    return ZeroOptimizer(accelerator, module, config, rank)
