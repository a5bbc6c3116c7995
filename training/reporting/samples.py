"""Sample rollouts as cards: prompt, thinking, tool calls, tool answers and final answer, with reward and reason."""

import re
from collections.abc import Sequence
from itertools import zip_longest

from openqwq.training.answers.record import Answer
from openqwq.training.reporting.markup import folded, tag, text
from openqwq.training.run_folder.entry import StageEntry
from openqwq.training.run_folder.lenient import Row, mapping, number, rows_of
from openqwq.training.run_folder.record import RunRecord

SHOWN, FOLDED = 4, 8
"""Number of samples of a step that are visible, and that a click unfolds."""
MAX_CHARACTERS = 2500
"""A longer piece of text loses its middle."""

_PIECES = re.compile(r"(<tool_call>.*?(?:</tool_call>|\Z))", re.DOTALL)
_SPECIAL = re.compile(r"(<\|[\w.-]{1,40}\|>)(?:\1)*")
_BOX = re.compile(r"\\boxed\{[^{}]{1,200}\}")


def stage_samples(record: RunRecord, stage: StageEntry) -> str:
    """Samples of the first and of the last logged step of a stage, side by side."""
    name = stage.name
    steps = record.rollout_steps(name)
    if not steps:
        return ""
    chosen = list(dict.fromkeys((steps[0], steps[-1])))
    columns = [choose(record.rollouts(name, step), SHOWN + FOLDED) for step in chosen]
    heads = [tag("h4", f"{words}, step {step}") for words, step in zip(("Early", "Late"), chosen, strict=False)]
    in_view = _side_by_side(heads, [column[:SHOWN] for column in columns])
    rest = [column[SHOWN:] for column in columns]
    more = folded(f"{sum(map(len, rest))} more samples", _side_by_side([], rest)) if any(rest) else ""
    note = tag("p", tag("small", "The first of each task as they were logged, not chosen by reward."))
    return tag("h3", "Samples") + note + in_view + more


def choose(rollouts: Sequence[Answer], count: int) -> list[Answer]:
    """The first `count` samples, tasks in turn and within a task prompts in turn; never chosen by reward."""
    tasks: dict[str, list[Answer]] = {}
    for rollout in _by_prompt(rollouts):
        tasks.setdefault(str(rollout.task), []).append(rollout)
    return [row for turn in zip_longest(*(tasks[name] for name in sorted(tasks))) for row in turn if row][:count]


def _by_prompt(rollouts: Sequence[Answer]) -> list[Answer]:
    """The first sample of each prompt, then the second of each, and so on."""
    seen: dict[str, int] = {}
    keyed = []
    for i, rollout in enumerate(rollouts):
        key = str(rollout.id)
        seen[key] = seen.get(key, -1) + 1
        keyed.append((seen[key], i))
    return [rollouts[i] for _, i in sorted(keyed)]


def _side_by_side(heads: Sequence[str], columns: Sequence[Sequence[Answer]]) -> str:
    cells = list(heads)
    for pair in zip_longest(*columns):
        cells += [show(row) if row is not None else "<div></div>" for row in pair]
    return tag("div", *cells, css="samples" if len(columns) > 1 else "samples single")


def show(answer: Answer) -> str:
    """One sample as a card."""
    turns = "".join(_turn(turn) for turn in rows_of(answer.turns))
    facts = [str(answer.task), str(answer.id), *_finish(answer)]
    head = tag("header", _reward(answer.reward), tag("span", text(" · ".join(filter(None, facts)))))
    prompt = tag(
        "div", clean(mapping(answer.messages[-1]).get("content", "") if answer.messages else ""), css="turn prompt"
    )
    statuses = {name: str(mapping(verdict).get("status")) for name, verdict in mapping(answer.verdicts).items()}
    failed = [f"{name}: {status}" for name, status in statuses.items() if status != "scored"]
    words = "; ".join(filter(None, [str(answer.reason), *failed]))
    return tag("article", head, prompt, turns, tag("footer", clean(words)) if words else "")


def _finish(answer: Answer) -> list[str]:
    words = {"length": "truncated at the token limit", "turns": "ended at the turn limit"}
    reason = str(answer.finish_reason)
    return [words[reason]] if reason in words else []


def _reward(value: object) -> str:
    reward = number(value)
    if reward is None:
        return tag("b", "masked", css="reward none")
    mood = "good" if reward >= 0.995 else "bad" if reward <= 0.005 else "wait"
    return tag("b", f"{reward:.2f}", css=f"reward {mood}")


def _turn(turn: Row) -> str:
    content = str(turn.get("content", ""))
    if turn.get("role") != "assistant":
        return tag("div", clean(content), css="turn tool")
    thinking, answer = split_thinking(content)
    parts = [tag("div", clean(thinking), css="turn think")] if thinking else []
    for piece in _PIECES.split(answer):
        if piece.startswith("<tool_call>"):
            body = piece.removeprefix("<tool_call>").removesuffix("</tool_call>")
            parts.append(tag("div", clean(body.strip()), css="turn call"))
        elif piece.strip():
            parts.append(tag("div", clean(piece.strip()), css="turn answer"))
    return "".join(parts)


def split_thinking(content: str) -> tuple[str, str]:
    """(thinking, rest). If the thinking is never closed, it is the whole text. `<think>` may be in the prompt."""
    head, closing, rest = content.rpartition("</think>")
    if closing:
        return head.replace("<think>", "", 1).strip(), rest
    if "<think>" in content:
        return content.replace("<think>", "", 1).strip() + "\n[thinking never closed]", ""
    return "", content


def clean(content: object) -> str:
    """Text from outside as markup: shortened and escaped, control tokens small, the boxed answer in bold."""
    words = str(content)
    if len(words) > MAX_CHARACTERS:
        half = MAX_CHARACTERS // 2
        words = f"{words[:half]}\n[... {len(words) - 2 * half} characters ...]\n{words[-half:]}"
    parts, end = [], 0
    for match in _SPECIAL.finditer(words):
        count = (match.end() - match.start()) // len(match[1])
        times = f" × {count}" if count > 1 else ""
        parts += [_boxed(words[end : match.start()]), tag("span", text(match[1][2:-2] + times), css="special")]
        end = match.end()
    return "".join([*parts, _boxed(words[end:])])


def _boxed(words: str) -> str:
    parts, end = [], 0
    for match in _BOX.finditer(words):
        parts += [text(words[end : match.start()]), tag("b", text(match[0]), css="box")]
        end = match.end()
    return "".join([*parts, text(words[end:])])
