"""The curves of a stage, from the metrics in the run's log."""

import json
from collections.abc import Mapping
from functools import partial

from openqwq.training.reporting.charts import line_chart, stacked_chart
from openqwq.training.reporting.markup import folded, tag, text
from openqwq.training.reporting.smoothing import SMOOTH_FROM, bootstrapped
from openqwq.training.run_folder.entry import StageEntry
from openqwq.training.run_folder.record import RunRecord, Series

PHASES = {
    "sampling": "time/rollout_seconds",
    "judging left over": "time/judge_exposed_seconds",
    "update": "time/update_exposed_seconds",
    "weight sync": "time/weight_sync_seconds",
}
STALENESS = {"mean": "staleness/mean", "largest": "staleness/max"}
CLIPPED = {"below": "update/clip_fraction_low", "above": "update/clip_fraction_high"}
MOST_MARKS, MOST_WORDS = 20, 160
"""Marks of one stage, and characters of one."""
BAND = "Band around the mean reward: 95 % of bootstrapped moving means over a tenth of the steps."
TOLD = ("resuming", "regression check", "rolled back", "rolling back")
"""Words by which a line that is no warning is a mark."""
EXPLAINED = "update/critic/explained_variance"


def stage_curves(record: RunRecord, stage: StageEntry) -> str:
    """The curves of a stage for which the log has data, and what happened at the dashed lines in them."""
    marks = marks_of(record, stage)
    charts = _learning(record, stage.name, marks) if stage.kind == "rl" else [_loss(record, stage.name, marks)]
    drawn = "".join(chart for chart in charts if chart)
    if not drawn:
        return ""
    data = f' data-marks="{text(json.dumps(marks))}"' if marks else ""
    is_banded = stage.kind == "rl" and len(record.series(stage.name, "reward/mean")) >= SMOOTH_FROM
    note = tag("p", tag("small", BAND)) if is_banded else ""
    return tag("h3", "Curves") + note + f'<div class="charts"{data}>{drawn}</div>' + _list_of(marks)


def marks_of(record: RunRecord, stage: StageEntry) -> list[tuple[float, str]]:
    """(step, words) of what happened in a stage beside its steps: warnings, lost workers, roll-backs, resumes,
    regression checks, its gate; the newest of them."""
    happened = [
        (float(one.step), one.text[:MOST_WORDS])
        for one in record.said
        if one.stage == stage.name and one.step and (one.kind != "info" or any(word in one.text for word in TOLD))
    ]
    if stage.gate and stage.gate.checks and stage.name in record.finished:
        failed = ", ".join(check.name for check in stage.gate.checks if not check.passed)
        words = f"gate failed: {failed}" if failed else "gate passed"
        happened.append((float(record.last_step(stage.name)), words[:MOST_WORDS]))
    return happened[-MOST_MARKS:]


def _list_of(marks: list[tuple[float, str]]) -> str:
    lines = [tag("li", text(f"step {step:g}: {words}")) for step, words in marks]
    title = f"The dashed lines: {len(marks)} mark{'s' if len(marks) > 1 else ''}"
    return tag("div", folded(title, tag("ul", *lines)), css="happened") if marks else ""


def _loss(record: RunRecord, stage: str, marks: list[tuple[float, str]]) -> str:
    return line_chart("Training loss", {"loss": record.series(stage, "loss")}, marks=marks)


def _pooled(series: Mapping[str, Series]) -> tuple[dict[str, Series], dict[str, Series]]:
    """The series over all tasks, and those of single tasks, `task/name`."""
    pooled = {name: values for name, values in series.items() if "/" not in name}
    return pooled, {name: values for name, values in series.items() if name not in pooled}


def _num_tasks(by_task: Mapping[str, Series]) -> int:
    return len({name.rpartition("/")[0] for name in by_task})


def _unit_span(series: Mapping[str, Series]) -> tuple[float, float]:
    """From 0 to 1, or as far as the values lie beyond."""
    values = [value for points in series.values() for _, value in points]
    return min([0.0, *values]), max([1.0, *values])


def _learning(record: RunRecord, stage: str, marks: list[tuple[float, str]]) -> list[str]:
    line = partial(line_chart, marks=marks)

    def series(name: str) -> Series:
        return record.series(stage, name)

    def family(prefix: str) -> dict[str, Series]:
        names = sorted(record.metric_names(stage, prefix), key=lambda name: name != f"{prefix}mean")
        return {name.removeprefix(prefix): series(name) for name in names}

    def unless_flat(names: Mapping[str, str], *deciding: str) -> dict[str, Series]:
        """The series by their labels; none if the deciding series are always 0, which means that the feature is off."""
        is_on = any(value for name in deciding for _, value in series(name))
        return {words: series(name) for words, name in names.items()} if is_on else {}

    rewards, (scores, by_task), (penalties, _) = (
        family("reward/"),
        _pooled(family("verifier/")),
        _pooled(family("penalty/")),
    )
    band = {"mean": bootstrapped(rewards["mean"])} if "mean" in rewards else {}
    return [
        line("Reward", rewards, span=_unit_span(rewards), anchor=f"{stage}-reward", bands=band),
        line("Mean score by verifier", scores, span=(0.0, 1.0)),
        line("Mean score by task and verifier", by_task if _num_tasks(by_task) > 1 else {}, span=(0.0, 1.0)),
        line("What penalties add to the reward", penalties),
        line(
            "Entropy of the policy (nats per token)",
            {"entropy": series("update/entropy")},
            anchor=f"{stage}-entropy",
        ),
        line(
            "Sampled tokens per answer",
            {"mean": series("completions/tokens_mean"), "longest": series("completions/tokens_max")},
            anchor=f"{stage}-tokens",
        ),
        line(
            "Mean tokens of consumed samples and of all samples under way",
            unless_flat({"consumed": "lengths/consumed_mean", "under way": "lengths/started_mean"}, "partial/fraction"),
        ),
        line("Updates between sampling and training", unless_flat(STALENESS, "staleness/max")),
        line(
            "Groups without signal, truncated samples",
            {
                "groups with equal rewards": series("groups/zero_signal_fraction"),
                "samples truncated at the limit": series("completions/truncated_fraction"),
            },
            span=(0.0, 1.0),
            anchor=f"{stage}-signal",
        ),
        stacked_chart("Seconds per step", {words: series(name) for words, name in PHASES.items()}, marks),
        line("Gradient norm", {"norm": series("update/grad_norm")}, anchor=f"{stage}-grad-norm"),
        line("KL divergence from the start of the stage", {"divergence": series("update/kl")}),
        line(
            "Trainer against engine: mean |log ratio|",
            {"gap": series("update/mismatch/mean_abs_log_ratio")},
            anchor=f"{stage}-mismatch",
        ),
        line("Fraction of tokens clipped", unless_flat(CLIPPED, *CLIPPED.values()), span=(0.0, 1.0)),
        line("Variance of the returns that the critic explains", {"fraction": series(EXPLAINED)}),
        line("Regression check: paired change of earlier skills", family("regression_check/")),
    ]
