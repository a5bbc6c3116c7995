"""The record of one sampled answer: what was asked, what was said, how it was judged."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from types import MappingProxyType
from typing import Any

from openqwq.training.answers.flags import flags_of
from openqwq.training.records import EpisodeNotes, Judgement, Message, Prompt, Rollout
from openqwq.verifiers.base import is_error

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Answer:
    """One sampled answer with its judgement. Example: `Answer(id="m1", task="math", sample=0, seed=7, ...)`"""

    id: str
    """Of the prompt's row. Answers are found by (id, sample), never by their position."""
    task: str
    sample: int
    """Number of the sample among those of its prompt."""
    seed: int
    messages: Sequence[Message]
    """The prompt."""
    turns: Sequence[Message]
    """The conversation after the prompt."""
    finish_reason: str
    num_tokens: int
    """Sampled tokens, of all turns."""
    reward: float | None
    """None where it could not be judged."""
    verdicts: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Verifier or penalty -> `score` (absent without one), `status`, `reason`, the `parts` of the score where it has
    some, and what a `penalty` adds to the reward."""
    reason: str = ""
    """Why the reward is what it is."""
    flags: Sequence[str] = ()
    """What is worth a look whatever the reward (flags.py)."""
    kind: str = ""
    """Kind of the prompt, for the breakdown."""
    cluster: str | None = None
    """What its problem shares with others, in suites whose problems are not independent."""
    group: int = 0
    """Number of its group."""
    source: str = ""
    is_replay: bool = False
    num_thinking_tokens: int | None = None
    """Sampled tokens up to the end of the thinking; None where the engine does not say."""
    weights_version: int = 0
    oldest_version: int = 0
    reference: Any = None
    outcome: float | None = None
    """The reward without shaping."""
    advantage: float | None = None
    """None in evaluations, and where the sample was left out of the update."""
    tokens: Sequence[int] = ()
    """Everything after the prompt, tool answers included; empty where an endpoint sent only text."""
    loss_mask: Sequence[tuple[int, int]] = ()
    """Runs of (mask, number of tokens): 1 for sampled tokens, 0 for an environment's."""
    logprobs: Sequence[float] = ()
    """Of `tokens`, where they are kept."""
    per_token: Mapping[str, Sequence[float]] = field(default_factory=dict)
    """Name -> value of each trained token (mask 1), where they are kept: `gap`, the trainer's log-probability minus the
    engine's, and `advantage` where it differs within the sample."""
    environment: Mapping[str, Any] = field(default_factory=dict)
    """What the environment said of the sample: `name`, `reward`, `info`, and `tools` that it offered, where it gave a
    reward, info or tools."""

    @property
    def key(self) -> tuple[str, int]:
        """What finds the answer."""
        return self.id, self.sample

    @property
    def response(self) -> str:
        """The last turn of the assistant."""
        said = [str(turn.get("content") or "") for turn in self.turns if turn.get("role") == "assistant"]
        return said[-1] if said else ""

    def score_by(self, verifier: str | None) -> float | None:
        """What one verifier scored; the reward for None. None where it gave no score."""
        score = self.reward if verifier is None else self.verdicts.get(verifier, {}).get("score")
        return None if score is None else float(score)

    @property
    def error(self) -> str | None:
        """Status of the first verdict that is an error, or None; also None where the others decided the reward."""
        if self.reward is not None:
            return None
        known = [str(verdict.get("status")) for verdict in self.verdicts.values()]
        return next(filter(is_error, known), None)

    def to_json(self) -> dict[str, Any]:
        """The line of a file: what says nothing is left out."""
        shown = {name: getattr(self, name) for name in NAMES}
        return {name: value for name, value in shown.items() if value or (value is not None and name not in MAY_LACK)}

    @classmethod
    def from_json(cls, line: Row) -> "Answer":
        """The inverse of `to_json`. Reads the lines of earlier versions, which had `parts` and `statuses` in place of
        `verdicts`, and the text of the last message in place of `messages`.

        Raises:
            ValueError, TypeError: it is no line of answers.
        """
        known = {name: line[name] for name in NAMES if name in line}
        if "verdicts" not in line and "statuses" in line:
            scores = line.get("parts") or {}
            known["verdicts"] = {
                name: {"status": status} | ({"score": scores[name]} if name in scores else {})
                for name, status in line["statuses"].items()
            }
        if "messages" not in line and "prompt" in line:
            known["messages"] = [{"role": "user", "content": line["prompt"]}]
        for name, kind in (("messages", list), ("turns", list), ("verdicts", dict)):
            if not isinstance(known.get(name, kind()), kind):
                raise TypeError(f"{name} is {type(known[name]).__name__}")
        known["loss_mask"] = [tuple(run) for run in known.get("loss_mask", ())]
        return cls(**{**MISSING, **known})


