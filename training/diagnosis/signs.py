"""Signs of illness in an RL stage. Each is a function of the stage that returns a finding or None; `SIGNS` lists them,
the gravest first. What their limits rest on: docs/diagnosis.md, `python -m benchmarks.diagnosis`.
"""

import re
import statistics
from collections.abc import Callable, Sequence
from urllib.parse import urlencode

from openqwq.training.answers.record import Answer
from openqwq.training.diagnosis.finding import Finding
from openqwq.training.diagnosis.stage_view import StageView

Sign = Callable[[StageView], Finding | None]

UNJUDGED = 0.02
"""Fraction of samples without a verdict, over the stage, that is worth a look; five times as much is an illness."""
ALWAYS, NEVER = 0.98, 0.005
"""Mean rewards that count as paying everything and nothing; format gates take a few of those that a judge accepts."""
CONTRADICTIONS = 0.25
"""Fraction of groups in which different final numbers were paid. Two spellings of one number count as one."""
LEAST_GROUPS = 4
GAP = 0.05
"""Mean absolute log ratio between trainer and engine. Healthy engines measured: 1e-6 (float32), 1e-2 (bfloat16)."""
GAP_GROWTH = 30
"""A gap this many times that of the first steps grows with the updates, whatever its size."""
FALL = 0.5
"""Part of its best reward that a stage has lost when it counts as broken."""
WINDOW = 5
"""Steps over which the best and the last reward are averaged."""
COLLAPSED = 0.1
"""Part of the entropy at the start, in a stage in which it counts as collapsed."""
EQUAL_GROUPS = 0.8
"""Fraction of groups without a signal when they teach next to nothing."""
LENGTH_PAYS = 0.5
"""Correlation of reward and length within groups."""
LENGTH_GROWTH = 1.3
REWARD_ROSE = 0.1
TRUNCATED = 0.1
"""Fraction of samples at the limit that is worth a look; three times as much is an illness."""
REPEATED = 0.3
"""Fraction of repeated 4-grams in an answer."""
_NUMBER = re.compile(r"\\boxed\{\s*(-?\d[\d,]*(?:\.\d+)?)\s*\}")


def unjudged(stage: StageView) -> Finding | None:
    """Samples whose judging failed."""
    fraction = stage.mean("errors/fraction")
    if fraction < UNJUDGED:
        return None
    kinds = stage.record.metric_names(stage.name, "errors/")
    names = sorted((name for name in kinds if name != "errors/fraction"), key=stage.mean, reverse=True)
    worst = names[0].removeprefix("errors/").replace("_", " ") if names else "of no kind"
    return Finding(
        "unjudged",
        "bad" if fraction >= 5 * UNJUDGED else "wait",
        f"{stage.name}: {fraction:.0%} of the samples could not be judged, most of them: {worst}.",
        browser(stage, outcome="masked"),
        "Read the reasons of masked samples; judge one of them alone with `openqwq verify`.",
    )


def pays_nothing(stage: StageView) -> Finding | None:
    """A task that never got a reward."""
    dead = [task for task in stage.tasks if (values := stage.values(f"reward/{task}")) and max(values) <= NEVER]
    if not dead or stage.num_steps < 3:
        return None
    measured = [
        f"{suite} {entry.accuracy.value:.2f}"
        for suite, entry in stage.entry.before.items()
        if entry.accuracy.value is not None and entry.accuracy.value > 0.05
    ]
    others = (
        f" The suites of the same model before the stage ({', '.join(measured)}) say otherwise." if measured else ""
    )
    return Finding(
        "reward_rejects_all",
        "bad",
        f"{stage.name}: no sample of {_listed(dead)} was ever paid; the verifier rejects everything or the task is out "
        f"of reach.{others}",
        browser(stage, task=dead[0]),
        "Read five answers and the verifier's reasons; try its reference with `openqwq verify`.",
    )


def pays_everything(stage: StageView) -> Finding | None:
    """A task whose samples were paid from the first step on, nearly all of them."""
    changes = {task: stage.change(f"reward/{task}") for task in stage.tasks}
    open_handed = [task for task, change in changes.items() if change and min(change.early, change.late) >= ALWAYS]
    if not open_handed:
        return None
    return Finding(
        "reward_accepts_all",
        "bad",
        f"{stage.name}: nearly every sample of {_listed(open_handed)} was paid from the first step on; the verifier "
        f"accepts anything or the task is solved. There is nothing to learn from.",
        browser(stage, task=open_handed[0]),
        "Read five answers: are they right? Give the verifier a wrong one with `openqwq verify`.",
    )


