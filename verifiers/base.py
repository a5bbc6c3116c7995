"""The contract of a verifier: Verdict, Row, the Verifier protocol, and the registry that finds one by name.

Checks live in their own modules and are imported only when their name is asked for. User functions:
user_functions.py.
"""

from __future__ import annotations

import difflib
import importlib
import inspect
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from importlib.metadata import entry_points
from typing import Any, Literal, Protocol, cast, get_args, runtime_checkable

Status = Literal["scored", "not_applicable", "verifier_error", "sandbox_error", "service_error"]
Row = Mapping[str, Any]  # values are whatever the dataset's columns hold
"""One row of data: id, prompt (text or messages), task, reference, and where given verifier, tools, extra,
turns (the conversation after the prompt as {role, content} messages: filled by the trainer for multi-turn
samples)."""

ENTRY_POINT_GROUP = "openqwq.verifiers"


class VerifierError(ValueError):
    """A verifier cannot be built or used as asked: a mistake of the recipe or the row, not of the model."""


class UnknownVerifier(VerifierError):
    """No verifier has this name."""


@dataclass(frozen=True)
class Verdict:
    """What a verifier says of one answer. Only status "scored" is ever a reward; everything else is masked
    and counted.

    Example: Verdict.scored(1.0, "equal (exact)", {"tier": 1.0}).score == 1.0
    """

    status: Status
    """scored, or who could not do its part: not_applicable, verifier_error, sandbox_error, service_error."""
    score: float | None = None
    """In [0, 1] when scored, None otherwise."""
    parts: Mapping[str, float] = field(default_factory=dict)
    """Named sub-scores or measurements, for the log."""
    reason: str = ""
    """One line for a person who reads the log."""
    seconds: float = 0.0
    """Wall time of this verdict."""

    def __post_init__(self) -> None:
        if self.status not in get_args(Status):
            raise ValueError(f"unknown verdict status {self.status!r}, expected one of {get_args(Status)}")
        if self.status != "scored":
            if self.score is not None:
                raise ValueError(f"a verdict of status {self.status!r} has no score, got {self.score!r}")
        elif self.score is None or not 0.0 <= self.score <= 1.0:  # NaN fails this comparison as well
            raise ValueError(f"a scored verdict needs a score in [0, 1], got {self.score!r}")

    @property
    def is_scored(self) -> bool:
        """True when this verdict is a reward."""
        return self.status == "scored"

    @staticmethod
    def scored(score: float | bool, reason: str = "", parts: Mapping[str, float] | None = None) -> Verdict:
        return Verdict("scored", float(score), dict(parts or {}), reason)

    @staticmethod
    def not_applicable(reason: str) -> Verdict:
        return Verdict("not_applicable", reason=reason)

    @staticmethod
    def error(reason: str, status: Status = "verifier_error") -> Verdict:
        return Verdict(status, reason=reason)


@runtime_checkable
class Verifier(Protocol):
    """Grades answers. Never raises because of what a model wrote; safe to call from any thread."""

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
    """What built-in verifiers share: they write `grade`; time, order and unexpected errors are handled here."""

    name = "unnamed"

    def grade(self, response: str, row: Row) -> Verdict:
        raise NotImplementedError

    def verify(self, response: str, row: Row) -> Verdict:
        start = time.perf_counter()
        try:
            verdict = self.grade(response, row)
        except Exception as error:  # a fault of ours must be masked and counted, never end a training step
            verdict = Verdict.error(f"{self.name}: {type(error).__name__}: {error}")
        return replace(verdict, seconds=time.perf_counter() - start)

    def verify_many(self, responses: Sequence[str], rows: Sequence[Row]) -> list[Verdict]:
        return [self.verify(response, row) for response, row in zip(responses, rows, strict=True)]

    def check_reference(self, row: Row) -> str | None:
        return None

    def close(self) -> None:
        return None


