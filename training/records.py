"""The records that travel between modules and processes: frozen dataclasses of plain Python values and numpy arrays."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from openqwq.verifiers.base import is_error

Message = Mapping[str, Any]
"""One chat message: `{"role": "user", "content": "..."}`; an assistant's content is verbatim, thinking included."""

FinishReason = Literal["stop", "length", "turns", "error"]
"""`stop`: an end token; `length`: the token limit of a turn or of the whole conversation; `turns`: the turn limit of an
environment; `error`: the environment failed, so the sample is masked."""


@dataclass(frozen=True)
class Prompt:
    """One row of a data set in the form that is sampled.

    Example: `Prompt(id="m1", task="math", messages=({"role": "user", "content": "2+2?"},), row={...})`
    """

    id: str
    task: str
    """Selects the verifiers, unless the row names its own."""
    messages: tuple[Message, ...]
    row: Mapping[str, Any]
    """The whole data row (id, prompt, task, reference, tools, extra), which verifiers read."""
    tools: tuple[Mapping[str, Any], ...] = ()
    """JSON schemas of the offered tools; empty without tools."""
    source: str = ""
    """Name of the data source."""
    is_replay: bool = False
    """Whether it replays an earlier stage."""


@dataclass(frozen=True)
class EpisodeNotes:
    """What a sample's environment came to so far. Example: `EpisodeNotes("calculator", num_steps=1, num_calls=2)`"""

    environment: str  # its name in the recipe
    opening: tuple[Message, ...] = ()
    """Its messages that follow the row's own in the prompt."""
    tools: tuple[Mapping[str, Any], ...] = ()
    """The tools that it offers; empty where the row brings its own."""
    num_steps: int = 0  # turns that it was asked to answer
    num_calls: int = 0
    num_invalid_calls: int = 0
    seconds: float = field(default=0.0, compare=False)  # of all its calls
    reward: float | None = None
    info: Mapping[str, Any] = field(default_factory=dict)
    state: Any = None  # what it saved when its sample was cut, where `has_state`
    has_state: bool = False


@dataclass(frozen=True)
class PartialRollout:
    """The part of a sample up to its abort. Example: `PartialRollout(tokens=(7, 2), logprobs=(-1.0, -0.1), ...)`"""

    tokens: tuple[int, ...]
    logprobs: tuple[float, ...]
    loss_mask: tuple[int, ...]
    turns: tuple[Message, ...]
    """The complete turns."""
    num_turn_tokens: int
    """Number of tokens at the end that belong to the turn in progress."""
    oldest_version: int
    """Version of the weights that sampled its first token."""
    num_thinking_tokens: int = 0
    """Of the complete turns."""
    episode: EpisodeNotes | None = None


@dataclass(frozen=True)
class SampleRequest:
    """A request to a rollout worker for one sample.

    Example: `SampleRequest(prompt=p, group=3, index=0, seed=812345)`
    """

    prompt: Prompt
    group: int
    """Number of its group; a group holds the samples of one prompt, which are compared with each other."""
    index: int
    """Position of the sample in its group."""
    seed: int
    """Determines every random choice of this sample, whichever worker samples it."""
    partial: PartialRollout | None = None
    """The part that was sampled before an abort; None for a new sample."""
    may_be_aborted: bool = True
    """Whether it may be returned unfinished when enough groups are complete."""
    num_restarts: int = 0  # aborts after which it began anew, because its environment cannot go on


