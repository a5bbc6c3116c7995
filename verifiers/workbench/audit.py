"""Runs the degenerate answers that a verifier must not pay, and right ones, which find a verifier that pays nothing."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

from openqwq.verifiers.base import VerifierError
from openqwq.verifiers.registry import BUILT_IN
from openqwq.verifiers.workbench.cases import Case, Question
from openqwq.verifiers.workbench.claims import answers_for, claim_of, example_seeds
from openqwq.verifiers.workbench.findings import PAID, Example, Health, Timing, health_of, paid_probes, timing_of
from openqwq.verifiers.workbench.limits import Check, Limits, health_checks, probe_check
from openqwq.verifiers.workbench.probes import Fault, Seed, probes_of, seeds_of
from openqwq.verifiers.workbench.process import Subject
from openqwq.verifiers.workbench.trial import Agreement, Bench, run_trial

MAX_ROWS = 20  # of a user's file; each gives about forty probes
_URL_VARIABLE = "OPENQWQ_SANDBOX_URL"
_NOTHING_COMPARED = Agreement(0, (), "")
_UNKNOWN_HEALTH = Health(0, 0, 0, 0, _NOTHING_COMPARED, _NOTHING_COMPARED, 0)


@dataclass(frozen=True)
class Audit:
    """How one verifier scores degenerate answers."""

    verifier: str
    num_probes: int
    num_paid: int
    right_asked: int
    """Right answers that were asked among the probes."""
    right_paid: int
    timing: Timing | None
    health: Health
    examples: Sequence[Example]
    """Probes that were paid, and those without a verdict."""
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
        trial = run_trial(bench, [*(probe.question for probe in probes), *right], on_progress)
    cut = len(probes)
    on_probes = replace(trial, first=trial.first[:cut])
    examples = paid_probes(probes, on_probes)
    num_paid = sum(example.kind == "paid" for example in examples)
    right_paid = sum(seen.score is not None and seen.score > PAID for seen in trial.first[cut:])
    timing, health = timing_of(trial.observations), health_of(trial)
    checks = [
        *probe_check(num_paid, limits),
        *_right_check(right_paid, len(right)),
        *health_checks(health, timing, limits),
    ]
    return Audit(subject.name, cut, num_paid, len(right), right_paid, timing, health, examples, checks)


def audit_built_in(
    limits: Limits, deadline_seconds: float, on_progress: Callable[[str, int, int], None]
) -> Iterator[Audit]:
    """Every built-in verifier, with its default arguments."""
    for name in BUILT_IN:
        if reason := claim_of(name).skipped:
            yield Audit(name, 0, 0, 0, 0, None, _UNKNOWN_HEALTH, (), (), reason)
        else:
            yield audit(Subject(name, {}, {}), (), limits, deadline_seconds, on_progress)


def _right_answers(seeds: Sequence[Seed]) -> Iterator[Question]:
    for number, seed in enumerate(seeds, start=1):
        if seed.right is not None:
            yield Question(f"{seed.row.get('id', f'row {number}')}: right answer", seed.right, dict(seed.row))


def _right_check(paid: int, asked: int) -> list[Check]:
    if not asked:
        return []
    return [Check("right answers paid", f"{paid}/{asked}", "at least half", 2 * paid >= asked)]


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
