"""The record that all statistics start from: the scores of the samples of each problem."""

from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from numbers import Real

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
RIGHT = 1.0
"""The score of a right answer; anything less is partial credit or wrong."""


@dataclass(frozen=True)
class ProblemScores:
    """The samples of one problem. Example: `ProblemScores("aime24/3", (1.0, 0.0), answers=("204", None))`"""

    problem: str
    """Its id, of which a suite has one."""
    scores: Sequence[float]
    """The score of each sample, in [0, 1]; problems may have different numbers of samples."""
    cluster: str | None = None
    """What it shares with others that fail together (a template, a document, a repository); None is itself."""
    answers: Sequence[Hashable | None] = ()
    """The equivalence class of each sample's answer, None for no answer; empty when nobody asked."""

    def __post_init__(self) -> None:
        bad = [s for s in self.scores if not isinstance(s, Real) or not 0.0 <= s <= 1.0]
        if len(self.scores) == 0 or bad:
            what = f"has the score {bad[0]!r}" if bad else "has no scores"
            raise ValueError(f"problem {self.problem!r} {what}; give each sample a number in [0, 1]")
        if len(self.answers) not in (0, len(self.scores)):
            counts = f"{len(self.answers)} answers and {len(self.scores)} scores"
            raise ValueError(f"problem {self.problem!r} has {counts}; give one answer a sample, None for no answer")

    @property
    def num_right(self) -> int:
        """Number of samples with full marks."""
        return sum(score == RIGHT for score in self.scores)


def checked(suite: Sequence[ProblemScores]) -> Sequence[ProblemScores]:
    """The suite, if it has problems and each of them once.

    Raises:
        ValueError: no problem, or an id twice.
    """
    if not suite:
        raise ValueError("a suite without problems has no statistics; give at least one problem")
    [(problem, count)] = Counter(p.problem for p in suite).most_common(1)
    if count > 1:
        raise ValueError(f"problem {problem!r} stands {count} times in the suite; put its samples into one record")
    return suite


def means_of(suite: Sequence[ProblemScores]) -> Floats:
    """The mean score of each problem. Returns [n]."""
    counts = np.array([len(p.scores) for p in checked(suite)])
    scores = np.fromiter((score for p in suite for score in p.scores), np.float64, int(counts.sum()))
    means: Floats = np.add.reduceat(scores, np.cumsum(counts) - counts) / counts
    return means


def clusters_of(suite: Sequence[ProblemScores]) -> NDArray[np.intp]:
    """The number of each problem's cluster, from 0. A problem without one never meets a cluster of the same name.
    Returns [n]."""
    names = [(p.cluster is None, p.problem if p.cluster is None else p.cluster) for p in suite]
    numbers = {name: number for number, name in enumerate(dict.fromkeys(names))}
    return np.array([numbers[name] for name in names], dtype=np.intp)


def name_of_mean(suite: Sequence[ProblemScores]) -> str:
    """What the mean of the suite's scores may be called: `accuracy` only where no answer got partial credit."""
    return "accuracy" if all(s in (0.0, RIGHT) for p in checked(suite) for s in p.scores) else "mean score"
