"""Findings as a table for a terminal, and as JSON."""

from __future__ import annotations

import textwrap
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from openqwq.verifiers.workbench.audit import REFUSED, Audit
from openqwq.verifiers.workbench.findings import PAID, ColdStarts, Example, Findings, Health, Timing
from openqwq.verifiers.workbench.limits import Check, broken
from openqwq.verifiers.workbench.trial import Agreement

_MUTANTS_MEAN = "mutants paid: golds with a flipped sign, another operator or a neighbouring number, of those tried"
_RIGHT_MEANS = (
    f"right paid: known right answers that score above {PAID}, of those asked (a row's right response, else its gold "
    "in a box); at least half must"
)


def findings_text(title: str, findings: Findings, checks: Sequence[Check], num_examples: int, width: int) -> str:
    """The whole report of one verifier on labelled cases."""
    parts = [
        title,
        "",
        *_category_table(findings),
        *(
            ["", *textwrap.wrap(f"NOTHING COULD BE JUDGED: {findings.nothing_judged}", width)]
            if findings.nothing_judged
            else []
        ),
        "",
        *_measurements(findings.timing, findings.cold, findings.health),
        "",
        *_limits_table(checks),
        *_examples(findings.examples, num_examples, width),
    ]
    return "\n".join(parts)


def audit_text(audits: Sequence[Audit], num_examples: int, width: int) -> str:
    """The report of degenerate answers: one line a verifier, then what was paid."""
    header = (
        "verifier", "probes", "paid", "mutants paid", "right paid", "p99", "cold start", "hangs", "exceptions",
        "changed", "",
    )  # fmt: skip
    rows = [_audit_row(audit) for audit in audits if not audit.skipped]
    lines = ["Degenerate answers, none of which deserves pay", "", *table([header, *rows], "lrrrrrrrrrl")]
    means = [_MUTANTS_MEAN] * any(audit.num_mutants for audit in audits)
    means += [_RIGHT_MEANS] * any(audit.right_asked for audit in audits)
    lines += [
        line
        for mean in means
        for line in ("", *textwrap.wrap(mean, width - 2, initial_indent="  ", subsequent_indent="  "))
    ]
    skipped = [f"{audit.verifier}: not audited, {audit.skipped}" for audit in audits if audit.skipped]
    lines += ["", *skipped] if skipped else []
    for audit in audits:
        for problem in _agreements(audit.health):
            lines.append(f"{audit.verifier}: {problem}")
    paid = [example for audit in audits for example in audit.examples]
    return "\n".join([*lines, *_examples(paid, num_examples, width)])


def _audit_row(audit: Audit) -> tuple[str, ...]:
    health = audit.health
    timing = "-" if audit.timing is None else _milliseconds(audit.timing.p99)
    verdict = "BROKEN: " + ", ".join(check.name for check in broken(audit.checks)) if broken(audit.checks) else "ok"
    mutants = f"{audit.mutants_paid}/{audit.num_mutants}" if audit.num_mutants else "-"
    right = f"{audit.right_paid}/{audit.right_asked}" if audit.right_asked else "-"
    changed = health.changed + health.batch.num_broken + health.threads.num_broken
    cold = _milliseconds(audit.cold.most)
    numbers = (
        audit.num_probes, audit.num_paid, mutants, right, timing, cold, health.hangs, health.exceptions, changed,
    )  # fmt: skip
    return (audit.verifier, *map(str, numbers), verdict)


