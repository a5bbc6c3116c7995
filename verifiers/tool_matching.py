"""Whether the calls of a turn match the reference calls: values strictly, calls one to one in any order."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from openqwq.verifiers.tool_calls import ParsedCall, check_arguments, tool_functions

ReferenceCall = tuple[str, dict[str, list[Any]]]
"""A function's name, and the allowed values of each argument."""
OMITTABLE = ""
"""BFCL's mark in a list of allowed values: the argument may be left out."""


def reference_calls(reference: object) -> list[ReferenceCall] | None:
    """Reference calls as (name, {argument: allowed values}), or None when it is not a reference of calls.

    Read: BFCL's [{"f": {"x": [1, 2]}}], one {"name", "arguments"} or a list of them; also under
    "ground_truth"/"calls".
    """
    if isinstance(reference, Mapping) and "name" not in reference:
        for key in ("ground_truth", "calls", "call"):
            if key in reference:
                return reference_calls(reference[key])
        return None
    items = [reference] if isinstance(reference, Mapping) else reference
    if not isinstance(items, Sequence) or isinstance(items, str):
        return None
    calls = [_reference_call(item) for item in items]
    return None if any(call is None for call in calls) else [call for call in calls if call is not None]


def _reference_call(item: object) -> ReferenceCall | None:
    if not isinstance(item, Mapping):
        return None
    if isinstance(item.get("name"), str) and isinstance(item.get("arguments"), Mapping):
        return item["name"], {key: [value] for key, value in item["arguments"].items()}
    if len(item) != 1:
        return None
    name, arguments = next(iter(item.items()))
    if not isinstance(arguments, Mapping) or not all(isinstance(values, list) for values in arguments.values()):
        return None
    return name, {key: list(values) for key, values in arguments.items()}


def calls_match(calls: Sequence[ParsedCall], wanted: Sequence[ReferenceCall]) -> bool:
    """True when calls and references pair up one to one (augmenting paths: the first fit may be the wrong one)."""
    if len(calls) != len(wanted):
        return False
    fits = [[call_matches(call, reference) for call in calls] for reference in wanted]
    taken: dict[int, int] = {}

    def place(reference: int, seen: set[int]) -> bool:
        for index, is_fit in enumerate(fits[reference]):
            if is_fit and index not in seen:
                seen.add(index)
                if index not in taken or place(taken[index], seen):
                    taken[index] = reference
                    return True
        return False

    return all(place(reference, set()) for reference in range(len(wanted)))


def call_matches(call: ParsedCall, wanted: ReferenceCall) -> bool:
    """Same name, no other arguments, each value allowed; arguments whose allowed values hold "" may be
    missing."""
    name, allowed = wanted
    if call.name != name or not set(call.arguments) <= set(allowed):
        return False
    for argument, values in allowed.items():
        if argument not in call.arguments:
            if OMITTABLE not in values:
                return False
        elif not any(same_value(call.arguments[argument], value) for value in values):
            return False
    return True


def same_value(given: Any, wanted: Any) -> bool:
    """Equal values: text without regard to case and blanks, numbers by value, bool only with bool.

    In BFCL's references a nested object's values are lists of allowed values again.
    """
    if isinstance(wanted, Mapping):
        return isinstance(given, Mapping) and _same_object(given, wanted)
    if isinstance(wanted, list | tuple):
        return (
            isinstance(given, list)
            and len(given) == len(wanted)
            and all(same_value(left, right) for left, right in zip(given, wanted, strict=True))
        )
    if isinstance(given, bool) or isinstance(wanted, bool):
        return isinstance(given, bool) and given is wanted
    if isinstance(given, str) and isinstance(wanted, str):
        return _plain(given) == _plain(wanted)
    return bool(given == wanted)


def _same_object(given: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    if not set(given) <= set(wanted):
        return False
    for key, value in wanted.items():
        if key not in given:
            if not (isinstance(value, list) and OMITTABLE in value):
                return False
        elif not same_value(given[key], value) and not (
            isinstance(value, list) and any(same_value(given[key], option) for option in value)
        ):
            return False
    return True


def _plain(text: str) -> str:
    """Case, commas, spacing between words and a final full stop do not matter; other marks do: v1.5 is not v15."""
    spaced = re.sub(r"(?<=\S)[ \t\r\n]+(?=\S)", " ", text.casefold().replace(",", " "))
    return spaced.strip(" ").removesuffix(".").strip(" ")


_MAX_OPTIONS = 100
"""Allowed values of an argument that are tried with its schema."""


def unmeetable(wanted: Sequence[ReferenceCall], tools: object) -> str:
    """Why no answer could make these calls, or "": a tool is not offered, or no allowed values fit its schema."""
    offered = tool_functions(tools)
    if unknown := [name for name, _ in wanted if name not in offered]:
        return f"the reference calls a tool that is not offered: {unknown[0]!r}"
    for name, allowed in wanted:
        if empty := [key for key, values in allowed.items() if not values]:
            return f"the reference has no allowed value of {name}[{empty[0]!r}]"
        problems = [check_arguments(call, tools) for call in _allowed_calls(name, allowed, offered[name])]
        if all(problems):
            return f"the reference breaks the schema of its own tool: {problems[0]}"
    return ""


def _allowed_calls(
    name: str, allowed: Mapping[str, list[Any]], function: Mapping[str, Any]
) -> tuple[ParsedCall, ParsedCall]:
    """Two calls that a reference allows: with all arguments of which a value fits, and with those alone that it needs.

    Each value is the first that fits the schema of its argument; "" is tried last, as it mostly means no value."""
    parameters = function.get("parameters") or {}
    loose = [{**function, "parameters": {**parameters, "required": []}}]
    chosen = {}
    for key, values in allowed.items():
        options = [option for value in sorted(values, key=_is_omittable) for option in _written(value)][:_MAX_OPTIONS]
        fitting = (option for option in options if not check_arguments(ParsedCall(name, {key: option}), loose))
        value = next(fitting, _NONE)
        if value is not _NONE or OMITTABLE not in values:
            chosen[key] = options[0] if value is _NONE else value
    required = parameters.get("required") or ()
    needed = {key: value for key, value in chosen.items() if OMITTABLE not in allowed[key] or key in required}
    return ParsedCall(name, chosen), ParsedCall(name, needed)


_NONE = object()


def _is_omittable(value: Any) -> bool:
    return isinstance(value, str) and value == OMITTABLE


def _written(value: Any) -> list[Any]:
    """An allowed value as calls may give it: objects with the first of each key's values, whole numbers twice."""
    if isinstance(value, Mapping):
        firsts = {key: _first(values) for key, values in value.items() if values != [OMITTABLE]}
        return [firsts, {key: item for key, item in firsts.items() if not _may_be_missing(value[key])}]
    if isinstance(value, list):
        return [[_first([item]) if isinstance(item, Mapping) else item for item in value]]
    if isinstance(value, float) and value.is_integer():
        return [value, int(value)]
    return [value]


def _first(values: Any) -> Any:
    """The first value of a list of allowed ones; a value that is no list stands for itself."""
    value = next((each for each in values if each != OMITTABLE), OMITTABLE) if isinstance(values, list) else values
    return _written(value)[0]


def _may_be_missing(values: Any) -> bool:
    return isinstance(values, list) and OMITTABLE in values
