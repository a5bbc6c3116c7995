"""Where the reward and held-out rows disagree: how far each task's reward rose beside what its suite gained."""

from openqwq.training.diagnosis.stage_view import StageView
from openqwq.training.reporting.markup import decimals, table, tag, text
from openqwq.training.run_folder.entry import StageEntry
from openqwq.training.run_folder.record import RunRecord

NOTE = (
    "The reward in the first and in the last fifth of the steps, and the suite of the same name as the task. Where the "
    "reward rises far beyond what is held out, read what was paid."
)


def reward_against_held_out(record: RunRecord, stage: StageEntry) -> str:
    """A table of the tasks whose suite has the same name, the one whose reward rose most beyond its suite first, each
    with a link to the answers that were paid. Empty without such tasks."""
    view, rows = StageView(record, stage), []
    for task, (low, gain, high) in view.gains.items():
        reward = view.change(f"reward/{task}")
        if reward is not None:
            rows.append((reward.rise - gain, task, reward.early, reward.late, low, gain, high))
    cells = [
        (
            tag("b", text(task)),
            f"{decimals(early)} &rarr; {decimals(late)}",
            decimals(late - early, signed=True),
            _with_interval(low, gain, high),
            decimals(apart, signed=True),
            _paid(view, task),
        )
        for apart, task, early, late, low, gain, high in sorted(rows, reverse=True)
    ]
    head = ("task", "reward", "its rise", "held-out gain", "apart", "what was paid")
    return tag("h3", "Reward against held-out rows") + tag("p", tag("small", NOTE)) + table(head, cells) if rows else ""


def _with_interval(*interval: float) -> str:
    low, value, high = (decimals(x, signed=True) for x in interval)
    return f"{value} <small>[{low}, {high}]</small>"


def _paid(view: StageView, task: str) -> str:
    choice = view.browser(task=task, outcome="right", sort="newest first")
    return f'<a href="#{text(choice)}">see it</a>' if view.record.rollout_steps(view.name) else ""
