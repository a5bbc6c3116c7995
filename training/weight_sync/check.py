"""The check of a weight sync: every engine computes the same log-probabilities of fixed tokens as the trainer."""

import math
from collections.abc import Sequence

from openqwq.training.errors import EngineError

NUM_CHECK_TOKENS = 16
SYNC_TOLERANCE = {"float32": 5e-4, "bfloat16": 0.02}
"""Precision -> largest allowed difference between the trainer's and an engine's log-probability of a check token. It is
a few times the effect of another order of summation, so small that in float32 one skipped sync at a learning rate of
1e-6 is found."""


def check_tokens(vocabulary: int) -> list[int]:
    """Fixed tokens spread over the vocabulary."""
    return [(7919 * (i + 1)) % vocabulary for i in range(NUM_CHECK_TOKENS)]


def check_synced(trainer: Sequence[float], engine: Sequence[float], worker: str, version: int, dtype: str) -> None:
    """Compare an engine's log-probabilities of the check tokens with the trainer's, right after a sync.

    Raises:
        EngineError: they differ by more than SYNC_TOLERANCE, or one is not a number.
    """
    gaps = [abs(a - b) for a, b in zip(trainer, engine, strict=True)]
    gap = math.nan if any(map(math.isnan, gaps)) else max(gaps)  # max() alone may return a number although one is NaN
    if not gap <= SYNC_TOLERANCE[dtype]:
        raise EngineError(
            f"{worker} disagrees with the trainer after the sync of version {version}: "
            f"log-probability gap {gap:.4g} > {SYNC_TOLERANCE[dtype]}; its weights are stale or damaged"
        )