def verdict_from_value(value: object) -> Verdict:
    """What a user's function returned, as a verdict: bool, number in [0, 1], Verdict, or None for not applicable."""
    if isinstance(value, Verdict):
        return value
    if value is None:
        return Verdict.not_applicable("the verifier returned None")
    try:
        score = float(cast(Any, value))  # numpy and torch scalars convert as well
    except (TypeError, ValueError):
        return Verdict.error(f"a verifier returns bool, float, None or Verdict, got {type(value).__name__}")
    if not math.isfinite(score) or not 0.0 <= score <= 1.0:
        return Verdict.error(f"a score must be in [0, 1], got {score!r}; rescale it inside the verifier")
    return Verdict.scored(score)


BUILT_IN = {
    "math": "openqwq.verifiers.math_answer.verifier:MathVerifier",
    "code": "openqwq.verifiers.code_tests:CodeVerifier",
    "think_format": "openqwq.verifiers.rules.think_format:ThinkFormatVerifier",
    "instructions": "openqwq.verifiers.rules.instructions:InstructionsVerifier",
    "refusal": "openqwq.verifiers.rules.refusal:RefusalVerifier",
    "length": "openqwq.verifiers.rules.length:LengthVerifier",
    "repetition": "openqwq.verifiers.rules.repetition:RepetitionVerifier",
    "language": "openqwq.verifiers.rules.language:LanguageVerifier",
    "tool_call": "openqwq.verifiers.tool_verifiers:ToolCallVerifier",
    "tool_use": "openqwq.verifiers.tool_verifiers:ToolUseVerifier",
    "reward_model": "openqwq.verifiers.reward_model:RewardModelVerifier",
    "placebo": "openqwq.verifiers.placebo:PlaceboVerifier",
}


def available_verifiers() -> list[str]:
    """Names that get_verifier knows here: the built-in ones and those of installed packages."""
    return sorted({*BUILT_IN, *(entry.name for entry in entry_points(group=ENTRY_POINT_GROUP))})


def get_verifier(name_or_path: str, **kwargs: Any) -> Verifier:
    """The verifier of this name: built in, from an entry point, or a user's function
    `path/to/file.py:function`.

    Raises UnknownVerifier for a name nobody has, VerifierError for keyword arguments it does not take.
    """
    if ".py:" in name_or_path:
        from openqwq.verifiers.user_functions import load_user_verifier

        return load_user_verifier(name_or_path, kwargs)
    factory = _find_factory(name_or_path)
    if not isinstance(factory, type) and is_plain_grader(factory):
        from openqwq.verifiers.user_functions import function_verifier

        return function_verifier(name_or_path, factory, kwargs)
    return build(name_or_path, factory, kwargs)


def _find_factory(name: str) -> Callable[..., Any]:
    if name in BUILT_IN:
        module_name, attribute = BUILT_IN[name].split(":")
        return cast(Callable[..., Any], getattr(importlib.import_module(module_name), attribute))
    for entry in entry_points(group=ENTRY_POINT_GROUP):
        if entry.name == name:
            return cast(Callable[..., Any], entry.load())
    near = difflib.get_close_matches(name, available_verifiers(), n=3, cutoff=0.4)
    hint = f"did you mean {' or '.join(near)}?" if near else f"known: {', '.join(available_verifiers())}"
    raise UnknownVerifier(f"no verifier is named {name!r}; {hint} Your own: path/to/file.py:function")


def is_plain_grader(function: Callable[..., Any]) -> bool:
    """True for a function that grades itself, (response, row) or TRL's (prompts, completions, ...); not a factory."""
    names = list(inspect.signature(function).parameters)
    return "completions" in names or names[:2] == ["response", "row"]


def build(name: str, factory: Callable[..., Any], kwargs: Mapping[str, Any]) -> Verifier:
    """Call a verifier's class or factory; keyword arguments it does not take are named in the error."""
    accepted = inspect.signature(factory).parameters
    takes_any = any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in accepted.values())
    unknown = [] if takes_any else [key for key in kwargs if key not in accepted]
    if unknown:
        near = difflib.get_close_matches(unknown[0], accepted, n=1)
        hint = f"did you mean {near[0]}?" if near else f"it takes: {', '.join(accepted) or 'none'}"
        raise VerifierError(f"verifier {name!r} does not take the argument {unknown[0]!r}; {hint}")
    return cast(Verifier, factory(**kwargs))