@dataclass(frozen=True)
class Rollout:
    """One finished sample. Its tokens are the sampled ones and are trained as they are, never tokenised again.

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
    """Log-probability of each token when it was sampled, at the sampling temperature; 0 for the environment's
    tokens."""
    loss_mask: tuple[int, ...]
    """1 for sampled tokens, 0 for tokens of the environment."""
    turns: tuple[Message, ...]
    """The conversation after the prompt."""
    response: str
    """Text of the last assistant turn, including a `<think>` that the template opened in the prompt."""
    finish_reason: FinishReason
    weights_version: int
    """Version of the weights that sampled its last token."""
    seed: int
    oldest_version: int = 0
    """Version of the weights that sampled its first token."""
    num_thinking_tokens: int | None = None
    """Sampled tokens up to the end of the thinking, over all turns; None where that is not known."""
    num_tokens: int | None = None
    """Number of sampled tokens that a server reported, where it gives no tokens; None counts those of `loss_mask`."""
    call_format: str = "hermes"
    """How tool calls are written in its turns, by the chat template (`verifiers/calls/formats.py`)."""
    episode: EpisodeNotes | None = None

    @property
    def environment_reward(self) -> float | None:
        """What the environment gave; None without one."""
        return None if self.episode is None else self.episode.reward

    @property
    def num_sampled(self) -> int:
        """Number of sampled tokens."""
        return sum(self.loss_mask) if self.num_tokens is None else self.num_tokens


@dataclass(frozen=True)
class Chunk:
    """The samples that a rollout worker returns at a time, while it goes on sampling."""

    rollouts: Sequence[Rollout]
    unfinished: Sequence[SampleRequest] = ()
    """Aborted samples, with their partial rollouts."""
    busy_seconds: float = 0.0
    """Seconds that the worker spent on this chunk."""


@dataclass(frozen=True)
class Judgement:
    """The reward of one rollout, with the verdicts that it comes from.

    Example: `Judgement(reward=1.0, parts={"think_format": 1.0, "math": 1.0}, statuses={"math": "scored"}, reason="")`
    """

    reward: float | None
    """In [0, 1], and beyond that by what `penalties` add; None when the rollout could not be judged: the sample is then
    masked."""
    parts: Mapping[str, float]
    """Verifier name -> score, for the verifiers that gave one."""
    statuses: Mapping[str, str]
    """Verifier name -> status of its verdict."""
    reason: str = ""
    """The reason that the deciding verifier gave."""
    weights: Mapping[str, float] = field(default_factory=dict)
    """Verifier name -> its weight; the main reward is the sum of weight x score. Empty when a gate or a limit decided,
    and where it is no weighted mean."""
    seconds: float = 0.0
    """Seconds of all verifiers."""
    reasons: Mapping[str, str] = field(default_factory=dict)
    """Verifier name -> the reason that it gave."""
    details: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    """Verifier name -> the parts that its score was made of."""
    shaping: tuple[str, ...] = ()
    """Verifiers whose score shapes the reward and is no part of the outcome."""
    main: float | None = None
    """What the main reward came to, without tie-break and penalties; None where there is no reward."""
    tie_break: float = 1.0
    """What the main reward is multiplied with."""
    penalties: Mapping[str, float] = field(default_factory=dict)
    """Name of a penalty -> what it adds to the reward."""
    penalty_weights: Mapping[str, float] = field(default_factory=dict)
    """Name of a penalty -> the most that it takes away."""
    group_penalties: Mapping[str, float] = field(default_factory=dict)
    """Name of a penalty -> its weight, for those that are added when the group is complete."""

    @property
    def outcome(self) -> float | None:
        """The reward without shaping and penalties: the mean of the other verifiers' scores by their weights. The
        reward itself where there is no shaping, or nothing else."""
        if self.reward is None:
            return None
        parts = {name: weight for name, weight in self.weights.items() if name not in self.shaping}
        if not parts or len(parts) == len(self.weights):
            return self.main * self.tie_break if self.penalties and self.main is not None else self.reward
        return sum(weight * self.parts[name] for name, weight in parts.items()) / sum(parts.values())

    @property
    def error(self) -> str | None:
        """Status of the first verifier that failed, or None; also None where the others decided the reward without
        it."""
        return None if self.reward is not None else next((s for s in self.statuses.values() if is_error(s)), None)


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
    """A rollout with its judgement."""

    rollout: Rollout
    judgement: Judgement


@dataclass(frozen=True)
class OpenGroup:
    """A group with unfinished samples."""

    number: int
    prompt: Prompt
    judged: Sequence[Judged]
    waiting: Sequence[SampleRequest]
    """Samples that have not begun or were aborted."""

    def oldest_version(self, fresh: int) -> int:
        """Version of the weights that sampled the group's oldest token, at most `fresh`; `fresh` without tokens."""
        complete = [entry.rollout.oldest_version for entry in self.judged]
        return min([*complete, *(r.partial.oldest_version for r in self.waiting if r.partial is not None), fresh])


