"""Which verifiers judge which task."""

import math
from typing import Any, Literal

from pydantic import Field, field_validator

from openqwq.training.config.section import Section


class VerifierUse(Section):
    """One verifier in the reward of a task."""

    name: str
    """Built-in name, entry point, `package.module:function`, or `path.py:function`; a relative path counts from the
    recipe's folder."""
    label: str | None = Field(default=None, pattern=r"^[A-Za-z0-9_.-]+$")
    """Name of the verifier in the log. null means the last part of `name`, numbered (`length#2`) where a sample has it
    twice."""
    weight: float = Field(default=1.0, gt=0)
    """Weight of the verifier's score in the task's weighted mean."""
    range: tuple[float, float] | None = None
    """Lowest and highest score of a function of your own, such as `[-1, 0]` for a penalty; they become 0 and 1.
    null: it scores in [0, 1]."""
    is_shaping: bool = False
    """Whether the score shapes the reward (a length, a format) and is no part of the outcome, at which dynamic sampling
    looks."""
    arguments: dict[str, Any] = {}
    """Keyword arguments of the verifier. `{stage:NAME}` in a value stands for the model that this stage produced."""

    @field_validator("range")
    @classmethod
    def _range_is_finite_and_rises(cls, value: tuple[float, float] | None) -> tuple[float, float] | None:
        if value is not None and not -math.inf < value[0] < value[1] < math.inf:
            raise ValueError("a range is [low, high] with finite low < high")
        return value


class TaskReward(Section):
    """How one task is rewarded."""

    verifiers: tuple[VerifierUse, ...]
    """The reward is the weighted mean of the scores of these verifiers."""
    gates: tuple[VerifierUse, ...] | None = None
    """Gates of this task instead of `rewards.gates`; null keeps those."""
    overrule_rows: bool = False
    """Judge every row by `verifiers`, also rows whose column `verifier` names others; for controls and gold rules."""
    environment: str | None = None
    """Environment that answers tool calls, for example `calculator`, or `path.py:Class`."""


class Rewards(Section):
    """Which verifiers judge which task."""

    gates: tuple[VerifierUse, ...] = ()
    """Verifiers that must all score 1. Otherwise the reward is 0 and no other verifier runs."""
    tasks: dict[str, TaskReward] = {}
    """Task name -> reward of the task. A row whose task is not listed is an error before the start, unless the row
    names its own verifiers in a column `verifier`: a name, a mapping of name, weight and arguments, or a list of
    those."""
    for_rows: tuple[VerifierUse, ...] = ()
    """Verifiers that rows may name although no task uses them. A verifier that is listed here or in the row's task
    takes the arguments given there; arguments of the row replace single ones. A row may name a `path.py:function`
    or `package.module:function` only if it is listed."""
    truncated: Literal["zero", "mask", "judge"] = "zero"
    """What a sample that reached the token limit gets. `zero`: reward 0. `mask`: it is left out of the update. `judge`:
    what the verifiers say of the text as it is."""
    max_error_fraction: float = Field(default=0.5, ge=0, le=1)
    """Largest fraction of samples that may stay without a verdict because of errors. Above it, judging is repeated for
    `error_patience_seconds`; then the run stops."""
    error_patience_seconds: float = Field(default=60.0, ge=0)
    """How long the judging of samples without a verdict is repeated before the run stops with a message."""
