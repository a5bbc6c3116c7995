"""Runs the degenerate answers that a verifier must not pay, and right ones, which find a verifier that pays nothing."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

from openqwq.verifiers.base import VerifierError
from openqwq.verifiers.registry import BUILT_IN
from openqwq.verifiers.workbench.cases import Case, Question, check_columns
from openqwq.verifiers.workbench.claims import answers_for, claim_of, example_seeds
from openqwq.verifiers.workbench.findings import (
    PAID,
    ColdStarts,
    Example,
    Health,
    Timing,
    cold_starts_of,
    example_of,
    health_of,
    paid_probes,
    timing_of,
)
from openqwq.verifiers.workbench.limits import NOTHING_JUDGED, Check, Limits, health_checks, probe_checks
from openqwq.verifiers.workbench.probes import MUTANT, Fault, Seed, gold_of, probes_of, seeds_of
from openqwq.verifiers.workbench.process import Subject
from openqwq.verifiers.workbench.trial import Agreement, Bench, Observation, run_trial

MAX_ROWS = 20  # of a user's file; each gives about forty probes
REFUSED = "right answer refused"
_URL_VARIABLE = "OPENQWQ_SANDBOX_URL"
_NOTHING_COMPARED = Agreement(0, (), "")
_NO_STARTS = ColdStarts(0.0, 0, 0.0)
_UNKNOWN_HEALTH = Health(0, 0, 0, 0, _NOTHING_COMPARED, _NOTHING_COMPARED, 0)


@dataclass(frozen=True)
class Audit:
    """How one verifier scores degenerate answers."""

    verifier: str
    num_probes: int
    """Degenerate answers, without the mutants."""
    num_paid: int
    num_mutants: int
    """Answers one step from a gold (gold_mutants.py)."""
    mutants_paid: int
    right_asked: int
    """Right answers that were asked among the probes: a row's right response, else its gold in a box."""
    right_paid: int
    """Of these, how many scored above PAID."""
    timing: Timing | None
    cold: ColdStarts
    health: Health
    examples: Sequence[Example]
    """Probes that were paid, those without a verdict, and right answers that were not paid."""
    checks: Sequence[Check]
    skipped: str = ""
    """Why it was not audited, or empty."""


def audit(
    subject: Subject,
    cases: Sequence[Case],
    limits: Limits,
    deadline_seconds: float,
    on_progress: Callable[[str, int, int], None],
    faults: frozenset[Fault] | None = None,
) -> Audit:
    """Audit one verifier, on rows of `cases` or on its built-in ones; `faults` replace those of its claim.

    Raises:
        VerifierError: it cannot be built, or there is no row to try it on.
    """
    faults = claim_of(subject.name).faults if faults is None else faults
    seeds = seeds_of(cases, MAX_ROWS) if cases else example_seeds(subject.name)
    if not seeds:
        raise VerifierError(f"{subject.name} has no rows of its own to be audited on; give --cases FILE.jsonl")
    probes = [
        probe for probe in probes_of(seeds) if probe.faults & answers_for(subject.name, faults, probe.question.row)
    ]
    right = list(_right_answers(seeds)) if "unearned" in faults else []
    with service_of(subject) as ready, Bench(ready, deadline_seconds) as bench:
        check_needs(subject, cases, bench)
        trial = run_trial(bench, [*(probe.question for probe in probes), *(asked for asked, _ in right)], on_progress)
    cut = len(probes)
    on_right = trial.first[cut:]
    examples = [*paid_probes(probes, replace(trial, first=trial.first[:cut])), *_refused(right, on_right)]
    kinds = Counter(example.kind for example in examples)
    num_mutants = sum(probe.kind == MUTANT for probe in probes)
    timing, health = timing_of(trial), health_of(trial)
    checks = [
        *probe_checks(kinds["paid"], kinds["mutant paid"], limits),
        *_right_check(on_right),
        *health_checks(health, timing, limits),
    ]
    return Audit(
        subject.name,
        cut - num_mutants,
        kinds["paid"],
        num_mutants,
        kinds["mutant paid"],
        len(right),
        sum(map(_is_paid, on_right)),
        timing,
        cold_starts_of(trial),
        health,
        examples,
        checks,
    )


def check_needs(subject: Subject, cases: Sequence[Case], bench: Bench) -> None:
    """Refuse cases that lack a column without which this verifier judges nothing.

    Raises:
        UnusableCases: with the columns that there are.
    """
    if cases:
        needed = (*claim_of(subject.name).needs, *bench.needed_columns)
        check_columns([case.question.row for case in cases], needed, subject.name)


def audit_built_in(
    limits: Limits, deadline_seconds: float, on_progress: Callable[[str, int, int], None]
) -> Iterator[Audit]:
    """Every built-in verifier, with its default arguments."""
    for name in BUILT_IN:
        if reason := claim_of(name).skipped:
            yield Audit(name, 0, 0, 0, 0, 0, 0, None, _NO_STARTS, _UNKNOWN_HEALTH, (), (), reason)
        else:
            yield audit(Subject(name, {}, {}), (), limits, deadline_seconds, on_progress)


def _right_answers(seeds: Sequence[Seed]) -> Iterator[tuple[Question, Seed]]:
    for number, seed in enumerate(seeds, start=1):
        if seed.right is not None:
            yield Question(f"{seed.identity(number)}: right answer", seed.right, dict(seed.row)), seed


def _is_paid(seen: Observation) -> bool:
    return seen.score is not None and seen.score > PAID


def _refused(right: Sequence[tuple[Question, Seed]], on_right: Sequence[Observation]) -> list[Example]:
    return [
        example_of(asked, gold_of(seed), "", REFUSED, seen)
        for (asked, seed), seen in zip(right, on_right, strict=True)
        if not _is_paid(seen)
    ]


def _right_check(on_right: Sequence[Observation]) -> list[Check]:
    if not on_right:
        return []
    paid, is_judged = sum(map(_is_paid, on_right)), any(seen.score is not None for seen in on_right)
    value = f"{paid}/{len(on_right)}" if is_judged else NOTHING_JUDGED
    return [Check("right answers paid", value, "at least half", 2 * paid >= len(on_right))]


@contextmanager
def service_of(subject: Subject) -> Iterator[Subject]:
    """The verifier with the service that it needs: `code` gets a sandbox of its own unless one is named."""
    if subject.name != "code" or "url" in subject.arguments or _URL_VARIABLE in {**os.environ, **subject.environment}:
        yield subject
        return
    from openqwq.sandbox.launch import ServerNotStarted, start_server

    try:
        server = start_server()
    except ServerNotStarted as error:
        raise VerifierError(f"code needs a sandbox, and none starts here: {error}") from error
    with server:
        yield replace(subject, environment={**subject.environment, _URL_VARIABLE: server.url})