def pays_contradictions(stage: StageView) -> Finding | None:
    """Groups in which different numbers were paid as the answer to one prompt."""
    groups = [_paid_numbers(group) for group in stage.last_rollouts]
    known = [numbers for numbers in groups if len(numbers) > 1]
    share = statistics.fmean(len(set(numbers)) > 1 for numbers in known) if known else 0.0
    if len(known) < LEAST_GROUPS or share < CONTRADICTIONS:
        return None
    return Finding(
        "reward_ignores_answer",
        "bad",
        f"{stage.name}: in {share:.0%} of the groups different numbers were paid as the answer to one prompt; at most "
        f"one of them is right.",
        browser(stage, step=str(stage.last_rollout_step), sort="reward, highest"),
        "Compare the samples of one prompt; look for what else the reward pays.",
    )


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
        chart(stage, "grad-norm"),
        "Is the learning rate below what the dtype of the weights can represent? Keep masters in float32.",
    )


def engine_differs(stage: StageView) -> Finding | None:
    """An engine that samples from other weights than are trained."""
    change = stage.change("update/mismatch/mean_abs_log_ratio")
    is_stale = stage.mean("staleness/max") > 0
    if change is None or change.late < GAP or (is_stale and change.late < GAP_GROWTH * max(change.early, GAP / 10)):
        return None
    grows = change.late > 3 * change.early
    cause = "grows: the engine does not get the new weights" if grows else "was there from the start"
    return Finding(
        "engine_differs",
        "bad",
        f"{stage.name}: trainer and engine disagree by {change.late:.2g} nats a token; the gap {cause}.",
        chart(stage, "mismatch"),
        "Check the weight sync and that both use one dtype and one chat template; `masked_importance` bounds the harm.",
    )


def policy_breaks(stage: StageView) -> Finding | None:
    """A reward that was there and is lost."""
    values = stage.values("reward/mean")
    if len(values) < 2 * WINDOW:
        return None
    means = [statistics.fmean(values[i : i + WINDOW]) for i in range(len(values) - WINDOW + 1)]
    best = max(means)
    at = means.index(best)
    spread = statistics.pstdev(values[at : at + WINDOW]) / WINDOW**0.5
    if best < 0.05 or means[-1] > (1 - FALL) * best or best - means[-1] <= 3 * spread:
        return None
    entropy = stage.change("update/entropy")
    wild = entropy and entropy.late > 3 * max(entropy.early, 1e-6)
    also = f" Its entropy rose from {entropy.early:.2g} to {entropy.late:.2g} nats." if entropy and wild else ""
    return Finding(
        "policy_breaks",
        "bad",
        f"{stage.name}: the reward fell from {best:.2f} (steps {at + 1} to {at + WINDOW}) to {means[-1]:.2f} and "
        f"stayed there: the updates are too large.{also}",
        chart(stage, "reward"),
        "Lower the learning rate by three to ten times, warm it up, or go back to an earlier checkpoint.",
    )


def entropy_collapses(stage: StageView) -> Finding | None:
    """A policy that says one thing to each prompt, right or wrong."""
    entropy = stage.change("update/entropy")
    equal, reward = stage.late("groups/zero_signal_fraction"), stage.late("reward/mean")
    if entropy is None or entropy.late > COLLAPSED * entropy.early or equal < EQUAL_GROUPS or reward > 0.9:
        return None
    return Finding(
        "entropy_collapses",
        "bad",
        f"{stage.name}: entropy fell from {entropy.early:.2g} to {entropy.late:.2g} nats a token, {equal:.0%} of the "
        f"groups give equal rewards, and the mean reward is only {reward:.2f}: nothing is tried any more.",
        chart(stage, "entropy"),
        "Raise `clip_high`, add an entropy bonus, lower the learning rate, or begin from a less trained cold start.",
    )


