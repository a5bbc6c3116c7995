"""What is counted in a trial: wrong verdicts by category, time, and checks without a verdict."""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from openqwq.verifiers.workbench.cases import Case, Question
from openqwq.verifiers.workbench.probes import Probe
from openqwq.verifiers.workbench.trial import Agreement, Observation, Trial

PAID = 0.5
"""A score above this is pay, for labels that are true or false."""


@dataclass(frozen=True)
class Example:
    """One verdict to look at.

    Example: Example("q7", "sum", "false accept", "4", "reference", "\\\\boxed{5}", 1.0, "equal").
    """

    id: str
    category: str
    kind: str
    """false accept, false reject, or the status of what is no verdict."""
    gold: str
    gold_column: str
    """The column that holds the gold, or empty."""
    response: str
    """The end of the response, where the answer stands."""
    score: float | None
    reason: str


@dataclass(frozen=True)
class Tally:
    """Counts of one category. An answer that deserves some pay and not all of it can be paid too little or too much."""

    right: int
    """Answers that deserve pay, so that they can be falsely rejected."""
    wrong: int
    """Answers that deserve less than all, so that they can be falsely accepted."""
    false_rejects: int
    false_accepts: int
    unscored: int
    """No verdict: not_applicable, errors, exceptions, hangs."""
    judged_right: int
    """Of those that deserve pay, how many got a score."""
    judged_wrong: int
    """Of those that deserve less than all, how many got a score."""


@dataclass(frozen=True)
class Timing:
    """Seconds of single checks, without cold starts."""

    p50: float
    p99: float
    most: float
    checks_per_second: float
    """Of one process: the inverse of the mean."""


@dataclass(frozen=True)
class ColdStarts:
    """Seconds that are paid once. Example: ColdStarts(0.3, 2, 0.8)."""

    process: float
    """Longest start of a checking process: imports, and the building of the verifier."""
    num_checks: int
    """Checks that were a process's first, imported a module or started a worker."""
    most: float
    """The longest of them."""


@dataclass(frozen=True)
class Health:
    """Everything that a verifier should never do. Counts of checks, in the first pass."""

    hangs: int
    exceptions: int
    not_run: int
    changed: int
    """Questions that got another verdict when asked again."""
    batch: Agreement
    threads: Agreement
    growth_bytes: int


@dataclass(frozen=True)
class Findings:
    """All that is reported of one verifier on labelled cases."""

    categories: dict[str, Tally]
    """In the order of the file; "all" holds the sums."""
    timing: Timing | None
    """None when every check was a cold start."""
    cold: ColdStarts
    health: Health
    examples: Sequence[Example]
    """All wrong verdicts and failures."""
    nothing_judged: str = ""
    """Why no answer got a score, or empty."""


def findings_of(cases: Sequence[Case], trial: Trial) -> Findings:
    """Count the first pass against the labels."""
    tallies: defaultdict[str, list[tuple[Case, Observation]]] = defaultdict(list)
    for case, seen in zip(cases, trial.first, strict=True):
        tallies[case.category or "(none)"].append((case, seen))
    categories = {name: _tally(pairs) for name, pairs in tallies.items()}
    categories["all"] = _tally([pair for pairs in tallies.values() for pair in pairs])
    judged = ((case, seen, verdict_kind(case, seen)) for case, seen in zip(cases, trial.first, strict=True))
    examples = [
        example_of(case.question, (case.gold, case.gold_column), case.category, kind, seen)
        for case, seen, kind in judged
        if kind
    ]
    return Findings(
        categories, timing_of(trial), cold_starts_of(trial), health_of(trial), examples, _nothing_judged(cases, trial)
    )


def _nothing_judged(cases: Sequence[Case], trial: Trial) -> str:
    if any(seen.score is not None for seen in trial.first):
        return ""
    columns = ", ".join(dict.fromkeys(column for case in cases for column in case.question.row)) or "none"
    return (
        f"no answer got a score; the first: {trial.first[0].status}, {trial.first[0].reason or 'no reason given'}; "
        f"columns of the rows: {columns}; --column reference=NAME takes the right answer from another one"
    )


def verdict_kind(case: Case, seen: Observation) -> str:
    """`false accept`, `false reject`, the status of what is no score, or "" for a right verdict."""
    if seen.score is None:
        return seen.status
    label = case.label
    if label.tolerance is None:
        is_paid, is_right = seen.score > PAID, label.score > PAID
        return "" if is_paid == is_right else "false accept" if is_paid else "false reject"
    difference = seen.score - label.score
    return "" if abs(difference) <= label.tolerance else "false accept" if difference > 0 else "false reject"


def timing_of(trial: Trial) -> Timing | None:
    """Percentiles of both passes, without cold starts."""
    seconds = sorted(seen.seconds for seen in trial.checks()[0])
    if not seconds:
        return None
    last = len(seconds) - 1
    mean = statistics.fmean(seconds)
    return Timing(seconds[last // 2], seconds[round(0.99 * last)], seconds[-1], 1 / mean if mean else float("inf"))


def cold_starts_of(trial: Trial) -> ColdStarts:
    """What is paid once, and is no part of the percentiles."""
    seconds = [seen.seconds for seen in trial.checks()[1]]
    return ColdStarts(trial.start_seconds, len(seconds), max(seconds, default=0.0))


def health_of(trial: Trial) -> Health:
    """Counts over the first pass, and how the other passes compare with it."""
    first = trial.first
    return Health(
        hangs=sum(seen.status == "hang" for seen in first),
        exceptions=sum(seen.is_exception for seen in first),
        not_run=sum(seen.status == "not_run" for seen in first),
        changed=len(trial.repeated.differences),
        batch=trial.batched,
        threads=trial.threaded,
        growth_bytes=trial.growth_bytes,
    )


def paid_probes(probes: Sequence[Probe], trial: Trial) -> list[Example]:
    """Probes that got any pay, or no verdict where one was due."""
    return [
        example_of(
            probe.question,
            (probe.gold, probe.gold_column),
            probe.kind,
            probe.name_of_pay if seen.score else seen.status,
            seen,
        )
        for probe, seen in zip(probes, trial.first, strict=True)
        if seen.score or seen.is_lost or seen.is_exception
    ]


def _tally(pairs: Sequence[tuple[Case, Observation]]) -> Tally:
    kinds = [verdict_kind(case, seen) for case, seen in pairs]
    right = sum(case.label.score > 0 for case, _ in pairs)
    wrong = sum(case.label.score < 1 for case, _ in pairs)
    accepts, rejects = kinds.count("false accept"), kinds.count("false reject")
    unscored = sum(bool(kind) for kind in kinds) - accepts - rejects
    judged_right = sum(case.label.score > 0 and seen.score is not None for case, seen in pairs)
    judged_wrong = sum(case.label.score < 1 and seen.score is not None for case, seen in pairs)
    return Tally(right, wrong, rejects, accepts, unscored, judged_right, judged_wrong)


def example_of(question: Question, gold: tuple[str, str], category: str, kind: str, seen: Observation) -> Example:
    """One check to look at; `gold` is its text and its column."""
    text, column = gold
    return Example(question.id, category, kind, text[:200], column, question.response[-400:], seen.score, seen.reason)
