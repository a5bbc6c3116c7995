"""What a stage achieved, in tables: held-out accuracy before and after, gate checks, reward-model classes, faults."""

import math
from collections.abc import Mapping, Sequence

from openqwq.training.reporting.charts import dumbbell, interval_bars, milestones
from openqwq.training.reporting.markup import badge, decimals, table, tag, text
from openqwq.training.run_folder.record import KINDS_WITH_POLICY, Row, RunRecord, mapping, number, rows_of

Interval = tuple[float, float, float]
"""(low, value, high)."""


def accuracy_over_run(record: RunRecord) -> str:
    """One drawing of the whole run: each suite's held-out accuracy after every policy stage."""
    places: list[str] = []
    lines: dict[str, dict[str, Interval]] = {}
    for stage in record.stages:
        if stage.get("kind") not in KINDS_WITH_POLICY or stage.get("name") not in record.finished:
            continue
        name = str(stage["name"])
        evaluation = mapping(stage.get("eval"))
        sides = [(name, mapping(evaluation.get("after")))]
        if places:
            sides.insert(0, (places[-1], mapping(evaluation.get("before"))))
        places.append(name)
        for place, suites in sides:
            for suite, entry in suites.items():
                if (interval := _interval(entry, "accuracy")) is not None:
                    lines.setdefault(suite, {})[place] = interval
    if len(places) < 2 or not lines:
        return ""
    return milestones("Held-out accuracy after each stage, with 95 % intervals", places, lines)


def accuracy_table(stage: Row) -> str:
    """Suites with before, after and paired gain; a suite's kinds below it."""
    before, after = (mapping(mapping(stage.get("eval")).get(side)) for side in ("before", "after"))
    paired = mapping(stage.get("paired"))
    gains = {suite: _interval(paired.get(suite), "gain") for suite in after}
    reach = math.ceil(max([0.25, *(abs(x) for gain in gains.values() if gain for x in gain)]) * 4) / 4
    rows: list[Sequence[str]] = []
    for suite, now in after.items():
        old, gain = mapping(before.get(suite)), gains[suite]
        rows.append(
            (
                tag("b", text(suite)),
                _count(mapping(now)),
                _with_interval(_interval(old, "accuracy")),
                _with_interval(_interval(now, "accuracy")),
                _bars(_interval(old, "accuracy"), _interval(now, "accuracy")),
                _with_interval(gain, signed=True),
                interval_bars([(_mood(gain), *gain)], -reach, reach, None) if gain else "",
            )
        )
        rows += _kind_rows(mapping(old.get("kinds")), mapping(mapping(now).get("kinds")))
    if not rows:
        return ""
    head = ["suite", "n", "before", "after", "0 &ndash; 1", "paired gain", f"&minus;{reach:g} &ndash; +{reach:g}"]
    if not before:
        rows, head = [(*row[:2], *row[3:5]) for row in rows], [*head[:2], *head[3:5]]
    return tag("h3", "Held-out accuracy") + table(head, rows, "accuracy")


def _kind_rows(before: Row, after: Row) -> list[Sequence[str]]:
    rows: list[Sequence[str]] = []
    for kind, value in after.items():
        old, new = number(before.get(kind)), number(value)
        change = new - old if new is not None and old is not None else None
        bars = dumbbell(old, new) if new is not None else ""
        gain = decimals(change, signed=True) if change is not None else ""
        rows.append((f"\t{text(kind)}", "", decimals(old), decimals(new), bars, gain, ""))
    return rows


def gate_table(stage: Row) -> str:
    """The gate's conditions with their values."""
    checks = rows_of(mapping(stage.get("gate")).get("checks"))
    rows = []
    for check in checks:
        name = str(check.get("name", ""))
        value, limit = (decimals(number(check.get(k)), not name.endswith(".accuracy")) for k in ("value", "limit"))
        verdict = badge("passed", "good") if check.get("passed") else badge("failed", "bad")
        rows.append((text(name), value, f"at least {limit}", verdict))
    return tag("h3", "Gate") + table(("condition", "value", "limit", ""), rows, "gate") if rows else ""


def gate_badge(stage: Row, is_finished: bool) -> str:
    """The verdict of a stage's gate in one label."""
    gate = mapping(stage.get("gate"))
    if not is_finished:
        return ""
    if not rows_of(gate.get("checks")):
        return badge("no gate", "plain")
    return badge("gate passed", "good") if gate.get("passed") else badge("gate failed", "bad")


def class_table(stage: Row) -> str:
    """A reward model's accuracy on held-out pairs by class, the weakest first after the whole."""
    accuracy = {str(k): v for k, v in mapping(stage.get("accuracy")).items() if number(v) is not None}
    names = sorted(accuracy, key=lambda name: (name != "all", accuracy[name]))
    rows = [
        (
            tag("b", "all pairs") if name == "all" else text(name),
            decimals(accuracy[name]),
            interval_bars([("after", 0.0, accuracy[name], accuracy[name])], 0.0, 1.0, 0.5),
        )
        for name in names
    ]
    head = ("class", "accuracy", "0 &ndash; 1, the mark is chance")
    return tag("h3", "Accuracy on held-out pairs") + table(head, rows, "classes") if rows else ""


def faults(record: RunRecord, stage: Row) -> str:
    """Samples that could not be judged: named, counted, and never a reward."""
    name = str(stage.get("name"))
    found = []
    for metric in [*record.metric_names(name, "errors/"), "samples/masked"]:
        series = [(step, value) for step, value in record.series(name, metric) if value]
        if series:
            total, steps = sum(value for _, value in series), ", ".join(f"{step:g}" for step, _ in series[:8])
            more = f" and {len(series) - 8} more" if len(series) > 8 else ""
            words = "masked samples" if metric == "samples/masked" else metric.removeprefix("errors/").replace("_", " ")
            found.append(f"{text(words)}: {total:g} (step {steps}{more})")
    for suite, entry in mapping(mapping(stage.get("eval")).get("after")).items():
        if (count := number(mapping(entry).get("errors"))) is not None and count:
            found.append(f"held-out items of {text(suite)} without a verdict: {count:g}")
    note = "Left out of the update; no reward was invented."
    return tag("p", tag("b", "Could not be judged. "), "; ".join(found), f". {note}", css="note") if found else ""


def _interval(entry: object, key: str) -> Interval | None:
    values = mapping(entry)
    value = number(values.get(key))
    if value is None:
        return None
    low, high = number(values.get("low")), number(values.get("high"))
    return (value if low is None else low, value, value if high is None else high)


def _with_interval(interval: Interval | None, signed: bool = False) -> str:
    if interval is None:
        return "&ndash;"
    low, value, high = (decimals(x, signed) for x in interval)
    return f"{value} <small>[{low}, {high}]</small>"


def _bars(before: Interval | None, after: Interval | None) -> str:
    sides = (("before", before), ("after", after))
    return interval_bars([(css, *interval) for css, interval in sides if interval is not None], 0.0, 1.0, None)


def _count(entry: Mapping[str, object]) -> str:
    n = number(entry.get("n"))
    return "" if n is None else f"{n:g}"


def _mood(gain: Interval) -> str:
    return "up" if gain[0] > 0 else "down" if gain[2] < 0 else "even"
