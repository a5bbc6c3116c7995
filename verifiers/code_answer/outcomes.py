"""From the outcomes of a program's jobs to its verdict."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from openqwq.verifiers.base import ErrorStatus, Verdict

if TYPE_CHECKING:
    from openqwq.sandbox.jobs import Outcome
    from openqwq.verifiers.code_answer.plan import Score


def verdict_of(outcome: Outcome) -> Verdict:
    """pass and fail are scores; error means that the sandbox failed, or that no sandbox can judge the row."""
    return verdict_of_all([outcome])


def verdict_of_all(outcomes: Sequence[Outcome], score: Score = "all", sampled: str = "") -> Verdict:
    """1 when every outcome is a pass, or with "share" the passed part of the tests; an error of one is that of all.

    `sampled`: which tests were used, for the reason.
    """
    seconds = sum(outcome.seconds for outcome in outcomes)
    for outcome in outcomes:
        if outcome.verdict == "error":
            status: ErrorStatus = "sandbox_error" if outcome.is_retryable else "verifier_error"
            return replace(Verdict.error(outcome.reason or "sandbox error", status), seconds=seconds)
    tests = [test for outcome in outcomes for test in outcome.tests]
    num_passed = sum(test.status == "pass" for test in tests)
    is_passed = all(outcome.verdict == "pass" for outcome in outcomes)
    value = float(is_passed) if score == "all" or not tests else num_passed / len(tests)
    failed = next((outcome for outcome in outcomes if outcome.verdict != "pass"), None)
    reason = (_reason(failed) if failed is not None else outcomes[-1].reason or "pass") if outcomes else "pass"
    parts = {"tests_passed": float(num_passed), "tests": float(len(tests))}
    verdict = Verdict.scored(value, f"{reason} ({sampled})" if sampled else reason, parts)
    return replace(verdict, seconds=seconds)


def _reason(outcome: Outcome) -> str:
    failed = next((test for test in outcome.tests if test.status not in ("pass", "not_run")), None)
    return outcome.reason or (f"{failed.status}: {failed.detail}"[:200] if failed else "fail")
