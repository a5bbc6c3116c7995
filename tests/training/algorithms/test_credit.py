"""Credit over tokens: hand-computed GAE and returns, and the textbook's recursions as a reference."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from openqwq.training.algorithms.credit import generalised_advantages, returns_to_go, token_rewards, whitened

COUNTS = st.lists(st.integers(1, 6), min_size=1, max_size=4)
DISCOUNT = st.sampled_from([0.5, 0.9, 1.0])


def random_rewards(seed: int, counts: list[int]) -> tuple[np.ndarray, np.ndarray]:
    random = np.random.default_rng(seed)
    return random.normal(size=sum(counts)), random.normal(size=sum(counts))


def test_generalised_advantages_are_the_hand_computed_ones() -> None:
    # gamma .5, lambda .5: delta_2 = 1 - 0.4 = 0.6; delta_1 = 0.5 * 0.4 - 0.2 = 0; A_1 = 0 + 0.25 * 0.6
    found = generalised_advantages(np.array([0.0, 1.0]), np.array([0.2, 0.4]), [2], 0.5, 0.5)
    assert found.tolist() == pytest.approx([0.15, 0.6])


def test_generalised_advantages_of_two_sequences_are_hand_computed() -> None:
    # gamma .9, lambda .5. First: delta_3 = 1 - .3; delta_2 = .1 + .9 * .3 - .5 = -.13; delta_1 = 0 + .9 * .5 - .2 = .25
    # A_3 = .7; A_2 = -.13 + .45 * .7 = .185; A_1 = .25 + .45 * .185 = .33325. Second: delta = -1 - .4
    rewards, values = np.array([0.0, 0.1, 1.0, -1.0]), np.array([0.2, 0.5, 0.3, 0.4])
    found = generalised_advantages(rewards, values, [3, 1], 0.9, 0.5)
    assert found.tolist() == pytest.approx([0.33325, 0.185, 0.7, -1.4])


def test_returns_to_go_are_hand_computed() -> None:
    rewards = np.array([1.0, 2.0, 4.0, 8.0])
    assert returns_to_go(rewards, [3, 1]).tolist() == [7.0, 6.0, 4.0, 8.0]
    assert returns_to_go(rewards, [3, 1], 0.5).tolist() == [3.0, 4.0, 4.0, 8.0]


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
    advantages = generalised_advantages(rewards, values, counts, gamma, 1.0)  # neutral: the identity holds at 1 alone
    assert advantages.tolist() == pytest.approx((returns_to_go(rewards, counts, gamma) - values).tolist())


def test_whitened_values_have_mean_zero_and_spread_one() -> None:
    # mean 3, population std sqrt(14 / 3)
    assert whitened(np.array([1.0, 2.0, 6.0])).tolist() == pytest.approx([-0.9258201, -0.4629100, 1.3887301])
    assert whitened(np.array([2.0, 2.0])).tolist() == whitened(np.array([0.0, 7.0]) * 0).tolist() == [0.0, 0.0]


def test_one_value_or_none_is_whitened_to_zero_or_nothing() -> None:
    assert whitened(np.array([3.0])).tolist() == [0.0]
    with warnings.catch_warnings(action="error"):
        assert whitened(np.array([])).tolist() == []


def test_whitening_does_not_blow_up_differences_that_are_rounding() -> None:
    assert whitened(np.array([0.0, 2e-9])).tolist() == pytest.approx([-0.1, 0.1])  # divided by 1e-8, not by 1e-9
