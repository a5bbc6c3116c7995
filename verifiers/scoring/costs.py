"""What judging by a reward model spends, by formula. Pure; held to runs in tests/training/planning/test_terms.py."""

from __future__ import annotations

CPU_PARAMETERS = 1_000_000_000
"""Most parameters of a model that judges on a CPU without being asked to: beyond it an answer takes minutes."""


def scoring_bytes(rows: int, longest: float, hidden: int, intermediate: int, item_bytes: int = 2) -> float:
    """A forward pass over R answers, padded to W tokens: states and the inputs of a norm (7 H) and the MLP (3 I) for
    each token, and a mask of [R, 1, W, W], a byte each: R W b (7 H + 3 I) + R W^2."""
    each = item_bytes * (7 * hidden + 3 * intermediate)
    return rows * longest * each + rows * longest**2


def scoring_flops(matrix_parameters: float, tokens: float) -> float:
    """Of one answer: 2 for each parameter of a matrix and each token. The head has one output, so none of its."""
    return 2.0 * matrix_parameters * tokens
