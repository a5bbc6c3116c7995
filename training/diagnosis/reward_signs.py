"""Signs of a reward that does not say what it should. What the limits rest on: docs/diagnosis.md."""

import re
import statistics
from collections.abc import Sequence

from openqwq.training.answers.record import Answer
from openqwq.training.diagnosis.finding import Finding
from openqwq.training.diagnosis.stage_view import StageView

UNJUDGED = 0.02
"""Fraction of samples without a verdict, over the stage, that is worth a look; five times as much is an illness."""
ALWAYS, NEVER = 0.98, 0.005
"""Mean rewards that count as paying everything and nothing; format gates take a few of those that a judge accepts."""
CONTRADICTIONS = 0.25
"""Fraction of groups in which different final numbers were paid. Two spellings of one number count as one."""
LEAST_GROUPS = 4
LENGTH_PAYS = 0.5
"""Correlation of reward and length within groups."""
LENGTH_GROWTH = 1.3
REWARD_ROSE = 0.1
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
        stage.browser(outcome="masked"),
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
        stage.browser(outcome="wrong"),
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
        stage.browser(outcome="right"),
        "Read five answers: are they right? Give the verifier a wrong one with `openqwq verify`.",
    )


def pays_contradictions(stage: StageView) -> Finding | None:
    """Groups in which different numbers were paid as the answer to one prompt that has a reference."""
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
        stage.browser(step=str(stage.last_rollout_step), sort="reward, highest"),
        "Compare the samples of one prompt; look for what else the reward pays.",
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
        stage.chart("tokens"),
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
        f"{gains[best][1]:+.3f}, at most {gains[best][2]:+.3f}.",
        stage.browser(step=str(stage.last_rollout_step), sort="reward, highest"),
        "Read the best-paid answers: what do they have that the held-out judge does not pay?",
    )


def _paid_numbers(group: Sequence[Answer]) -> list[float]:
    """The boxed numbers of the samples of one prompt that were paid in full; none where no reference is known."""
    paid = [a for a in group if a.reward is not None and a.reward > 0.99 and a.reference is not None]
    found = [_NUMBER.findall(answer.response) for answer in paid]
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


def _listed(names: Sequence[str]) -> str:
    if names == ["mean"]:
        return "any task"
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
