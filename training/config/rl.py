"""Reinforcement learning: sampling, schedule, algorithm, optimizer, alerts."""

from typing import Any, Literal

from pydantic import Field, model_validator

from openqwq.training.config.section import Section


class Sampling(Section):
    """How responses are sampled."""

    temperature: float = Field(default=1.0, ge=0)
    """Divisor of the logits. 0 is greedy, allowed only in evaluation. 1 is right for training, because the update
    assumes samples of the policy itself."""
    top_p: float = Field(default=1.0, gt=0, le=1)
    """Sample from the smallest set of tokens that has this probability; 1 is off. Training refuses less than 1, unless
    `algorithm.allow_truncated_sampling` is true."""
    top_k: int = Field(default=0, ge=0)
    """Sample from the k likeliest tokens; 0 is off. Training refuses more than 0, unless
    `algorithm.allow_truncated_sampling` is true."""
    max_new_tokens: int = Field(default=64, gt=0)
    """Token limit of one turn of the assistant."""
    max_context: int | None = Field(default=None, ge=2)
    """Token limit of a whole conversation: prompt, answers and tool answers together. A conversation that reaches it
    ends as `length`; the last turn gets what is left, at most `max_new_tokens`. null means what the model and the
    engine hold. More than that is refused. Prompts without room for one token are dropped when data is loaded; in
    evaluations they count as wrong."""
    max_turns: int = Field(default=3, gt=0)
    """Largest number of assistant turns of a sample whose task has an environment."""
    continuous_turns: bool = False
    """Begin a sample's next turn as soon as its tools have answered, while the others are decoded. Which samples share
    a batch then depends on how long tools take, so that two runs may differ in the last bits of their numbers, and with
    them in tokens. false: samples take their turns in rounds; a round begins when all tools of the one before have
    answered, and a run can be repeated bit for bit."""
    max_batch: int = Field(default=256, gt=0)
    """Largest number of samples that an `hf` engine decodes at once."""


class Kl(Section):
    """Penalty on the KL divergence from the reference model, a frozen copy of the model with which the stage starts."""

    coefficient: float = Field(default=0.0, ge=0)
    """Weight of the penalty. With 0 no reference model is loaded."""
    estimator: Literal["k1", "k2", "k3"] = "k3"
    """Per-token estimate of KL(policy || reference); training/algorithms/kl.py gives the formulas."""
    place: Literal["loss", "reward"] = "loss"
    """`loss`: a term of the loss. `reward`: subtracted from the reward of each token before the advantages, and never
    divided by the spread of a group's rewards (docs/algorithms.md)."""


class MaskedImportance(Section):
    """Importance weights that are 0 outside a range. The weight is the ratio of the trainer's probability to the
    engine's; what is masked stays in the average as a 0. The defaults are IcePop's (arXiv 2510.18855); `low: 0` and
    `high: 2` are masked importance sampling."""

    low: float = Field(default=0.5, ge=0)
    """Smallest ratio that counts."""
    high: float = Field(default=5.0, gt=0)
    """Largest ratio that counts."""
    level: Literal["token", "sequence"] = "token"
    """`token`: the ratio of each token. `sequence`: the product over the sampled tokens of a sample, which masks the
    whole sample; long samples leave any range soon."""

    @model_validator(mode="after")
    def _is_a_range(self) -> "MaskedImportance":
        if self.low >= self.high:
            raise ValueError(f"low must be less than high, got low={self.low:g}, high={self.high:g}")
        return self


class Critic(Section):
    """The value model of PPO; its body starts as a copy of the policy, its head at zero."""

    learning_rate: float = Field(default=1e-3, gt=0)
    """Learning rate of the critic's own AdamW; that of the policy stands in `optimizer`."""
    warmup_updates: int = Field(default=5, ge=0)
    """Number of first updates in which only the critic is trained, because advantages from an untrained critic are
    wrong (VC-PPO, arXiv 2503.01491). The policy's learning rate begins its own warm-up after them."""
    epochs: int = Field(default=1, gt=0)
    """Passes of the critic over each batch."""
    clip_value: float = Field(default=0.2, gt=0)
    """Largest change of a value in one update before its loss is clipped (PPO's clipped value loss)."""
    gamma: float = Field(default=1.0, gt=0, le=1)
    """Discount per token of GAE and of the returns; 1 is no discount."""
    policy_lambda: float = Field(default=0.95, ge=0, le=1)
    """Lambda of GAE in the policy's advantages."""
    value_lambda: float = Field(default=1.0, ge=0, le=1)
    """Lambda of GAE in the critic's targets. With 1 the outcome reaches the first token undamped (VC-PPO)."""


