"""The loss of the tokens of a micro-batch under an algorithm. Pure; K tokens of whole sequences."""

from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Any

import torch

from openqwq.training.algorithms.catalogue import AlgorithmSpec
from openqwq.training.algorithms.kl import kl_estimate
from openqwq.training.algorithms.losses import (
    cispo_surrogate,
    clipped_surrogate,
    is_outside,
    masked_importance,
    sequence_ratio,
    truncated_importance,
)
from openqwq.training.algorithms.ratios import bounded_ratio, is_bounded, sequence_mean, sequence_sum

HISTOGRAM_EDGES = (-1.0, -0.3, -0.1, -0.03, -0.01, 0.01, 0.03, 0.1, 0.3, 1.0)
"""Edges of the histogram of log pi_old - log mu: the middle bin means agreement, the outer bins are open."""


@dataclass(frozen=True)
class TokenInputs:
    """The inputs of each counted token's loss besides the policy's outputs, [K] each."""

    sampled_logprobs_K: torch.Tensor
    advantages_K: torch.Tensor
    weights_K: torch.Tensor
    old_logprobs_K: torch.Tensor | None = None
    """log pi_old before the update; None where the policy is still pi_old (one optimizer step per batch)."""
    reference_logprobs_K: torch.Tensor | None = None

    def at(self, indices: torch.Tensor) -> "TokenInputs":
        """The inputs of the tokens at `indices`."""
        return self._each(lambda values_K: values_K[indices])

    def to(self, device: torch.device) -> "TokenInputs":
        """The inputs on `device`."""
        return self._each(lambda values_K: values_K.to(device))

    def _each(self, change: Callable[[torch.Tensor], torch.Tensor]) -> "TokenInputs":
        values = {field.name: getattr(self, field.name) for field in fields(self)}
        changed: dict[str, Any] = {name: None if v is None else change(v) for name, v in values.items()}
        return TokenInputs(**changed)


def token_losses(
    spec: AlgorithmSpec,
    inputs: TokenInputs,
    sequence_K: torch.Tensor,
    logprobs_K: torch.Tensor,
    entropies_K: torch.Tensor,
) -> torch.Tensor:
    """weight * (importance * surrogate + kl_coefficient * KL - entropy_coefficient * H), [K]; the loss is its sum.

    `sequence_K` numbers the sequences of the micro-batch from 0.
    """
    old = _old(inputs, logprobs_K)
    ratio = _ratio(spec, old, sequence_K, logprobs_K)
    if spec.surrogate == "cispo":
        surrogate = cispo_surrogate(logprobs_K, ratio, inputs.advantages_K, spec.clip_high)
    else:
        surrogate = clipped_surrogate(ratio, inputs.advantages_K, spec.clip_low, spec.clip_high)
    loss = surrogate * _importance(spec, old, inputs.sampled_logprobs_K, sequence_K)
    if inputs.reference_logprobs_K is not None and spec.kl.place == "loss":
        loss = loss + spec.kl.coefficient * kl_estimate(logprobs_K, inputs.reference_logprobs_K, spec.kl.estimator)
    if spec.entropy_coefficient:
        loss = loss - spec.entropy_coefficient * entropies_K
    return inputs.weights_K * loss


