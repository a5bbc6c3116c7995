"""The settings of a trainer and of the models that help it."""

from dataclasses import dataclass
from typing import Literal

import torch

from openqwq.training.algorithms.catalogue import AlgorithmSpec
from openqwq.training.backends.ranks import Rank
from openqwq.training.config import Lora, Optimizer

HelperRole = Literal["reference", "critic"]


@dataclass(frozen=True)
class TrainerSettings:
    """What the trainer of one RL stage needs to know."""

    model: str
    """Folder or hub id the stage starts from."""
    dtype: str
    """`bfloat16`: the model computes in it as the engines do, the optimizer keeps float32 weights."""
    algorithm: AlgorithmSpec
    optimizer: Optimizer
    temperature: float
    """Sampling temperature: log-probabilities are taken at it, as the engine took them."""
    max_new_tokens: int
    micro_batch_tokens: int
    minibatches: int
    seed: int
    threads: int
    lora: Lora | None = None
    gradient_checkpointing: bool = False
    rank: Rank | None = None
    """This process in a group of several; None trains alone."""
    elsewhere: frozenset[HelperRole] = frozenset()
    """Models that live in groups of their own: their outputs are handed in with each batch."""
    reference_offload: bool = False
    """The reference's weights are in host memory between two uses."""


@dataclass(frozen=True)
class HelperOutputs:
    """What a reference and a critic in groups of their own computed for a batch, K counted tokens."""

    reference_logprobs_K: torch.Tensor | None = None
    values_K: torch.Tensor | None = None


NO_HELPER_OUTPUTS = HelperOutputs()
