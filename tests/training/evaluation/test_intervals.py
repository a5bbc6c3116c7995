"""Intervals, paired gains and pass@k against the formulas by hand."""

from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openqwq.training.evaluation.evaluate import accuracy, paired_entries, paired_gain, pass_at_k, suite_entry
from openqwq.training.records import SuiteResult
from openqwq.training.run_folder.entry import Estimate
from tests.training.small_records import make_suite

Z = 1.959963984540054


def wilson(right: int, n: int) -> tuple[float, float]:
    """The two p for which |right / n - p| is Z standard errors sqrt(p (1 - p) / n): the roots of
    (1 + Z^2 / n) p^2 - (2 right / n + Z^2 / n) p + (right / n)^2."""
    a, b, c = 1 + Z * Z / n, -(2 * right / n + Z * Z / n), (right / n) ** 2
    root = math.sqrt(b * b - 4 * a * c)
    return (-b - root) / (2 * a), (-b + root) / (2 * a)


@pytest.mark.parametrize(
    ("right", "n", "low", "high"),
    [(8, 10, 0.4902, 0.9433), (1, 1, 0.2065, 1.0), (0, 7, 0.0, 0.3543), (50, 100, 0.4038, 0.5962)],
)
def test_the_interval_of_right_and_wrong_is_wilsons(right: int, n: int, low: float, high: float) -> None:
    interval = accuracy([1.0] * right + [0.0] * (n - right))
    assert (interval.value, interval.n) == (right / n, n)
    assert (interval.low, interval.high) == (pytest.approx(low, abs=1e-4), pytest.approx(high, abs=1e-4))
    assert (interval.low, interval.high) == pytest.approx(wilson(right, n), abs=1e-9)


def test_an_interval_stays_in_range_at_every_size() -> None:
    for n in range(1, 60):
        none, every = accuracy([0.0] * n), accuracy([1.0] * n)
        assert (none.low, every.high) == (pytest.approx(0, abs=1e-12), pytest.approx(1))
        assert none.low >= 0.0 and every.high <= 1.0


@given(right=st.integers(0, 60), wrong=st.integers(0, 60))
def test_an_interval_holds_its_mean(right: int, wrong: int) -> None:
    if right + wrong:
        interval = accuracy([1.0] * right + [0.0] * wrong)
        assert interval.low <= interval.value + 1e-12 and interval.value - 1e-12 <= interval.high


def test_no_items_have_no_accuracy() -> None:
    interval = accuracy([])
    assert interval.n == 0 and all(math.isnan(x) for x in (interval.value, interval.low, interval.high))


def test_partial_scores_get_the_normal_interval() -> None:
    # variance of 0.5, 0.7, 0.9, 0.5 with n - 1: 0.11 / 3
    interval = accuracy([0.5, 0.7, 0.9, 0.5])
    half = Z * math.sqrt(0.11 / 3) / 2
    assert (interval.value, interval.n) == (pytest.approx(0.65), 4)
    assert (interval.low, interval.high) == (pytest.approx(0.65 - half), pytest.approx(0.65 + half))
    one = accuracy([0.3])
    assert (one.value, one.n) == (0.3, 1) and math.isnan(one.low) and math.isnan(one.high)
    two = accuracy([0.0, 0.5])
    assert (two.low, two.high) == pytest.approx((0.25 - Z * 0.25, 0.25 + Z * 0.25))  # stdev 0.5 / sqrt 2, over sqrt 2


def test_a_paired_gain_is_the_hand_computed_one() -> None:
    # differences 1, 0, 1, -1: mean 1/4, sample variance 11/12
    gain = paired_gain(make_suite([0.0, 1.0, 0.0, 1.0]), make_suite([1.0, 1.0, 1.0, 0.0]))
    half = Z * math.sqrt(11 / 12) / 2
    assert (gain.value, gain.n) == (0.25, 4)
    assert (gain.low, gain.high) == (pytest.approx(0.25 - half), pytest.approx(0.25 + half))


def test_a_paired_gain_uses_items_judged_both_times_only() -> None:
    gain = paired_gain(make_suite([0.0, 0.0, 0.0], first=0), make_suite([0.75, 1.0, 1.0], first=2))
    assert (gain.value, gain.n) == (0.75, 1)
    assert math.isnan(gain.low) and math.isnan(gain.high)  # one pair has no spread
    none = paired_gain(make_suite([0.0]), make_suite([1.0], first=9))
    assert none.n == 0 and all(math.isnan(x) for x in (none.value, none.low, none.high))


def test_gains_are_recorded_for_suites_that_were_measured_both_times() -> None:
    before = {"math": make_suite([0.0, 1.0, 0.0, 0.5]), "old": make_suite([1.0])}
    after = {"code": make_suite([1.0]), "math": make_suite([1.0, 1.0, 0.0, 0.0])}
    gain = paired_gain(before["math"], after["math"])
    assert paired_entries(before, after) == {"math": Estimate(gain.value, gain.low, gain.high, 4)}
    assert gain.value == pytest.approx(0.125)


@given(n=st.integers(1, 7), data=st.data())
def test_pass_at_k_is_the_fraction_of_choices_with_a_right_sample(n: int, data: st.DataObject) -> None:
    right, k = data.draw(st.integers(0, n)), data.draw(st.integers(1, n))
    choices = list(itertools.combinations([True] * right + [False] * (n - right), k))
    assert pass_at_k(right, n, k) == pytest.approx(sum(map(any, choices)) / len(choices))


def test_pass_at_k_by_hand() -> None:
    assert pass_at_k(2, 5, 3) == pytest.approx(1 - 1 / 10)  # C(3, 3) of C(5, 3) choices hold no right one
    assert pass_at_k(1, 4, 1) == pytest.approx(1 / 4)
    assert (pass_at_k(0, 4, 2), pass_at_k(3, 4, 2)) == (0.0, 1.0)


def test_a_suite_is_recorded_with_its_interval_its_kinds_and_its_errors() -> None:
    scores = {"a": 1.0, "b": 0.0, "c": 1.0, "d": 1.0}
    kinds = {"a": "word", "b": "word", "c": "expr", "d": "word", "e": "unjudged"}
    entry = suite_entry(SuiteResult(scores, kinds, errors=1, pass_at_k=0.875, mean_tokens=12.34567))
    low, high = wilson(3, 4)
    assert entry.accuracy == Estimate(0.75, pytest.approx(low), pytest.approx(high), 4)
    assert (entry.errors, entry.pass_at_k, entry.mean_tokens) == (1, 0.875, 12.35)
    assert entry.kinds == {"expr": 1.0, "word": pytest.approx(2 / 3)}
    alone = suite_entry(SuiteResult({"a": 0.25}, {"a": "word"}))
    assert (alone.kinds, alone.pass_at_k, alone.errors) == ({}, None, 0)
