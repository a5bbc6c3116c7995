"""A stage of a run as the signs see it: how a number was at its start and is at its end, and rollouts of both."""

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from urllib.parse import urlencode

from openqwq.training.answers.record import Answer
from openqwq.training.run_folder.entry import StageEntry
from openqwq.training.run_folder.lenient import Row, rows_of
from openqwq.training.run_folder.record import RunRecord

LEAST_STEPS = 5
"""Nothing is said of a stage with fewer steps."""
MOST_BYTES = 50_000_000
"""Compressed rollouts of a step that are larger than this are not read."""


@dataclass(frozen=True)
class Change:
    """Means over the first and over the last fifth of a stage's steps, at least three of each."""

    early: float
    late: float
    error: float
    """Standard error of late - early, from how the steps of each part differ."""

    @property
    def rise(self) -> float:
        return self.late - self.early

    @property
    def is_clear(self) -> bool:
        """Whether it is more than what steps differ by anyway."""
        return abs(self.rise) > 3 * self.error


@dataclass(frozen=True)
class StageView:
    """One RL stage of a run that may still be going on."""

    record: RunRecord
    entry: StageEntry

    @property
    def name(self) -> str:
        return self.entry.name

    @cached_property
    def num_steps(self) -> int:
        return len(self.values("reward/mean"))

    def chart(self, name: str) -> str:
        """Fragment of a chart in the page (`reporting/curves.py`)."""
        return f"{self.name}-{name}"

    def browser(self, **choice: str) -> str:
        """Fragment of a choice of rollouts in the page (`reporting/viewer.mjs`)."""
        return "?" + urlencode({"stage": self.name, **choice})

    def values(self, metric: str) -> list[float]:
        """A metric by step."""
        return [value for _, value in self.record.series(self.name, metric)]

    def change(self, metric: str) -> Change | None:
        """How a metric moved; None where it was logged for fewer than `LEAST_STEPS` steps."""
        values = self.values(metric)
        if len(values) < LEAST_STEPS:
            return None
        size = max(3, len(values) // 5)
        first, last = values[:size], values[-size:]
        error = math.sqrt((statistics.variance(first) + statistics.variance(last)) / size)
        return Change(statistics.fmean(first), statistics.fmean(last), error)

    @property
    def plan(self) -> Row:
        """The stage in the run's recipe; empty where it is not there."""
        return next((row for row in rows_of(self.record.recipe.get("stages")) if row.get("name") == self.name), {})

    def mean(self, metric: str) -> float:
        """Of all steps; 0 where it was not logged."""
        values = self.values(metric)
        return statistics.fmean(values) if values else 0.0

    def late(self, metric: str) -> float:
        """Mean of the last steps; 0 where it was not logged."""
        change = self.change(metric)
        return change.late if change else 0.0

    @cached_property
    def tasks(self) -> list[str]:
        """Tasks that were paid for; `mean` where the log does not divide them."""
        names = [name.removeprefix("reward/") for name in self.record.metric_names(self.name, "reward/")]
        return [name for name in names if name != "mean"] or names

    @cached_property
    def last_rollout_step(self) -> int | None:
        return max(self.record.rollout_steps(self.name), default=None)

    @cached_property
    def last_rollouts(self) -> list[list[Answer]]:
        """The groups of the last logged step with judged rollouts."""
        step = self.last_rollout_step
        if step is None or self.record.rollout_bytes(self.name, step) > MOST_BYTES:
            return []
        groups: dict[int, list[Answer]] = {}
        for answer in self.record.rollouts(self.name, step):
            groups.setdefault(answer.group, []).append(answer)
        return list(groups.values())

    @property
    def gains(self) -> dict[str, tuple[float, float, float]]:
        """Suite -> (low, value, high) of its paired gain, where all three are known."""
        found = {}
        for suite, gain in self.entry.paired.items():
            if gain.value is not None and gain.low is not None and gain.high is not None:
                found[suite] = (gain.low, gain.value, gain.high)
        return found


def policy_stages(record: RunRecord) -> Sequence[StageView]:
    """The RL stages that have begun."""
    return [StageView(record, entry) for entry in record.stages if entry.kind == "rl" and record.last_step(entry.name)]
