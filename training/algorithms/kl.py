"""Estimates of KL(policy || reference) from the log-probabilities of sampled tokens. Pure; K tokens."""

from typing import Literal

import torch

Estimator = Literal["k1", "k2", "k3"]


def kl_estimate(logprobs_K: torch.Tensor, reference_K: torch.Tensor, estimator: Estimator) -> torch.Tensor:
    """Per-token estimate (Schulman, "Approximating KL divergence", 2020), with d = log ref - log pi:

    - k1 = -d: unbiased, any sign. As a loss term its expected gradient is zero: put it into the reward.
    - k2 = d^2 / 2: biased, but its gradient is that of the KL in expectation.
    - k3 = exp(d) - d - 1: unbiased and never negative (DeepSeekMath, arXiv 2402.03300, eq. 4).
    """
    difference = reference_K - logprobs_K
    if estimator == "k1":
        return -difference
    if estimator == "k2":
        return difference.square() / 2
    return torch.exp(difference) - difference - 1
