"""The record of a problem's samples: what it refuses, and what is read off it."""

from __future__ import annotations

from dataclasses import FrozenInstanceError
from typing import Any

import numpy as np
import pytest

from openqwq.training.estimation.samples import ProblemScores, checked, clusters_of, means_of, name_of_mean


def test_every_problem_has_its_mean_whatever_its_number_of_samples() -> None:
    suite = [ProblemScores("a", (1.0, 0.0, 0.25, 0.25)), ProblemScores("b", (0.5,)), ProblemScores("ü✓", [1, True])]
    assert means_of(suite).tolist() == [0.375, 0.5, 1.0]
    assert [p.num_right for p in suite] == [1, 0, 2]
    assert means_of([ProblemScores("a", np.array([0.25, 0.5], dtype=np.float32))]).tolist() == [0.375]  # type: ignore[arg-type]


@pytest.mark.parametrize("score", [-0.1, 1.0001, float("nan"), float("inf"), "1.0", None, 1j])
def test_a_score_that_is_no_number_from_0_to_1_is_refused_by_name(score: Any) -> None:
    with pytest.raises(ValueError, match=r"problem 'aime/3' has the score .*; give each sample a number in \[0, 1\]"):
        ProblemScores("aime/3", (1.0, score))


def test_a_problem_without_scores_or_with_other_numbers_of_answers_is_refused() -> None:
    with pytest.raises(ValueError, match="problem 'a' has no scores"):
        ProblemScores("a", ())
    with pytest.raises(ValueError, match="problem 'a' has 1 answers and 2 scores"):
        ProblemScores("a", (1.0, 0.0), answers=("x",))
    with pytest.raises(FrozenInstanceError):
        ProblemScores("a", (1.0,)).scores = (0.0,)  # type: ignore[misc]


def test_a_suite_has_problems_and_each_of_them_once() -> None:
    with pytest.raises(ValueError, match="a suite without problems"):
        checked([])
    with pytest.raises(ValueError, match="problem 'a' stands 2 times in the suite"):
        checked([ProblemScores("a", (1.0,)), ProblemScores("b", (1.0,)), ProblemScores("a", (0.0,))])


def test_problems_of_a_cluster_share_its_number_and_a_problem_without_one_is_its_own() -> None:
    suite = [
        ProblemScores("x", (1.0,)),
        ProblemScores("a", (1.0,), cluster="x"),
        ProblemScores("b", (1.0,)),
        ProblemScores("c", (1.0,), cluster="x"),
    ]
    assert clusters_of(suite).tolist() == [0, 1, 2, 1]


def test_a_mean_with_partial_credit_is_no_accuracy() -> None:
    assert name_of_mean([ProblemScores("a", (1.0, 0.0)), ProblemScores("b", (0,))]) == "accuracy"
    assert name_of_mean([ProblemScores("a", (1.0, 0.0)), ProblemScores("b", (0.0, 0.5))]) == "mean score"
