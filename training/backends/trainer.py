"""The contract of a trainer, and the function that builds one."""

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np

from openqwq.training.backends.settings import NO_HELPER_OUTPUTS, HelperOutputs, TrainerSettings
from openqwq.training.batches.collate import Batch
from openqwq.training.records import UpdateReport
from openqwq.training.weight_sync.broadcast import Rendezvous
from openqwq.training.weight_sync.buckets import ArraySpec, Bucket


class Updating(Protocol):
    """The part of a trainer that the loop uses."""

    def update(self, batch: Batch, helper_outputs: HelperOutputs = NO_HELPER_OUTPUTS) -> UpdateReport:
        """Run one update (one or more optimizer steps) on a batch of at least one sample. `helper_outputs`: the outputs
        of a reference and a critic that other workers hold."""

    def save(self, folder: Path, is_behind: bool = False) -> int:
        """Write `model/` (loadable by transformers) and the trainer's own state. With `is_behind` from copies in
        memory, while it goes on; returns the bytes for which it had no room there, which are written."""

    def saved(self) -> tuple[bool, Exception | None]:
        """Whether the files of the last save are written, as far as that goes, and what failed."""

    def load(self, folder: Path) -> None:
        """Restore what `save` wrote."""


class WeightSource(Protocol):
    """The part of a trainer that a weight sync uses. All methods but `specs` are collectives over its ranks."""

    @property
    def vocabulary(self) -> int:
        """Number of rows of the embedding."""

    def specs(self) -> list[ArraySpec]:
        """Names, precision and shapes of the weights."""

    @property
    def buckets(self) -> list[Bucket]:
        """What a push consists of."""

    def bucket(self, index: int, collectors: Collection[int] = (0,)) -> list[np.ndarray]:
        """The current arrays of a bucket (weight_sync/arrays.py) on the ranks that collect it, nothing on the
        others."""

    def logprobs(self, tokens: Sequence[int]) -> list[float]:
        """log p of tokens[1:] at temperature 1, for comparison with the engines after a sync."""

    def join_broadcast(self, rendezvous: Rendezvous) -> None:
        """Join the group of the engines that receive broadcasts."""

    def broadcast(self) -> None:
        """Send the current parameters to the engines, which receive them at the same time."""


class Trainer(Updating, WeightSource, Protocol):
    """The trainer of an RL stage, or one rank of it."""


def make_trainer(settings: TrainerSettings, resume_from: Path | None = None) -> Trainer:
    """The trainer of a stage, at its start or at a checkpoint.

    Raises:
        CheckpointError: the checkpoint does not fit the stage.
    """
    from openqwq.training.backends.accelerate_trainer import AccelerateTrainer

    trainer = AccelerateTrainer(settings)
    if resume_from is not None:
        trainer.load(resume_from)
    return trainer
