"""Every arm against the baseline, paired by seed and problem, and every score as a table."""

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from openqwq.training.comparison.result import RunResult
from openqwq.training.estimation.intervals import ALPHA
from openqwq.training.estimation.over_seeds import difference_over_seeds
from openqwq.training.estimation.paired import Difference, holm
from openqwq.training.evaluation.results import problems_of, report_from_json
from openqwq.training.records import SuiteResult

Runs = Mapping[tuple[str, int], tuple[RunResult, Path]]
"""(arm, seed) -> the run's result and its folder."""


@dataclass(frozen=True)
class Comparison:
    """An arm's policy after `stage` and the baseline's after `beside`, on one suite.

    Example: `Comparison("placebo", "words", "stage1", "stage1", 3, Difference(-0.21, ...))`
    """

    arm: str
    suite: str
    stage: str
    beside: str
    seeds: int
    """Number of seeds that both have."""
    difference: Difference
    """Arm - baseline; `p` holds for all arms of the suite at once (Holm)."""

    @property
    def verdict(self) -> str:
        """In words: better or worse where Holm's p-value is below 0.05, else what would have been seen."""
        found = self.difference
        if found.p < ALPHA:
            return "better" if found.value > 0 else "worse"
        if found.smallest_visible > 1:
            return "cannot tell (too little for any difference)"
        return f"cannot tell (would have seen {found.smallest_visible:.3f})"

    def to_json(self) -> dict[str, Any]:
        """The form in `table.json`."""
        return {**asdict(self), "verdict": self.verdict}


def compare(runs: Runs, baseline: str, beside: Mapping[str, str | None]) -> list[Comparison]:
    """Each arm's last policy against the baseline's after the stage `beside[arm]`, by default the one of the same name;
    on every suite that both were measured on. Arms without a run that has a result are left out."""
    found: dict[str, dict[str, Comparison]] = {}
    for arm in dict.fromkeys(name for name, _ in runs if name != baseline):
        ends = {
            seed: result.stages[-1].name
            for (name, seed), (result, _) in runs.items()
            if name == arm and result.is_finished and result.stages and (baseline, seed) in runs
        }
        pairs: dict[tuple[str, str, str], list[tuple[SuiteResult, SuiteResult]]] = {}
        for seed, stage in ends.items():
            other = beside.get(arm) or stage
            before, after = suites_after(runs[baseline, seed][1], other), suites_after(runs[arm, seed][1], stage)
            for suite in after:
                if suite in before and set(before[suite].scores) & set(after[suite].scores):
                    pairs.setdefault((suite, stage, other), []).append((before[suite], after[suite]))
        for (suite, stage, other), sides in pairs.items():
            difference = difference_over_seeds([(problems_of(old), problems_of(new)) for old, new in sides])
            found.setdefault(suite, {})[arm] = Comparison(arm, suite, stage, other, len(sides), difference)
    for suite, by_arm in found.items():
        adjusted = holm({arm: comparison.difference for arm, comparison in by_arm.items()})
        found[suite] = {arm: Comparison(**{**vars(c), "difference": adjusted[arm]}) for arm, c in by_arm.items()}
    return [comparison for by_arm in found.values() for comparison in by_arm.values()]


def suites_after(folder: Path, stage: str) -> Mapping[str, SuiteResult]:
    """The evaluation of a run after a stage; empty where there is none that can be read."""
    try:
        return report_from_json(json.loads((folder / "evals" / f"{stage}.json").read_text())).suites
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def comparison_table(baseline: str, comparisons: Sequence[Comparison]) -> tuple[str, Sequence[str], list[list[str]]]:
    """(title, head, rows) of the table."""
    head = ("arm", "after", "suite", "seeds", "problems", "difference [95 % interval]", "p (Holm)", "verdict")
    rows = []
    for c in comparisons:
        d, at = c.difference, c.stage if c.stage == c.beside else f"{c.stage}, beside {c.beside}"
        words = f"{d.value:+.3f} [{d.low:+.3f}, {d.high:+.3f}]"
        rows.append([c.arm, at, c.suite, str(c.seeds), str(d.num_problems), words, f"{d.p:.3g}", c.verdict])
    return f"Against {baseline}", head, rows


def tidy(runs: Runs) -> str:
    """Every score of every problem as CSV, one a row: arm, seed, stage, suite, problem, sample, score."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("arm", "seed", "stage", "suite", "problem", "sample", "score"))
    writer.writerows(_scores(runs))
    return text.getvalue()


def _scores(runs: Runs) -> Iterator[Iterable[object]]:
    for (arm, seed), (result, folder) in runs.items():
        for stage in ("base", *(entry.name for entry in result.own_stages)):
            for suite, found in suites_after(folder, stage).items():
                for problem in problems_of(found):
                    for sample, score in enumerate(problem.scores):
                        yield arm, seed, stage, suite, problem.problem, sample, score
