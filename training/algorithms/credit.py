"""Credit over the tokens of a sequence: rewards per token, returns, and generalised advantages. Pure, float64.

K sampled tokens of N sequences, laid end to end; sequence n has the next `num_tokens_N[n]` of them.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def token_rewards(rewards_N: Floats, penalties_K: Floats, num_tokens_N: Sequence[int]) -> Floats:
    """-penalty at every token, plus the sequence's reward at its last token. Returns [K]."""
    rewards = -penalties_K
    ends = np.cumsum(num_tokens_N) - 1
    rewards[ends] += rewards_N
    return rewards


def returns_to_go(rewards_K: Floats, num_tokens_N: Sequence[int], gamma: float = 1.0) -> Floats:
    """R_t = sum over t' >= t of gamma^(t'-t) r_t' within each sequence. Returns [K]."""
    returns = np.empty_like(rewards_K)
    for start, stop in _spans(num_tokens_N):
        total = 0.0
        for t in range(stop - 1, start - 1, -1):
            total = rewards_K[t] + gamma * total
            returns[t] = total
    return returns


def generalised_advantages(
    rewards_K: Floats, values_K: Floats, num_tokens_N: Sequence[int], gamma: float, lam: float
) -> Floats:
    """GAE (arXiv 1506.02438, eq. 16): A_t = sum over l of (gamma lambda)^l delta_{t+l}, with
    delta_t = r_t + gamma V_{t+1} - V_t and V = 0 after the last token. Returns [K].

    V_t is the value of the state before token t is sampled. Tokens of an environment are not actions and are skipped.
    """
    advantages = np.empty_like(rewards_K)
    for start, stop in _spans(num_tokens_N):
        running, following = 0.0, 0.0
        for t in range(stop - 1, start - 1, -1):
            delta = rewards_K[t] + gamma * following - values_K[t]
            running = delta + gamma * lam * running
            advantages[t], following = running, values_K[t]
    return advantages


def whitened(values_K: Floats) -> Floats:
    """The values shifted and scaled to mean 0 and standard deviation 1 over the batch; zeros when all are equal."""
    if len(values_K) == 0:
        return values_K
    whitened_K: Floats = (values_K - values_K.mean()) / max(float(values_K.std()), 1e-8)
    return whitened_K


def _spans(num_tokens_N: Sequence[int]) -> Iterator[tuple[int, int]]:
    start = 0
    for count in num_tokens_N:
        yield start, start + count
        start += count
