"""Advantages of groups and of whole batches: hand-computed, properties, edges, the catalogue."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openqwq.training.algorithms.advantages import (
    GroupRewards,
    baseline_then_batch_advantages,
    batch_normalised_advantages,
    decoupled_advantages,
    grpo_advantages,
    leave_one_out_advantages,
    mean_centred_advantages,
    overlong_penalty,
)
from openqwq.training.algorithms.catalogue import CATALOGUE, resolve
from openqwq.training.config import Algorithm, Kl
from openqwq.training.errors import RecipeError

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
    assert leave_one_out_advantages([1.0, None]) == [0.0, None]


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


def test_components_of_a_sample_without_a_verdict_are_not_counted() -> None:
    group = GroupRewards([1.0, None, 0.0], {"a": (1.0, [1.0, 9.0, 0.0])})
    assert decoupled_advantages([group])[0] == [pytest.approx(1.0), None, pytest.approx(-1.0)]


@pytest.mark.parametrize(("tokens", "expected"), [(0, 0.0), (80, 0.0), (90, -0.5), (100, -1.0), (130, -1.0)])
def test_the_overlong_penalty_is_linear_in_the_last_fraction_of_the_limit(tokens: int, expected: float) -> None:
    assert overlong_penalty(tokens, 100, 0.2) == pytest.approx(expected)
    assert overlong_penalty(tokens, 100, 0.0) == 0.0


def test_the_recipe_overrides_the_defaults_of_the_catalogue_and_nothing_else() -> None:
    spec = resolve(Algorithm(name="grpo", clip_high=0.5, kl=Kl(coefficient=0.01)))
    assert (spec.clip_low, spec.clip_high, spec.kl.coefficient) == (0.2, 0.5, 0.01)
    assert resolve(Algorithm(name="grpo")) == CATALOGUE["grpo"]
    assert resolve(Algorithm(name="grpo", truncated_importance=None)).truncated_importance is None


def test_every_algorithm_of_the_catalogue_resolves() -> None:
    for name, spec in CATALOGUE.items():
        assert resolve(Algorithm(name=name)) == spec


def test_an_unknown_algorithm_is_refused_with_those_that_exist() -> None:
    with pytest.raises(RecipeError, match=r"grop.*grpo, dr_grpo, dapo"):
        resolve(Algorithm(name="grop"))
