"""The advantage of every token, hand-computed: from the sequence, a KL in the reward, or a critic."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch

from openqwq.training.algorithms.catalogue import CATALOGUE, resolve
from openqwq.training.backends.token_credit import assign_credit
from openqwq.training.batches.collate import Batch, Sample, collate
from openqwq.training.config import Algorithm, Critic, Kl
from tests.training.small_records import make_rollout

MASKS = [(1, 1), (1, 0, 1, 1), (1,), (0, 1, 1)]
"""Sampled tokens of four samples; between them tokens of an environment."""


def batch_of_groups(rewards: list[float], groups: list[int]) -> Batch:
    samples = [
        Sample(make_rollout(group, n, tokens=range(10, 10 + len(mask)), mask=mask), group, 0.5 - n, reward)
        for n, (reward, group, mask) in enumerate(zip(rewards, groups, MASKS, strict=True))
    ]
    return collate(samples, num_groups=2)


def whitened(values: list[float]) -> list[float]:
    mean = sum(values) / len(values)
    spread = math.sqrt(sum((v - mean) ** 2 for v in values) / len(values))
    return [(v - mean) / spread for v in values]


BATCH = batch_of_groups([1.0, 0.0, 0.5, 1.0], [5, 2, 5, 2])  # groups that are neither in order nor side by side
KL = torch.tensor([0.1, 0.3, -0.2, 0.0, 0.6, 0.5, 0.2, 0.4])
"""Of the 2, 3, 1 and 2 counted tokens."""


def test_without_critic_or_penalty_each_token_has_the_advantage_of_its_sequence() -> None:
    credit = assign_credit(CATALOGUE["grpo"], BATCH, None, None)
    assert credit.advantages_K.tolist() == [0.5, 0.5, -0.5, -0.5, -0.5, -1.5, -2.5, -2.5]
    assert credit.returns_K is None


def test_a_kl_in_the_reward_is_paid_by_its_sequence_before_the_group_compares() -> None:
    spec = resolve(Algorithm(name="dr_grpo", kl=Kl(coefficient=0.5, estimator="k1", place="reward")))
    credit = assign_credit(spec, BATCH, KL, None)
    # 1 - .5 * .4 = .8 and .5 - .5 * .5 = .25 in group 5, 0 - .5 * .4 = -.2 and 1 - .5 * .6 = .7 in group 2
    expected = [0.275] * 2 + [-0.45] * 3 + [-0.275] + [0.45] * 2
    assert credit.advantages_K.tolist() == pytest.approx(expected)
    assert credit.returns_K is None


def test_equal_rewards_are_told_apart_by_the_penalty() -> None:
    spec = resolve(Algorithm(name="grpo", kl=Kl(coefficient=0.1, place="reward")))
    credit = assign_credit(spec, batch_of_groups([1.0] * 4, [0, 0, 0, 1]), KL, None)
    paid = whitened([1 - 0.04, 1 - 0.04, 1 - 0.05])
    assert credit.advantages_K.tolist() == pytest.approx(
        [paid[0]] * 2 + [paid[1]] * 3 + [paid[2]] + [0.0] * 2, abs=1e-5
    )


def test_reinforce_plus_plus_gives_each_token_its_return_to_go_over_the_batch() -> None:
    spec = resolve(Algorithm(name="reinforce_pp", kl=Kl(coefficient=0.5, estimator="k1", place="reward")))
    credit = assign_credit(spec, BATCH, KL, None)
    returns = [1 - 0.2, 1 - 0.15, 0 - 0.2, 0 - 0.3, 0 - 0.3, 0.5 - 0.25, 1 - 0.3, 1 - 0.2]
    assert credit.advantages_K.tolist() == pytest.approx(whitened(returns))
    assert credit.returns_K is None


def test_fewer_advantages_than_groups_are_an_error() -> None:
    spec = resolve(Algorithm(name="grpo", kl=Kl(coefficient=0.5, place="reward")))
    with pytest.raises(ValueError, match="zip"):
        assign_credit(replace(spec, advantage=lambda groups: [[0.5, 0.5]]), BATCH, KL, None)


VALUES = torch.tensor([0.2, 0.6, 0.1, 0.4, -0.2, 0.3, 0.5, 0.7])


def by_hand(gamma: float, lam: float, rewards: list[list[float]]) -> list[float]:
    """GAE of the textbook: the sum over l of (gamma lambda)^l delta_(t+l), term by term."""
    found, values = [], iter(VALUES.tolist())
    for r in rewards:
        v = [next(values) for _ in r] + [0.0]
        delta = [r[t] + gamma * v[t + 1] - v[t] for t in range(len(r))]
        found += [sum((gamma * lam) ** (u - t) * delta[u] for u in range(t, len(r))) for t in range(len(r))]
    return found


@pytest.mark.parametrize("has_kl", [False, True])
def test_a_critics_advantages_and_its_targets_have_their_own_lambdas(has_kl: bool) -> None:
    critic = Critic(gamma=0.9, policy_lambda=0.5, value_lambda=0.8)
    kl = Kl(coefficient=0.5, estimator="k1", place="reward") if has_kl else Kl()
    spec = resolve(Algorithm(name="ppo", critic=critic, kl=kl))
    credit = assign_credit(spec, BATCH, KL if has_kl else None, VALUES)
    rewards = [[0.0, 1.0], [0.0, 0.0, 0.0], [0.5], [0.0, 1.0]]
    if has_kl:
        rewards = [[-0.05, 0.85], [0.1, 0.0, -0.3], [0.25], [-0.1, 0.8]]
    assert credit.advantages_K.tolist() == pytest.approx(whitened(by_hand(0.9, 0.5, rewards)), abs=1e-5)
    assert credit.returns_K is not None
    targets = [v + a for v, a in zip(VALUES.tolist(), by_hand(0.9, 0.8, rewards), strict=True)]
    assert credit.returns_K.tolist() == pytest.approx(targets)


def test_with_the_published_lambdas_the_critics_targets_are_the_outcome() -> None:
    credit = assign_credit(CATALOGUE["ppo"], BATCH, None, VALUES)
    assert credit.returns_K is not None
    assert credit.returns_K.tolist() == pytest.approx([1.0, 1.0, 0.0, 0.0, 0.0, 0.5, 1.0, 1.0], abs=1e-6)
