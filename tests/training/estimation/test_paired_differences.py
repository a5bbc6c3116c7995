"""Two evaluations of the same problems: the interval, the verdict, falls that are excluded, and what that takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm, ttest_rel

from openqwq.training.estimation.paired import (
    Difference,
    difference_bounds,
    holm,
    paired_difference,
    problems_for_margin,
)
from openqwq.training.estimation.samples import ProblemScores

SCORES = st.one_of(st.sampled_from([0.0, 1.0]), st.floats(0, 1))
PAIRS = st.lists(st.tuples(SCORES, SCORES, st.integers(0, 3)), min_size=1, max_size=8)


def evaluation(means: Sequence[float], clusters: Sequence[int] = ()) -> list[ProblemScores]:
    names = [str(c) if c else None for c in clusters or [0] * len(means)]
    return [ProblemScores(str(i), (m,), cluster=c) for i, (m, c) in enumerate(zip(means, names, strict=True))]


def compared(won: int, lost: int, n: int) -> Difference:
    after = [1.0] * won + [0.0] * (n - won)
    before = [0.0] * won + [1.0] * lost + [0.0] * (n - won - lost)
    return paired_difference(evaluation(before), evaluation(after))


@given(PAIRS)
def test_bounds_are_differences_around_the_mean_and_never_equal(pairs: list[tuple[float, float, int]]) -> None:
    before, after, clusters = zip(*pairs, strict=True)
    forth = paired_difference(evaluation(before, clusters), evaluation(after, clusters))
    assert -1 <= forth.low <= forth.lower <= forth.value + 1e-12 <= forth.high + 2e-12 <= 1 + 3e-12
    assert forth.high - forth.low > 1e-7
    assert 0 <= forth.p <= 1
    if abs(forth.p - 0.05) > 1e-6:
        assert (forth.p < 0.05) == (forth.verdict != "cannot tell")
    back = paired_difference(evaluation(after, clusters), evaluation(before, clusters))
    assert (back.value, back.low, back.high) == pytest.approx((-forth.value, -forth.high, -forth.low), abs=1e-9)
    assert back.p == pytest.approx(forth.p, abs=1e-9)


def test_many_problems_leave_the_paired_t_test() -> None:
    random = np.random.default_rng(0)
    before = random.uniform(0.2, 0.6, 400)
    after = before + 0.02 + 0.15 * random.uniform(-1, 1, 400)
    difference = paired_difference(evaluation(before.tolist()), evaluation(after.tolist()))
    test = ttest_rel(after, before)
    bounds = test.confidence_interval()
    assert (difference.low, difference.high) == pytest.approx((bounds.low, bounds.high), abs=3e-4)
    assert difference.p == pytest.approx(test.pvalue, rel=0.1)
    assert difference.correlation == pytest.approx(np.corrcoef(before, after)[0, 1])
    assert difference.verdict == "better"
    assert difference.smallest_visible == pytest.approx((1.96 + 0.8416) * (bounds.high - bounds.low) / 3.92, rel=0.02)


def test_no_difference_at_all_leaves_the_width_of_what_may_have_been_missed() -> None:
    for n in (1, 30, 300):
        same = compared(0, 0, n)
        unseen = 1 - 0.05 ** (1 / n)
        assert (same.low, same.lower, same.high) == pytest.approx((-unseen, -unseen, unseen))
        assert same.p == 1.0 and same.verdict == "cannot tell" and same.correlation is None
    assert compared(0, 0, 300).high < compared(1, 1, 300).high
    assert compared(0, 0, 1).smallest_visible > 1


def test_a_few_problems_that_are_all_won_are_judged_as_by_their_signs() -> None:
    assert compared(4, 0, 4).verdict == "cannot tell"
    assert compared(5, 0, 5).verdict == "better"
    assert compared(5, 0, 5).p == pytest.approx(0.5**5)
    assert compared(0, 5, 5).verdict == "worse"


@pytest.mark.parametrize(("won", "lost", "verdict"), [(1, 0, "cannot tell"), (3, 0, "cannot tell"), (9, 1, "better")])
def test_few_discordant_problems_prove_nothing(won: int, lost: int, verdict: str) -> None:
    assert compared(won, lost, 300).verdict == verdict


def test_only_shared_problems_count_and_numbers_of_samples_may_differ() -> None:
    before = [ProblemScores("a", (1.0, 0.0)), ProblemScores("b", (0.0,)), ProblemScores("only before", (1.0,))]
    after = [ProblemScores("only after", (0.0,)), ProblemScores("b", (1.0, 0.5)), ProblemScores("a", (1.0,) * 4)]
    difference = paired_difference(before, after)
    assert difference.value == pytest.approx((0.5 + 0.75) / 2)
    assert difference.num_problems == difference.n == 2
    with pytest.raises(ValueError, match=r"no problem is in both evaluations \(3 problems before, 1 after\)"):
        paired_difference(before, [ProblemScores("c", (1.0,))])
    with pytest.raises(ValueError, match="problem 'a' has the cluster None before and 'x' after"):
        paired_difference(before, [ProblemScores("a", (1.0,), cluster="x")])


def test_rounding_of_means_is_no_difference() -> None:
    scores = [1.0, 0.0, 0.0, 0.1, 0.1, 0.1]
    noisy = [s + 1e-15 * (i % 3) * (0 < s < 1) for i, s in enumerate(scores * 10)]
    after = [0.0, *scores[1:], *(scores * 9)]
    exact = paired_difference(evaluation(scores * 10), evaluation(after))
    rough = paired_difference(evaluation(noisy), evaluation(after))
    assert (rough.low, rough.high, rough.p) == pytest.approx((exact.low, exact.high, exact.p))


def test_problems_that_move_together_say_less() -> None:
    before, after = [0.0] * 60, [1.0] * 20 + [0.0] * 40
    apart = paired_difference(evaluation(before), evaluation(after))
    clusters = [1 + i // 20 for i in range(60)]
    together = paired_difference(evaluation(before, clusters), evaluation(after, clusters))
    assert apart.verdict == "better" and together.verdict == "cannot tell"
    assert (together.n, together.num_problems) == (3, 60)


@pytest.mark.parametrize(("n", "k"), [(30, 4), (300, 1)])
def test_equal_models_are_called_different_in_five_of_a_hundred(n: int, k: int) -> None:
    random = np.random.default_rng(1)
    p = random.beta(0.9, 1.5, (2000, n))
    bounds = difference_bounds((random.binomial(k, p) - random.binomial(k, p)) / k, np.arange(n))
    assert 0.025 <= float(((bounds.low > 0) | (bounds.high < 0)).mean()) <= 0.07


@pytest.mark.parametrize("discordance", [0.06, 0.2])
def test_a_fall_by_the_margin_passes_as_kept_in_five_of_a_hundred(discordance: float) -> None:
    random = np.random.default_rng(2)
    shares = [(discordance - 0.06) / 2, (discordance + 0.06) / 2, 1 - discordance]
    won_lost = random.multinomial(1, shares, (2000, 300))
    bounds = difference_bounds((won_lost[..., 0] - won_lost[..., 1]).astype(float), np.arange(300))
    assert 0.02 <= float((bounds.lower > -0.06).mean()) <= 0.07


def test_a_fall_within_the_margin_is_kept_only_where_enough_was_measured() -> None:
    assert compared(10, 12, 300).is_kept(0.06)
    assert not compared(10, 12, 300).is_kept(0.03)
    assert not compared(1, 1, 30).is_kept(0.06)
    for margin in (0.0, -0.1, 1.1, float("nan")):
        with pytest.raises(ValueError, match="margin must be above 0"):
            compared(1, 1, 30).is_kept(margin)


def test_the_number_of_problems_for_a_margin_is_the_textbooks_and_holds_its_power() -> None:
    quantiles = norm.ppf(0.95) + norm.ppf(0.8)
    assert problems_for_margin(0.01, 0.1) == pytest.approx(quantiles**2 * 0.1 / 0.01**2, rel=0.02)
    assert problems_for_margin(0.06, 0.2, change=0.02) < problems_for_margin(0.06, 0.2) / 1.7
    assert problems_for_margin(0.06, 0.2, samples=4) < problems_for_margin(0.06, 0.2) / 3
    assert problems_for_margin(0.06, 0.2, samples=4, alike=1.0) == problems_for_margin(0.06, 0.2)
    n = problems_for_margin(0.06, 0.2, power=0.9)
    random = np.random.default_rng(3)
    won_lost = random.multinomial(1, [0.1, 0.1, 0.8], (2000, n))
    bounds = difference_bounds((won_lost[..., 0] - won_lost[..., 1]).astype(float), np.arange(n))
    assert float((bounds.lower > -0.06).mean()) == pytest.approx(0.9, abs=0.03)


@pytest.mark.parametrize(
    "arguments",
    [
        {"margin": 0.0, "discordance": 0.1},
        {"margin": 0.06, "discordance": 0.1, "change": 0.2},
        {"margin": 0.06, "discordance": 0.1, "change": -0.06},
        {"margin": 0.06, "discordance": 1.1},
        {"margin": 0.06, "discordance": 0.1, "power": 1.0},
        {"margin": 0.06, "discordance": 0.1, "samples": 0},
        {"margin": 0.06, "discordance": 0.1, "alike": 1.5},
    ],
)
def test_impossible_plans_are_refused(arguments: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="got"):
        problems_for_margin(**arguments)  # type: ignore[arg-type]


def test_many_comparisons_at_once_need_smaller_p_values() -> None:
    one = compared(12, 2, 300)
    adjusted = holm({"b": replace(one, p=0.02), "a": replace(one, p=0.01), "c": replace(one, p=0.04)})
    assert {name: d.p for name, d in adjusted.items()} == pytest.approx({"b": 0.04, "a": 0.03, "c": 0.04})
    assert list(adjusted) == ["b", "a", "c"]
    assert holm({"x": one}) == {"x": one} and holm({}) == {}
