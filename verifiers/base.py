"""The contract of a verifier: Verdict, Row, the Verifier protocol, and what a function's return value means.

Finding one by its name: registry.py. User functions: user_functions.py.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol, cast, get_args, runtime_checkable

from openqwq.verifiers.json_safe import json_safe

ErrorStatus = Literal["verifier_error", "sandbox_error", "service_error"]
"""Which part failed: the verifier or its reference, the code sandbox, or another service."""
Status = Literal["scored", "not_applicable", ErrorStatus]
"""`scored`: the verdict is a reward. `not_applicable`: there is nothing to judge in this row. Otherwise an error."""
_STATUSES: frozenset[str] = frozenset(get_args(Status))
_ERRORS: frozenset[str] = frozenset(get_args(ErrorStatus))
_PLAIN = frozenset({bool, int, float, str, type(None)})
Row = Mapping[str, Any]  # which values depends on the column
"""One row of data: id, prompt (text or messages), task, reference, and where given verifier, tools, extra,
turns (the conversation after the prompt as {role, content} messages: filled by the trainer for multi-turn samples),
environment_reward and environment_info (what the environment of the sample gave: filled by the trainer). Its values are
plain JSON: json_safe.py says how dates, bytes and the like are written."""


def is_error(status: str) -> bool:
    """True for the status of a verdict that could not be reached: the sample is masked and counted, never rewarded.

    For a status alone, as logs and records keep it; a verdict has `is_error` itself.
    """
    return status in _ERRORS


class VerifierError(ValueError):
    """A verifier cannot be built or used as asked: a mistake of the recipe or the row, not of the model."""


class UnknownVerifier(VerifierError):
    """No verifier has this name."""


@dataclass(frozen=True)
class Verdict:
    """A verifier's judgement of one answer. Only the status "scored" is a reward; all others are masked and counted.

    Example: Verdict.scored(1.0, "equal (exact)", {"tier": 1.0}).score == 1.0
    """

    status: Status
    """What kind of verdict this is; Status says what each word means."""
    score: float | None = None
    """In [0, 1] when scored, None otherwise."""
    parts: Mapping[str, float] = field(default_factory=dict)
    """Named sub-scores or measurements, for the log."""
    reason: str = ""
    """One line for a person who reads the log."""
    seconds: float = 0.0
    """Wall time of this verdict."""

    def __post_init__(self) -> None:
        if self.status not in _STATUSES:
            raise ValueError(f"unknown verdict status {self.status!r}, expected one of {get_args(Status)}")
        if self.status != "scored":
            if self.score is not None:
                raise ValueError(f"a verdict of status {self.status!r} has no score, got {self.score!r}")
        elif self.score is None or not 0.0 <= self.score <= 1.0:  # NaN fails this comparison as well
            raise ValueError(f"a scored verdict needs a score in [0, 1], got {self.score!r}")
        # numpy's and torch's scalars, and an exception as the reason: logs and checkpoints hold plain values
        if self.score is not None and type(self.score) is not float:
            object.__setattr__(self, "score", float(self.score))
        if type(self.reason) is not str:
            object.__setattr__(self, "reason", str(self.reason))
        if not _PLAIN.issuperset(map(type, self.parts.values())):
            object.__setattr__(self, "parts", json_safe(self.parts, "parts"))

    @property
    def is_scored(self) -> bool:
        """True when this verdict is a reward."""
        return self.status == "scored"

    @property
    def is_error(self) -> bool:
        """True when the verifier or a part that it needs failed: the verdict holds no information about the answer."""
        return is_error(self.status)

    def timed(self, seconds: float) -> Verdict:
        """This verdict with its wall time; it was checked when it was made, and that is a tenth of a short check."""
        copy = object.__new__(Verdict)
        copy.__dict__.update(self.__dict__, seconds=seconds)
        return copy

    @staticmethod
    def scored(score: float | bool, reason: str = "", parts: Mapping[str, float] | None = None) -> Verdict:
        return Verdict("scored", float(score), dict(parts or {}), reason)

    @staticmethod
    def not_applicable(reason: str) -> Verdict:
        return Verdict("not_applicable", reason=reason)

    @staticmethod
    def error(reason: str, status: ErrorStatus = "verifier_error") -> Verdict:
        return Verdict(status, reason=reason)


@runtime_checkable
class Verifier(Protocol):
    """Grades answers. No answer of a model makes it raise, and it may be called from any thread."""

    name: str

    def verify(self, response: str, row: Row) -> Verdict: ...

    def verify_many(self, responses: Sequence[str], rows: Sequence[Row]) -> list[Verdict]:
        """One verdict for each response, in the same order."""
        ...

    def check_reference(self, row: Row) -> str | None:
        """None when the row can be graded, else why its reference cannot be used; the data loader refuses such rows."""
        ...

    def close(self) -> None:
        """Release processes and connections; a later call may open them again."""
        ...


class VerifierBase:
    """The base of the built-in verifiers: a subclass defines `grade`; time, order and errors are handled here."""

    name = "unnamed"

    def grade(self, response: str, row: Row) -> Verdict:
        raise NotImplementedError

    def verify(self, response: str, row: Row) -> Verdict:
        start = time.perf_counter()
        try:
            verdict = self.grade(response, row)
        except Exception as error:  # a faulty verifier costs this sample and never the training step
            verdict = Verdict.error(f"{self.name}: {type(error).__name__}: {error}")
        return verdict.timed(time.perf_counter() - start)

    def verify_many(self, responses: Sequence[str], rows: Sequence[Row]) -> list[Verdict]:
        return [self.verify(response, row) for response, row in zip(responses, rows, strict=True)]

    def check_reference(self, row: Row) -> str | None:
        return None

    def close(self) -> None:
        return None


ScoreRange = tuple[float, float]
"""Lowest and highest score of a function, which become 0 and 1."""


def verdict_from_value(value: object, score_range: ScoreRange | None = None) -> Verdict:
    """What a user's function returned, as a verdict: bool, number in [0, 1], Verdict, or None for not applicable.

    With a `score_range` numbers are mapped from there onto [0, 1], and `parts["raw"]` keeps what was returned.
    """
    if isinstance(value, Verdict):
        return value
    if value is None:
        return Verdict.not_applicable("the verifier returned None")
    try:
        score = float(cast(Any, value))  # numpy and torch scalars convert as well
    except (TypeError, ValueError):
        return Verdict.error(f"a verifier returns bool, float, None or Verdict, got {type(value).__name__}")
    low, high = score_range or (0.0, 1.0)
    if not math.isfinite(score):
        return Verdict.error(f"a score is a finite number, got {score!r}")
    if not low <= score <= high:
        remedy = (
            "give its verifier a `range: [low, high]` in the recipe" if score_range is None else "widen its `range`"
        )
        return Verdict.error(f"a score must be in [{low:g}, {high:g}], got {score!r}; {remedy}, or rescale it inside")
    if score_range is None:
        return Verdict.scored(score)
    return Verdict.scored((score - low) / (high - low), parts={"raw": score})