def table(rows: Sequence[Sequence[str]], alignment: str) -> list[str]:
    """Aligned columns: `l` or `r` for each."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(alignment))]
    return [
        "  "
        + "  ".join(
            cell.rjust(width) if side == "r" else cell.ljust(width)
            for cell, width, side in zip(row, widths, alignment, strict=True)
        ).rstrip()
        for row in rows
    ]


def _category_table(findings: Findings) -> list[str]:
    header = ("category", "right", "false rejects", "wrong", "false accepts", "no verdict")
    categories = dict(findings.categories)
    everything = categories.pop("all")
    shown = {**categories, "all": everything} if len(categories) > 1 else {"all": everything}
    rows = [
        (
            name,
            str(tally.right),
            _share(tally.false_rejects, tally.right),
            str(tally.wrong),
            _share(tally.false_accepts, tally.wrong),
            str(tally.unscored or ""),
        )
        for name, tally in shown.items()
    ]
    return table([header, *rows], "lrrrrr")


def _share(count: int, total: int) -> str:
    return f"{count} ({count / total:.1%})" if count else ("0" if total else "-")


def _measurements(timing: Timing | None, cold: ColdStarts, health: Health) -> list[str]:
    rows = []
    if timing is not None:
        p50, p99, most = map(_milliseconds, (timing.p50, timing.p99, timing.most))
        rows.append(("time of a check", f"p50 {p50}, p99 {p99}, most {most}; {timing.checks_per_second:,.0f} checks/s"))
    checks = f"{cold.num_checks} check{'s' * (cold.num_checks != 1)}"
    started = f"; {checks} that loaded or started something, most {_milliseconds(cold.most)}" if cold.num_checks else ""
    rows.append(("cold starts", f"process {_milliseconds(cold.process)}{started}"))
    not_run = f", {health.not_run} not run after them" if health.not_run else ""
    rows += [
        ("hangs", f"{health.hangs}{not_run}"),
        ("exceptions", str(health.exceptions)),
        ("asked again", f"{health.changed} verdicts changed"),
        *(("", problem) for problem in _agreements(health)),
        ("memory", f"grew by {health.growth_bytes / 2**20:.0f} MB at its peak"),
    ]
    return table(rows, "ll")


def _agreements(health: Health) -> Iterator[str]:
    for name, agreement in (("as a batch", health.batch), ("from 4 threads", health.threads)):
        yield from _disagreement(name, agreement)


def _disagreement(name: str, agreement: Agreement) -> Iterator[str]:
    if agreement.problem:
        yield f"{name}: {agreement.problem}"
    if agreement.differences:
        first = agreement.differences[0]
        count = f"{len(agreement.differences)} of {agreement.num_compared} verdicts"
        yield f"{name}: {count} differ, first {first.id}: {first.first} then {first.second}"


def _limits_table(checks: Sequence[Check]) -> list[str]:
    rows = [(check.name, check.value, check.limit, "ok" if check.is_kept else "BROKEN") for check in checks]
    return table(rows, "lrrl") if rows else []


def _examples(examples: Sequence[Example], most_of_a_kind: int, width: int) -> list[str]:
    """The first few of every kind, one line each, and how many more there are."""
    lines: list[str] = []
    for kind, total in Counter(example.kind for example in examples).items():
        lines += ["", f"{kind} ({total})"]
        most = total if kind == REFUSED and most_of_a_kind else most_of_a_kind
        for example in [example for example in examples if example.kind == kind][:most]:
            lines += _example_lines(example, width)
        if total > most > 0:
            lines.append(f"  ... {total - most} more; --json has them all")
    return lines


def _example_lines(example: Example, width: int) -> list[str]:
    where = f"{example.id} [{example.category}]" if example.category else example.id
    column = f" (column {example.gold_column})" if example.gold_column not in ("", "reference", "gold") else ""
    gold = f" gold {_one_line(example.gold, 40)}{column}" if example.gold else ""
    answer = _one_line(example.response[-120:], max(30, width - 14))
    return [
        textwrap.shorten(f"  {where}{gold}", width, placeholder=" ..."),
        f"    answer {answer}",
        f"    verdict {_one_line(example.reason or str(example.score), max(30, width - 14))}",
    ]


def _one_line(text: str, width: int) -> str:
    shown = repr(text) if not text.isprintable() or text != text.strip() else text
    return shown if len(shown) <= width else "..." + shown[len(shown) - width + 3 :]


def _milliseconds(seconds: float) -> str:
    return f"{seconds * 1e3:.3g} ms"


def findings_json(findings: Findings, checks: Sequence[Check]) -> dict[str, Any]:
    """The same as data; seconds, bytes and counts."""
    return {
        "categories": {name: asdict(tally) for name, tally in findings.categories.items()},
        "seconds": None if findings.timing is None else asdict(findings.timing),
        "cold_starts": asdict(findings.cold),
        "nothing_judged": findings.nothing_judged,
        "health": asdict(findings.health),
        "checks": [asdict(check) for check in checks],
        "examples": [asdict(example) for example in findings.examples],
        "passed": not broken(checks),
    }


def audit_json(audit: Audit) -> dict[str, Any]:
    """One verifier's audit as data."""
    return asdict(audit) | {"passed": not broken(audit.checks)}
