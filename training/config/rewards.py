"""Which verifiers judge which task."""

from typing import Any, Literal

from pydantic import Field

from openqwq.training.config.section import Section


class VerifierUse(Section):
    """One verifier in the reward of a task."""

    name: str
    """Built-in name, entry point, or `path.py:function`; a relative path counts from the recipe's folder."""
    label: str | None = Field(default=None, pattern=r"^[A-Za-z0-9_.-]+$")
    """Its name in the log; default is the last part of `name`, numbered (`length#2`) where a sample has it twice."""
    weight: float = Field(default=1.0, gt=0)
    """Weight in the task's mean."""
    arguments: dict[str, Any] = {}
    """Keyword arguments of the verifier. `{stage:NAME}` in a value is the model that stage produced."""


class TaskReward(Section):
    """How one task is rewarded."""

    verifiers: tuple[VerifierUse, ...]
    """Scored by the weighted mean of these."""
    gates: tuple[VerifierUse, ...] | None = None
    """Gates of this task instead of the general ones."""
    overrule_rows: bool = False
    """Judge every row by `verifiers`, also rows whose column `verifier` names others: for controls and gold rules."""
    environment: str | None = None
    """Environment that answers tool calls, for example `calculator`, or `path.py:Class`."""


class Rewards(Section):
    """Which verifiers judge which task."""

    gates: tuple[VerifierUse, ...] = ()
    """Must all score 1, else the reward is 0 and nothing else is asked."""
    tasks: dict[str, TaskReward] = {}
    """Task name -> its reward. A row whose task is not listed is an error before the start, unless it names its own
    verifiers in a column `verifier`: a name, a mapping of name, weight and arguments, or a list of those."""
    for_rows: tuple[VerifierUse, ...] = ()
    """Verifiers that no task uses but rows may name. A verifier that is listed here or in the row's task has the
    arguments given there, with the row's laid over; a `path.py:function` must be listed before a row may name it."""
    truncated: Literal["zero", "mask"] = "zero"
    """A sample cut by the token limit is rewarded 0, or left out of the update."""
    max_error_fraction: float = Field(default=0.5, ge=0, le=1)
    """A step in which more than this share of verdicts are errors is failed: it is retried, then the run stops."""
    error_patience_seconds: float = Field(default=60.0, ge=0)
    """How long failed verdicts are asked for again before the run stops with a message."""