def length_pays(stage: StageView) -> Finding | None:
    """Answers that grow because length is paid, and not because they get better."""
    change, paid = stage.change("completions/tokens_mean"), _length_correlation(stage.last_rollouts)
    reward = stage.change("reward/mean")
    if change is None or reward is None or change.late < LENGTH_GROWTH * change.early or not change.is_clear:
        return None
    has_gained = any(low > 0 for low, _, _ in stage.gains.values())
    if has_gained or (paid < LENGTH_PAYS and reward.rise < REWARD_ROSE):
        return None
    why = (
        f"within a group reward and length correlate by {paid:.2f}"
        if paid >= LENGTH_PAYS
        else f"the reward rose by {reward.rise:.2f}"
    )
    measured = "no held-out suite rose" if stage.gains else "held-out suites have not been measured yet"
    return Finding(
        "length_pays",
        "bad" if stage.gains else "wait",
        f"{stage.name}: answers grew from {change.early:.0f} to {change.late:.0f} tokens, {why}, and {measured}.",
        chart(stage, "tokens"),
        "Compare short and long samples of one prompt: does the reward pay length? Judge the answer alone.",
    )


def reward_is_hacked(stage: StageView) -> Finding | None:
    """A reward that rises while nothing that is measured does."""
    reward, gains = stage.change("reward/mean"), stage.gains
    if reward is None or not gains or reward.rise < REWARD_ROSE or not reward.is_clear:
        return None
    if any(low > 0 or high > reward.rise / 2 for low, _, high in gains.values()):
        return None
    best = max(gains, key=lambda suite: gains[suite][1])
    return Finding(
        "reward_is_hacked",
        "bad",
        f"{stage.name}: the reward rose by {reward.rise:.2f}, and the best of the held-out suites, {best}, by "
        f"{gains[best][1]:+.3f} at most {gains[best][2]:+.3f}.",
        browser(stage, step=str(stage.last_rollout_step), sort="reward, highest"),
        "Read the best-paid answers: what do they have that the held-out judge does not pay?",
    )


def cut_short(stage: StageView) -> Finding | None:
    """Answers that end at the limit."""
    fraction = stage.late("completions/truncated_fraction")
    if fraction < TRUNCATED:
        return None
    return Finding(
        "cut_short",
        "bad" if fraction >= 3 * TRUNCATED else "wait",
        f"{stage.name}: {fraction:.0%} of the samples of the last steps are cut by a limit.",
        browser(stage, flag="truncated"),
        "Raise `max_new_tokens`, or leave cut samples out of the update (`truncated: mask`).",
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
        browser(stage, flag="loop"),
        "Read the longest answers; a `repetition` verifier as a gate makes loops worthless.",
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
        chart(stage, "grad-norm"),
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
        chart(stage, "signal"),
        "Draw prompts of middling difficulty (`prompts.curriculum`, `dynamic_sampling`) or more samples of each.",
    )


SIGNS: Sequence[Sign] = (
    unjudged,
    pays_nothing,
    pays_everything,
    weights_stand_still,
    engine_differs,
    policy_breaks,
    entropy_collapses,
    length_pays,
    pays_contradictions,
    reward_is_hacked,
    steps_left_out,
    cut_short,
    repeats_itself,
    groups_are_equal,
)


def chart(stage: StageView, name: str) -> str:
    """Fragment of a chart (`curves.py`)."""
    return f"{stage.name}-{name}"


def browser(stage: StageView, **choice: str) -> str:
    """Fragment of a choice of rollouts (`viewer.mjs`)."""
    return "?" + urlencode({"stage": stage.name, **choice})


def _listed(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _paid_numbers(group: Sequence[Answer]) -> list[float]:
    """The boxed numbers of the samples of one prompt that were paid in full."""
    found = [_NUMBER.findall(answer.response) for answer in group if answer.reward is not None and answer.reward > 0.99]
    return [float(numbers[-1].replace(",", "")) for numbers in found if numbers]


def _length_correlation(groups: Sequence[Sequence[Answer]]) -> float:
    """Of reward and tokens, both as distances from their group's means; 0 where one of them does not vary."""
    xs: list[float] = []
    ys: list[float] = []
    for group in groups:
        judged = [(float(a.num_tokens), a.reward) for a in group if a.reward is not None]
        for values, column in ((xs, [x for x, _ in judged]), (ys, [y for _, y in judged])):
            mean = statistics.fmean(column) if column else 0.0
            values += [value - mean for value in column]
    if len(xs) < 2 * LEAST_GROUPS or not any(xs) or not any(ys):
        return 0.0
    return statistics.correlation(xs, ys)
