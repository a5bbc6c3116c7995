"""Several runs as one page: the arms against the baseline, their curves with bands over seeds, what their recipes
differ in, and every run."""

import json
import os
import statistics
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from openqwq.training.comparison.paired_runs import Comparison, comparison_table
from openqwq.training.diagnosis.diagnose import diagnose
from openqwq.training.reporting.charts import forest, line_chart
from openqwq.training.reporting.document import document
from openqwq.training.reporting.markup import badge, decimals, duration, table, tag, text
from openqwq.training.run_folder.lenient import number
from openqwq.training.run_folder.record import RunRecord, Series

CURVES = {
    "reward": ("Reward on training prompts", "reward/mean", (0.0, 1.0)),
    "entropy": ("Entropy of the policy (nats per token)", "update/entropy", None),
    "tokens": ("Sampled tokens per answer", "completions/tokens_mean", None),
    "signal": ("Groups with equal rewards", "groups/zero_signal_fraction", (0.0, 1.0)),
    "grad-norm": ("Gradient norm", "update/grad_norm", None),
    "loss": ("Training loss", "loss", None),
}
"""Anchor -> (title, metric, range)."""
FREE = ("seed", "name", "description")
"""Keys of a recipe in which runs of one arm may differ."""
BESIDE = object()
"""Stands for what is not compared: a key of a section that a recipe does not have."""
MOODS = {"better": "good", "worse": "bad"}


@dataclass(frozen=True)
class Arm:
    """The runs of one arm, one a seed."""

    name: str
    runs: Sequence[RunRecord]


def render_arms(
    title: str, description: str, arms: Sequence[Arm], comparisons: Sequence[Comparison], home: Path
) -> str:
    """The page. The first arm is the baseline; `home` is the folder of the page, from which links to runs start."""
    if not arms:
        return document(title, tag("p", "No run has begun."))
    names = ", ".join(arm.name for arm in arms)
    head = tag(
        "header",
        tag("p", "openqwq runs, side by side", css="over"),
        tag("h1", text(title)),
        tag("p", text(description or names), css="lead"),
        css="top",
    )
    parts = [_against(arms[0].name, comparisons), *(_curves(stage, arms) for stage in _stages(arms))]
    parts += [_differences(arms), _runs(arms, home)]
    return document(title, head, *parts)


def _against(baseline: str, comparisons: Sequence[Comparison]) -> str:
    """A figure for each suite, and the table."""
    if not comparisons:
        return ""
    by_suite: dict[str, list[Comparison]] = {}
    for comparison in comparisons:
        by_suite.setdefault(comparison.suite, []).append(comparison)
    figures = [
        forest(f"{suite}: difference to {baseline}, with 95 % intervals", [forest_row(c) for c in found])
        for suite, found in by_suite.items()
    ]
    title, columns, rows = comparison_table(baseline, comparisons)
    cells = [[text(cell) for cell in row[:-1]] + [badge(row[-1], MOODS.get(row[-1], "plain"))] for row in rows]
    note = "Paired by seed and problem; intervals over seeds and problems; p for all arms of a suite at once (Holm)."
    return tag(
        "section",
        tag("h2", text(title)),
        tag("p", text(note), css="facts"),
        tag("div", *figures, css="charts"),
        table(columns, cells),
    )


def forest_row(c: Comparison) -> tuple[str, float, float, float, str]:
    """A row of `forest`."""
    mood = {"better": "up", "worse": "down"}.get(c.verdict, "even")
    return c.arm, c.difference.low, c.difference.value, c.difference.high, mood


def _stages(arms: Sequence[Arm]) -> list[str]:
    """Names of the policy stages that any run has logged, in order."""
    found = [stage.name for arm in arms for run in arm.runs for stage in run.stages if run.last_step(stage.name)]
    return list(dict.fromkeys(found))


def _curves(stage: str, arms: Sequence[Arm]) -> str:
    charts = []
    for anchor, (title, metric, span) in CURVES.items():
        lines, bands = {}, {}
        for arm in arms:
            seeds = [series for run in arm.runs if (series := run.series(stage, metric))]
            if seeds:
                lines[arm.name], bands[arm.name] = over_seeds(seeds)
        charts.append(line_chart(title, lines, span, anchor=f"{stage}-{anchor}", bands=bands))
    drawn = "".join(charts)
    note = "Means over seeds; bands from the lowest to the highest seed."
    return (
        tag(
            "section",
            tag("h2", text(stage)),
            tag("p", text(note), css="facts"),
            tag("div", drawn, css="charts"),
        )
        if drawn
        else ""
    )


