"""What k samples of each problem would bring: unbiased estimates from n >= k samples, averaged over the problems."""

import math
from collections.abc import Callable, Sequence
from numbers import Integral
from typing import Any

import numpy as np
from scipy.special import gammaln, xlog1py, xlogy

from openqwq.training.estimation.samples import Floats, ProblemScores, checked, means_of


def average(suite: Sequence[ProblemScores]) -> float:
    """avg@k: the mean over problems of the mean score of their samples; every problem counts alike."""
    return float(means_of(suite).mean())


def pass_at_k(suite: Sequence[ProblemScores], k: int) -> float:
    """Probability that at least one of k samples is right, 1 - C(n-c, k) / C(n, k) with c right ones of n samples
    (arXiv 2107.03374, eq. 1), mean over problems.

    Raises:
        ValueError: a problem has fewer than k samples, or k is no positive whole number.
    """
    return _mean(suite, k, lambda p: 1.0 - _all_of(len(p.scores) - p.num_right, len(p.scores), k))


def all_right_at_k(suite: Sequence[ProblemScores], k: int) -> float:
    """pass^k: chance that all k samples are right, C(c, k) / C(n, k), mean over problems. Raises as `pass_at_k`."""
    return _mean(suite, k, lambda p: _all_of(p.num_right, len(p.scores), k))


def consensus_at_k(suite: Sequence[ProblemScores], k: int) -> float:
    """cons@k, also maj@k: expected score of the most frequent answer among k samples, drawn without replacement from
    those of a problem; mean over problems. Answers that tie share the place, and no answer at all scores 0.

    Raises:
        ValueError: as `pass_at_k`, or a problem has no answers.
    """
    for problem in suite:
        if not problem.answers:
            raise ValueError(f"problem {problem.problem!r} has no answers to vote on; give `answers` with its scores")
    return _mean(suite, k, lambda p: _consensus(p, k))


def unstable_fraction(suite: Sequence[ProblemScores]) -> float | None:
    """Share of the problems with several samples on which these do not all score alike; None without such problems.
    It grows with the number of samples, so compare it at equal ones."""
    several = [p for p in checked(suite) if len(p.scores) > 1]
    return sum(len(set(p.scores)) > 1 for p in several) / len(several) if several else None


def _mean(suite: Sequence[ProblemScores], k: int, of: Callable[[ProblemScores], float]) -> float:
    fewest = min(checked(suite), key=lambda p: len(p.scores))
    if isinstance(k, bool) or not isinstance(k, Integral) or not 1 <= k <= len(fewest.scores):
        held = f"problem {fewest.problem!r} has {len(fewest.scores)} samples"
        raise ValueError(f"k must be a whole number from 1 to the fewest samples of a problem, got k={k!r}; {held}")
    return math.fsum(map(of, suite)) / len(suite)


def _all_of(kind: int, n: int, k: int) -> float:
    """Probability that k of n samples, drawn without replacement, are all among `kind` of them."""
    return math.comb(kind, k) / math.comb(n, k)


def _consensus(problem: ProblemScores, k: int) -> float:
    """Exact, by a walk over the answers for every number of votes M with which one may win:

    ways[u, t] is the probability that u votes are cast so far, no answer has more than M, and t answers have M;
    scores[u, t] is the same times the sum of the scores of those t. The votes are independent binomial counts, and the
    condition that they add up to k makes them a draw without replacement; any chance of a vote would do, k / n keeps
    the numbers near 1.
    """
    marks: dict[object, list[float]] = {}
    for answer, score in zip(problem.answers, problem.scores, strict=True):
        marks.setdefault(answer, []).append(score)
    silent = len(marks.pop(None, []))
    n, share = len(problem.scores), k / len(problem.scores)
    votes = {answer: _binomial(np.arange(len(m) + 1), len(m), share) for answer, m in marks.items()}
    total = 0.0
    for most in range(1, min(k, max(map(len, marks.values()), default=0)) + 1):
        if silent + sum(min(len(m), most) for m in marks.values()) < k:
            continue  # so many votes cannot be cast with nobody above `most`
        ways, scores = np.zeros((2, k + 1, k // most + 1))
        ways[: silent + 1, 0] = _binomial(np.arange(min(silent, k) + 1), silent, share)
        for answer, chances in votes.items():
            ways, scores = _cast(ways, scores, chances, most, math.fsum(marks[answer]) / len(marks[answer]))
        total += float((scores[k, 1:] / np.arange(1, k // most + 1)).sum())
    return min(1.0, total / float(_binomial(k, n, share)))


def _binomial(k: Any, n: int, p: float) -> Floats:
    """n! / (k! (n - k)!) p^k (1 - p)^(n - k). scipy.stats has it too, and takes half a second to import."""
    choices = gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1)
    chances: Floats = np.exp(choices + xlogy(k, p) + xlog1py(n - k, -p))
    return chances


def _cast(ways: Floats, scores: Floats, chances: Floats, most: int, score: float) -> tuple[Floats, Floats]:
    """Both tables after one more answer, which gets i votes with probability chances[i]."""
    new_ways, new_scores = np.zeros_like(ways), np.zeros_like(scores)
    size = len(ways)
    for votes in range(min(most - 1, len(chances) - 1) + 1):
        new_ways[votes:] += chances[votes] * ways[: size - votes]
        new_scores[votes:] += chances[votes] * scores[: size - votes]
    if most < len(chances):
        new_ways[most:, 1:] += chances[most] * ways[: size - most, :-1]
        new_scores[most:, 1:] += chances[most] * (scores + score * ways)[: size - most, :-1]
    return new_ways, new_scores
