"""Advantages of one group: hand-computed, properties, edges."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openqwq.training.algorithms.advantages import AdvantageFunction, grpo_advantages, mean_centred_advantages
from openqwq.training.algorithms.catalogue import CATALOGUE, resolve
from openqwq.training.config import Algorithm
from openqwq.training.errors import RecipeError

BOTH = pytest.mark.parametrize("advantage", [grpo_advantages, mean_centred_advantages])
REWARDS = st.lists(st.one_of(st.none(), st.sampled_from([0.0, 0.25, 0.5, 1.0])), max_size=12)


def judged(values: list[float | None]) -> list[float]:
    return [value for value in values if value is not None]


def test_grpo_advantages_are_the_hand_computed_ones() -> None:
    # mean 1/4, population std sqrt(3)/4
    expected = [math.sqrt(3), -1 / math.sqrt(3), -1 / math.sqrt(3), -1 / math.sqrt(3)]
    assert grpo_advantages([1.0, 0.0, 0.0, 0.0]) == pytest.approx(expected)


def test_mean_centred_advantages_are_not_divided_by_the_spread() -> None:
    assert mean_centred_advantages([1.0, 0.0, 0.0, 0.0]) == pytest.approx([0.75, -0.25, -0.25, -0.25])


@BOTH
@given(rewards=REWARDS)
def test_advantages_of_a_group_sum_to_zero(advantage: AdvantageFunction, rewards: list[float | None]) -> None:
    assert math.fsum(judged(advantage(rewards))) == pytest.approx(0.0, abs=1e-9)


@BOTH
@given(rewards=REWARDS, shift=st.sampled_from([-3.0, 0.5, 100.0]))
def test_advantages_do_not_depend_on_the_level_of_the_rewards(
    advantage: AdvantageFunction, rewards: list[float | None], shift: float
) -> None:
    moved = advantage([None if r is None else r + shift for r in rewards])
    assert judged(moved) == pytest.approx(judged(advantage(rewards)), abs=1e-9)


@BOTH
@given(rewards=REWARDS)
def test_a_sample_that_was_not_judged_takes_no_part(advantage: AdvantageFunction, rewards: list[float | None]) -> None:
    result = advantage(rewards)
    assert [value is None for value in result] == [reward is None for reward in rewards]
    assert judged(result) == judged(advantage(judged(rewards)))  # type: ignore[arg-type]


@BOTH
@pytest.mark.parametrize("rewards", [[0.3] * 5, [1.0, None, 1.0], [0.1 + 0.2, 0.3], [0.5]])
def test_advantages_of_equal_rewards_are_zero(advantage: AdvantageFunction, rewards: list[float | None]) -> None:
    assert set(judged(advantage(rewards))) == {0.0}


@BOTH
@pytest.mark.parametrize("rewards", [[], [None], [None, None]])
def test_a_group_without_a_judged_sample_has_no_advantages(
    advantage: AdvantageFunction, rewards: list[float | None]
) -> None:
    assert advantage(rewards) == rewards


@given(rewards=REWARDS, scale=st.sampled_from([0.1, 3.0, 10.0]))
def test_grpo_advantages_do_not_depend_on_the_scale_of_the_rewards(rewards: list[float | None], scale: float) -> None:
    scaled = grpo_advantages([None if r is None else r * scale for r in rewards])
    assert judged(scaled) == pytest.approx(judged(grpo_advantages(rewards)), abs=1e-9)


def test_a_recipe_changes_single_numbers_of_the_catalogue() -> None:
    spec = resolve(Algorithm(name="grpo", clip_high=0.4, truncated_importance=None))
    assert (spec.clip_low, spec.clip_high, spec.truncated_importance) == (CATALOGUE["grpo"].clip_low, 0.4, None)


def test_an_unknown_algorithm_is_named_with_those_that_are_known() -> None:
    with pytest.raises(RecipeError, match=r"no algorithm 'gpro'.*grpo"):
        resolve(Algorithm(name="gpro"))