def over_seeds(seeds: Sequence[Series]) -> tuple[Series, tuple[Series, Series]]:
    """(mean, (lowest, highest)) at every step that all seeds have."""
    values = [dict(series) for series in seeds]
    steps = sorted(set.intersection(*(set(one) for one in values)))
    at = [(step, [one[step] for one in values]) for step in steps]
    mean = [(step, statistics.fmean(found)) for step, found in at]
    return mean, ([(step, min(found)) for step, found in at], [(step, max(found)) for step, found in at])


def _differences(arms: Sequence[Arm]) -> str:
    """The keys in which the recipes differ, with every arm's value."""
    recipes = [{key: v for key, v in arm.runs[0].recipe.items() if key not in FREE} for arm in arms]
    rows = [
        [tag("code", text(key)), *(tag("code", text(_short(value))) for value in values)]
        for key, values in differing(recipes)
    ]
    if not rows:
        return ""
    return tag(
        "section",
        tag("h2", "What the recipes differ in"),
        table(["key", *(text(arm.name) for arm in arms)], rows, "recipes"),
    )


def differing(trees: Sequence[Any], where: str = "") -> Iterator[tuple[str, Sequence[Any]]]:
    """(dotted key, its value in each tree, None where it has none) of what is not equal in all. Lists of named entries,
    as stages are, go by their names. Of a section that some lack it says so once, and then compares the others."""
    known = [tree for tree in trees if tree is not BESIDE]
    if all(one == known[0] for one in known):
        return
    named = [_by_name(tree) for tree in trees]
    sections = [one for one in named if isinstance(one, Mapping)]
    lacking = [one is None for one in named]
    if len(sections) + sum(lacking) + sum(one is BESIDE for one in named) < len(named) or len(sections) < 1:
        yield where, [None if tree is BESIDE else tree for tree in trees]
        return
    if any(lacking):
        yield where, [None if one is None or one is BESIDE else "there" for one in named]
    for key in dict.fromkeys(str(key) for one in sections for key in one):
        values = [one.get(key) if isinstance(one, Mapping) else BESIDE for one in named]
        yield from differing(values, f"{where}.{key}".lstrip("."))


def _by_name(tree: Any) -> Any:
    is_named = isinstance(tree, list) and tree and all(isinstance(one, Mapping) and "kind" in one for one in tree)
    return {str(one.get("name")): one for one in tree} if is_named else tree


def _short(value: Any) -> str:
    """A value in few characters, without what says nothing."""
    return "–" if value is None else json.dumps(_bare(value), ensure_ascii=False, default=str)


def _bare(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: kept for key, inner in value.items() if (kept := _bare(inner)) not in (None, False, [], {}, "")}
    return [_bare(inner) for inner in value] if isinstance(value, list) else value


def _runs(arms: Sequence[Arm], home: Path) -> str:
    """Every run with its status, its accuracies, its signs of illness, and a link to its own page."""
    rows = []
    for arm in arms:
        for run in arm.runs:
            ends = [stage for stage in run.stages if stage.name in run.finished and stage.after]
            scores = (
                ", ".join(f"{suite} {decimals(e.accuracy.value)}" for suite, e in ends[-1].after.items())
                if ends
                else ""
            )
            ill = ", ".join(name.replace("_", " ") for name in diagnose(run).illnesses)
            page = run.path / "report.html"
            link = f'<a href="{text(_relative(page, home))}">its page</a>' if page.is_file() else ""
            seed = run.summary.get("seed", run.recipe.get("seed", "?"))
            seconds = duration(number(run.summary.get("seconds")))
            rows.append([text(arm.name), text(seed), text(run.status), scores, seconds, text(ill), link])
    head = ("arm", "seed", "status", "after its last stage", "time", "signs of illness", "report")
    return tag("section", tag("h2", "Every run"), table(head, rows))


def _relative(path: Path, home: Path) -> str:
    return quote(os.path.relpath(path.absolute(), home.absolute()))
