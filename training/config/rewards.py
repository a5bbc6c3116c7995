"""Which verifiers judge which task, and what their scores add up to (docs/rewards.md)."""

import math
from collections.abc import Callable, Mapping
from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from openqwq.training.config.environments import EnvironmentKey
from openqwq.training.config.section import Section

Scope = Literal["last_turn", "every_turn", "thinking", "answer"]
"""The text that a verifier gets."""
Combine = Literal["mean", "product", "minimum", "veto"]
"""How the scores of several verifiers become one."""
OVERLONG, OVER_THINKING = "overlong", "over_thinking"
SAMPLE_TERMS = frozenset({OVERLONG, OVER_THINKING})
"""Penalties that look at the lengths of samples and have no verifier."""


class VerifierUse(Section):
    """One verifier in the reward of a task."""

    name: str
    """Built-in name, entry point, `package.module:function`, or `path.py:function`; a relative path counts from the
    recipe's folder."""
    label: str | None = Field(default=None, pattern=r"^[A-Za-z0-9_.-]+$")
    """Name of the verifier in the log. null means the last part of `name`, numbered (`length#2`) where a sample has it
    twice."""
    weight: float = Field(default=1.0, gt=0, le=1e6)
    """Weight of the verifier's score in the task's weighted mean."""
    range: tuple[float, float] | None = None
    """Lowest and highest score of a function of your own, such as `[-1, 0]` for a penalty; they become 0 and 1.
    null: it scores in [0, 1]."""
    scope: Scope | None = None
    """The text that it judges. `last_turn`: the model's last turn, thinking included. `every_turn`: each of its turns
    alone, of which the worst score counts. `thinking`, `answer`: that part of the last turn. null: `every_turn` for a
    gate, otherwise `last_turn`."""
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


class MainReward(Section):
    """What is asked of an answer, in [0, 1]."""

    verifiers: tuple[VerifierUse, ...]
    """The verifiers whose scores are combined; a row that names its own replaces them."""
    combine: Combine = "mean"
    """`mean`: by weight. `product` and `minimum` of the scores. `veto`: the mean by weight where the first verifier
    gives 1, otherwise 0."""

    @model_validator(mode="after")
    def _every_number_counts(self) -> "MainReward":
        if self.combine != "mean" and any(use.is_shaping for use in self.verifiers):
            raise ValueError(f"is_shaping is for a mean; beside combine: {self.combine} list it under penalties")
        if self.combine in ("product", "minimum") and any(use.weight != 1.0 for use in self.verifiers):
            raise ValueError(f"combine: {self.combine} knows no weights; leave them out")
        return self


class TieBreak(Section):
    """Ranks answers that the main reward pays alike: main x (1 - share + share x score)."""

    verifier: VerifierUse
    """Gives the score, usually a reward model. It is not asked where the main reward is 0."""
    share: float = Field(default=0.2, gt=0, le=0.5)
    """The part of the main reward that depends on it."""


class Penalty(VerifierUse):
    """A bounded term that is added to the reward."""

    name: str
    """A verifier, which adds weight x (score - 1); or `overlong`, which adds weight x DAPO's soft overlong punishment
    (arguments `max_tokens`, `buffer_tokens`); or `over_thinking`, which adds weight x Kimi k1.5's length reward in
    groups of which at least 3 in 4 samples are right (arXiv 2501.12599, section 2.3.3)."""
    weight: float = Field(gt=0, lt=1)
    """The most that it takes away; `over_thinking` takes away or gives half of it at most."""

    @model_validator(mode="after")
    def _is_complete(self) -> "Penalty":
        if self.is_shaping:
            raise ValueError("a penalty is no part of the outcome anyway; leave out is_shaping")
        if self.name in SAMPLE_TERMS and (self.range is not None or self.scope is not None):
            raise ValueError(f"{self.name} counts tokens; it has no range and no scope")
        known = {"max_tokens", "buffer_tokens"} if self.name == OVERLONG else set()
        if self.name in SAMPLE_TERMS and set(self.arguments) != known:
            raise ValueError(f"{self.name} takes the arguments {sorted(known)}, got {sorted(self.arguments)}")
        if self.name == OVERLONG:
            limit, buffer = (self.arguments[name] for name in ("max_tokens", "buffer_tokens"))
            if not (type(limit) is int and type(buffer) is int and 0 < buffer <= limit):
                raise ValueError(f"need 0 < buffer_tokens <= max_tokens, got {buffer!r} and {limit!r}")
        return self

    @property
    def depth(self) -> float:
        """The most that it takes from a right answer; no penalty gives anything to a wrong one."""
        return self.weight / 2 if self.name == OVER_THINKING else self.weight


