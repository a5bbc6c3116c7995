"""Advantages from the rewards of a batch of groups. Pure functions on numbers; G samples per group.

A reward of None (a sample that was not judged) is left out of the statistics, and its advantage is None.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

SampleRewards = Sequence[float | None]
"""Reward of each sample of a group."""
Advantages = list[float | None]
"""Advantage of each sample of a group."""


@dataclass(frozen=True)
class GroupRewards:
    """The rewards of one group. Example: `GroupRewards([1.0, 0.0], {"math": (1.0, [1.0, 0.0])})`"""

    rewards: SampleRewards
    components: Mapping[str, tuple[float, Sequence[float]]] = field(default_factory=dict)
    """Name of a reward component -> its weight in the reward, and its score per sample."""
    penalties: Sequence[float] = ()
    """Length penalty of each sample, which is part of its reward and no component; empty is none."""


AdvantageFunction = Callable[[Sequence[GroupRewards]], list[Advantages]]
"""The rewards of an update's groups -> the advantages of each group."""

EPSILON = 1e-6
"""A standard deviation of at most this counts as 0: equal rewards carry no signal."""


def grpo_advantages(rewards: SampleRewards) -> Advantages:
    """A_i = (r_i - mean(r)) / std(r), population std (DeepSeekMath, arXiv 2402.03300, section 4.1.2).

    Returns [G]; all zeros when the rewards are equal.
    """
    return _standardised(rewards)


def mean_centred_advantages(rewards: SampleRewards) -> Advantages:
    """A_i = r_i - mean(r), without the division that over-weights very easy and very hard prompts
    (Dr. GRPO, arXiv 2503.20783, section 3.2). Returns [G].
    """
    mean, _ = _moments(rewards)
    return [None if r is None else _zeroed(r - mean) for r in rewards]


def leave_one_out_advantages(rewards: SampleRewards) -> Advantages:
    """A_i = r_i - mean of the other samples = G / (G - 1) (r_i - mean(r)): an unbiased baseline
    (RLOO, arXiv 2402.14740, eq. 6). Returns [G]; 0 for the only sample of a group.
    """
    count = sum(r is not None for r in rewards)
    scale = count / max(count - 1, 1)
    return [None if a is None else scale * a for a in mean_centred_advantages(rewards)]


def per_group(function: Callable[[SampleRewards], Advantages]) -> AdvantageFunction:
    """An advantage function that applies `function` to each group separately."""
    return lambda groups: [function(group.rewards) for group in groups]


def batch_normalised_advantages(groups: Sequence[GroupRewards]) -> list[Advantages]:
    """A_i = (r_i - mean) / std, with mean and std over all samples of the batch, across prompts
    (REINFORCE++, arXiv 2501.03262, eq. 8)."""
    return _normalised_over_batch([group.rewards for group in groups])


def baseline_then_batch_advantages(groups: Sequence[GroupRewards]) -> list[Advantages]:
    """r_i - mean of its group, then standardised over the batch (REINFORCE++-baseline, arXiv 2501.03262)."""
    return _normalised_over_batch([mean_centred_advantages(group.rewards) for group in groups])


def decoupled_advantages(groups: Sequence[GroupRewards]) -> list[Advantages]:
    """Normalise-then-sum of several reward components (GDPO, arXiv 2601.05242, eq. 4 to 6):

        A_i = sum_k w_k (r_ik - mean_k) / std_k   per group and component k, then standardised over the batch.

    Sum-then-normalise (`grpo_advantages` of the summed reward) gives samples with different components but equal sums
    the same advantage, and the component with the largest spread outweighs the others. A length penalty is one more
    component, of weight 1, as the paper's length reward is. Groups without components use their reward.
    """
    return _normalised_over_batch([_decoupled(group) for group in groups])


def identity_advantages(groups: Sequence[GroupRewards]) -> list[Advantages]:
    """The rewards themselves, for algorithms whose baseline is a critic."""
    return [list(group.rewards) for group in groups]


def overlong_penalty(num_tokens: int, limit: int, fraction: float) -> float:
    """DAPO's soft overlong punishment (arXiv 2503.14476, eq. 13), in [-1, 0].

    0 up to (1 - fraction) * limit tokens, then linear down to -1 at the limit.
    """
    buffer = fraction * limit
    return 0.0 if buffer == 0 else -min(1.0, max(0.0, (num_tokens - (limit - buffer)) / buffer))


def _decoupled(group: GroupRewards) -> Advantages:
    penalties = group.penalties or [0.0] * len(group.rewards)
    plain = [0.0 if r is None else r - penalty for r, penalty in zip(group.rewards, penalties, strict=True)]
    columns = []
    for weight, scores in (*(group.components.values() or [(1.0, plain)]), (1.0, penalties)):
        judged = [None if r is None else score for r, score in zip(group.rewards, scores, strict=True)]
        columns.append([weight * (a or 0.0) for a in _standardised(judged)])
    return [None if r is None else math.fsum(column[i] for column in columns) for i, r in enumerate(group.rewards)]


def _normalised_over_batch(groups: Sequence[SampleRewards]) -> list[Advantages]:
    flat = iter(_standardised([value for group in groups for value in group]))
    return [[next(flat) for _ in group] for group in groups]


def _standardised(values: SampleRewards) -> Advantages:
    mean, std = _moments(values)
    if std <= EPSILON:
        return [None if v is None else 0.0 for v in values]
    return [None if v is None else (v - mean) / std for v in values]


def _zeroed(difference: float) -> float:
    return 0.0 if abs(difference) <= EPSILON else difference


def _moments(values: SampleRewards) -> tuple[float, float]:
    judged = [v for v in values if v is not None]
    count = max(len(judged), 1)
    mean = math.fsum(judged) / count
    return mean, math.sqrt(math.fsum((v - mean) ** 2 for v in judged) / count)
