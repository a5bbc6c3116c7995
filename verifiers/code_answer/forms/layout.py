"""What a reference holds, whatever its mapping: one flat row, its texts of tests, its inputs and outputs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from openqwq.verifiers.base import VerifierError
from openqwq.verifiers.code_answer.forms.cases import Cases, cases_of
from openqwq.verifiers.code_answer.forms.texts import is_test_text, opened

_WRAPPERS = ("reward_model", "ground_truth", "verification_info")
_TEXT_KEYS = ("asserts", "test_list", "test", "assert_case", "functional")
_TEST_KEYS = (
    "tests", "input_output", "test_cases", "unit_tests", "public_test_cases", "private_test_cases",
    "public_tests", "private_tests", "generated_tests", "official_tests",
)  # fmt: skip
_PARTS = ("inputs", "outputs"), ("input", "output")
_OF_TESTS = ("inputs", "outputs", "input", "output", "fn_name", "func_name", "entry_point", "type", "testtype")
_WAS_TEXT = "\0text"
"""Key of a row whose reference was a text."""


def unwrapped(reference: Any) -> dict[str, Any]:
    """One mapping of all that the reference holds, without what is None: parquet files fill absent keys with it."""
    value = opened(reference, "reference")
    came = {_WAS_TEXT: True} if isinstance(reference, str) else {}
    if isinstance(value, str):
        return {"test": value}
    if isinstance(value, list):
        return {"asserts" if value and all(isinstance(one, str) for one in value) else "tests": value, **came}
    if not isinstance(value, Mapping):
        raise VerifierError(f"a code reference is a mapping with tests, got {type(value).__name__}")
    row = {key: inner for key, inner in value.items() if inner is not None}
    for inputs, outputs in _PARTS:
        if inputs in value and outputs in value:  # the tests themselves, as columns or as one test
            are_columns = isinstance(value[inputs], list) and isinstance(value[outputs], list)
            kept = {key: inner for key, inner in row.items() if key not in (inputs, outputs)}
            tests = {key: inner for key, inner in row.items() if key in _OF_TESTS}
            return {**kept, "tests": tests if are_columns else [{**tests, outputs: value[outputs]}], **came}
    for wrapper in (*_WRAPPERS, *(key for key in ("tests",) if _holds_a_reference(row.get(key)))):
        if wrapper in row:
            inner = unwrapped(row.pop(wrapper))
            row = {**row, **inner}
    return {**row, **came}


def _holds_a_reference(value: Any) -> bool:
    """True for a mapping, perhaps as text of JSON, with keys of a reference in the place of inputs and outputs."""
    if isinstance(value, str) and value.lstrip().startswith("{"):
        value = opened(value, "tests")
    return isinstance(value, Mapping) and any(value.get(key) is not None for key in (*_TEXT_KEYS, *_TEST_KEYS))


def came_as_text(row: Mapping[str, Any]) -> bool:
    return _WAS_TEXT in row or any(isinstance(row.get(key), str) for key in _TEST_KEYS)


def texts_of(row: Mapping[str, Any]) -> Iterator[str]:
    """The texts of the first key that has some; none where `tests` holds inputs and outputs, unless the mode asks for
    texts."""
    has_cases = isinstance(row.get("tests"), list | Mapping) and not _is_empty(row["tests"])
    has_cases = has_cases and not (isinstance(row["tests"], list) and isinstance(row["tests"][0], str))
    keys = () if has_cases and row.get("mode") != "asserts" else _TEXT_KEYS
    for key in (*keys, "tests", "test_cases"):
        value = row.get(key)
        if isinstance(value, str) and key not in _TEXT_KEYS and not is_test_text(value):
            value = opened(value, key) if value.strip() else None
        if _is_empty(value):
            if key in _TEXT_KEYS and isinstance(value, str) and key in row and not _has_other_tests(row, key):
                raise VerifierError(f"{key} is empty, so nothing is asked of a program")
            continue
        if isinstance(value, str):
            yield value
            return
        if isinstance(value, list) and all(isinstance(one, str) for one in value):
            yield from value
            return
        if key in _TEXT_KEYS:
            bad = next((one for one in value if not isinstance(one, str)), value) if isinstance(value, list) else value
            place = f"{key}[{value.index(bad)}]" if isinstance(value, list) else key
            raise VerifierError(f"{place} must be a text or a list of texts, got {type(bad).__name__}")


def _has_other_tests(row: Mapping[str, Any], key: str) -> bool:
    return any(row.get(other) for other in (*_TEXT_KEYS, *_TEST_KEYS) if other != key)


def _is_empty(value: Any) -> bool:
    return value is None or value == [] or (isinstance(value, str) and value.strip() in ("", "[]"))


def tests_of(row: Mapping[str, Any]) -> Cases | None:
    """The tests of all keys that hold some."""
    found = []
    for key in _TEST_KEYS:
        value = row.get(key)
        if _is_empty(value) or (key == "generated_tests" and isinstance(value, int)):  # Codeforces counts them
            continue
        found.append(cases_of(value, key))
    cases = tuple(case for one in found for case in one.cases)
    if not cases:
        return None
    entry_point = next((one.entry_point for one in found if one.entry_point), "")
    return Cases(cases, frozenset().union(*(one.keys for one in found)), entry_point)
