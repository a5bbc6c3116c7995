"""Signs of a policy that is not trained as it should. What the limits rest on: docs/diagnosis.md."""

import itertools
import statistics
from collections.abc import Sequence

from openqwq.training.diagnosis.finding import Finding
from openqwq.training.diagnosis.stage_view import StageView
from openqwq.training.run_folder.lenient import number

GAP = 0.05
"""Mean absolute log ratio between trainer and engine. Healthy engines measured: 1e-6 (float32), 1e-2 (bfloat16)."""
LEAST_GAP, GAP_GROWTH = 0.01, 5
"""A gap of at least this size that is so many times that of the first steps grows with the updates."""
DECLARED_GROWTH = 30
"""The same where staleness is declared, and a gap is expected."""
REFUSED = 0.1
"""Fraction of groups refused for their age that is worth a look; three times as much is an illness."""
FALL = 0.5
"""Part of its best reward that a stage has lost when it counts as broken."""
WINDOW = 2
"""Steps over which the best reward is averaged: a learning rate can break a policy in its third step."""
COLLAPSED = ((0.35, 0.9), (0.05, 0.5))
"""Part of the entropy at the start, and fraction of groups without a signal, where exploration counts as ended: either
pair will do. A healthy stage of a real model ended at 0.22 and 0.74."""
EQUAL_GROUPS = 0.8
"""Fraction of groups without a signal when they teach next to nothing."""


def weights_stand_still(stage: StageView) -> Finding | None:
    """Updates that change nothing."""
    values, norms, rates = (
        stage.values(name) for name in ("weight_sync/check_logprob", "update/grad_norm", "update/learning_rate")
    )
    if len(values) < 5 or len(set(values)) > 1 or not any(norms) or not any(rates):
        return None
    return Finding(
        "weights_stand_still",
        "bad",
        f"{stage.name}: gradients are not zero, and yet the log-probability of fixed tokens is the same after every "
        f"one of {len(values)} updates.",
        stage.chart("grad-norm"),
        "Is the learning rate below what the dtype of the weights can represent? Keep masters in float32.",
    )


def engine_differs(stage: StageView) -> Finding | None:
    """An engine that samples from other weights than are trained."""
    change = stage.change("update/mismatch/mean_abs_log_ratio")
    is_stale = stage.mean("staleness/max") > 0
    if change is None:
        return None
    grows = change.late >= max(LEAST_GAP, GAP_GROWTH * change.early)
    if is_stale and change.late < max(GAP, DECLARED_GROWTH * max(change.early, GAP / 10)):
        return None
    if not grows and change.late < GAP:
        return None
    cause = "grows: the engine does not get the new weights" if grows else "was there from the start"
    return Finding(
        "engine_differs",
        "bad",
        f"{stage.name}: trainer and engine disagree by {change.late:.2g} nats a token; the gap {cause}.",
        stage.chart("mismatch"),
        "Check the weight sync and that both use one dtype and one chat template; `masked_importance` bounds the harm.",
    )


def samples_are_too_old(stage: StageView) -> Finding | None:
    """Groups that are sampled and thrown away, because their weights are older than the bound."""
    refused, groups = stage.values("staleness/refused_groups"), number(stage.plan.get("prompts_per_step"))
    share = sum(refused) / (sum(refused) + groups * stage.num_steps) if groups and refused else 0.0
    if share < REFUSED:
        return None
    return Finding(
        "samples_are_too_old",
        "bad" if share >= 3 * REFUSED else "wait",
        f"{stage.name}: {share:.0%} of the groups were sampled and thrown away, because their weights were too old.",
        stage.name,
        "Do the engines get the new weights? Else raise `max_staleness`, or lower `async_depth` or `oversample`.",
    )


def policy_breaks(stage: StageView) -> Finding | None:
    """A reward, or a held-out accuracy, that was there and is lost."""
    values, change = stage.values("reward/mean"), stage.change("reward/mean")
    if change is None:
        return None
    means = [statistics.fmean(values[i : i + WINDOW]) for i in range(len(values) - WINDOW + 1)]
    best = max(means)
    is_lost = (
        best >= 0.05 and change.late <= (1 - FALL) * best and best - change.late > 4 * _noise(values) / WINDOW**0.5
    )
    worse = [suite for suite, (_, _, high) in stage.gains.items() if high < 0 and _lost_part(stage, suite) >= FALL]
    gained = any(low > 0 for low, _, _ in stage.gains.values())
    if not worse and (gained or stage.values("curriculum/paused")):  # prompts that get harder lower the reward, too
        return None
    if not is_lost and (not worse or change.late > values[0]):
        return None
    said = [f"the reward fell from {best:.2f} at step {means.index(best) + 1} to {change.late:.2f}"] if is_lost else []
    said += [f"held-out {suite} fell by {-stage.gains[suite][1]:.2f}" for suite in worse]
    return Finding(
        "policy_breaks",
        "bad",
        f"{stage.name}: {', '.join(said)}, and stayed there; most often the updates are too large.",
        stage.chart("reward"),
        "Lower the learning rate by three to ten times, warm it up, or go back to an earlier checkpoint.",
    )


def entropy_collapses(stage: StageView) -> Finding | None:
    """A policy that says one thing to each prompt, right or wrong."""
    entropy = stage.change("update/entropy")
    equal, reward = stage.late("groups/zero_signal_fraction"), stage.late("reward/mean")
    if entropy is None or reward > 0.9:
        return None
    if not any(entropy.late <= part * entropy.early and equal >= groups for part, groups in COLLAPSED):
        return None
    return Finding(
        "entropy_collapses",
        "bad",
        f"{stage.name}: entropy fell from {entropy.early:.2g} to {entropy.late:.2g} nats a token, {equal:.0%} of the "
        f"groups give equal rewards, and the mean reward is only {reward:.2f}: nothing is tried any more.",
        stage.chart("entropy"),
        "Raise `clip_high`, add an entropy bonus, lower the learning rate, or begin from a less trained cold start.",
    )


def steps_left_out(stage: StageView) -> Finding | None:
    """Gradients that are not finite."""
    lost = sum(stage.values("update/non_finite_steps"))
    if not lost:
        return None
    return Finding(
        "not_finite",
        "wait" if lost < 0.05 * stage.num_steps else "bad",
        f"{stage.name}: {lost:.0f} optimizer steps were left out because their gradient was not finite.",
        stage.chart("grad-norm"),
        "Use bfloat16 in place of float16, clip the gradient, lower the learning rate.",
    )


def groups_are_equal(stage: StageView) -> Finding | None:
    """Groups that teach nothing, because their samples have equal rewards."""
    change, reward = stage.change("groups/zero_signal_fraction"), stage.late("reward/mean")
    if change is None or change.late < EQUAL_GROUPS or reward > 0.9:
        return None
    return Finding(
        "no_signal",
        "wait",
        f"{stage.name}: {change.late:.0%} of the groups of the last steps have equal rewards and teach nothing.",
        stage.chart("signal"),
        "Draw prompts of middling difficulty (`prompts.curriculum`, `dynamic_sampling`) or more samples of each.",
    )


def _noise(values: Sequence[float]) -> float:
    """Standard deviation of a step around its neighbours, which one break does not raise."""
    steps = [abs(b - a) for a, b in itertools.pairwise(values)]
    return 1.48 * statistics.median(steps) / 2**0.5


def _lost_part(stage: StageView, suite: str) -> float:
    """Part of a suite's accuracy before the stage that is gone after it; 0 where it is not known."""
    before = stage.entry.before[suite].accuracy.value if suite in stage.entry.before else None
    return -stage.gains[suite][1] / before if before else 0.0