NAMES = tuple(Answer.__dataclass_fields__)
MISSING: dict[str, Any] = {
    "task": "",
    "sample": 0,
    "seed": 0,
    "messages": (),
    "turns": (),
    "finish_reason": "",
    "num_tokens": 0,
    "reward": None,
}
"""What lines of earlier versions may lack; only an id they must have."""
MAY_LACK = {
    "kind",
    "source",
    "reason",
    "is_replay",
    "flags",
    "tokens",
    "loss_mask",
    "logprobs",
    "per_token",
    "environment",
}
"""What a line leaves out where it is empty."""


def answer_of(
    prompt: Prompt,
    rollout: Rollout,
    judgement: Judgement,
    advantage: float | None = None,
    has_logprobs: bool = False,
    per_token: Mapping[str, Sequence[float]] = MappingProxyType({}),
) -> Answer:
    """The record of a judged rollout."""
    return Answer(
        id=prompt.id,
        task=prompt.task,
        kind=kind_of(prompt),
        source=prompt.source,
        is_replay=prompt.is_replay,
        sample=rollout.index,
        group=rollout.group,
        seed=rollout.seed,
        messages=[dict(message) for message in prompt.messages],
        turns=[dict(turn) for turn in rollout.turns],
        finish_reason=rollout.finish_reason,
        num_tokens=rollout.num_sampled,
        num_thinking_tokens=rollout.num_thinking_tokens,
        weights_version=rollout.weights_version,
        oldest_version=rollout.oldest_version,
        reference=prompt.row.get("reference"),
        reward=judgement.reward,
        outcome=judgement.outcome,
        advantage=advantage,
        reason=judgement.reason,
        verdicts=verdicts_of(judgement),
        flags=flags_of(prompt, rollout),
        tokens=rollout.tokens,
        loss_mask=[(mask, sum(1 for _ in run)) for mask, run in groupby(rollout.loss_mask)],
        logprobs=[round(value, 6) for value in rollout.logprobs] if has_logprobs else (),
        per_token={name: [round(float(value), 4) + 0.0 for value in values] for name, values in per_token.items()},
        environment=_said_by_environment(rollout),
    )


def _said_by_environment(rollout: Rollout) -> dict[str, Any]:
    notes = rollout.episode
    if notes is None or (notes.reward is None and not notes.info and not notes.tools):
        return {}
    said: dict[str, Any] = {"name": notes.environment.rpartition("/")[2], "reward": notes.reward}
    return said | {name: value for name, value in (("info", notes.info), ("tools", list(notes.tools))) if value}


def notes_of(answer: Answer) -> EpisodeNotes | None:
    """What verifiers see of the environment of a kept answer; None where nothing of it was kept."""
    said = answer.environment
    if not said:
        return None
    tools, info = tuple(said.get("tools") or ()), said.get("info") or {}
    return EpisodeNotes(str(said.get("name", "")), tools=tools, reward=said.get("reward"), info=info)


def redacted(answer: Answer) -> Answer:
    """The answer without its row, of which a hash remains: for rows that are not to be handed on."""
    return replace(answer, messages=[hashed(message) for message in answer.messages], reference=None)


def is_of(answer: Answer, messages: Sequence[Message]) -> bool:
    """Whether the answer is one to this prompt, which may be hashed."""
    return list(answer.messages) in ([dict(message) for message in messages], [hashed(m) for m in messages])


def hashed(message: Message) -> dict[str, Any]:
    """A message with a hash in place of its text."""
    text = json.dumps(message.get("content"), ensure_ascii=True)
    return {"role": message.get("role"), "content": f"sha256:{hashlib.sha256(text.encode()).hexdigest()}"}


def verdicts_of(judgement: Judgement) -> dict[str, dict[str, Any]]:
    """What each verifier said."""
    found: dict[str, dict[str, Any]] = {}
    for name, status in judgement.statuses.items():
        found[name] = {"status": status}
        for key, values in (("score", judgement.parts), ("reason", judgement.reasons), ("parts", judgement.details)):
            if values.get(name) not in (None, "", {}):
                found[name][key] = values[name]
    for name, term in judgement.penalties.items():
        verdict = found.setdefault(name, {"status": "scored"})
        said = [verdict["reason"]] if verdict.get("reason") else []
        verdict |= {"penalty": term, "reason": "; ".join([*said, f"adds {term:+.3g} to the reward"])}
    return found


def kind_of(prompt: Prompt) -> str:
    """The kind that a row states, else its task."""
    extra = prompt.row.get("extra")
    return str(extra.get("kind", prompt.task)) if isinstance(extra, Mapping) else prompt.task
