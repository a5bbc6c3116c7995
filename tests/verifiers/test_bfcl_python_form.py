"""Calls as Python text: what is read from a tree and nothing evaluated."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openqwq.verifiers.bfcl.python_form import Call, literal_call, python_calls
from openqwq.verifiers.tool_calls import ParsedCall

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner, inner),
    max_leaves=8,
)


@settings(max_examples=50)
@given(arguments=st.dictionaries(st.sampled_from(["a", "b_2", "größe"]), VALUES))
def test_literal_values_are_read_as_they_are_written(arguments: dict[str, Any]) -> None:
    text = f"f.g({', '.join(f'{name}={value!r}' for name, value in arguments.items())})"
    assert python_calls(f"[{text}]") == python_calls(text) == [ParsedCall("f.g", arguments)]
    assert literal_call(text.replace("f.g", "f")) == Call("f", (), arguments)


@pytest.mark.parametrize(
    ("value", "read"),
    [
        ("x", "x"),
        ("true", "true"),
        ("True", True),
        ("-5", -5),
        ("+5", -5),
        ("2 * 3 + 1", 7),
        ("-2 * 3", -6),
        ("1 / 4", 0.25),
        ("'a' + 'b'", "ab"),
        ("...", "..."),
        ("g(1)", "g(1)"),
        ("g(x=1)", {"g": {"x": 1}}),
        ("d['k']", "d['k']"),
        ("(1, [2])", (1, [2])),
    ],
)
def test_other_values_are_read_as_the_official_reader_reads_them(value: str, read: Any) -> None:
    assert python_calls(f"[f(x={value})]") == [ParsedCall("f", {"x": read})]


@pytest.mark.parametrize(
    "text",
    [
        "I cannot do that.",
        "[f(x=a.b)]",
        "[f(x=lambda: 1)]",
        "[f(x=[i for i in y])]",
        "[f(x={1})]",
        "[f(x=-y)]",
        "[[f()]]",
        "[f(), g]",
        "f(x=1",
        "[f(x=9 ** 999999999)]",
        "[f(x='a' * 999999999)]",
        "[f(x='%999999999d' % 1)]",
        "[f(x=1 / 0)]",
        "[f(x=__import__('os').system('true'))] + []",
        "[f(x=" + "[" * 500 + "]" * 500 + ")]",
        "[f(x='" + "a" * 200_000 + "')]",
        "\x00",
        "[f(x=" + "-" * 50_000 + "1)]",
        "[" + "f()," * 65 + "]",
    ],
)
def test_what_is_no_list_of_calls_is_refused_at_once(text: str) -> None:
    with pytest.raises(ValueError):
        python_calls(text)


def test_nothing_and_an_empty_list_are_no_calls() -> None:
    assert python_calls("") == python_calls("[]") == python_calls("``` ```") == []


def test_arguments_without_a_name_are_passed_over_and_unpacked_ones_have_no_name_of_a_function() -> None:
    assert python_calls("[f(3, x=1)]") == [ParsedCall("f", {"x": 1})]
    assert python_calls("[f(**x)]") == [ParsedCall("f", {"**": "x"})]
    assert python_calls("[f(x=1, x=2)]") == [ParsedCall("f", {"x": 2})]
    assert python_calls("f(x=1), g(y=2)") == [ParsedCall("f", {"x": 1}), ParsedCall("g", {"y": 2})]


@pytest.mark.parametrize("text", ["f", "f.g(1)", "f(x)", "f(**{'a': 1})", "f(open('a'))", "f(1", "", "f()()"])
def test_a_call_of_a_reference_has_literal_arguments(text: str) -> None:
    with pytest.raises(ValueError, match="is not a call with literal arguments"):
        literal_call(text)


def test_a_call_of_a_reference_keeps_its_positions() -> None:
    assert literal_call("sort('a', -1, reverse=True)") == Call("sort", ("a", -1), {"reverse": True})