@dataclass(frozen=True)
class RolloutBatch:
    """The result of one call of the rollout workers."""

    judged: Sequence[Judged]
    unfinished: Sequence[SampleRequest] = ()
    sampled_at: float = 0.0
    """time.perf_counter() at the arrival of the last chunk; after it, only judging was pending."""
    busy_seconds: float = 0.0
    """Seconds of sampling, summed over the workers."""


@dataclass(frozen=True)
class UpdateReport:
    """The metrics of one update. Example: `UpdateReport(metrics={"loss": 0.01, "grad_norm": 0.4}, seconds=0.3)`"""

    metrics: Mapping[str, float]
    seconds: float
    returns_K: np.ndarray | None = None
    """The critic's target for each counted token."""
    per_token_K: Mapping[str, np.ndarray] = field(default_factory=dict)
    """Name -> value of each counted token, where they are kept (`TrainerSettings.keeps_tokens`)."""


@dataclass(frozen=True)
class SuiteResult:
    """What one suite's answers say. Scores are in [0, 1]."""

    scores: Mapping[str, float]
    """Item id -> mean score of its samples; items that could not be judged are absent."""
    kinds: Mapping[str, str]
    """Item id -> kind, for the breakdown."""
    errors: int = 0
    """Number of items that could not be judged."""
    mean_tokens: float = 0.0
    """Mean number of sampled tokens per answer."""
    samples: Mapping[str, Sequence[float]] = field(default_factory=dict)
    """Item id -> score of each sample. Empty in results of earlier versions."""
    answers: Mapping[str, Sequence[str | None]] = field(default_factory=dict)
    """Item id -> what each sample answered, alike where two mean the same; None: none. Empty: not comparable."""
    columns: Mapping[str, Mapping[str, Sequence[float]]] = field(default_factory=dict)
    """Further way of judging -> item id -> score of each sample."""
    clusters: Mapping[str, str] = field(default_factory=dict)
    """Item id -> what it shares with others, for suites whose items are not independent."""
    facts: Mapping[str, float] = field(default_factory=dict)
    """Shares of flagged answers, mean lengths of thinking."""


@dataclass(frozen=True)
class PairQuality:
    """What a reward model is worth, measured on held-out pairs."""

    accuracy: Mapping[str, float]
    """Class of pairs, and `all` -> share of pairs whose chosen side scores higher."""
    bounds: Mapping[str, tuple[float, float]]
    """The 95 % interval of each accuracy."""
    num_pairs: Mapping[str, int]
    length_correlation: float
    """Of the difference in score and the difference in length within pairs."""
    length_preference: float
    """Share of pairs whose longer side scores higher minus that whose longer side is the chosen one; 0 is fair."""
    calibration_error: float
    """Expected calibration error of sigmoid(difference in score)."""
    brier: float
    """Mean square of 1 - sigmoid(difference in score)."""
    probes: Mapping[str, float]
    """Kind of hack -> share of good answers that score at least as high as the same answer with the hack."""
    num_probed: int = 0

    def numbers(self) -> dict[str, float]:
        """All but the accuracies, by the names under which gates, logs and reports know them."""
        return {
            "length_correlation": self.length_correlation,
            "length_preference": self.length_preference,
            "calibration_error": self.calibration_error,
            "brier": self.brier,
            **{f"accuracy_low/{name}": low for name, (low, _) in self.bounds.items()},
            **{f"accuracy_high/{name}": high for name, (_, high) in self.bounds.items()},
            **{f"probe/{kind}": share for kind, share in self.probes.items()},
        }


@dataclass(frozen=True)
class EvalReport:
    """The results of all suites at one point of the run."""

    label: str
    """The evaluated policy: the name of the stage that trained it, or `base`."""
    suites: Mapping[str, SuiteResult]
    seconds: float
