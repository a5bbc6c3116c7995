"""Which curves a stage shows, from the metric names that the run's log uses."""

from openqwq.training.reporting.charts import line_chart, stacked_chart
from openqwq.training.reporting.markup import tag
from openqwq.training.reporting.run_record import Row, RunRecord, Series

PHASES = {
    "sampling": "time/rollout_seconds",
    "judging left over": "time/judge_exposed_seconds",
    "update": "time/update_exposed_seconds",
    "weight push": "time/publish_seconds",
}


def stage_curves(record: RunRecord, stage: Row) -> str:
    """All curves of a stage that have data."""
    name = str(stage.get("name"))
    charts = _learning(record, name) if stage.get("kind") == "rl" else [_loss(record, name)]
    drawn = "".join(chart for chart in charts if chart)
    return tag("h3", "Curves") + tag("div", drawn, css="charts") if drawn else ""


def _loss(record: RunRecord, stage: str) -> str:
    return line_chart("Training loss", {"loss": record.series(stage, "loss")})


def _learning(record: RunRecord, stage: str) -> list[str]:
    def series(name: str) -> Series:
        return record.series(stage, name)

    def family(prefix: str) -> dict[str, Series]:
        names = sorted(record.metric_names(stage, prefix), key=lambda name: name != f"{prefix}mean")
        return {name.removeprefix(prefix): series(name) for name in names}

    return [
        line_chart("Reward", family("reward/"), span=(0.0, 1.0)),
        line_chart("Mean score by verifier", family("verifier/"), span=(0.0, 1.0)),
        line_chart("Entropy of the policy (nats per token)", {"entropy": series("update/entropy")}),
        line_chart(
            "Sampled tokens per answer",
            {"mean": series("completions/tokens_mean"), "longest": series("completions/tokens_max")},
        ),
        line_chart(
            "Share without signal, share cut short",
            {
                "groups with equal rewards": series("groups/zero_signal_share"),
                "samples cut by the limit": series("completions/truncated_share"),
            },
            span=(0.0, 1.0),
        ),
        stacked_chart("Seconds per step", {words: series(name) for words, name in PHASES.items()}),
        line_chart("Gradient norm", {"norm": series("update/grad_norm")}),
        line_chart("KL divergence from the start of the stage", {"divergence": series("update/kl")}),
        line_chart("Guard: paired change of earlier skills", family("guard/")),
    ]
