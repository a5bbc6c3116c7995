"""Signs of answers that are not ended as they should. What the limits rest on: docs/diagnosis.md."""

from openqwq.training.diagnosis.finding import Finding
from openqwq.training.diagnosis.stage_view import StageView

TRUNCATED = 0.1
"""Fraction of samples at the limit that is worth a look; three times as much is an illness."""
REPEATED = 0.3
"""Fraction of repeated 4-grams in an answer."""


def cut_short(stage: StageView) -> Finding | None:
    """A limit that is too short for the answers, from the start."""
    change = stage.change("completions/truncated_fraction")
    if change is None or min(change.early, change.late) < TRUNCATED:
        return None
    return Finding(
        "cut_short",
        "bad" if min(change.early, change.late) >= 3 * TRUNCATED else "wait",
        f"{stage.name}: {change.late:.0%} of the samples of the last steps are cut by a limit, and {change.early:.0%} "
        f"of the first were.",
        stage.browser(flag="truncated"),
        "Raise `max_new_tokens`, or leave cut samples out of the update (`truncated: mask`).",
    )


def grows_into_limit(stage: StageView) -> Finding | None:
    """Answers that grow until they are cut."""
    change = stage.change("completions/truncated_fraction")
    if change is None or change.late < TRUNCATED or change.early >= TRUNCATED:
        return None
    return Finding(
        "grows_into_limit",
        "bad" if change.late >= 3 * TRUNCATED else "wait",
        f"{stage.name}: {change.late:.0%} of the samples of the last steps are cut by a limit; {change.early:.0%} of "
        f"the first were.",
        stage.chart("tokens"),
        "Read cut samples: do they think longer, or repeat themselves? `overlong_fraction` makes the last tokens dear.",
    )


def repeats_itself(stage: StageView) -> Finding | None:
    """Answers that say the same again and again."""
    change = stage.change("completions/repetition")
    if change is None or change.late < REPEATED or change.late < 1.5 * change.early:
        return None
    return Finding(
        "repeats_itself",
        "bad",
        f"{stage.name}: the share of repeated phrases in an answer rose from {change.early:.0%} to {change.late:.0%}.",
        stage.browser(flag="loop"),
        "Read the longest answers; a `repetition` verifier as a gate makes loops worthless.",
    )
