"""Calls that a reference itself allows: the first allowed value of every argument, in the language of its category.

A reference that refuses its own call can be met by no answer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from openqwq.verifiers.bfcl.matching import Gold, Language, described, language_of, mismatch, types_of
from openqwq.verifiers.tool_calls import ParsedCall


def gold_calls(
    functions: Sequence[Mapping[str, Any]], golds: Sequence[Gold], category: str, is_full: bool = True
) -> list[ParsedCall]:
    """One allowed call for each reference call, with all its described arguments or with those alone that it needs.

    Raises:
        KeyError: a function is not described, or an argument of no known type.
    """
    language = language_of(category)
    calls = []
    for gold in golds:
        name, allowed = next(iter(gold.items()))
        parameters = described(functions, name)["parameters"]
        properties, required = parameters["properties"], parameters["required"]
        if not all(isinstance(values, list) for values in allowed.values()):
            raise TypeError("the allowed values of an argument are a list")
        arguments = {
            argument: _written(_first(values), properties.get(argument, {}), language)
            for argument, values in allowed.items()
            if argument in required
            or "" not in values
            or (is_full and argument in properties and any(value != "" for value in values))
        }
        calls.append(ParsedCall(name, arguments))
    return calls


def gold_problem(functions: Sequence[Mapping[str, Any]], golds: Sequence[Gold], category: str) -> str:
    """Why a reference cannot be met, or ""."""
    problem = ""
    for is_full in (True, False):
        try:
            problem = mismatch(functions, gold_calls(functions, golds, category, is_full), golds, category)
        except (KeyError, TypeError, AttributeError, IndexError, StopIteration) as error:
            problem = f"functions and reference do not fit together: {type(error).__name__}: {error}"
        if not problem:
            return ""
    return f"the reference refuses its own call: {problem}"


def _first(values: Sequence[Any]) -> Any:
    """The first allowed value; in an object, or a list of them, every key has allowed values again."""
    value = next((value for value in values if value != ""), "")
    if isinstance(value, list):
        return [_chosen(item) for item in value]
    return _chosen(value)


def _chosen(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    return {
        key: next((option for option in options if option != ""), "")
        for key, options in value.items()
        if not isinstance(options, list) or any(option != "" for option in options) or "" not in options
    }


def _written(value: Any, schema: Mapping[str, Any], language: Language) -> Any:
    """A value as the calls of its language give it: themselves in Python, texts in Java and JavaScript."""
    if language == "python" or isinstance(value, str):
        return value
    inner = schema["items"]["type"] if types_of(schema, language)[1] else ""
    return (_java if language == "java" else _javascript)(value, schema["type"], inner)


def _java(value: Any, kind: str, inner: str) -> str:
    if isinstance(value, dict):
        put = " ".join(f'put("{key}", {_literal(item)});' for key, item in value.items())
        return f"new HashMap<String, Object>() {{{{ {put} }}}}" if value else "new HashMap<String, Object>()"
    if isinstance(value, list):
        items = ", ".join(
            item if isinstance(item, str) and kind == "Array" else _java_item(item, inner) for item in value
        )
        if kind == "Array":
            return f"new Object[]{{{items}}}"
        return f"new ArrayList<Object>(Arrays.asList({items}))" if value else "new ArrayList<Object>()"
    return _literal(value) + {"long": "L", "float": "f"}.get(kind, "")


def _java_item(value: Any, inner: str) -> str:
    if isinstance(value, str):
        return {"String": f'"{value}"', "char": f"'{value}'"}.get(inner, value)
    return _java(value, inner, "")


def _javascript(value: Any, kind: str, inner: str) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_literal(key)}: {_javascript(item, '', '')}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_javascript(item, inner, "") for item in value) + "]"
    return _literal(value) + ("n" if kind == "Bigint" else "")


def _literal(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return f'"{value}"' if isinstance(value, str) else str(value)