class Composition(Section):
    """A reward of several parts: 0 where a gate is closed, else main x tie-break + penalties."""

    gates: tuple[VerifierUse, ...] = ()
    """Gates beside `rewards.gates`."""
    main: MainReward
    """What is asked of an answer."""
    tie_break: TieBreak | None = None
    """Ranks the answers that `main` pays alike."""
    penalties: tuple[Penalty, ...] = ()
    """Bounded terms. Together they take less from a right answer than lies between it and a wrong one."""

    @property
    def bounds(self) -> tuple[float, float]:
        """Lowest and highest reward."""
        gives = math.fsum(penalty.depth for penalty in self.penalties if penalty.name == OVER_THINKING)
        return -math.fsum(penalty.depth for penalty in self.penalties), 1.0 + gives

    @model_validator(mode="after")
    def _right_stays_above_wrong(self) -> "Composition":
        gap = 1.0 - (self.tie_break.share if self.tie_break else 0.0)
        taken = -self.bounds[0]
        if self.penalties and taken > gap - 1e-9:
            raise ValueError(
                f"the penalties can take {taken:g} from a right answer, and {gap:g} lies between it and a wrong one; "
                f"lower their weights to less than {gap:g} in all"
            )
        names = [penalty.label or penalty.name.rpartition(":")[2] for penalty in self.penalties]
        if len(set(names)) < len(names):
            raise ValueError(f"two penalties have one name, got {names}; give one a label")
        if self.penalties and any(use.is_shaping for use in self.main.verifiers):
            raise ValueError("beside penalties no verifier of main has is_shaping; list it under penalties")
        return self


class TaskReward(Section):
    """How one task is rewarded: by `verifiers` and `gates`, or by `reward`."""

    verifiers: tuple[VerifierUse, ...] | None = None
    """The reward is the weighted mean of the scores of these verifiers: short for `reward: {main: {verifiers}}`."""
    gates: tuple[VerifierUse, ...] | None = None
    """Gates of this task beside `rewards.gates`. An empty list is the older spelling of `general_gates: false`."""
    reward: Composition | None = None
    """The reward in several parts, in place of `verifiers` and `gates`."""
    general_gates: bool = True
    """Whether `rewards.gates` hold for this task as well."""
    overrule_rows: bool = False
    """Judge every row by `verifiers`, also rows whose column `verifier` names others; for controls and gold rules."""
    environment: EnvironmentKey | None = None
    """Environment that answers tool calls: a name such as `calculator` or `path.py:Class`, or a mapping of `name`,
    `arguments` and `limits`."""

    @model_validator(mode="before")
    @classmethod
    def _no_gates_are_no_general_ones(cls, given: Any) -> Any:
        if isinstance(given, Mapping) and given.get("gates") in ([], ()) and "general_gates" not in given:
            return {**given, "general_gates": False}
        return given

    @model_validator(mode="after")
    def _has_one_form(self) -> "TaskReward":
        if (self.verifiers is None) == (self.reward is None):
            raise ValueError("a task has either `verifiers` or `reward`; set an inherited one to null")
        if self.reward is not None and self.gates is not None:
            raise ValueError("beside `reward` the gates of a task stand in it: reward.gates")
        return self

    @property
    def composition(self) -> Composition:
        """The reward in its parts, whichever form it is written in."""
        if self.reward is not None:
            return self.reward
        main = MainReward.model_construct(verifiers=self.verifiers or (), combine="mean")
        return Composition.model_construct(gates=self.gates or (), main=main, tie_break=None, penalties=())

    @property
    def uses(self) -> tuple[VerifierUse, ...]:
        """Every verifier of the task: of gates, main, tie-break and penalties."""
        parts = self.composition
        breaks = () if parts.tie_break is None else (parts.tie_break.verifier,)
        judged = (penalty for penalty in parts.penalties if penalty.name not in SAMPLE_TERMS)
        return (*parts.gates, *parts.main.verifiers, *breaks, *judged)

    def with_uses(self, change: Callable[[VerifierUse], VerifierUse]) -> "TaskReward":
        """The task with each of its verifiers changed."""
        if (parts := self.reward) is None:
            own = None if self.gates is None else tuple(map(change, self.gates))
            return self.model_copy(update={"verifiers": tuple(map(change, self.verifiers or ())), "gates": own})
        main = parts.main.model_copy(update={"verifiers": tuple(map(change, parts.main.verifiers))})
        breaks = parts.tie_break and parts.tie_break.model_copy(update={"verifier": change(parts.tie_break.verifier)})
        changed = {"gates": tuple(map(change, parts.gates)), "main": main, "tie_break": breaks}
        changed["penalties"] = tuple(p if p.name in SAMPLE_TERMS else change(p) for p in parts.penalties)
        return self.model_copy(update={"reward": parts.model_copy(update=changed)})

    def measured(self) -> "TaskReward":
        """The task as a suite measures it: a tie-break and penalties steer training and are no part of a result."""
        if self.reward is None:
            return self
        return self.model_copy(update={"reward": self.reward.model_copy(update={"tie_break": None, "penalties": ()})})


class Rewards(Section):
    """Which verifiers judge which task."""

    gates: tuple[VerifierUse, ...] = ()
    """Verifiers that must all score 1, in every turn of the model. Otherwise the reward is 0 and no other verifier
    runs. They hold for every task that does not say `general_gates: false`; a task may add gates of its own."""
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
