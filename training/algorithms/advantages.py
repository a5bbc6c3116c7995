"""Advantages from the rewards of a group. Pure functions on numbers; G samples per group.

A reward of None (not judged) takes no part in the statistics and gets no advantage.
"""

import math
from collections.abc import Callable, Sequence

Rewards = Sequence[float | None]
AdvantageFunction = Callable[[Rewards], list[float | None]]

EPSILON = 1e-6
"""Groups whose standard deviation is at most this carry no signal."""


def grpo_advantages(rewards: Rewards) -> list[float | None]:
    """A_i = (r_i - mean(r)) / std(r), population std (DeepSeekMath, arXiv 2402.03300, section 4.1.2).

    Returns [G]; all zeros when the rewards are equal.
    """
    return _centred(rewards, should_scale=True)


def mean_centred_advantages(rewards: Rewards) -> list[float | None]:
    """A_i = r_i - mean(r), without the division that over-weights very easy and very hard prompts
    (Dr. GRPO, arXiv 2503.20783, section 3.2). Returns [G].
    """
    return _centred(rewards, should_scale=False)


def _centred(rewards: Rewards, should_scale: bool) -> list[float | None]:
    judged = [r for r in rewards if r is not None]
    if not judged:
        return [None] * len(rewards)
    mean = math.fsum(judged) / len(judged)
    std = math.sqrt(math.fsum((r - mean) ** 2 for r in judged) / len(judged))
    if std <= EPSILON:
        return [None if r is None else 0.0 for r in rewards]
    scale = std if should_scale else 1.0
    return [None if r is None else (r - mean) / scale for r in rewards]
