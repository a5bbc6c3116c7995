"""The results of a stage in tables: held-out accuracy before and after, gate checks, reward-model classes, faults."""

import math
from collections.abc import Mapping, Sequence

from openqwq.training.reporting.charts import dumbbell, interval_bars, milestones
from openqwq.training.reporting.markup import badge, decimals, table, tag, text
from openqwq.training.run_folder.entry import Estimate, StageEntry
from openqwq.training.run_folder.record import KINDS_WITH_POLICY, RunRecord

Interval = tuple[float, float, float]
"""(low, value, high)."""


def accuracy_over_run(record: RunRecord) -> str:
    """One chart of the whole run: each suite's held-out accuracy after every policy stage."""
    labels: list[str] = []
    lines: dict[str, dict[str, Interval]] = {}
    for stage in record.stages:
        if stage.kind not in KINDS_WITH_POLICY or stage.name not in record.finished:
            continue
        sides = [(stage.name, stage.after)]
        if labels:
            sides.insert(0, (labels[-1], stage.before))
        labels.append(stage.name)
        for label, suites in sides:
            for suite, entry in suites.items():
                if (interval := _interval(entry.accuracy)) is not None:
                    lines.setdefault(suite, {})[label] = interval
    if len(labels) < 2 or not lines:
        return ""
    return milestones("Held-out accuracy after each stage, with 95 % intervals", labels, lines)


def accuracy_table(stage: StageEntry) -> str:
    """Each suite's accuracy before and after, and its paired gain; below it the same for its kinds of items."""
    gains = {suite: _interval(stage.paired.get(suite)) for suite in stage.after}
    reach = math.ceil(max([0.25, *(abs(x) for gain in gains.values() if gain for x in gain)]) * 4) / 4
    rows: list[Sequence[str]] = []
    for suite, now in stage.after.items():
        old, gain = stage.before.get(suite), gains[suite]
        earlier, later = _interval(old.accuracy if old else None), _interval(now.accuracy)
        rows.append(
            (
                tag("b", text(suite)),
                "" if now.accuracy.n is None else str(now.accuracy.n),
                _with_interval(earlier),
                _with_interval(later),
                _bars(earlier, later),
                _with_interval(gain, signed=True),
                interval_bars([(_mood(gain), *gain)], -reach, reach, None) if gain else "",
            )
        )
        rows += _kind_rows(old.kinds if old else {}, now.kinds)
    if not rows:
        return ""
    head = ["suite", "n", "before", "after", "0 &ndash; 1", "paired gain", f"&minus;{reach:g} &ndash; +{reach:g}"]
    if not stage.before:
        rows, head = [(*row[:2], *row[3:5]) for row in rows], [*head[:2], *head[3:5]]
    return tag("h3", "Held-out accuracy") + table(head, rows, "accuracy")


def _kind_rows(before: Mapping[str, float | None], after: Mapping[str, float | None]) -> list[Sequence[str]]:
    rows: list[Sequence[str]] = []
    for kind, new in after.items():
        old = before.get(kind)
        change = new - old if new is not None and old is not None else None
        bars = dumbbell(old, new) if new is not None else ""
        gain = decimals(change, signed=True) if change is not None else ""
        rows.append((f"\t{text(kind)}", "", decimals(old), decimals(new), bars, gain, ""))
    return rows


def gate_table(stage: StageEntry) -> str:
    """The conditions of the gate, with their values."""
    rows = []
    for check in stage.gate.checks if stage.gate else ():
        is_change = check.name.rpartition(".")[2].startswith(("gain", "kept"))
        value, limit = (decimals(x, is_change) for x in (check.value, check.limit))
        verdict = badge("passed", "good") if check.passed else badge("failed", "bad")
        rows.append((text(check.name), value, check.bound(limit), verdict))
    return tag("h3", "Gate") + table(("condition", "value", "limit", "outcome"), rows, "gate") if rows else ""


def gate_badge(stage: StageEntry, is_finished: bool) -> str:
    """The decision of a stage's gate as a label."""
    if not is_finished:
        return ""
    if stage.gate is None or not stage.gate.checks:
        return badge("no gate", "plain")
    return badge("gate passed", "good") if stage.gate.passed else badge("gate failed", "bad")


def class_table(stage: StageEntry) -> str:
    """A reward model's accuracy on held-out pairs: over all pairs, then by class, the weakest first."""
    accuracy, quality = stage.accuracy or {}, stage.quality or {}
    names = sorted(accuracy, key=lambda name: (name != "all", accuracy[name]))
    rows = [
        (
            tag("b", "all pairs") if name == "all" else text(name),
            decimals(accuracy[name]),
            interval_bars(
                [
                    (
                        "after",
                        quality.get(f"accuracy_low/{name}", 0.0),
                        accuracy[name],
                        quality.get(f"accuracy_high/{name}", accuracy[name]),
                    )
                ],
                0.0,
                1.0,
                0.5,
            ),
        )
        for name in names
    ]
    head = ("class", "accuracy", "0 &ndash; 1, the mark is chance level")
    pairs = tag("h3", "Accuracy on held-out pairs") + table(head, rows, "classes") if rows else ""
    measures = [(text(name), decimals(quality[name])) for name in quality if not name.startswith("accuracy_")]
    title = tag("h3", "Length, calibration, hacks not paid")
    return pairs + (title + table(("measure", "value"), measures) if measures else "")


def faults(record: RunRecord, stage: StageEntry) -> str:
    """The counts of samples that could not be judged, by kind of error."""
    name = stage.name
    found = []
    for metric in [*record.metric_names(name, "errors/"), "samples/masked"]:
        series = [(step, value) for step, value in record.series(name, metric) if value]
        if series:
            total, steps = sum(value for _, value in series), ", ".join(f"{step:g}" for step, _ in series[:8])
            more = f" and {len(series) - 8} more" if len(series) > 8 else ""
            words = "masked samples" if metric == "samples/masked" else metric.removeprefix("errors/").replace("_", " ")
            found.append(f"{text(words)}: {total:g} (step {steps}{more})")
    for suite, entry in stage.after.items():
        if entry.errors:
            found.append(f"held-out items of {text(suite)} without a verdict: {entry.errors}")
    note = "Left out of the update; no reward was invented."
    return tag("p", tag("b", "Could not be judged. "), "; ".join(found), f". {note}", css="note") if found else ""


def _interval(estimate: Estimate | None) -> Interval | None:
    if estimate is None or estimate.value is None:
        return None
    value, low, high = estimate.value, estimate.low, estimate.high
    return (value if low is None else low, value, value if high is None else high)


def _with_interval(interval: Interval | None, signed: bool = False) -> str:
    if interval is None:
        return "&ndash;"
    low, value, high = (decimals(x, signed) for x in interval)
    return f"{value} <small>[{low}, {high}]</small>"


def _bars(before: Interval | None, after: Interval | None) -> str:
    sides = (("before", before), ("after", after))
    return interval_bars([(css, *interval) for css, interval in sides if interval is not None], 0.0, 1.0, None)


def _mood(gain: Interval) -> str:
    return "up" if gain[0] > 0 else "down" if gain[2] < 0 else "even"
