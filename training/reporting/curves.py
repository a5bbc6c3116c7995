"""The curves of a stage, from the metrics in the run's log."""

from collections.abc import Mapping
from functools import partial

from openqwq.training.reporting.charts import line_chart, stacked_chart
from openqwq.training.reporting.markup import tag
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
EXPLAINED = "update/critic/explained_variance"


def stage_curves(record: RunRecord, stage: StageEntry) -> str:
    """The curves of a stage for which the log has data."""
    charts = _learning(record, stage.name) if stage.kind == "rl" else [_loss(record, stage.name)]
    drawn = "".join(chart for chart in charts if chart)
    return tag("h3", "Curves") + tag("div", drawn, css="charts") if drawn else ""


def marks_of(record: RunRecord, stage: str) -> list[tuple[float, str]]:
    """(step, words) of what happened in a stage beside its steps: warnings, roll-backs, resumes; the newest of them."""
    happened = [
        one for one in record.said if one.stage == stage and one.step and (one.kind != "info" or "resuming" in one.text)
    ]
    return [(float(one.step), one.text[:MOST_WORDS]) for one in happened[-MOST_MARKS:]]


def _loss(record: RunRecord, stage: str) -> str:
    return line_chart("Training loss", {"loss": record.series(stage, "loss")})


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


def _learning(record: RunRecord, stage: str) -> list[str]:
    marks = marks_of(record, stage)
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
    return [
        line("Reward", rewards, span=_unit_span(rewards), anchor=f"{stage}-reward"),
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
        stacked_chart("Seconds per step", {words: series(name) for words, name in PHASES.items()}),
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