class Algorithm(Section):
    """The RL algorithm, and changes to its defaults. null keeps the default of the named algorithm
    (training/algorithms/catalogue.py)."""

    name: str = "grpo"
    """Name of the algorithm: an entry of training/algorithms/catalogue.py (docs/algorithms.md)."""
    clip_low: float | None = Field(default=None, gt=0)
    """Lower clip range: the probability ratio is clipped below at 1 - clip_low."""
    clip_high: float | None = Field(default=None, gt=0)
    """Upper clip range: the probability ratio is clipped above at 1 + clip_high."""
    kl: Kl | None = None
    """Penalty on the KL divergence from the model with which the stage starts; null keeps the algorithm's own."""
    entropy_coefficient: float | None = None
    """Weight of the entropy bonus, which is subtracted from the loss."""
    truncated_importance: float | None = Field(default=2.0, gt=0)
    """Cap of the ratio of the trainer's probability to the engine's (truncated importance sampling). null: no
    correction."""
    masked_importance: MaskedImportance | None = None
    """Leave out tokens or samples whose ratio is outside a range, instead of capping it at `truncated_importance`.
    null: nothing is masked."""
    dynamic_sampling: bool | None = None
    """Replace groups whose outcomes are all equal with groups of further prompts (DAPO). The outcome is the reward
    without length penalty, KL and verifiers with `is_shaping`."""
    max_generation_rounds: int = Field(default=4, ge=1)
    """Largest number of rounds of sampling in one step under dynamic sampling, the first included. After the last one
    the step is trained on the groups that it has."""
    overlong_fraction: float | None = Field(default=None, ge=0, lt=1)
    """Last fraction of the token limit in which the reward falls linearly by up to 1 (DAPO's soft overlong punishment);
    0 is off."""
    critic: Critic = Critic()
    """The value model; only algorithms with a critic (`ppo`) read it."""
    allow_truncated_sampling: bool = False
    """Train although `sampling.top_p` or `top_k` cut the distribution. The probability ratios of the update are then
    biased, because the trainer's probabilities are those of the whole distribution."""

    @model_validator(mode="before")
    @classmethod
    def _masking_replaces_truncation(cls, values: Any) -> Any:
        """Without a value of its own, `truncated_importance` is null beside a mask."""
        if isinstance(values, dict) and values.get("masked_importance") is not None:
            return {"truncated_importance": None, **values}
        return values

    @model_validator(mode="after")
    def _has_one_correction(self) -> "Algorithm":
        if self.masked_importance is not None and self.truncated_importance is not None:
            raise ValueError(
                f"truncated_importance={self.truncated_importance:g} and masked_importance are two corrections of the "
                "same ratio; choose one"
            )
        return self


