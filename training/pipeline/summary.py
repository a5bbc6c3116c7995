"""Entries of `summary.json`: what a stage's evaluations and gate say, as plain JSON."""

import math
from collections.abc import Mapping
from typing import Any

from openqwq.training.evaluation.evaluate import describe, paired_gain
from openqwq.training.evaluation.gates import GateDecision
from openqwq.training.records import SuiteResult


def evaluation_entry(before: Mapping[str, SuiteResult], after: Mapping[str, SuiteResult]) -> dict[str, Any]:
    """`eval` and `paired` of a stage's summary entry."""
    paired = {}
    for suite in after:
        if suite in before:
            gain = paired_gain(before[suite], after[suite])
            paired[suite] = {"gain": gain.value, "low": gain.low, "high": gain.high, "n": gain.n}
    entry = {
        "eval": {
            "before": {suite: describe(result) for suite, result in before.items()},
            "after": {suite: describe(result) for suite, result in after.items()},
        },
        "paired": paired,
    }
    return {key: _without_nan(value) for key, value in entry.items()}


def _without_nan(value: Any) -> Any:
    """JSON has no NaN: what is not known is null."""
    if isinstance(value, dict):
        return {key: _without_nan(inner) for key, inner in value.items()}
    return None if isinstance(value, float) and math.isnan(value) else value


def gate_entry(decision: GateDecision) -> dict[str, Any]:
    """`gate` of a stage's summary entry."""
    checks = [
        {"name": c.name, "value": _without_nan(c.value), "limit": c.limit, "passed": c.passed} for c in decision.checks
    ]
    return {"gate": {"passed": decision.passed, "checks": checks}}
