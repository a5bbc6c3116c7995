"""Calls and their references: values by meaning, arguments in any order, calls one to one."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openqwq.verifiers.tool_calls import ParsedCall, parse_tool_calls
from openqwq.verifiers.tool_matching import call_matches, calls_match, reference_calls, same_value


def written(name: str, arguments: object) -> str:
    return f"<tool_call>\n{json.dumps({'name': name, 'arguments': arguments})}\n</tool_call>"


F = [("f", {"x": [1]})]


@pytest.mark.parametrize(
    ("reference", "calls"),
    [
        ({"name": "f", "arguments": {"x": 1}}, F),
        ([{"name": "f", "arguments": {"x": 1}}], F),
        ([{"f": {"x": [1]}}], F),
        ({"ground_truth": [{"f": {"x": [1]}}]}, F),
        ({"calls": [{"f": {"x": [1]}}]}, F),
        ({"call": {"name": "f", "arguments": {"x": 1}}}, F),
        ({"call": [], "calls": [{"f": {"x": [1]}}], "answer": 5}, F),
        ({"calls": [], "ground_truth": [{"f": {"x": [1]}}]}, F),
        ([{"f": {"x": [1, 2], "y": [""]}}, {"g": {}}], [("f", {"x": [1, 2], "y": [""]}), ("g", {})]),
        ([], []),
        ((), []),
        (None, None),
        ("f", None),
        ("", None),
        (5, None),
        ({}, None),
        ({"answer": 5}, None),
        ({"name": "f"}, None),
        ({"name": 5, "arguments": {}}, None),
        ({"name": "f", "arguments": []}, None),
        (["f"], None),
        ([{"f": {"x": [1]}, "g": {}}], None),
        ([{"f": {"x": 1}}], None),
        ([{"f": [1]}], None),
        ([{"f": {"x": [1]}}, {}], None),
    ],
)
def test_a_reference_of_calls_has_three_forms(reference: object, calls: object) -> None:
    assert reference_calls(reference) == calls


@pytest.mark.parametrize(
    ("wanted", "got", "is_same"),
    [
        (1, 1, True), (1, 1.0, True), (1.5, 1.5, True), (1, 2, False), (1, "1", False), ("1", 1, False),
        (True, True, True), (True, False, False), (True, 1, False), (1, True, False), (False, 0, False),
        (0, False, False), (None, None, True), (None, 0, False), (0, None, False), ("", None, False), (None, "", False),
        ("New York", " new\nYORK. ", True), ("a, b", "a b", True), ("a,b", "a b", True), ("v1.5", "v15", False),
        ("a b", "ab", False), ("a.", "a", True), ("a..", "a", False), ("a-b", "a b", False),
        ("Straße", "STRASSE", True),
        ([1, "a"], [1.0, "A"], True), ([1, 2], [2, 1], False), ([1], [1, 1], False), ([1, 1], [1], False),
        ([1], 1, False), (1, [1], False), ([], [], True), ((1,), [1], True), ([[1]], [[1]], True), ([], {}, False),
        ({"a": 1}, {"a": 1}, True), ({"a": 1}, {"a": 2}, False), ({"a": 1}, {}, False), ({}, {"a": 1}, False),
        ({"a": 1}, {"a": 1, "b": 1}, False), ({"a": 1, "b": 2}, {"b": 2, "a": 1}, True), ({"a": 1}, [1], False),
        ({"a": [1, 2]}, {"a": 2}, True), ({"a": [1, 2]}, {"a": 3}, False), ({"a": [1, 2]}, {"a": [1, 2]}, True),
        ({"a": [1, ""]}, {}, True), ({"a": [1]}, {}, False), ({"a": ""}, {}, False),
        ({"a": {"b": [1, 2]}}, {"a": {"b": 2}}, True),
        ([{"a": [1, 2]}], [{"a": 2}], True), ([{"a": 2}], [{"a": [1, 2]}], False),
        ({}, {}, True), ("a", ["a"], False), ({"a": "x"}, {"a": "X."}, True),
    ],
)  # fmt: skip
def test_values_are_the_same_by_their_type_and_meaning(wanted: Any, got: Any, is_same: bool) -> None:
    assert same_value(got, wanted) is is_same


WANTED = ("f", {"x": [1, 2], "unit": ["C", ""]})


@pytest.mark.parametrize(
    ("call", "is_match"),
    [
        (ParsedCall("f", {"x": 1}), True),
        (ParsedCall("f", {"x": 2, "unit": "c"}), True),
        (ParsedCall("f", {"unit": "C", "x": 2}), True),
        (ParsedCall("f", {"x": 1, "unit": ""}), True),
        (ParsedCall("f", {"x": 3}), False),
        (ParsedCall("f", {"x": "1"}), False),
        (ParsedCall("f", {"x": [1, 2]}), False),
        (ParsedCall("f", {"x": 1, "unit": "F"}), False),
        (ParsedCall("f", {"unit": "C"}), False),
        (ParsedCall("f", {"x": 1, "y": 1}), False),
        (ParsedCall("F", {"x": 1}), False),
        (ParsedCall("g", {"x": 1}), False),
    ],
)
def test_a_call_matches_by_name_and_allowed_values(call: ParsedCall, is_match: bool) -> None:
    assert call_matches(call, WANTED) is is_match


JSON = st.recursive(
    st.integers(-9, 9) | st.booleans() | st.none() | st.sampled_from(["a", "b c", "v1.5"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=5,
)
ARGUMENTS = st.dictionaries(st.sampled_from("xyz"), st.integers(-9, 9) | st.sampled_from(["a", "b c"]), min_size=1)


@settings(max_examples=30)
@given(ARGUMENTS, st.data())
def test_the_order_of_arguments_is_nothing_and_one_missing_more_or_of_another_type_is_noticed(
    arguments: dict[str, Any], data: st.DataObject
) -> None:
    wanted = reference_calls({"name": "f", "arguments": arguments})
    assert wanted is not None
    order = data.draw(st.permutations(list(arguments)))
    turn = written("f", {key: arguments[key] for key in order})
    assert calls_match(parse_tool_calls(turn).calls, wanted)
    one = order[0]
    value = arguments[one]
    for changed in (
        {key: arguments[key] for key in order[1:]},
        {**arguments, "extra": 1},
        {**arguments, one: str(value) if isinstance(value, int) else [value]},
        {**arguments, one: -value - 1 if isinstance(value, int) else value + "x"},
        {**arguments, one: None},
    ):
        assert not calls_match(parse_tool_calls(written("f", changed)).calls, wanted)
    assert not calls_match(parse_tool_calls(written("g", arguments)).calls, wanted)


@settings(max_examples=50)
@given(JSON)
def test_a_json_value_is_the_same_as_itself_and_not_as_one_in_a_list(value: Any) -> None:
    again = json.loads(json.dumps(value))
    assert same_value(again, value)
    assert not same_value([again], value) and not same_value(again, [value])


@settings(max_examples=30)
@given(st.lists(st.lists(st.integers(0, 3), min_size=1, max_size=3), min_size=1, max_size=5), st.data())
def test_calls_pair_up_in_any_order_with_references_that_allow_several_values(
    allowed: list[list[int]], data: st.DataObject
) -> None:
    wanted = [("f", {"x": list(values)}) for values in allowed]
    calls = [ParsedCall("f", {"x": data.draw(st.sampled_from(values))}) for values in allowed]
    shuffled = data.draw(st.permutations(calls))
    assert calls_match(shuffled, wanted)
    assert not calls_match(shuffled[1:], wanted) and not calls_match([*shuffled, shuffled[0]], wanted)
    assert not calls_match([ParsedCall("f", {"x": 9}), *shuffled[1:]], wanted)


def test_no_calls_match_no_references_only() -> None:
    assert calls_match([], []) and not calls_match([], F) and not calls_match([ParsedCall("f", {"x": 1})], [])
