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
    """One verdict to look at. Example: Example("q7", "sum", "false accept", "4", "\\\\boxed{5}", 1.0, "equal")."""

    id: str
    category: str
    kind: str
    """false accept, false reject, or the status of what is no verdict."""
    gold: str
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


@dataclass(frozen=True)
class Timing:
    """Seconds of single checks, without the first of each process."""

    p50: float
    p99: float
    most: float
    checks_per_second: float
    """Of one process: the inverse of the mean."""


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
    """None when no check was timed."""
    health: Health
    examples: Sequence[Example]
    """All wrong verdicts and failures."""


def findings_of(cases: Sequence[Case], trial: Trial) -> Findings:
    """Count the first pass against the labels."""
    tallies: defaultdict[str, list[tuple[Case, Observation]]] = defaultdict(list)
    for case, seen in zip(cases, trial.first, strict=True):
        tallies[case.category or "(none)"].append((case, seen))
    categories = {name: _tally(pairs) for name, pairs in tallies.items()}
    categories["all"] = _tally([pair for pairs in tallies.values() for pair in pairs])
    judged = ((case, seen, verdict_kind(case, seen)) for case, seen in zip(cases, trial.first, strict=True))
    examples = [_example(case.question, case.gold, case.category, kind, seen) for case, seen, kind in judged if kind]
    return Findings(categories, timing_of(trial.observations), health_of(trial), examples)


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


def timing_of(observations: Sequence[Observation]) -> Timing | None:
    """Percentiles of the checks that were timed."""
    seconds = sorted(seen.seconds for seen in observations if seen.is_timed and not seen.is_lost)
    if not seconds:
        return None
    last = len(seconds) - 1
    mean = statistics.fmean(seconds)
    return Timing(seconds[last // 2], seconds[round(0.99 * last)], seconds[-1], 1 / mean if mean else float("inf"))


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
        _example(probe.question, "", probe.kind, "paid" if seen.score else seen.status, seen)
        for probe, seen in zip(probes, trial.first, strict=True)
        if seen.score or seen.is_lost or seen.is_exception
    ]


def _tally(pairs: Sequence[tuple[Case, Observation]]) -> Tally:
    kinds = [verdict_kind(case, seen) for case, seen in pairs]
    right = sum(case.label.score > 0 for case, _ in pairs)
    wrong = sum(case.label.score < 1 for case, _ in pairs)
    accepts, rejects = kinds.count("false accept"), kinds.count("false reject")
    unscored = sum(bool(kind) for kind in kinds) - accepts - rejects
    return Tally(right, wrong, rejects, accepts, unscored)


def _example(question: Question, gold: str, category: str, kind: str, seen: Observation) -> Example:
    return Example(question.id, category, kind, gold[:200], question.response[-400:], seen.score, seen.reason)
