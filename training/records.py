"""What travels between the modules: frozen records, plain Python and numpy, so that any process can hold them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

Message = Mapping[str, Any]
"""One chat message: `{"role": "user", "content": "..."}`; an assistant's content is verbatim, thinking included."""

FinishReason = Literal["stop", "length", "turns", "error"]
"""`stop`: end token; `length`: token limit of a turn; `turns`: the environment still wanted to go on; `error`: the
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
class SampleRequest:
    """One sample that a rollout worker is to draw.

    Example: `SampleRequest(prompt=p, group=3, index=0, seed=812345)`
    """

    prompt: Prompt
    group: int
    """Position of the prompt in the step."""
    index: int
    """Position of the sample in its group."""
    seed: int
    """Decides every random choice of this sample, whoever draws it."""


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
    """Version of the weights that drew it."""
    seed: int


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
    """Verifier name -> its share of the reward, the sum of share x score; empty when a gate or a limit decided."""
    seconds: float = 0.0
    """Verifier seconds."""

    @property
    def error(self) -> str | None:
        """Status of the failed part, or None."""
        return next((s for s in self.statuses.values() if s.endswith("_error")), None)


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


@dataclass(frozen=True)
class UpdateReport:
    """What one update did. Example: `UpdateReport(metrics={"loss": 0.01, "grad_norm": 0.4}, seconds=0.3)`"""

    metrics: Mapping[str, float]
    seconds: float


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
    """Unbiased pass@k over the items, when several samples were drawn."""
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
