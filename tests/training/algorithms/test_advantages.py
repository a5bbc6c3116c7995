"""Advantages of groups and of whole batches: hand-computed, properties, edges."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openqwq.training.algorithms.advantages import (
    EPSILON,
    GroupRewards,
    baseline_then_batch_advantages,
    batch_normalised_advantages,
    decoupled_advantages,
    grpo_advantages,
    identity_advantages,
    leave_one_out_advantages,
    mean_centred_advantages,
    overlong_penalty,
    per_group,
)

Advantage = Callable[[list[float | None]], list[float | None]]
EACH = pytest.mark.parametrize("advantage", [grpo_advantages, mean_centred_advantages, leave_one_out_advantages])
REWARDS = st.lists(st.one_of(st.none(), st.sampled_from([0.0, 0.25, 0.5, 1.0])), max_size=12)
GROUPS = st.lists(REWARDS, min_size=1, max_size=5)


def judged(values: list[float | None]) -> list[float]:
    return [value for value in values if value is not None]


def groups_of(*rewards: list[float | None]) -> list[GroupRewards]:
    return [GroupRewards(group) for group in rewards]


def test_grpo_advantages_are_the_hand_computed_ones() -> None:
    # mean 1/4, population std sqrt(3)/4
    expected = [math.sqrt(3), -1 / math.sqrt(3), -1 / math.sqrt(3), -1 / math.sqrt(3)]
    assert grpo_advantages([1.0, 0.0, 0.0, 0.0]) == pytest.approx(expected)


def test_mean_centred_advantages_are_not_divided_by_the_spread() -> None:
    assert mean_centred_advantages([1.0, 0.0, 0.0, 0.0]) == pytest.approx([0.75, -0.25, -0.25, -0.25])


def test_leave_one_out_compares_with_the_mean_of_the_others() -> None:
    assert leave_one_out_advantages([1.0, 0.0, 0.5]) == pytest.approx([0.75, -0.75, 0.0])
    assert leave_one_out_advantages([1.0, None, 0.25, 0.0]) == [
        pytest.approx(1.0 - 0.125), None, pytest.approx(0.25 - 0.5), pytest.approx(0.0 - 0.625)
    ]  # fmt: skip
    assert leave_one_out_advantages([1.0, 0.25]) == pytest.approx([0.75, -0.75])
    assert leave_one_out_advantages([1.0, None]) == [0.0, None]
    assert leave_one_out_advantages([None]) == [None]


@EACH
@pytest.mark.parametrize("rewards", [[], [None, None]])
def test_a_group_without_a_verdict_has_no_advantages(advantage: Advantage, rewards: list[float | None]) -> None:
    assert advantage(rewards) == rewards


@pytest.mark.parametrize(
    ("advantage", "expected"),
    [(grpo_advantages, 1.0), (mean_centred_advantages, 2e-6), (leave_one_out_advantages, 4e-6)],
)
def test_a_spread_of_at_most_a_millionth_counts_as_none(advantage: Advantage, expected: float) -> None:
    assert EPSILON == 1e-6
    assert advantage([4e-6, 0.0]) == pytest.approx([expected, -expected])
    assert advantage([2e-6, 0.0]) == advantage([1e-6, 0.0]) == [0.0, 0.0]


@EACH
@given(rewards=REWARDS)
def test_advantages_of_a_group_sum_to_zero(advantage: Advantage, rewards: list[float | None]) -> None:
    assert math.fsum(judged(advantage(rewards))) == pytest.approx(0.0, abs=1e-9)


@EACH
@given(rewards=REWARDS, shift=st.sampled_from([-3.0, 0.5, 100.0]))
def test_advantages_do_not_depend_on_the_level_of_the_rewards(
    advantage: Advantage, rewards: list[float | None], shift: float
) -> None:
    moved = advantage([None if r is None else r + shift for r in rewards])
    assert judged(moved) == pytest.approx(judged(advantage(rewards)), abs=1e-9)


@EACH
@given(rewards=REWARDS)
def test_a_sample_that_was_not_judged_takes_no_part(advantage: Advantage, rewards: list[float | None]) -> None:
    result = advantage(rewards)
    assert [value is None for value in result] == [reward is None for reward in rewards]
    assert judged(result) == judged(advantage(judged(rewards)))  # type: ignore[arg-type]


@EACH
@pytest.mark.parametrize("rewards", [[0.3] * 5, [1.0, None, 1.0], [0.1 + 0.2, 0.3], [0.5]])
def test_advantages_of_equal_rewards_are_zero(advantage: Advantage, rewards: list[float | None]) -> None:
    assert set(judged(advantage(rewards))) == {0.0}


def test_batch_normalisation_ignores_which_prompt_a_sample_answers() -> None:
    found = batch_normalised_advantages(groups_of([1.0, 1.0], [0.0, None], [0.0]))
    assert found == [pytest.approx([1.0, 1.0]), [pytest.approx(-1.0), None], pytest.approx([-1.0])]


def test_a_group_baseline_with_the_spread_of_the_batch_is_hand_computed() -> None:
    found = baseline_then_batch_advantages(groups_of([1.0, 0.0], [0.2, 0.0]))
    spread = math.sqrt((2 * 0.5**2 + 2 * 0.1**2) / 4)
    assert found[0] == pytest.approx([0.5 / spread, -0.5 / spread])
    assert found[1] == pytest.approx([0.1 / spread, -0.1 / spread])


@pytest.mark.parametrize(
    "function", [batch_normalised_advantages, baseline_then_batch_advantages, decoupled_advantages]
)
@given(groups=GROUPS)
def test_advantages_over_a_batch_have_mean_zero_and_spread_one_or_zero(
    function: Callable[[list[GroupRewards]], list[list[float | None]]], groups: list[list[float | None]]
) -> None:
    flat = judged([a for group in function(groups_of(*groups)) for a in group])
    if flat:
        mean = math.fsum(flat) / len(flat)
        assert mean == pytest.approx(0.0, abs=1e-9)
        spread = math.sqrt(math.fsum((a - mean) ** 2 for a in flat) / len(flat))
        assert min(spread, abs(spread - 1)) == pytest.approx(0.0, abs=1e-9)


def test_normalising_each_component_tells_apart_what_equal_sums_hide() -> None:
    """Two rewards, (1, 0) and (0, 1): the sum is the same; one is rare in its group, the other is not."""
    rare, common = [1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 1.0, 0.0]
    sums = [a + b for a, b in zip(rare, common, strict=True)]
    summed = grpo_advantages(sums)
    assert summed[0] == summed[1]
    (found,) = decoupled_advantages([GroupRewards(sums, {"rare": (0.5, rare), "common": (0.5, common)})])
    assert judged(found)[0] > judged(found)[1] > judged(found)[3]


def test_weighted_components_are_hand_computed() -> None:
    """Three components of unequal weights in a group of three, beside a group that has its reward only."""
    group = GroupRewards([0.4, 0.2, 0.9], {"a": (0.5, [1.0, 0.0, 0.0]), "b": (0.2, [0.0, 3.0, 6.0]),
                                           "c": (0.3, [0.7, 0.7, 0.7])})  # fmt: skip
    # a: mean 1/3, std sqrt(2)/3; b: mean 3, std sqrt(6); c is constant; the other group: mean 0.5, std 0.5
    first = [0.5 * math.sqrt(2) - 0.2 * math.sqrt(1.5), -0.5 / math.sqrt(2), 0.2 * math.sqrt(1.5) - 0.5 / math.sqrt(2)]
    sums = [*first, 1.0, -1.0, 1.0, -1.0]
    spread = math.sqrt(math.fsum(x * x for x in sums) / 7)  # their mean is 0
    found = decoupled_advantages([group, GroupRewards([1.0, 0.0, 1.0, 0.0])])
    assert [*found[0], *found[1]] == pytest.approx([x / spread for x in sums])


def test_a_component_with_more_or_fewer_scores_than_samples_is_an_error() -> None:
    with pytest.raises(ValueError, match="zip"):
        decoupled_advantages([GroupRewards([1.0, 0.0], {"a": (1.0, [1.0])})])


def test_with_a_critic_rewards_are_handed_on_as_they_are() -> None:
    assert identity_advantages(groups_of([1.0, None, 0.3], [0.0])) == [[1.0, None, 0.3], [0.0]]


def test_each_group_is_compared_separately() -> None:
    found = per_group(mean_centred_advantages)(groups_of([1.0, 0.0, 0.5], [0.25], [0.0, 0.2]))
    assert [*found[0], *found[1], *found[2]] == pytest.approx([0.5, -0.5, 0.0, 0.0, -0.1, 0.1])


def test_components_of_a_sample_without_a_verdict_are_not_counted() -> None:
    parts = {"a": (1.0, [1.0, 9.0, 0.0]), "b": (0.5, [0.0, 5.0, 0.0])}
    (found,) = decoupled_advantages([GroupRewards([1.0, None, 0.0], parts)])
    assert found == [pytest.approx(1.0), None, pytest.approx(-1.0)]


@pytest.mark.parametrize(
    ("tokens", "expected"), [(0, 0.0), (80, 0.0), (85, -0.25), (90, -0.5), (100, -1.0), (130, -1.0)]
)
def test_the_overlong_penalty_is_linear_in_the_last_fraction_of_the_limit(tokens: int, expected: float) -> None:
    assert overlong_penalty(tokens, 100, 0.2) == pytest.approx(expected)
    assert overlong_penalty(tokens, 100, 0.0) == 0.0
    assert overlong_penalty(tokens * 2, 200, 0.2) == pytest.approx(expected)
