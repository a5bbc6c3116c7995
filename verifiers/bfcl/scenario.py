"""A multi-turn scenario: calls on instances of the benchmark's classes, and the comparison of two such runs.

A call reaches public methods alone, by a table that is built from the instances, with values that were parsed as
literals. It runs in the worker process: a method may compute for ever.
"""

from __future__ import annotations

import copy
import inspect
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from openqwq.verifiers.bfcl.python_form import Call

FORBIDDEN = frozenset({"kill", "exit", "quit", "remove", "unlink", "popen", "Popen", "run"})
"""Names that the official runner refuses."""


@dataclass(frozen=True)
class ScenarioClass:
    """A class of the benchmark. Example: ScenarioClass(TradingBot, has_state=True)."""

    factory: Callable[[], Any]
    has_state: bool
    """Whether an instance begins with a row's configuration."""


class Scenario:
    """Instances of a row's classes, and what calls of their methods answer."""

    def __init__(
        self, classes: Mapping[str, ScenarioClass], configuration: Mapping[str, Any], is_long_context: bool
    ) -> None:
        self.instances: dict[str, Any] = {}
        self._methods: dict[str, Callable[..., Any]] = {}
        for name, described in classes.items():
            instance = described.factory()
            if described.has_state:
                instance._load_scenario(copy.deepcopy(configuration.get(name, {})), long_context=is_long_context)
            self.instances[name] = instance
            self._methods |= {
                method: bound
                for method, bound in inspect.getmembers(instance, predicate=inspect.ismethod)
                if not method.startswith("_")
            }  # of two classes with a method of one name the later one answers

    def run(self, call: Call) -> str:
        """What the call answers, as the official runner writes it; an exception is an answer."""
        try:
            if call.name in FORBIDDEN:
                raise ValueError(f"Function call {call.name} is not allowed.")
            if call.name not in self._methods:
                raise NameError(f"name {call.name!r} is not defined")
            return _as_text(self._methods[call.name](*call.positional, **call.arguments))
        except Exception as error:  # of the benchmark's method, or of arguments that it does not take
            return f"Error during execution: {error}"


def _as_text(result: Any) -> str:
    if type(result) is dict:
        try:
            return json.dumps(result)
        except (TypeError, ValueError):
            return str(result)
    return str(result)


def turns_mismatch(
    begin: Callable[[], Scenario], turns: Sequence[Sequence[Sequence[Call]]], wanted: Sequence[Sequence[Call]]
) -> str:
    """Why the steps of a conversation do not do what the reference does, or "".

    Source: BFCL v3's state-based and response-based checks. After each turn for which the reference has calls, the
    model has made one as well, all public attributes of the two scenarios are equal, and what the reference's calls of
    this turn answered is among the answers so far to the model's calls, each as often. A turn without reference calls
    is not checked, but its calls are run.

    Args:
        turns: for each turn of the user the model's steps that had calls.
        wanted: for each turn the reference's calls.
    """
    if len(turns) != len(wanted):
        return f"the conversation has {len(turns)} turns, the reference {len(wanted)}"
    model, reference = begin(), begin()
    answered: list[str] = []
    for number, (steps, calls) in enumerate(zip(turns, wanted, strict=True), 1):
        answered += [model.run(call) for step in steps for call in step]
        expected = [reference.run(call) for call in calls]
        if not calls:
            continue
        if not steps:
            return f"turn {number}: no call"
        if differing := _differing(model, reference):
            return f"turn {number}: another state of {differing}"
        unseen = list(answered)
        for answer in expected:
            if answer not in unseen:
                return f"turn {number}: no call answered {answer!r}"[:200]
            unseen.remove(answer)
    return ""


def _differing(model: Scenario, reference: Scenario) -> str:
    """The first public attribute that differs, as `Class.attribute`."""
    for name, wanted in reference.instances.items():
        for attribute in vars(wanted):
            if attribute.startswith("_"):
                continue
            try:
                is_equal = bool(getattr(model.instances[name], attribute) == getattr(wanted, attribute))
            except Exception:  # no such attribute any more, or values that cannot be compared
                is_equal = False
            if not is_equal:
                return f"{name}.{attribute}"
    return ""
