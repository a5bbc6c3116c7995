"""The contract of a trainer: update on a batch, hand out weights, save, load."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

import numpy as np

from openqwq.training.batches.collate import Batch
from openqwq.training.records import UpdateReport


class Backend(Protocol):
    """What the loop and the weight push need of a trainer."""

    def update(self, batch: Batch) -> UpdateReport:
        """One update (one or more optimizer steps) on a batch."""

    def weights(self) -> dict[str, np.ndarray]:
        """The current parameters by name (training/weight_sync/arrays.py)."""

    def probe(self, tokens: Sequence[int]) -> list[float]:
        """log p of tokens[1:], to compare with the engines after a push."""

    def save(self, folder: Path) -> None:
        """Write `model/` (loadable by transformers) and the trainer's own state."""

    def load(self, folder: Path) -> None:
        """Go on from what `save` wrote."""

    def memory(self) -> Mapping[str, float]:
        """Peak memory in bytes by kind, for the log."""
