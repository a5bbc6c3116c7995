"""The table of an ablation: the summaries of its runs as Markdown and as JSON. Pure."""

import statistics
from collections.abc import Sequence
from typing import Any

from openqwq.training.comparison.result import RunResult
from openqwq.training.run_folder.entry import StageEntry


def to_json(name: str, results: Sequence[RunResult]) -> dict[str, Any]:
    """The content of `table.json`: every run's summary, and the means over seeds."""
    runs = [{"arm": r.arm, "seed": r.seed, "status": r.status, "summary": dict(r.summary)} for r in results]
    return {"schema": 1, "ablation": name, "runs": runs, "means": means(results)}


def means(results: Sequence[RunResult]) -> list[dict[str, Any]]:
    """Means over the seeds of accuracy and gain, and the least and largest gain, per arm, stage and suite."""
    cells: dict[tuple[str, str, str], list[tuple[Any, Any, Any]]] = {}
    for result in results:
        for stage, suite, before, after, gain in result.measured():
            cells.setdefault((result.arm, stage.name, suite), []).append((before.value, after.value, gain.value))
    rows = []
    for (arm, stage_name, suite), found in cells.items():
        before_mean, after_mean, gain_mean = (_mean(column) for column in zip(*found, strict=True))
        gains = [gain for _, _, gain in found if gain is not None]
        row = {"arm": arm, "stage": stage_name, "suite": suite, "seeds": len(found), "before": before_mean}
        row |= {"after": after_mean, "gain": gain_mean, "gain_min": min(gains, default=None)}
        rows.append(row | {"gain_max": max(gains, default=None)})
    return rows


def markdown(name: str, description: str, results: Sequence[RunResult], first: str = "") -> str:
    """The table as Markdown: `first` (the comparison of the arms), means over seeds, every run, reward models,
    seconds."""
    parts = [f"# Ablation {name}\n", description, first, _means_part(results), _runs_part(results)]
    parts += [_reward_model_part(results), _seconds_part(results)]
    return "\n".join(part.rstrip() + "\n" for part in parts if part)


def _means_part(results: Sequence[RunResult]) -> str:
    rows = [
        (
            *(str(row[key]) for key in ("arm", "stage", "suite", "seeds")),
            *(_number(row[key]) for key in ("before", "after")),
            *(_number(row[key], signed=True) for key in ("gain", "gain_min", "gain_max")),
        )
        for row in means(results)
    ]
    head = ("arm", "stage", "suite", "seeds", "before", "after", "mean gain", "least gain", "largest gain")
    return table_part("Means over seeds", head, rows)


def _runs_part(results: Sequence[RunResult]) -> str:
    rows = []
    for result in results:
        for stage, suite, before, after, paired in result.measured():
            gain = _number(paired.value, signed=True)
            if suite in stage.paired:
                gain += f" [{_number(paired.low, True)}, {_number(paired.high, True)}]"
            n = "" if after.n is None else str(after.n)
            where = (result.arm, str(result.seed), stage.name, suite, n)
            rows.append((*where, _number(before.value), _number(after.value), gain, _gate(stage)))
    head = ("arm", "seed", "stage", "suite", "n", "before", "after", "paired gain [95 % interval]", "gate of the stage")
    return table_part("Every run", head, rows)


def _reward_model_part(results: Sequence[RunResult]) -> str:
    rows = []
    for result in results:
        for stage in result.own_stages:
            if stage.kind == "reward_model" and stage.accuracy is not None:
                classes = {name: value for name, value in stage.accuracy.items() if name != "all"}
                worst = min(classes, key=lambda c: classes[c], default="")
                weakest = f"{_number(classes[worst])} ({worst})" if worst else "-"
                everything = _number(stage.accuracy.get("all"))
                rows.append((result.arm, str(result.seed), stage.name, everything, weakest, _gate(stage)))
    head = ("arm", "seed", "stage", "held-out pairs, all", "weakest class", "gate")
    return table_part("Reward models", head, rows)


def _seconds_part(results: Sequence[RunResult]) -> str:
    names = list(dict.fromkeys(stage.name for result in results for stage in result.stages))
    rows = []
    for result in results:
        found = {stage.name: _seconds(stage) for stage in result.stages}
        total = result.summary.get("seconds")
        peak = result.summary.get("peak_memory_bytes")
        memory = f"{peak / 2**30:.2f}" if isinstance(peak, int | float) else "-"
        cells = [found.get(name, "-") for name in names]
        rows.append(
            (result.arm, str(result.seed), result.status, *cells, "-" if total is None else f"{total:.0f}", memory)
        )
    head = ("arm", "seed", "status", *names, "all stages", "peak memory, GiB")
    note = "\n`*`: reused from another arm's run of the same seed, not run again; the total includes it.\n"
    return table_part("Seconds", head, rows) + (note if any("*" in cell for row in rows for cell in row) else "")


def _seconds(stage: StageEntry) -> str:
    return f"{stage.seconds:.0f}{'*' if stage.reused_from else ''}"


def _gate(stage: StageEntry) -> str:
    if stage.gate is None or not stage.gate.checks:
        return "none"
    failed = [check.name for check in stage.gate.checks if not check.passed]
    return "passed" if not failed else f"failed: {', '.join(failed)}"


def table_part(title: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A part of the Markdown; empty without rows."""
    if not rows:
        return ""
    lines = [" | ".join(cells) for cells in (head, ["---"] * len(head), *rows)]
    return f"## {title}\n\n" + "".join(f"| {line} |\n" for line in lines)


def _number(value: Any, signed: bool = False) -> str:
    if not isinstance(value, int | float):
        return "-"
    return f"{value:+.3f}" if signed else f"{value:.3f}"


def _mean(values: Sequence[Any]) -> float | None:
    known = [value for value in values if value is not None]
    return statistics.fmean(known) if known else None
