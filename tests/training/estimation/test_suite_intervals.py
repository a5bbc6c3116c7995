"""Both intervals: by hand, within bounds, never without width, and holding what they promise."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import binom, norm, t

from openqwq.training.estimation.intervals import (
    Interval,
    clustered_variance,
    like_these_bounds,
    on_problems_like_these,
    on_this_benchmark,
    this_benchmark_bounds,
)
from openqwq.training.estimation.samples import ProblemScores

INTERVALS = (on_this_benchmark, on_problems_like_these)
SCORES = st.one_of(st.sampled_from([0.0, 1.0]), st.floats(0, 1))
PROBLEMS = st.lists(st.tuples(st.lists(SCORES, min_size=1, max_size=5), st.integers(0, 3)), min_size=1, max_size=8)


def suite_of(*scores: Sequence[float], clusters: Sequence[str | None] = ()) -> list[ProblemScores]:
    names = clusters or [None] * len(scores)
    return [ProblemScores(str(i), s, cluster=c) for i, (s, c) in enumerate(zip(scores, names, strict=True))]


@given(PROBLEMS)
def test_bounds_are_scores_around_the_mean_and_never_equal(problems: list[tuple[list[float], int]]) -> None:
    suite = suite_of(*[s for s, _ in problems], clusters=[str(c) if c else None for _, c in problems])
    for interval in (of(suite) for of in INTERVALS):
        assert 0 <= interval.low <= interval.value + 1e-12
        assert interval.value - 1e-12 <= interval.high <= 1
        assert interval.high - interval.low > 1e-5


@given(PROBLEMS)
def test_wrong_for_right_turns_the_intervals_round(problems: list[tuple[list[float], int]]) -> None:
    clusters = [str(c) if c else None for _, c in problems]
    suite = suite_of(*[s for s, _ in problems], clusters=clusters)
    turned = suite_of(*[[1 - x for x in s] for s, _ in problems], clusters=clusters)
    for of in INTERVALS:
        if of is on_problems_like_these or all(len(s) > 1 for s, _ in problems):
            assert of(suite).low == pytest.approx(1 - of(turned).high, abs=1e-6)


@pytest.mark.parametrize("score", [0.0, 0.5, 1.0])
@pytest.mark.parametrize(("n", "k"), [(1, 1), (1, 64), (30, 1), (30, 4)])
def test_equal_scores_leave_a_width_that_falls_with_what_was_seen(score: float, n: int, k: int) -> None:
    suite = suite_of(*[[score] * k] * n)
    unseen = 1 - 0.05 ** (1 / n)
    like_these = on_problems_like_these(suite)
    assert (like_these.low, like_these.high) == pytest.approx((score * (1 - unseen), score + (1 - score) * unseen))
    here = on_this_benchmark(suite)
    assert here.high - here.low <= like_these.high - like_these.low + 0.35 * (score == 0.5) + 1e-9
    if score == 0.0:
        assert here.high == pytest.approx(1 - 0.05 ** (1 / n / k))


def test_one_sample_a_problem_is_the_binomial_mid_p_interval_and_an_upper_bound() -> None:
    suite = suite_of(*[[1.0]] * 9, *[[0.0]] * 21)
    for interval in (of(suite) for of in INTERVALS):
        for p, tail in (
            (interval.low, binom.sf(9, 30, interval.low)),
            (interval.high, binom.cdf(8, 30, interval.high)),
        ):
            assert tail + binom.pmf(9, 30, p) / 2 == pytest.approx(0.025)
    assert on_this_benchmark(suite).is_upper_bound
    assert not on_problems_like_these(suite).is_upper_bound
    assert not on_this_benchmark(suite_of([1.0, 0.0], [1.0, 1.0])).is_upper_bound
    assert on_this_benchmark(suite_of([1.0, 0.0], [1.0])).is_upper_bound


def test_many_samples_leave_the_normal_interval_of_the_same_problems() -> None:
    random = np.random.default_rng(0)
    scores = random.binomial(1, random.uniform(0.2, 0.8, (40, 1)), (40, 50)).astype(float)
    interval = on_this_benchmark(suite_of(*scores.tolist()))
    half = norm.ppf(0.975) * np.sqrt((scores.var(1, ddof=1) / 50).sum()) / 40
    assert (interval.high - interval.low) / 2 == pytest.approx(half, rel=0.01)
    assert interval.value == pytest.approx(scores.mean())


def test_many_problems_leave_the_clustered_t_interval() -> None:
    random = np.random.default_rng(1)
    clusters = np.repeat(np.arange(40), 3)
    scores = 0.5 + 0.1 * np.repeat(random.standard_normal(40), 3) + 0.1 * random.standard_normal(120)
    suite = suite_of(*[[s] for s in scores.clip(0, 1)], clusters=[str(c) for c in clusters])
    interval = on_problems_like_these(suite)
    totals = (scores - scores.mean()).reshape(40, 3).sum(1)
    half = t.ppf(0.975, 39) * np.sqrt(40 / 39 * (totals**2).sum()) / 120
    assert (interval.high - interval.low) / 2 == pytest.approx(half, rel=0.02)
    assert interval.n == 40


def test_the_width_on_this_benchmark_falls_with_samples_and_the_other_with_problems() -> None:
    few, many = suite_of(*[[1.0, 0.0]] * 5, *[[1.0, 1.0]] * 15), suite_of(*[[1.0, 0.0] * 16] * 5, *[[1.0] * 32] * 15)

    def width(interval: Interval) -> float:
        return interval.high - interval.low

    assert width(on_this_benchmark(many)) < width(on_this_benchmark(few)) / 3
    assert width(on_problems_like_these(many)) == pytest.approx(width(on_problems_like_these(few)))


def test_problems_that_fail_together_say_less() -> None:
    scores = [[1.0]] * 30 + [[0.0]] * 30
    apart = on_problems_like_these(suite_of(*scores))
    together = on_problems_like_these(suite_of(*scores, clusters=[str(i // 6) for i in range(60)]))
    assert together.n == 10
    assert together.low < apart.low - 0.1 and together.high > apart.high + 0.1
    assert together.value == apart.value == 0.5


def test_degrees_of_freedom_are_those_of_normal_values_and_fewer_where_one_cluster_carries_all() -> None:
    random = np.random.default_rng(2)
    for values, least, most in ((random.standard_normal(500), 400, 499), (np.eye(1, 50)[0], 1, 2)):
        variance, freedom, count = clustered_variance(values, np.arange(len(values)))
        assert variance == pytest.approx(values.var(ddof=1) / len(values))
        assert least <= freedom <= most
        assert count == len(values)
    assert clustered_variance(np.ones(4), np.array([0, 0, 0, 1]))[2] == 16 / 10


@pytest.mark.parametrize(("p", "icc"), [(0.1, 0.3), (0.3, 0.1), (0.9, 0.7)])
def test_intervals_hold_what_they_promise(p: float, icc: float) -> None:
    random, n, k = np.random.default_rng(3), 100, 16
    p_i = random.beta(p * (1 / icc - 1), (1 - p) * (1 / icc - 1), (1000, n))
    means = random.binomial(k, p_i) / k
    spread = means * (1 - means) * k / (k - 1)
    bounds = (
        (this_benchmark_bounds(means, spread, np.full(n, k)), p_i.mean(-1)),
        (like_these_bounds(means, np.arange(n)), p),
    )
    for (low, high), truth in bounds:
        assert 0.925 <= float(((low <= truth) & (truth <= high)).mean()) <= 0.985


@settings(max_examples=25)
@given(PROBLEMS)
def test_the_order_of_problems_and_samples_means_nothing(problems: list[tuple[list[float], int]]) -> None:
    suite = suite_of(*[s for s, _ in problems], clusters=[str(c) if c else None for _, c in problems])
    turned = [ProblemScores(p.problem, list(p.scores)[::-1], p.cluster) for p in reversed(suite)]
    for of in INTERVALS:
        left, right = of(suite), of(turned)
        assert (left.low, left.high, left.n) == pytest.approx((right.low, right.high, right.n), abs=1e-6)
