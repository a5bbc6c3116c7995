"""avg@k, pass@k, pass^k, cons@k: against counting all draws, at the edges, and what is refused."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from fractions import Fraction
from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openqwq.training.estimation.estimates import (
    all_right_at_k,
    average,
    consensus_at_k,
    pass_at_k,
    unstable_fraction,
)
from openqwq.training.estimation.samples import ProblemScores

MARKS = {"right": 1.0, "wrong": 0.0, "half": 0.5, None: 0.0}
ANSWERS = st.lists(st.sampled_from(list(MARKS)), min_size=1, max_size=7)


def answered(answers: Sequence[str | None], problem: str = "a") -> ProblemScores:
    return ProblemScores(problem, [MARKS[a] for a in answers], answers=answers)


def over_all_draws(answers: Sequence[str | None], k: int, value: Callable[[Sequence[str | None]], Fraction]) -> float:
    draws = list(combinations(answers, k))
    return float(sum(map(value, draws), Fraction(0)) / len(draws))


def plurality(draw: Sequence[str | None]) -> Fraction:
    votes = Counter(a for a in draw if a is not None)
    first = [a for a in votes if votes[a] == max(votes.values())]
    return sum((Fraction(MARKS[a]) for a in first), Fraction(0)) / max(len(first), 1)


@given(ANSWERS, st.data())
def test_estimates_are_the_means_over_all_draws_of_k_samples(answers: list[str | None], data: st.DataObject) -> None:
    k = data.draw(st.integers(1, len(answers)))
    suite = [answered(answers)]
    assert pass_at_k(suite, k) == pytest.approx(over_all_draws(answers, k, lambda d: Fraction("right" in d)))
    assert all_right_at_k(suite, k) == pytest.approx(
        over_all_draws(answers, k, lambda d: Fraction(set(d) == {"right"}))
    )
    assert consensus_at_k(suite, k) == pytest.approx(over_all_draws(answers, k, plurality))


def test_of_one_sample_pass_and_consensus_and_average_are_the_same() -> None:
    suite = [answered(["right", None, "wrong"]), answered(["right"], "b")]
    for value in (average(suite), pass_at_k(suite, 1), all_right_at_k(suite, 1), consensus_at_k(suite, 1)):
        assert value == pytest.approx(2 / 3)


def test_every_problem_counts_alike_whatever_its_number_of_samples() -> None:
    suite = [ProblemScores("a", (1.0,) * 9 + (0.0,)), ProblemScores("b", (0.0, 0.0))]
    assert average(suite) == pytest.approx(0.45)
    assert pass_at_k(suite, 2) == pytest.approx(0.5)
    assert all_right_at_k(suite, 2) == pytest.approx(36 / 45 / 2)


def test_partial_credit_is_not_right() -> None:
    assert pass_at_k([ProblemScores("a", (0.999, 0.5))], 2) == 0.0


@pytest.mark.parametrize("estimate", [pass_at_k, all_right_at_k, consensus_at_k])
@pytest.mark.parametrize("k", [0, -1, 3, 2.0, True])
def test_more_samples_than_there_are_and_no_number_are_refused(
    estimate: Callable[[Sequence[ProblemScores], int], float], k: int
) -> None:
    suite = [answered(["right"] * 5, "rich"), answered(["right", "wrong"], "poor")]
    with pytest.raises(ValueError, match=r"fewest samples of a problem, got k=.*; problem 'poor' has 2 samples"):
        estimate(suite, k)


def test_a_vote_without_answers_is_refused() -> None:
    with pytest.raises(ValueError, match="problem 'b' has no answers to vote on"):
        consensus_at_k([answered(["right"]), ProblemScores("b", (1.0,))], 1)


def test_a_tie_is_shared_and_silence_wins_nothing() -> None:
    assert consensus_at_k([answered(["right", "wrong", None, None, None])], 5) == pytest.approx(0.5)
    assert consensus_at_k([answered([None, None])], 2) == 0.0


def test_an_answer_that_was_judged_both_ways_scores_its_mean() -> None:
    assert consensus_at_k([ProblemScores("a", (1.0, 0.0, 0.0), answers=("x", "x", "y"))], 3) == pytest.approx(0.5)


def test_a_majority_of_64_samples_grows_with_the_votes() -> None:
    suite = [ProblemScores("a", [1.0] * 30 + [0.0] * 34, answers=["x"] * 30 + [str(i % 17) for i in range(34)])]
    values = [consensus_at_k(suite, k) for k in (1, 4, 16, 64)]
    assert values == sorted(values)
    assert values[0] == pytest.approx(30 / 64) and values[-1] == 1.0


def test_stability_looks_at_problems_with_several_samples_only() -> None:
    suite = [ProblemScores("a", (1.0, 0.0)), ProblemScores("b", (0.5, 0.5)), ProblemScores("c", (1.0,))]
    assert unstable_fraction(suite) == 0.5
    assert unstable_fraction(suite[2:]) is None


def test_large_counts_do_not_overflow() -> None:
    suite = [ProblemScores("a", (1.0,) * 2000 + (0.0,) * 2000)]
    assert math.isclose(pass_at_k(suite, 2), 1 - (2000 * 1999) / (4000 * 3999))
    assert all_right_at_k(suite, 2000) < 1e-300
