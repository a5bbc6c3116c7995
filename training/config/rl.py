"""Reinforcement learning: sampling, schedule, algorithm, optimizer, alerts."""

from typing import Literal

from pydantic import Field, model_validator

from openqwq.training.config.section import Section


class Sampling(Section):
    """How completions are drawn."""

    temperature: float = Field(default=1.0, ge=0)
    """0 is greedy. Training wants 1: the update assumes samples of the policy itself."""
    top_p: float = Field(default=1.0, gt=0, le=1)
    """Draw from the smallest set of tokens with this probability; 1 is off. Refused in training (see `Algorithm`)."""
    top_k: int = Field(default=0, ge=0)
    """Draw from the k likeliest tokens; 0 is off. Refused in training."""
    max_new_tokens: int = Field(default=64, gt=0)
    """Token limit of one assistant turn."""
    max_turns: int = Field(default=3, gt=0)
    """Assistant turns of a sample that talks to an environment."""
    max_batch: int = Field(default=256, gt=0)
    """Samples a rollout worker decodes at once."""


class Kl(Section):
    """Penalty for leaving the model the stage started from. Coefficient 0 keeps no reference model."""

    coefficient: float = Field(default=0.0, ge=0)
    estimator: Literal["k1", "k2", "k3"] = "k3"
    """Per-token estimate of KL(policy || reference): training/algorithms/kl.py."""
    place: Literal["loss", "reward"] = "loss"
    """A term of the loss, or subtracted from the reward before the advantages."""


class Critic(Section):
    """The value model of PPO; its body starts as a copy of the policy, its head at zero."""

    learning_rate: float = Field(default=1e-3, gt=0)
    """Of its own AdamW; the policy's is in `optimizer`."""
    warmup_updates: int = Field(default=5, ge=0)
    """First updates in which only the critic learns: an untrained critic misleads the policy (VC-PPO, 2503.01491)."""
    epochs: int = Field(default=1, gt=0)
    """Passes of the critic over each batch."""
    clip_value: float = Field(default=0.2, gt=0)
    """A value moves at most this far from its value before the update (PPO's clipped value loss)."""
    gamma: float = Field(default=1.0, gt=0, le=1)
    policy_lambda: float = Field(default=0.95, ge=0, le=1)
    """GAE's lambda of the policy's advantages."""
    value_lambda: float = Field(default=1.0, ge=0, le=1)
    """GAE's lambda of the critic's targets; 1 lets the outcome reach the first token undamped (VC-PPO)."""


class Algorithm(Section):
    """The RL algorithm and the numbers people change; null is the algorithm's own default
    (training/algorithms/catalogue.py)."""

    name: str = "grpo"
    """Entry of the catalogue."""
    clip_low: float | None = Field(default=None, gt=0)
    """Lower clip range of the probability ratio."""
    clip_high: float | None = Field(default=None, gt=0)
    """Upper clip range."""
    kl: Kl | None = None
    entropy_coefficient: float | None = None
    """Weight of the entropy bonus; subtracted from the loss."""
    truncated_importance: float | None = Field(default=2.0, gt=0)
    """Cap of the trainer/engine probability ratio (truncated importance sampling); null switches it off."""
    dynamic_sampling: bool | None = None
    """Replace groups whose rewards are all equal by groups of further prompts (DAPO)."""
    max_generation_rounds: int = Field(default=4, ge=1)
    """Rounds of sampling in one step under dynamic sampling, the first included; then it goes on with what it has."""
    overlong_fraction: float | None = Field(default=None, ge=0, lt=1)
    """Last fraction of the token limit in which the reward falls linearly by up to 1 (DAPO's soft overlong punishment);
    0 is off."""
    critic: Critic = Critic()
    """Read by algorithms that have one."""
    allow_truncated_sampling: bool = False
    """Train although `sampling.top_p` or `top_k` cut the distribution: the update's ratios are then biased, because
    the trainer's probabilities are those of the whole distribution."""


class Schedule(Section):
    """Which samples a step consumes, and with which weights they were drawn. All decisions depend on counters and
    token counts, never on a clock, so a run can be repeated bit for bit."""

    kind: Literal["sync", "partial", "async"] = "sync"
    """`sync`: draw, then train. `partial`: start more groups than a step needs, stop when enough are complete, go on
    with the rest in the next step. `async`: draw the next batches while training."""
    oversample: float | None = Field(default=None, ge=1, le=8)
    """Groups in flight per group that a step consumes: what is over is cut and carried on. Null is 1.5 for `partial`
    and 1 (nothing is cut) for `async`."""
    async_depth: int = Field(default=1, ge=1)
    """`async`: batches drawn ahead of the one that is trained on."""
    max_staleness: int = Field(default=2, ge=1)
    """Most updates between the oldest token of a sample and the update that consumes it. A sample that would become
    too old is drawn to its end before the rest is cut, and one that is too old nevertheless is never trained on."""

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
    """AdamW with linear warm-up, then constant (RL) or linear decay (SFT, reward model)."""

    learning_rate: float = Field(default=3e-4, gt=0)
    betas: tuple[float, float] = (0.9, 0.98)
    weight_decay: float = Field(default=0.0, ge=0)
    warmup_steps: int = Field(default=0, ge=0)
    max_grad_norm: float = Field(default=1.0, gt=0)
    """Gradients are scaled down to this norm."""


class Lora(Section):
    """Train low-rank factors instead of the weights (arXiv 2106.09685), through peft."""

    rank: int = Field(default=32, gt=0)
    alpha: int = Field(default=64, gt=0)
    """The factors' product is scaled by alpha / rank."""
    modules: tuple[str, ...] | Literal["all-linear"] = "all-linear"
    """Names of the linear layers that get factors."""


class Alert(Section):
    """A metric that must stay within limits. The first step outside warns; `patience` steps in a row
    outside bring the action."""

    metric: str
    """Name of a metric of the step (docs/metrics.md)."""
    above: float | None = None
    """Outside when larger than this."""
    below: float | None = None
    """Outside when smaller than this."""
    rises_by: float | None = Field(default=None, gt=1)
    """Outside when larger than this many times its mean over the stage's first steps."""
    falls_by: float | None = Field(default=None, gt=1)
    """Outside when smaller than its mean over the first steps divided by this."""
    patience: int = Field(default=3, gt=0)
    action: Literal["warn", "roll_back", "stop", "off"] = "warn"
    """`roll_back`: weights and optimizer of the newest checkpoint without an alert; the prompts go on.
    `off` removes a default alert."""

    @model_validator(mode="after")
    def _has_a_limit(self) -> "Alert":
        limits = (self.above, self.below, self.rises_by, self.falls_by)
        if self.action != "off" and all(limit is None for limit in limits):
            raise ValueError("an alert needs one of above, below, rises_by, falls_by")
        return self
