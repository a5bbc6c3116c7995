"""Credit over tokens: hand-computed GAE and returns, and the textbook's recursions as a reference."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from openqwq.training.algorithms.catalogue import CATALOGUE, resolve
from openqwq.training.algorithms.credit import generalised_advantages, returns_to_go, token_rewards, whitened
from openqwq.training.backends.token_credit import assign_credit
from openqwq.training.config import Algorithm, Kl
from tests.training.small_updates import batch_of

COUNTS = st.lists(st.integers(1, 6), min_size=1, max_size=4)
DISCOUNT = st.sampled_from([0.5, 0.9, 1.0])


def random_rewards(seed: int, counts: list[int]) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    return random.normal(size=sum(counts)), random.normal(size=sum(counts))


def test_generalised_advantages_are_the_hand_computed_ones() -> None:
    # gamma .5, lambda .5: delta_2 = 1 - 0.4 = 0.6; delta_1 = 0.5 * 0.4 - 0.2 = 0; A_1 = 0 + 0.25 * 0.6
    found = generalised_advantages(np.array([0.0, 1.0]), np.array([0.2, 0.4]), [2], 0.5, 0.5)
    assert found.tolist() == pytest.approx([0.15, 0.6])


def test_the_outcome_stands_at_the_last_token_and_penalties_at_each() -> None:
    found = token_rewards(np.array([1.0, 2.0]), np.array([0.1, 0.2, 0.3]), [2, 1])
    assert found.tolist() == pytest.approx([-0.1, 0.8, 1.7])


@given(seed=st.integers(0, 99), counts=COUNTS, gamma=DISCOUNT, lam=DISCOUNT)
def test_generalised_advantages_are_the_discounted_sum_of_the_textbook(
    seed: int, counts: list[int], gamma: float, lam: float
) -> None:
    rewards, values = random_rewards(seed, counts)
    found = generalised_advantages(rewards, values, counts, gamma, lam)
    start = 0
    for count in counts:
        r, v = rewards[start : start + count], np.append(values[start : start + count], 0.0)
        delta = r + gamma * v[1:] - v[:-1]
        expected = [sum((gamma * lam) ** (u - t) * delta[u] for u in range(t, count)) for t in range(count)]
        assert found[start : start + count].tolist() == pytest.approx(expected)
        start += count


@given(seed=st.integers(0, 99), counts=COUNTS, gamma=DISCOUNT)
def test_with_lambda_one_an_advantage_is_the_return_minus_the_value(seed: int, counts: list[int], gamma: float) -> None:
    rewards, values = random_rewards(seed, counts)
    advantages = generalised_advantages(rewards, values, counts, gamma, 1.0)
    assert advantages.tolist() == pytest.approx((returns_to_go(rewards, counts, gamma) - values).tolist())


def test_whitened_values_have_mean_zero_and_spread_one() -> None:
    found = whitened(np.array([1.0, 2.0, 6.0]))
    assert (found.mean(), found.std()) == (pytest.approx(0.0), pytest.approx(1.0))
    assert whitened(np.array([2.0, 2.0])).tolist() == [0.0, 0.0]


def test_without_critic_or_penalty_each_token_has_the_advantage_of_its_sequence() -> None:
    batch = batch_of([(2, 2, 1.5), (3, 1, -0.5)])
    credit = assign_credit(CATALOGUE["grpo"], batch, None, None)
    assert credit.advantages_K.tolist() == [1.5, 1.5, -0.5]


def test_a_kl_in_the_reward_lowers_the_samples_that_left_the_reference() -> None:
    spec = resolve(Algorithm(name="dr_grpo", kl=Kl(coefficient=0.1, estimator="k1", place="reward")))
    batch = batch_of([(2, 2, 0.0), (2, 1, 0.0)], rewards=[1.0, 1.0])
    credit = assign_credit(spec, batch, torch.tensor([1.0, 3.0, 0.0]), None)
    # rewards 1 - 0.4 and 1 - 0
    assert credit.advantages_K.tolist() == pytest.approx([-0.2, -0.2, 0.2])


def test_reinforce_plus_plus_gives_each_token_its_return_to_go_over_the_batch() -> None:
    batch = batch_of([(2, 2, 0.0), (2, 1, 0.0)], rewards=[1.0, 0.0])
    spec = resolve(Algorithm(name="reinforce_pp", kl=Kl(coefficient=1.0, estimator="k1", place="reward")))
    credit = assign_credit(spec, batch, torch.tensor([0.5, 0.0, 0.0]), None)
    assert credit.advantages_K.tolist() == pytest.approx(whitened(np.array([0.5, 1.0, 0.0])).tolist())


def test_a_critic_gives_advantages_and_its_own_targets() -> None:
    batch = batch_of([(2, 2, 0.0)], rewards=[1.0])
    credit = assign_credit(CATALOGUE["ppo"], batch, None, torch.tensor([0.2, 0.6]))
    # lambda 0.95: A_2 = 0.4, A_1 = 0.4 + 0.95 * 0.4; the critic's lambda 1: both targets are the outcome
    assert credit.advantages_K.tolist() == pytest.approx(whitened(np.array([0.78, 0.4])).tolist())
    assert credit.returns_K is not None and credit.returns_K.tolist() == pytest.approx([1.0, 1.0])