@torch.no_grad()
def token_sums(
    spec: AlgorithmSpec,
    inputs: TokenInputs,
    sequence_K: torch.Tensor,
    logprobs_K: torch.Tensor,
    entropies_K: torch.Tensor,
) -> dict[str, float]:
    """The metrics that are logged as means per token, summed over the tokens; docs/metrics.md defines each name."""
    old = _old(inputs, logprobs_K)
    ratio = _ratio(spec, old, sequence_K, logprobs_K)
    is_low = torch.zeros_like(ratio, dtype=torch.bool)
    if spec.surrogate != "cispo":
        is_low = (ratio < 1 - spec.clip_low) & (inputs.advantages_K < 0)
    is_high = ratio > 1 + spec.clip_high
    if spec.surrogate != "cispo":
        is_high &= inputs.advantages_K > 0
    mismatch = old - inputs.sampled_logprobs_K
    sums = {
        "entropy": entropies_K.sum(),
        "clip_fraction_low": is_low.sum(),
        "clip_fraction_high": is_high.sum(),
        "ratio/mean": ratio.sum(),
        "mismatch/mean_abs_log_ratio": mismatch.abs().sum(),
        "mismatch/kl": -mismatch.sum(),
    }
    if (masked := spec.masked_importance) is not None:
        weight = bounded_ratio(_of_level(masked.level, mismatch, sequence_K))
        sums["mismatch/masked_fraction"] = is_outside(weight, masked.low, masked.high).sum()
    elif spec.truncated_importance is not None:
        sums["mismatch/truncated_fraction"] = (mismatch.exp() > spec.truncated_importance).sum()
    if inputs.reference_logprobs_K is not None:
        sums["kl"] = kl_estimate(logprobs_K, inputs.reference_logprobs_K, "k3").sum()
    edges = torch.tensor(HISTOGRAM_EDGES, device=mismatch.device)
    bins = torch.bucketize(mismatch.float(), edges).bincount(minlength=len(HISTOGRAM_EDGES) + 1)
    sums |= {f"mismatch/histogram_{i}": count for i, count in enumerate(bins)}
    if num_bounded := _num_bounded(spec, inputs, sequence_K, logprobs_K):
        sums["bounded_tokens"] = num_bounded
    return {name: float(value) for name, value in sums.items()}


def _old(inputs: TokenInputs, logprobs_K: torch.Tensor) -> torch.Tensor:
    return logprobs_K.detach() if inputs.old_logprobs_K is None else inputs.old_logprobs_K


def _ratio(
    spec: AlgorithmSpec, old_K: torch.Tensor, sequence_K: torch.Tensor, logprobs_K: torch.Tensor
) -> torch.Tensor:
    if spec.surrogate == "sequence_clip":
        return sequence_ratio(logprobs_K, old_K, sequence_K)
    return bounded_ratio(logprobs_K - old_K)


def _importance(
    spec: AlgorithmSpec, old_K: torch.Tensor, sampled_K: torch.Tensor, sequence_K: torch.Tensor
) -> torch.Tensor:
    """The importance weight of each token, [K]: masked where the algorithm masks, else truncated."""
    if (masked := spec.masked_importance) is None:
        return truncated_importance(old_K, sampled_K, spec.truncated_importance)
    return masked_importance(_of_level(masked.level, old_K - sampled_K, sequence_K), masked.low, masked.high)


def _of_level(level: str, log_ratio_K: torch.Tensor, sequence_K: torch.Tensor) -> torch.Tensor:
    return sequence_sum(log_ratio_K, sequence_K) if level == "sequence" else log_ratio_K


def _num_bounded(
    spec: AlgorithmSpec, inputs: TokenInputs, sequence_K: torch.Tensor, logprobs_K: torch.Tensor
) -> torch.Tensor:
    """Number of tokens of which a ratio is bounded: to the old policy, to the engine's, or of the reference to it."""
    old = _old(inputs, logprobs_K)
    log_ratio, mismatch = logprobs_K - old, old - inputs.sampled_logprobs_K
    if spec.surrogate == "sequence_clip":
        log_ratio = sequence_mean(log_ratio, sequence_K)
    bounded = is_bounded(log_ratio)
    if spec.masked_importance is not None:
        bounded = bounded | is_bounded(_of_level(spec.masked_importance.level, mismatch, sequence_K))
    elif spec.truncated_importance is not None:
        bounded = bounded | is_bounded(mismatch)
    if inputs.reference_logprobs_K is not None:
        bounded = bounded | is_bounded(inputs.reference_logprobs_K - logprobs_K)
    return bounded.sum()
