"""Policy and value losses per token. Pure: tensors in, tensors out. K sampled tokens of N sequences, laid end to end.

The loss of an update is the sum over its tokens of `token_weights` times the loss per token, so the losses of its
micro-batches add up to the loss of the whole batch.
"""

from typing import Literal

import torch

from openqwq.training.algorithms.ratios import bounded_ratio, sequence_mean

Average = Literal["token", "sequence", "constant"]


def token_weights(num_tokens_N: torch.Tensor, average: Average, max_tokens: int) -> torch.Tensor:
    """Weight of each sampled token in the loss, [K].

    - token: 1 / all tokens of the update (DAPO, arXiv 2503.14476, eq. 12).
    - sequence: 1 / (N * tokens of its sequence): the mean of means (GRPO as published, DeepSeekMath eq. 3).
    - constant: 1 / (N * max_tokens): the sum, unbiased by length (Dr. GRPO, arXiv 2503.20783, section 3.2).
    """
    num_sequences = max(len(num_tokens_N), 1)
    per_token = {
        "token": torch.full_like(num_tokens_N, 1.0 / max(int(num_tokens_N.sum()), 1), dtype=torch.float32),
        "sequence": 1.0 / (num_sequences * num_tokens_N.float()),
        "constant": torch.full_like(num_tokens_N, 1.0 / (num_sequences * max_tokens), dtype=torch.float32),
    }[average]
    return per_token.repeat_interleave(num_tokens_N)


def clipped_surrogate(
    ratio_K: torch.Tensor, advantages_K: torch.Tensor, clip_low: float, clip_high: float
) -> torch.Tensor:
    """-min(rho A, clip(rho, 1 - clip_low, 1 + clip_high) A), rho = pi / pi_old (PPO, arXiv 1707.06347, eq. 7, with
    the separate ranges of DAPO, arXiv 2503.14476, eq. 10)."""
    clipped = ratio_K.clamp(1 - clip_low, 1 + clip_high)
    return -torch.minimum(ratio_K * advantages_K, clipped * advantages_K)


def cispo_surrogate(
    logprobs_K: torch.Tensor, ratio_K: torch.Tensor, advantages_K: torch.Tensor, clip_high: float
) -> torch.Tensor:
    """-sg[min(rho, 1 + clip_high)] A log pi: the weight is clipped, so no token loses its gradient
    (CISPO, MiniMax-M1, arXiv 2506.13585, eq. 4; sg stops the gradient)."""
    return -ratio_K.detach().clamp(max=1 + clip_high) * advantages_K * logprobs_K


def sequence_ratio(logprobs_K: torch.Tensor, old_logprobs_K: torch.Tensor, sequence_K: torch.Tensor) -> torch.Tensor:
    """The ratio s of each token's sequence, [K]: exp of the mean over its tokens of log pi - log pi_old, which is the
    geometric mean of the tokens' ratios (GSPO, arXiv 2507.18071, eq. 7). `sequence_K` numbers the sequences from 0."""
    return bounded_ratio(sequence_mean(logprobs_K - old_logprobs_K, sequence_K))


def truncated_importance(
    old_logprobs_K: torch.Tensor, sampled_logprobs_K: torch.Tensor, cap: float | None
) -> torch.Tensor:
    """min(pi_old / mu, cap) (truncated importance sampling). It corrects for samples of mu, the engine's policy, which
    differs from the trainer's pi_old by numerics and by staleness. 1 if `cap` is None. No gradient."""
    if cap is None:
        return torch.ones_like(sampled_logprobs_K)
    return bounded_ratio(old_logprobs_K.detach() - sampled_logprobs_K).clamp(max=cap)


def masked_importance(log_ratio_K: torch.Tensor, low: float, high: float) -> torch.Tensor:
    """M(rho) = rho where low <= rho <= high, else 0, with log rho = log pi_old - log mu. No gradient.

    IcePop (Ring-1T, arXiv 2510.18855) masks tokens by a range such as [0.5, 5]; masked importance sampling has an upper
    bound only, low = 0, and masks tokens or, with the sum of a sequence's log-ratios at each of its tokens, sequences.
    A ratio that is not a number stays one.
    """
    ratio_K = bounded_ratio(log_ratio_K.detach())
    return ratio_K.masked_fill(is_outside(ratio_K, low, high), 0.0)


def is_outside(ratio_K: torch.Tensor, low: float, high: float) -> torch.Tensor:
    """Where a ratio lies outside [low, high], [K]."""
    return (ratio_K < low) | (ratio_K > high)


def clipped_value_loss(
    values_K: torch.Tensor, old_values_K: torch.Tensor, returns_K: torch.Tensor, clip: float
) -> torch.Tensor:
    """max((V - R)^2, (clip(V, V_old - clip, V_old + clip) - R)^2) / 2 (PPO's reference implementation)."""
    clipped = old_values_K + (values_K - old_values_K).clamp(-clip, clip)
    return torch.maximum((values_K - returns_K).square(), (clipped - returns_K).square()) / 2
