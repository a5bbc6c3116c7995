"""The tests of a row as one list, whatever layout they were published in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from openqwq.verifiers.base import VerifierError
from openqwq.verifiers.code_answer.forms.texts import arguments, opened, value_of

_INPUTS = ("inputs", "input")
_OUTPUTS = ("outputs", "output", "expected_output")
_NAMES = ("entry_point", "fn_name", "func_name")
_CALLS = ("functional", "function_call", "call", "call_based", "function")
_PRINTS = ("stdin", "stdin_stdout", "stdio", "standard_input")


@dataclass(frozen=True)
class Case:
    """One test. Example: `Case("2\\n", "4\\n")`, or with a function `Case([2], 4, "double")`."""

    input: Any
    output: Any
    entry_point: str = ""
    """Function of this test, empty where the row names it or the program is run as a whole."""
    mode: str = ""
    """stdin or call where the test says so."""


@dataclass(frozen=True)
class Cases:
    """Example: Cases((Case("2", "4"),), frozenset({"input", "output"}))."""

    cases: tuple[Case, ...]
    keys: frozenset[str]
    """The keys of the tests as they were published, by which a form is recognised."""
    entry_point: str = ""
    """Function of all tests, where their mapping names one."""


def cases_of(value: Any, name: str) -> Cases:
    """The tests in a value: a list of {input, output}, or {inputs: [...], outputs: [...]} with perhaps a function.

    Raises:
        VerifierError: neither of them.
    """
    value = opened(value, name)
    if isinstance(value, Mapping) and value.get("test_cases") is not None:
        value = opened(value["test_cases"], f"{name}.test_cases")
    if isinstance(value, Mapping):
        return _from_columns(value, name)
    if not isinstance(value, list):
        raise VerifierError(f"{name} must be a list of {{input, output}}, got {type(value).__name__}")
    cases = tuple(_from_item(item, f"{name}[{index}]") for index, item in enumerate(value))
    keys = {key for item in value for key in item if item[key] is not None}
    return Cases(cases, frozenset(keys))


def _from_columns(value: Mapping[str, Any], name: str) -> Cases:
    inputs, outputs = _first(value, _INPUTS), _first(value, _OUTPUTS)
    if not isinstance(inputs, list) or not isinstance(outputs, list) or len(inputs) != len(outputs):
        raise VerifierError(f"{name} as columns need lists inputs and outputs of the same length")
    keys = frozenset(key for key in value if value[key] is not None)
    cases = tuple(Case(given, wanted) for given, wanted in zip(inputs, outputs, strict=True))
    return Cases(cases, keys, str(_first(value, _NAMES) or ""))


def _first(value: Mapping[str, Any], names: tuple[str, ...]) -> Any:
    return next((value[name] for name in names if value.get(name) is not None), None)


def _from_item(item: Any, name: str) -> Case:
    if not isinstance(item, Mapping):
        shown = repr(item)
        shown = shown if len(shown) <= 60 else shown[:57] + "..."
        raise VerifierError(f"{name} is {shown}; allowed: an object with input and output")
    if not any(key in item for key in _INPUTS) or not any(key in item for key in _OUTPUTS):
        raise VerifierError(f"{name} has the keys {', '.join(map(str, item))}; it needs input and output")
    kind = str(_first(item, ("testtype", "type")) or "").lower()
    mode = "call" if kind in _CALLS else "stdin" if kind in _PRINTS else ""
    entry_point = _first(item, _NAMES) or function_in(item.get("metadata"), f"{name}.metadata")
    # An input or output of null is a value.
    given = next(item[key] for key in _INPUTS if key in item)
    wanted = next(item[key] for key in _OUTPUTS if key in item)
    return Case(given, wanted, str(entry_point or ""), mode)


def function_in(metadata: Any, name: str) -> str:
    """The function that LiveCodeBench's metadata name, or nothing."""
    if isinstance(metadata, str):
        metadata = opened(metadata, name) if metadata.strip() else None
    found = _first(metadata, _NAMES) if isinstance(metadata, Mapping) else None
    return found if isinstance(found, str) else ""


def as_text(value: Any, name: str) -> str:
    """Text of standard input or output: as it is, or as lines, whose parts stand apart by blanks.

    Raises:
        VerifierError: a mapping, or nothing.
    """
    if isinstance(value, list):
        return "\n".join(_lines(value, name))
    if isinstance(value, str):
        return value
    if value is None or isinstance(value, Mapping):
        raise VerifierError(f"{name} is {type(value).__name__}; allowed: a text, a number or a list of lines")
    return str(value)


def _lines(values: list[Any], name: str) -> Iterator[str]:
    for value in values:
        if isinstance(value, list):
            yield " ".join(as_text(part, name) for part in value)
        else:
            yield as_text(value, name)


def as_call(case: Case, name: str) -> tuple[list[Any], Any]:
    """Arguments and wanted value of a call. Where the arguments are text, so is the wanted value: JSON."""
    if isinstance(case.input, str):
        wanted = value_of(case.output, f"{name}.output") if isinstance(case.output, str) else case.output
        return arguments(case.input, f"{name}.input"), wanted
    if not isinstance(case.input, list):
        shown = repr(case.input)[:60]
        raise VerifierError(f"{name}.input is {shown}; allowed: a list of arguments (call mode)")
    return case.input, case.output
