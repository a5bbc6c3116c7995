"""What travels between the modules: frozen records, plain Python and numpy, so that any process can hold them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from openqwq.verifiers.base import is_error

Message = Mapping[str, Any]
"""One chat message: `{"role": "user", "content": "..."}`; an assistant's content is verbatim, thinking included."""

FinishReason = Literal["stop", "length", "turns", "error"]
"""`stop`: end token; `length`: token limit of a turn; `turns`: turn limit of an environment; `error`: the
environment failed, and the sample is masked."""


@dataclass(frozen=True)
class Prompt:
    """One row of a data set, ready to be asked.

    Example: `Prompt(id="m1", task="math", messages=({"role": "user", "content": "2+2?"},), row={...})`
    """

    id: str
    task: str
    """Decides which verifiers judge it."""
    messages: tuple[Message, ...]
    row: Mapping[str, Any]
    """The whole data row (id, prompt, task, reference, tools, extra): what verifiers read."""
    tools: tuple[Mapping[str, Any], ...] = ()
    """JSON schemas of the tools offered; empty for none."""
    source: str = ""
    """Label of the source it came from."""
    is_replay: bool = False
    """Kept from an earlier stage."""


@dataclass(frozen=True)
class PartialRollout:
    """What an unfinished sample has so far. Example: `PartialRollout(tokens=(7, 2), logprobs=(-1.0, -0.1), ...)`"""

    tokens: tuple[int, ...]
    logprobs: tuple[float, ...]
    loss_mask: tuple[int, ...]
    turns: tuple[Message, ...]
    """Turns that are complete."""
    num_turn_tokens: int
    """Tokens at the end that belong to the turn in progress."""
    oldest_version: int
    """Version of the weights that sampled its first token."""


@dataclass(frozen=True)
class SampleRequest:
    """One sample that a rollout worker is asked for.

    Example: `SampleRequest(prompt=p, group=3, index=0, seed=812345)`
    """

    prompt: Prompt
    group: int
    """Number of its group: the samples of one prompt that are compared with each other."""
    index: int
    """Position of the sample in its group."""
    seed: int
    """Decides every random choice of this sample, whichever worker samples it."""
    partial: PartialRollout | None = None
    """Where to go on; None to begin."""
    may_be_aborted: bool = True
    """Whether it may be handed back unfinished when enough groups are complete."""


@dataclass(frozen=True)
class Rollout:
    """One finished sample: the tokens that were sampled are the tokens that are trained.

    Example: `Rollout(group=0, index=1, prompt_tokens=(5, 9), tokens=(7, 2), loss_mask=(1, 1), ...)`
    """

    group: int
    index: int
    prompt_id: str
    task: str
    prompt_tokens: tuple[int, ...]
    tokens: tuple[int, ...]
    """Everything after the prompt: sampled tokens and, between turns, the environment's tokens."""
    logprobs: tuple[float, ...]
    """Log-probability of each token when it was sampled, at the sampling temperature; 0 where not sampled."""
    loss_mask: tuple[int, ...]
    """1 for sampled tokens, 0 for tokens of the environment."""
    turns: tuple[Message, ...]
    """The conversation after the prompt."""
    response: str
    """Text of the last assistant turn (with the prompt's opened `<think>`, if it opened one)."""
    finish_reason: FinishReason
    weights_version: int
    """Version of the weights that sampled its last token."""
    seed: int
    oldest_version: int = 0
    """Version of the weights that sampled its first token."""


@dataclass(frozen=True)
class Chunk:
    """What a rollout worker hands over while it samples."""

    rollouts: Sequence[Rollout]
    unfinished: Sequence[SampleRequest] = ()
    """Samples that were aborted, with their partial rollouts."""
    busy_seconds: float = 0.0
    """Time the worker spent on this chunk."""


@dataclass(frozen=True)
class Judgement:
    """The reward of one rollout and where it comes from.

    Example: `Judgement(reward=1.0, parts={"think_format": 1.0, "math": 1.0}, statuses={"math": "scored"}, reason="")`
    """

    reward: float | None
    """In [0, 1]; None when it could not be judged: the sample is masked, never rewarded."""
    parts: Mapping[str, float]
    """Verifier name -> score, for the verifiers that scored."""
    statuses: Mapping[str, str]
    """Verifier name -> status of its verdict."""
    reason: str = ""
    """Why: the last verifier's words."""
    weights: Mapping[str, float] = field(default_factory=dict)
    """Verifier name -> its weight in the reward, the sum of weight x score; empty when a gate or a limit decided."""
    seconds: float = 0.0
    """Verifier seconds."""

    @property
    def error(self) -> str | None:
        """Status of the failed part, or None."""
        return next((s for s in self.statuses.values() if is_error(s)), None)


@dataclass(frozen=True)
class Group:
    """The samples of one prompt with their judgements, in sample order."""

    prompt: Prompt
    rollouts: Sequence[Rollout]
    judgements: Sequence[Judgement]

    @property
    def rewards(self) -> list[float | None]:
        """Reward per sample, [group_size]."""
        return [judgement.reward for judgement in self.judgements]

    @property
    def number(self) -> int:
        """Number of the group in its stage."""
        return self.rollouts[0].group

    @property
    def oldest_version(self) -> int:
        """Version of the weights that sampled the oldest token of the group."""
        return min(rollout.oldest_version for rollout in self.rollouts)


@dataclass(frozen=True)
class Judged:
    """A rollout with its judgement, as they come in."""

    rollout: Rollout
    judgement: Judgement


@dataclass(frozen=True)
class OpenGroup:
    """A group with samples that are not complete."""

    number: int
    prompt: Prompt
    judged: Sequence[Judged]
    waiting: Sequence[SampleRequest]
    """Samples to begin or to go on with."""

    def oldest_version(self, fresh: int) -> int:
        """Of its tokens so far; `fresh` when it has none."""
        complete = [entry.rollout.oldest_version for entry in self.judged]
        return min([*complete, *(r.partial.oldest_version for r in self.waiting if r.partial is not None), fresh])


@dataclass(frozen=True)
class RolloutBatch:
    """What one call of the rollout workers brought."""

    judged: Sequence[Judged]
    unfinished: Sequence[SampleRequest] = ()
    sampled_at: float = 0.0
    """time.perf_counter() when the last chunk had come: later, only judging was waited for."""
    busy_seconds: float = 0.0
    """Summed over the workers."""


@dataclass(frozen=True)
class UpdateReport:
    """What one update did. Example: `UpdateReport(metrics={"loss": 0.01, "grad_norm": 0.4}, seconds=0.3)`"""

    metrics: Mapping[str, float]
    seconds: float
    returns_K: np.ndarray | None = None
    """The critic's target for each counted token."""


@dataclass(frozen=True)
class SuiteResult:
    """Held-out accuracy of one suite. Scores are means over the samples of an item, in [0, 1]."""

    scores: Mapping[str, float]
    """Item id -> score; items that could not be judged are absent."""
    kinds: Mapping[str, str]
    """Item id -> kind, for the breakdown."""
    errors: int = 0
    """Items that could not be judged."""
    pass_at_k: float | None = None
    """Unbiased pass@k over the items, where an item has several samples."""
    mean_tokens: float = 0.0
    """Sampled tokens per answer."""
    examples: Sequence[Mapping[str, Any]] = field(default=())
    """A few answers with their verdicts, for the report."""


@dataclass(frozen=True)
class EvalReport:
    """All suites at one point of the run."""

    label: str
    """Where in the run, for example `stage1.after`."""
    suites: Mapping[str, SuiteResult]
    seconds: float
