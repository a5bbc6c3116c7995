"""Estimates of KL(policy || reference) from the log-probabilities of sampled tokens. Pure; K tokens."""

import math
from typing import Literal

import torch

from openqwq.training.algorithms.ratios import LOG_RATIO_LIMIT, bounded_ratio, is_bounded

Estimator = Literal["k1", "k2", "k3"]


def kl_estimate(logprobs_K: torch.Tensor, reference_K: torch.Tensor, estimator: Estimator) -> torch.Tensor:
    """Per-token estimate (Schulman, "Approximating KL divergence", 2020), with d = log ref - log pi:

    - k1 = -d: unbiased, any sign. As a loss term its expected gradient is zero: put it into the reward.
    - k2 = d^2 / 2: biased, but its gradient is that of the KL in expectation.
    - k3 = exp(d) - d - 1: unbiased and never negative (DeepSeekMath, arXiv 2402.03300, eq. 4). Above d = 20 it goes on
      as its tangent there, so that it stays finite and still pulls the policy back.
    """
    difference = reference_K - logprobs_K
    if estimator == "k1":
        return -difference
    if estimator == "k2":
        return difference.square() / 2
    slope = math.expm1(LOG_RATIO_LIMIT)
    tangent = slope * (difference - LOG_RATIO_LIMIT) + slope - LOG_RATIO_LIMIT
    return torch.where(is_bounded(difference), tangent, bounded_ratio(difference) - difference - 1)
