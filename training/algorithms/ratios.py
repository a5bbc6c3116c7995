"""Probability ratios from differences of log-probabilities, bounded so that none overflows. Pure; K tokens."""

import torch

from openqwq.training.algorithms.picking import picked_rows

LOG_RATIO_LIMIT = 20.0
"""Ratios are bounded above at exp(20) = 4.9e8. exp overflows float32 at 88.7, and an infinite ratio times an advantage
of 0 is nan. A token that is 20 nats likelier elsewhere is sampled once in 5e8 tokens, so where log-probabilities are
right nothing is bounded."""


def bounded_ratio(log_ratio_K: torch.Tensor) -> torch.Tensor:
    """exp(min(log ratio, 20)), [K]. No gradient beyond the bound."""
    return torch.exp(log_ratio_K.clamp(max=LOG_RATIO_LIMIT))


def is_bounded(log_ratio_K: torch.Tensor) -> torch.Tensor:
    """Where `bounded_ratio` is not the ratio itself, [K]."""
    return log_ratio_K > LOG_RATIO_LIMIT


def sequence_mean(values_K: torch.Tensor, sequence_K: torch.Tensor) -> torch.Tensor:
    """The mean over its sequence at each token, [K]. `sequence_K` numbers the sequences from 0."""
    return picked_rows(_sums(values_K, sequence_K) / sequence_K.bincount(), sequence_K)


def sequence_sum(values_K: torch.Tensor, sequence_K: torch.Tensor) -> torch.Tensor:
    """The sum over its sequence at each token, [K]. `sequence_K` numbers the sequences from 0."""
    return picked_rows(_sums(values_K, sequence_K), sequence_K)


def _sums(values_K: torch.Tensor, sequence_K: torch.Tensor) -> torch.Tensor:
    return values_K.new_zeros(len(sequence_K.bincount())).index_add(0, sequence_K, values_K)
