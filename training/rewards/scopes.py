"""The texts of a sample that a verifier judges, by its scope, and what its verdicts on several turns come to. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from openqwq.training.config.rewards import Scope
from openqwq.training.records import Message, Rollout
from openqwq.verifiers import Verdict
from openqwq.verifiers.answers import THINK_CLOSE, THINK_OPEN, UNCLOSED_THINKING, graded_text
from openqwq.verifiers.prompts import asked_messages, opens_thinking
from openqwq.verifiers.tool_calls import DEFAULT_FORMAT


@dataclass(frozen=True)
class Judged:
    """What a verifier gets. Example: `Judged("4", {"id": "m1", "reference": {"answer": "4"}, "turns": [...]})`"""

    text: str
    row: Mapping[str, Any]


def texts_of(rollout: Rollout, row: Mapping[str, Any], scope: Scope) -> list[Judged]:
    """What a verifier of this scope judges: one text, or one for each turn of the model.

    `row["turns"]` ends with the turn that is judged. Where the text is no continuation of the prompt (a later turn, a
    part of a turn), the prompt has no open `<think>`: the text says itself whether it thinks.
    """
    turns = list(rollout.turns)
    if scope == "last_turn":
        return [Judged(rollout.response, _seen(rollout, row, turns))]
    if scope != "every_turn":
        thinking, answer = _parts(rollout.response, row.get("prompt") if _num_turns(turns) < 2 else None)
        text = thinking if scope == "thinking" else answer
        return [Judged(text, _seen(rollout, _closed(row), _with_last(turns, text)))]
    ends = [index for index, turn in enumerate(turns) if turn.get("role") == "assistant"]
    if len(ends) < 2:
        return [Judged(rollout.response, _seen(rollout, row, turns))]
    said = [*(_said(turns[end]) for end in ends[:-1]), rollout.response]
    rows = [row, *[_closed(row)] * (len(ends) - 1)]
    return [
        Judged(text, _seen(rollout, its_row, turns[: end + 1]))
        for text, its_row, end in zip(said, rows, ends, strict=True)
    ]


def worst(verdicts: Sequence[Verdict], is_gate: bool = False) -> Verdict:
    """The verdict on all turns: the lowest score. An error in one turn is an error, unless the lowest score decides
    whatever that turn would have got: a score of 0, or below 1 at a gate. A turn to which the verifier does not apply
    is left out.
    """
    if len(verdicts) == 1:
        return verdicts[0]
    scores = [(verdict.score, index) for index, verdict in enumerate(verdicts) if verdict.score is not None]
    errors = [index for index, verdict in enumerate(verdicts) if verdict.is_error]
    low, index = min(scores, default=(1.0, 0))
    if errors and not (low == 0.0 or (is_gate and low < 1.0)):
        index = errors[0]
    chosen, seconds = verdicts[index], sum(verdict.seconds for verdict in verdicts)
    if (chosen.is_error or low < 1.0) and chosen.reason:
        return replace(chosen, reason=f"turn {index + 1} of {len(verdicts)}: {chosen.reason}", seconds=seconds)
    return replace(chosen, seconds=seconds)


def _seen(rollout: Rollout, row: Mapping[str, Any], turns: Sequence[Message]) -> dict[str, Any]:
    """The row, and what was sampled for it."""
    episode = rollout.episode
    return {
        **row,
        **({} if row.get("tools") or episode is None or not episode.tools else {"tools": list(episode.tools)}),
        **({} if episode is None else {"environment_reward": episode.reward, "environment_info": dict(episode.info)}),
        "turns": list(turns),
        "completion_ids": rollout.tokens,
        "weights_version": rollout.weights_version,
        **({} if rollout.call_format == DEFAULT_FORMAT else {"call_format": rollout.call_format}),
    }


def _num_turns(turns: Sequence[Message]) -> int:
    return sum(turn.get("role") == "assistant" for turn in turns)


def _said(turn: Message) -> str:
    content = turn.get("content")
    return content if isinstance(content, str) else ""


def _closed(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """The row without the `<think>` that its prompt opens."""
    prompt = row.get("prompt")
    return {**row, "prompt": asked_messages(prompt)} if opens_thinking(prompt) else row


def _with_last(turns: Sequence[Message], text: str) -> list[Message]:
    if not turns or turns[-1].get("role") != "assistant":
        return list(turns)
    return [*turns[:-1], {**turns[-1], "content": text}]


def _parts(response: str, prompt: object) -> tuple[str, str]:
    """(thinking, answer) of a turn, without the tags. Thinking that never closes is all that there is."""
    graded = graded_text(response, prompt)
    thinking = response if graded.problem == UNCLOSED_THINKING else response.rpartition(THINK_CLOSE)[0]
    return thinking.strip().removeprefix(THINK_OPEN).strip(), graded.text
