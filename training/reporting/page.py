"""The page: a header, the pipeline as a strip of cards, one section per stage, all rollouts, and the recipe."""

import time

from openqwq.training.diagnosis.diagnose import diagnose
from openqwq.training.reporting.curves import stage_curves
from openqwq.training.reporting.disagreement import reward_against_held_out
from openqwq.training.reporting.document import document
from openqwq.training.reporting.first_screen import answers
from openqwq.training.reporting.markup import badge, duration, folded, table, tag, text
from openqwq.training.reporting.results import (
    accuracy_over_run,
    accuracy_table,
    class_table,
    faults,
    gate_badge,
    gate_table,
)
from openqwq.training.reporting.rollouts import BUDGET, rollout_browser
from openqwq.training.reporting.samples import stage_samples
from openqwq.training.run_folder.entry import StageEntry
from openqwq.training.run_folder.lenient import number
from openqwq.training.run_folder.record import RunRecord

MOODS = {
    "completed": ("completed, every gate passed", "good"),
    "gate_failed": ("completed, a gate failed", "bad"),
    "running": ("running", "wait"),
    "interrupted": ("interrupted; the same command goes on", "wait"),
    "killed": ("killed; the same command goes on", "wait"),
    "failed": ("failed", "bad"),
    "not started": ("not started", "plain"),
}
SAID = {"warning": "wait", "error": "bad"}
LINES = 200
"""Newest lines of the run's console in the page."""
KINDS = {"sft": "supervised", "rl": "reinforcement learning", "reward_model": "reward model"}


def render(record: RunRecord, rollout_bytes: int = BUDGET) -> str:
    """The whole page."""
    return document(name_of(record), top_of_page(record), rollout_browser(record, rollout_bytes), end_of_page(record))


def name_of(record: RunRecord) -> str:
    """The title of the page."""
    return str(record.summary.get("recipe") or record.recipe.get("name") or record.path.name)


def top_of_page(record: RunRecord) -> str:
    """All that is computed from metrics and summary."""
    sections = "".join(_section(record, stage) for stage in record.stages if _has_begun(record, stage))
    has_rollouts = any(record.rollout_steps(stage.name) for stage in record.stages)
    head = (
        _header(record, name_of(record))
        + _strip(record)
        + answers(diagnose(record), has_rollouts)
        + accuracy_over_run(record)
    )
    return head + sections


def end_of_page(record: RunRecord) -> str:
    """What the run said, and the recipe."""
    return _said(record) + _recipe(record)


def _header(record: RunRecord, name: str) -> str:
    words, mood = MOODS.get(record.status, (record.status, "plain"))
    if record.status == "completed" and not record.has_gates:
        words = "completed, without a gate"
    seed = record.summary.get("seed", record.recipe.get("seed"))
    label = "final model" if record.status in ("completed", "gate_failed") else "newest model"
    facts = {
        "seed": text(seed) if seed is not None else "",
        "time in finished stages": duration(number(record.summary.get("seconds"))),
        "base model": text(record.recipe.get("model") or ""),
        label: text(record.summary.get("final_model") or ""),
        "run folder": text(record.path.absolute().name),
    }
    items = "".join(tag("div", tag("dt", key), tag("dd", value)) for key, value in facts.items() if value)
    description = record.recipe.get("description")
    ended_by = [one.text for one in record.said if one.kind == "error"] if record.status == "failed" else []
    return tag(
        "header",
        tag("p", "openqwq run", css="over"),
        tag("h1", text(name), badge(words, mood)),
        tag("p", text(description), css="lead") if description else "",
        tag("p", tag("b", "It ended with: "), text(ended_by[-1]), css="note") if ended_by else "",
        tag("dl", items),
        css="top",
    )


def _strip(record: RunRecord) -> str:
    cards = []
    for stage in record.stages:
        name = stage.name
        is_done, has_begun = name in record.finished, _has_begun(record, stage)
        label = gate_badge(stage, is_done) or (_progress(record, stage) if has_begun else badge("not yet", "plain"))
        inner = (
            tag("b", text(name))
            + tag("span", text(KINDS.get(stage.kind, stage.kind)))
            + tag("span", duration(stage.seconds) if is_done else "&nbsp;", css="seconds")
            + label
        )
        css = "card" if has_begun else "card later"
        cards.append(f'<a class="{css}" href="#{text(name)}">{inner}</a>' if has_begun else tag("div", inner, css=css))
    return tag("nav", *cards, css="strip") if cards else ""


def _progress(record: RunRecord, stage: StageEntry) -> str:
    done, total = record.last_step(stage.name), stage.steps
    return badge(f"step {done} of {total}" if total else f"step {done}", "wait")


def _has_begun(record: RunRecord, stage: StageEntry) -> bool:
    return stage.name in record.finished or record.last_step(stage.name) > 0


def _section(record: RunRecord, stage: StageEntry) -> str:
    name, is_done = stage.name, stage.name in record.finished
    facts = [KINDS.get(stage.kind, stage.kind), stage.algorithm or "", f"{stage.steps} steps" if stage.steps else ""]
    line = text(" · ".join(filter(None, facts)))
    if is_done:
        line += " · " + duration(stage.seconds)
    if stage.reused_from:
        line += text(f" · taken from {stage.reused_from}")
    line += "".join(text(f" · extended {words}") for words in record.extensions(name))
    head = f'<h2 id="{text(name)}">{text(name)}{gate_badge(stage, is_done) or _progress(record, stage)}</h2>'
    parts = [accuracy_table(stage), class_table(stage), gate_table(stage)]
    parts += [reward_against_held_out(record, stage), faults(record, stage)]
    parts += [stage_curves(record, stage), stage_samples(record, stage)]
    return tag("section", head, tag("p", line, css="facts"), *parts)


def _said(record: RunRecord) -> str:
    rows = [
        (
            text(time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(one.time))),
            text(f"{one.stage} {one.step or ''}"),
            tag("span", text(one.text), css=SAID.get(one.kind, "")),
        )
        for one in record.said[-LINES:]
    ]
    if not rows:
        return ""
    return tag("section", folded("What the run said", table(("UTC", "stage", "line"), rows, "recipes")), css="recipe")


def _recipe(record: RunRecord) -> str:
    if not record.recipe_text:
        return ""
    return tag("section", folded("The resolved recipe", tag("pre", text(record.recipe_text))), css="recipe")
