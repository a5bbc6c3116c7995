"""Policy losses on token log-probabilities. Pure: tensors in, loss and metrics out. N sequences, T tokens.

The token losses are summed over the mask and divided by `normaliser`, so that micro-batches of one update add up to
the loss of the whole batch.
"""

from dataclasses import dataclass

import torch


@dataclass(frozen=True)
class LossOutput:
    """Example: `LossOutput(loss=tensor(0.02), metrics={"clip_fraction": 0.01})`; metrics are sums over tokens."""

    loss: torch.Tensor
    metrics: dict[str, torch.Tensor]
    """Sums over masked-in tokens; divide by the number of tokens of the update."""


def clipped_policy_loss(
    logprobs_NT: torch.Tensor,
    old_logprobs_NT: torch.Tensor,
    sampled_logprobs_NT: torch.Tensor,
    advantages_N: torch.Tensor,
    mask_NT: torch.Tensor,
    normaliser: float,
    clip_low: float,
    clip_high: float,
    truncated_importance: float | None,
) -> LossOutput:
    r"""PPO's clipped token surrogate (arXiv 1707.06347, eq. 7) with separate clip ranges (DAPO, 2503.14476, eq. 10):

        L = -1/normaliser * sum_t w_t * min(rho_t A, clip(rho_t, 1 - clip_low, 1 + clip_high) A)

    with rho_t = pi(o_t) / pi_old(o_t), where pi_old is the trainer's policy before the update. The engine that drew the
    samples, mu, may differ from pi_old in its numerics; w_t = min(pi_old(o_t) / mu(o_t), truncated_importance) corrects
    for it (truncated importance sampling); None leaves w_t = 1.

    Args:
        logprobs_NT: log pi(o_t), differentiable.
        old_logprobs_NT: log pi_old(o_t).
        sampled_logprobs_NT: log mu(o_t) as logged when sampled.
        advantages_N: one advantage per sequence.
        mask_NT: 1 on sampled tokens that count.
        normaliser: number of such tokens in the whole update (token mean), or another constant.
    """
    ratio = torch.exp(logprobs_NT - old_logprobs_NT)
    advantage = advantages_N[:, None]
    clipped = ratio.clamp(1 - clip_low, 1 + clip_high)
    surrogate = torch.minimum(ratio * advantage, clipped * advantage)
    mismatch = old_logprobs_NT - sampled_logprobs_NT
    if truncated_importance is not None:
        surrogate = surrogate * torch.exp(mismatch).clamp(max=truncated_importance)
    mask = mask_NT.to(surrogate.dtype)
    was_clipped = ((ratio < 1 - clip_low) & (advantage < 0)) | ((ratio > 1 + clip_high) & (advantage > 0))
    metrics = {
        "clip_fraction": (was_clipped * mask).sum(),
        "mismatch/mean_abs_log_ratio": (mismatch.abs() * mask).sum(),
        "ratio/mean": (ratio * mask).sum(),
    }
    return LossOutput(-(surrogate * mask).sum() / normaliser, {k: v.detach() for k, v in metrics.items()})


def k3_penalty(logprobs_NT: torch.Tensor, reference_NT: torch.Tensor, mask_NT: torch.Tensor) -> torch.Tensor:
    """Sum over tokens of k3 = exp(d) - d - 1 with d = log ref - log pi: an unbiased, non-negative estimate of
    KL(pi || ref) (Schulman 2020; DeepSeekMath eq. 4)."""
    difference = reference_NT - logprobs_NT
    return ((torch.exp(difference) - difference - 1) * mask_NT.to(difference.dtype)).sum()
