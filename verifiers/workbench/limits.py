"""The limits that `openqwq verify` states, and which of them a verifier breaks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from openqwq.verifiers.workbench.findings import Findings, Health, Timing

NOTHING_JUDGED = "nothing could be judged"


@dataclass(frozen=True)
class Limits:
    """Each is an option of the command. None: not limited. Example: Limits(max_p99_ms=50.0)."""

    max_false_accept_rate: float | None = 0.02
    """Of the answers labelled wrong, the share that is paid: what reinforcement learning finds and exploits."""
    max_false_reject_rate: float | None = 0.05
    """Of the answers labelled right, the share that is not paid: lost signal."""
    max_p99_ms: float | None = None
    max_hangs: int | None = 0
    max_exceptions: int | None = 0
    max_changed: int | None = 0
    """Answers that get another verdict when asked again, as a batch, or from several threads."""
    max_growth_mb: float | None = None
    max_probes_paid: int | None = 0
    max_mutants_paid: int | None = 0
    """Wrong answers one step from a gold: a flipped sign, another operator, a neighbouring number."""


@dataclass(frozen=True)
class Check:
    """One limit against what was measured. Example: Check("p99", "3.1 ms", "at most 50 ms", True)."""

    name: str
    value: str
    limit: str
    is_kept: bool


def checks_of(findings: Findings, limits: Limits) -> list[Check]:
    """Every limit that is set, for labelled cases."""
    everything = findings.categories["all"]
    rates = [
        _rate(
            "false accepts",
            everything.false_accepts,
            everything.wrong,
            everything.judged_wrong,
            limits.max_false_accept_rate,
        ),
        _rate(
            "false rejects",
            everything.false_rejects,
            everything.right,
            everything.judged_right,
            limits.max_false_reject_rate,
        ),
    ]
    return [check for check in rates if check] + health_checks(findings.health, findings.timing, limits)


def health_checks(health: Health, timing: Timing | None, limits: Limits) -> list[Check]:
    """The limits that need no label."""
    changed = health.changed + health.batch.num_broken + health.threads.num_broken
    checks = [
        _count("p99", timing.p99 * 1e3 if timing else None, limits.max_p99_ms, " ms"),
        _count("hangs", health.hangs + health.not_run, limits.max_hangs),
        _count("exceptions", health.exceptions, limits.max_exceptions),
        _count("changed verdicts", changed, limits.max_changed),
        _count("memory growth", health.growth_bytes / 2**20, limits.max_growth_mb, " MB"),
    ]
    return [check for check in checks if check]


def probe_checks(num_paid: int, mutants_paid: int, limits: Limits) -> list[Check]:
    """The limits for degenerate answers and for mutants of golds."""
    checks = [
        _count("probes paid", num_paid, limits.max_probes_paid),
        _count("mutants paid", mutants_paid, limits.max_mutants_paid),
    ]
    return [check for check in checks if check]


def broken(checks: Sequence[Check]) -> list[Check]:
    """The checks that fail."""
    return [check for check in checks if not check.is_kept]


def _rate(name: str, count: int, total: int, judged: int, most: float | None) -> Check | None:
    if most is None or total == 0:
        return None
    if judged == 0:
        return Check(name, NOTHING_JUDGED, f"at most {most:.2%}", False)
    return Check(name, f"{count}/{total} = {count / total:.2%}", f"at most {most:.2%}", count <= most * total)


def _count(name: str, value: float | None, most: float | None, unit: str = "") -> Check | None:
    if most is None or value is None:
        return None
    return Check(name, f"{value:.4g}{unit}", f"at most {most:g}{unit}", value <= most)
