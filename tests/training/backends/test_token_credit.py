"""The advantage of every token, hand-computed: from the sequence, a KL in the reward, or a critic."""

from __future__ import annotations

import math

import pytest
import torch

from openqwq.training.algorithms.catalogue import CATALOGUE, AlgorithmSpec, resolve
from openqwq.training.backends.token_credit import Credit, assign_credit
from openqwq.training.batches.collate import Batch, Sample, collate
from openqwq.training.config import Algorithm, Critic, Kl
from tests.training.small_records import make_rollout

MASKS = [(1, 1), (1, 0, 1, 1), (1,), (0, 1, 1)]
"""Sampled tokens of four samples; between them tokens of an environment."""


def batch_of_groups(
    rewards: list[float], groups: list[int], advantages: tuple[float, ...] = (0.5, -0.5, -1.5, -2.5)
) -> Batch:
    samples = [
        Sample(make_rollout(group, n, tokens=range(10, 10 + len(mask)), mask=mask), group, advantage, reward)
        for n, (reward, group, advantage, mask) in enumerate(zip(rewards, groups, advantages, MASKS, strict=True))
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


def in_the_reward(name: str, coefficient: float) -> AlgorithmSpec:
    return resolve(Algorithm(name=name, kl=Kl(coefficient=coefficient, estimator="k1", place="reward")))


def of_sequences(credit: Credit) -> list[float]:
    """The advantage of each sequence, which all of its tokens have."""
    rows = [part.tolist() for part in credit.advantages_K.split([2, 3, 1, 2])]
    assert all(len(set(row)) == 1 for row in rows)
    return [row[0] for row in rows]


def test_a_kl_in_the_reward_is_paid_by_its_sequence_beside_its_group() -> None:
    batch = batch_of_groups([1.0, 0.0, 0.5, 1.0], [5, 2, 5, 2], (0.25, -0.5, -0.25, 0.5))  # those of Dr. GRPO
    credit = assign_credit(in_the_reward("dr_grpo", 0.5), batch, KL, None)
    # 1 - .5 * .4 = .8 and .5 - .5 * .5 = .25 in group 5, 0 - .5 * .4 = -.2 and 1 - .5 * .6 = .7 in group 2
    assert of_sequences(credit) == pytest.approx([0.275, -0.45, -0.275, 0.45])
    assert credit.returns_K is None


def test_leave_one_out_compares_the_penalty_as_it_compares_the_reward() -> None:
    batch = batch_of_groups([1.0, 0.0, 0.5, 1.0], [5, 2, 5, 2], (0.5, -1.0, -0.5, 1.0))
    credit = assign_credit(in_the_reward("rloo", 0.5), batch, KL, None)
    assert of_sequences(credit) == pytest.approx([0.8 - 0.25, -0.2 - 0.7, 0.25 - 0.8, 0.7 + 0.2])


@pytest.mark.parametrize("name", ["grpo", "dapo", "gspo", "cispo", "reinforce_pp_baseline"])
def test_the_penalty_is_not_divided_by_the_spread_of_the_rewards(name: str) -> None:
    credit = assign_credit(in_the_reward(name, 0.5), BATCH, KL, None)
    # paid .2 and .25 in group 5 (mean .225), .2 and .3 in group 2 (mean .25), beside the advantages .5, -.5, -1.5, -2.5
    assert of_sequences(credit) == pytest.approx([0.525, -0.45, -1.525, -2.55])


@pytest.mark.parametrize("scale", [1.0, 1e-2, 1e-3])
def test_where_rewards_are_equal_a_small_penalty_stays_small(scale: float) -> None:
    equal = batch_of_groups([1.0] * 4, [0, 0, 0, 1], (0.0,) * 4)
    found = of_sequences(assign_credit(in_the_reward("grpo", 0.1), equal, KL * scale, None))
    mean = scale * 0.1 * (0.4 + 0.4 + 0.5) / 3
    paid = [scale * 0.1 * kl for kl in (0.4, 0.4, 0.5)]
    assert found == pytest.approx([*(mean - x for x in paid), 0.0], rel=1e-4, abs=1e-7)
    found = assign_credit(in_the_reward("reinforce_pp", 0.1), equal, KL * scale, None).advantages_K.tolist()
    to_go = [0.4, 0.3, 0.4, 0.6, 0.6, 0.5, 0.6, 0.4]
    assert found == pytest.approx([scale * 0.1 * (sum(to_go) / 8 - x) for x in to_go], rel=1e-4, abs=1e-7)


def test_reinforce_plus_plus_gives_each_token_its_return_to_go_over_the_batch() -> None:
    spec = resolve(Algorithm(name="reinforce_pp", kl=Kl(coefficient=0.5, estimator="k1", place="reward")))
    credit = assign_credit(spec, BATCH, KL, None)
    returns = [1 - 0.2, 1 - 0.15, 0 - 0.2, 0 - 0.3, 0 - 0.3, 0.5 - 0.25, 1 - 0.3, 1 - 0.2]
    assert credit.advantages_K.tolist() == pytest.approx(whitened(returns))
    assert credit.returns_K is None


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
