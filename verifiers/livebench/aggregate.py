"""LiveBench's own average: of questions by task, of tasks by category, of categories."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from statistics import fmean
from typing import NamedTuple


class Judged(NamedTuple):
    """One question's score. Example: Judged("math", "AMPS_Hard", 1.0)."""

    category: str
    task: str
    """As the row names it, not its subtask."""
    score: float


@dataclass(frozen=True)
class Averages:
    """All in [0, 1]; the leaderboard shows them times 100."""

    tasks: Mapping[tuple[str, str], float]
    """(category, task) -> mean over its questions."""
    categories: Mapping[str, float]
    """Mean over the tasks of each, whatever their numbers of questions."""
    overall: float
    """Mean over the categories."""


def averages(judged: Iterable[Judged]) -> Averages:
    """The official averages. Where a category was not judged, `overall` is another number than the published one.

    Raises:
        ValueError: nothing was judged.
    """
    scores: dict[tuple[str, str], list[float]] = defaultdict(list)
    for one in judged:
        scores[one.category, one.task].append(one.score)
    if not scores:
        raise ValueError("no question was judged, so there is nothing to average")
    tasks = {key: fmean(values) for key, values in scores.items()}
    means: dict[str, list[float]] = defaultdict(list)
    for (category, _), mean in tasks.items():
        means[category].append(mean)
    categories = {category: fmean(values) for category, values in means.items()}
    return Averages(tasks, categories, fmean(categories.values()))
