"""The settings of a trainer, and the outputs of helper models (reference, critic) that other workers hold."""

from dataclasses import dataclass
from typing import Literal

import torch

from openqwq.training.algorithms.catalogue import AlgorithmSpec
from openqwq.training.backends.ranks import Rank
from openqwq.training.config import Lora, Optimizer
from openqwq.training.templates.source import OWN_TEMPLATE, ChatSettings
from openqwq.training.weight_sync.buckets import BUCKET_BYTES

HelperRole = Literal["reference", "critic"]


@dataclass(frozen=True)
class TrainerSettings:
    """The settings of the trainer of one RL stage."""

    model: str
    """Folder or hub id of the model that the stage starts from."""
    dtype: str
    """With `bfloat16` the model computes in it, as the engines do, and the optimizer keeps float32 weights."""
    algorithm: AlgorithmSpec
    optimizer: Optimizer
    temperature: float
    """Sampling temperature; the trainer computes log-probabilities at it, as the engine does."""
    max_new_tokens: int
    micro_batch_tokens: int
    minibatches: int
    seed: int
    threads: int
    bucket_bytes: int = BUCKET_BYTES
    """Largest bucket of a weight sync and of a save."""
    chat: ChatSettings = OWN_TEMPLATE
    """The recipe's chat template and end of a turn, which are saved with the model."""
    lora: Lora | None = None
    gradient_checkpointing: bool = False
    rank: Rank | None = None
    """This process in a group of ranks; None trains alone."""
    elsewhere: frozenset[HelperRole] = frozenset()
    """Helper models that other workers hold; the trainer gets their outputs with each batch."""
    reference_offload: bool = False
    """Whether the reference's weights are kept in host memory between two uses."""
    keeps_tokens: bool = False
    """Whether reports of updates hold values of every token: `gap`, the trainer's log-probability before the update
    minus the engine's, and `advantage` where it differs within a sequence."""


@dataclass(frozen=True)
class HelperOutputs:
    """The outputs for a batch of a reference and a critic that other workers hold. K counted tokens."""

    reference_logprobs_K: torch.Tensor | None = None
    values_K: torch.Tensor | None = None


NO_HELPER_OUTPUTS = HelperOutputs()