class Schedule(Section):
    """Which samples a step consumes, and with which weights they were sampled. All decisions depend on counters and
    token counts, never on a clock, so a run can be repeated bit for bit."""

    kind: Literal["sync", "partial", "async"] = "sync"
    """`sync`: sample, then train. `partial`: start more groups than a step needs, stop when enough are complete, and
    continue the others in the next step. `async`: sample the next batches while the trainer updates."""
    oversample: float | None = Field(default=None, ge=1, le=8)
    """Groups in flight per group that a step consumes. The surplus is cut and continued in the next step. null means
    1.5 for `partial` and 1 (nothing is cut) for `async`."""
    async_depth: int = Field(default=1, ge=1)
    """Batches that are sampled ahead of the one in training; only `async` reads it."""
    max_staleness: int = Field(default=2, ge=1)
    """Largest number of updates between the oldest token of a sample and the update that consumes it. A sample that
    would exceed it is completed before the others are cut. A sample that exceeds it nevertheless is not trained on."""

    @property
    def depth(self) -> int:
        """Batches drawn ahead."""
        return self.async_depth if self.kind == "async" else 0

    @property
    def bound(self) -> int:
        """Largest staleness that may be consumed."""
        return 0 if self.kind == "sync" else self.max_staleness

    @property
    def surplus(self) -> float:
        """Groups in flight per group consumed."""
        default = 1.5 if self.kind == "partial" else 1.0
        return 1.0 if self.kind == "sync" else self.oversample or default

    @model_validator(mode="after")
    def _depth_is_within_the_bound(self) -> "Schedule":
        if self.depth > self.bound:
            raise ValueError(
                f"async_depth={self.async_depth} makes samples as stale; max_staleness={self.bound} is less"
            )
        return self


class Optimizer(Section):
    """AdamW with linear warm-up, then constant (RL, without `decay_steps`) or linear decay (SFT, reward model)."""

    learning_rate: float = Field(default=3e-4, gt=0)
    """Learning rate after the warm-up."""
    betas: tuple[float, float] = (0.9, 0.98)
    """AdamW's decay rates of the mean of the gradient and of the mean of its square."""
    weight_decay: float = Field(default=0.0, ge=0)
    """AdamW's decoupled weight decay."""
    warmup_steps: int = Field(default=0, ge=0)
    """Updates over which the learning rate rises linearly from 0; those in which only a critic is trained do not
    count."""
    decay_steps: int | None = Field(default=None, gt=0)
    """RL: number of updates, the warm-up included, over which the learning rate falls linearly to 0. null: it stays."""
    max_grad_norm: float = Field(default=1.0, gt=0)
    """Largest norm of the gradient; larger gradients are scaled down to it."""

    def rate_at(self, update: int) -> float:
        """Learning rate of an update of RL, counted from 0; 0 before it."""
        if update < 0:
            return 0.0
        warm = min(1.0, (update + 1) / self.warmup_steps) if self.warmup_steps else 1.0
        if self.decay_steps is None:
            return self.learning_rate * warm
        left = (self.decay_steps - update) / (self.decay_steps - self.warmup_steps)
        return self.learning_rate * min(warm, max(left, 0.0))


class Lora(Section):
    """Train low-rank factors instead of the weights (arXiv 2106.09685), through peft."""

    rank: int = Field(default=32, gt=0)
    """Rank of the factors."""
    alpha: int = Field(default=64, gt=0)
    """The product of the factors is scaled by alpha / rank."""
    modules: tuple[str, ...] | Literal["all-linear"] = "all-linear"
    """Names of the linear layers that get factors; `all-linear` means all except the output head."""


class Alert(Section):
    """A metric that must stay within limits. The first step outside causes a warning, `patience` steps in a row cause
    the action."""

    metric: str
    """Name of a metric of the step (docs/metrics.md)."""
    above: float | None = None
    """The metric is outside when it is larger than this."""
    below: float | None = None
    """The metric is outside when it is smaller than this."""
    rises_by: float | None = Field(default=None, gt=1)
    """The metric is outside when it is larger than this factor times its mean over the stage's first five steps."""
    falls_by: float | None = Field(default=None, gt=1)
    """The metric is outside when it is smaller than its mean over the stage's first five steps divided by this
    factor."""
    patience: int = Field(default=3, gt=0)
    """Steps in a row outside the limits after which the action follows."""
    action: Literal["warn", "roll_back", "stop", "off"] = "warn"
    """`warn`: only warn. `roll_back`: return to the weights and optimizer of the newest checkpoint without an alert,
    and continue with the next prompts. `stop`: end the stage with an error. `off`: remove a default alert."""

    @model_validator(mode="after")
    def _has_a_limit(self) -> "Alert":
        limits = (self.above, self.below, self.rises_by, self.falls_by)
        if self.action != "off" and all(limit is None for limit in limits):
            raise ValueError("an alert needs one of above, below, rises_by, falls_by")
        return self
