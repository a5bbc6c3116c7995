"""BFCL's rules for one turn's calls: types, values, what may be missing, order, and the odd corners of the official
checker; the same cases were put to that checker (`benchmarks/bfcl_peer.py` does so by thousands)."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openqwq.verifiers.bfcl.foreign_values import java_value, javascript_value
from openqwq.verifiers.bfcl.golds import gold_calls, gold_problem
from openqwq.verifiers.bfcl.matching import mismatch
from openqwq.verifiers.tool_calls import ParsedCall
from tests.verifiers.bfcl_package import ANSWERS, AREA, QUESTIONS, SAY, function

INTEGERS = {"type": "array", "items": {"type": "integer"}}
OBJECTS = {"type": "array", "items": {"type": "dict"}}


def is_allowed(value: Any, schema: Any, options: list[Any], category: str = "simple_python") -> bool:
    described = function("f", ["x"], x=schema)
    return not mismatch([described], [ParsedCall("f", {"x": value})], [{"f": {"x": options}}], category)


@pytest.mark.parametrize(
    ("value", "schema", "options", "wanted"),
    [
        (5, "integer", [5], True),
        (5.0, "integer", [5], False),
        ("5", "integer", [5], False),
        (True, "integer", [1], False),
        (2, "float", [2.0], True),
        (2.5, "float", [2.0], False),
        (True, "float", [1.0], False),
        (10**400, "float", [1.0], False),
        (True, "boolean", [True], True),
        (1, "boolean", [True], False),
        ("new york,ny", "string", ["New York, NY"], True),
        ("it's", "string", ['It"s'], True),
        ("a+b", "string", ["a b"], False),
        (None, "string", ["a"], False),
        ("width", "integer", ["width"], True),  # a variable, by the type of the reference
        ("Width", "integer", ["width"], False),
        ("wid th", "any", ["width"], True),
        (3, "any", [3], True),
        ([1, 2], INTEGERS, [[1, 2]], True),
        ([2, 1], INTEGERS, [[1, 2]], False),
        ([1, 2.0], INTEGERS, [[1, 2]], False),
        ([1, 2.0], INTEGERS, ["", [1, 2]], True),  # types of items are not looked at behind the mark of an optional one
        ([], INTEGERS, ["", [1, 2]], True),
        ([], INTEGERS, [[1, 2]], False),
        ((1, 2), INTEGERS, [[1, 2]], False),
        ((1, 2), {"type": "tuple", "items": {"type": "integer"}}, [[1, 2]], True),
        (["A b"], {"type": "array", "items": {"type": "string"}}, [["ab"]], True),
        ({"a": 1}, "dict", [{"a": [1, 2]}], True),
        ({"a": 3}, "dict", [{"a": [1, 2]}], False),
        ({"a": "x y"}, "dict", ["", {"a": ["XY"], "b": [1, ""]}], True),
        ({"a": 1, "b": 2}, "dict", [{"a": [1]}], False),
        ({}, "dict", [{"a": [1]}], False),
        ({}, "dict", [{"a": [""]}], True),
        ("text", "dict", [{"a": [1]}], False),
        ({"a": 1}, "dict", ["name"], False),
        ([{"a": 1}, {"a": 2}], OBJECTS, [[{"a": [1]}, {"a": [2]}]], True),
        ([{"a": 2}, {"a": 1}], OBJECTS, [[{"a": [1]}, {"a": [2]}]], False),
        ([{"a": 1}], OBJECTS, [[{"a": [1]}, {"a": [2]}]], False),
        ([1], OBJECTS, ["", [{"a": [1]}]], False),
        (1, "unheard of", [1], False),
        ([1], "array", [[1]], False),  # a list that does not say of what
    ],
)
def test_a_value_is_allowed_as_the_official_checker_allows_it(
    value: Any, schema: Any, options: list[Any], wanted: bool
) -> None:
    assert is_allowed(value, schema, options) is wanted


@settings(max_examples=50)
@given(text=st.text(max_size=20), marks=st.lists(st.sampled_from(" ,./-_*^"), max_size=5))
def test_blanks_case_and_some_punctuation_of_a_text_do_not_matter(text: str, marks: list[str]) -> None:
    spelled = "".join(marks).join([text[:3], text[3:]])
    assert is_allowed(spelled, "string", [text])
    assert is_allowed(text, "string", [spelled])
    assert not is_allowed(text + "+", "string", [text])


AREA_GOLD = ANSWERS["simple_python"][0]


@pytest.mark.parametrize(
    ("arguments", "wanted"),
    [
        ({"width": 2.0}, ""),
        ({"unit": "CM", "width": 2, "height": 3}, ""),
        ({"height": 3.0}, "'width' is missing"),
        ({"width": 2.0, "depth": 1.0}, "'depth' is not described"),
        ({"width": 2.0, "height": 4.0}, "height=4.0 has another type or value"),
    ],
)
def test_arguments_may_be_missing_where_the_reference_says_so(arguments: dict[str, Any], wanted: str) -> None:
    problem = mismatch([AREA], [ParsedCall("shape.area", arguments)], AREA_GOLD, "simple_python")
    assert wanted in problem and bool(wanted) == bool(problem)


def test_an_argument_is_missing_when_only_the_reference_needs_it() -> None:
    gold = [{"shape.area": {"width": [2.0], "height": [3.0]}}]
    assert "not optional" in mismatch([AREA], [ParsedCall("shape.area", {"width": 2.0})], gold, "simple_python")


def test_dots_become_underscores_only_where_the_model_was_offered_such_names() -> None:
    dotted, plain = ParsedCall("shape.area", {"width": 2.0}), ParsedCall("shape_area", {"width": 2.0})
    said = [
        bool(mismatch([AREA], [call], AREA_GOLD, "simple_python", is_escaped))
        for call in (dotted, plain)
        for is_escaped in (False, True)
    ]
    assert said == [False, True, True, False]


def test_parallel_calls_are_taken_in_any_order_and_each_reference_takes_the_first_that_fits() -> None:
    hi, area = ParsedCall("say", {"text": "hi"}), ParsedCall("shape.area", {"width": 1.5})
    golds = ANSWERS["parallel_multiple"][0]
    for calls, wanted in (
        ((hi, area), True),
        ((area, hi), True),
        ((hi, hi), False),
        ((hi,), False),
        ((hi, area, hi), False),
    ):
        assert (not mismatch([AREA, SAY], calls, golds, "parallel_multiple")) is wanted
    loose, strict = {"say": {"text": ["a", "b"]}}, {"say": {"text": ["a"]}}
    calls = [ParsedCall("say", {"text": "a"}), ParsedCall("say", {"text": "b"})]
    assert not mismatch([SAY], calls, [strict, loose], "parallel")
    assert mismatch([SAY], calls, [loose, strict], "parallel")  # no choice is revised


def test_one_call_is_wanted_in_simple_and_multiple_rows() -> None:
    call = ParsedCall("shape.area", {"width": 2.0})
    for category in ("simple_python", "live_simple", "multiple", "live_multiple"):
        assert mismatch([SAY, AREA] if "multiple" in category else [AREA], [call], AREA_GOLD, category) == ""
        assert mismatch([AREA], [call, call], AREA_GOLD, category) == "2 calls, 1 are wanted"
        assert mismatch([AREA], [], AREA_GOLD, category) == "0 calls, 1 are wanted"


@pytest.mark.parametrize(
    ("text", "kind", "inner", "value"),
    [
        ("-7", "integer", None, -7),
        ("7.0", "integer", None, "7.0"),
        ("7L", "long", None, 7),
        ("7", "long", None, "7"),
        ("1.5e3f", "float", None, 1500.0),
        ("1.5", "float", None, "1.5"),
        ("1.5", "double", None, 1.5),
        ("true", "boolean", None, True),
        ("True", "boolean", None, "True"),
        ("'c'", "char", None, "'c'"),
        ('"a"', "String", None, '"a"'),
        ("new X()", "any", None, "new X()"),
        ("new int[]{1, 2}", "Array", "integer", [1, 2]),
        ('new String[]{"a"}', "Array", "String", ['"a"']),
        ("new int[]{}", "Array", "integer", []),
        ("xs", "Array", "any", "xs"),
        ('new ArrayList<String>(Arrays.asList("a", "b"))', "ArrayList", "String", ["a", "b"]),
        ("new ArrayList<>() {{ add(1); add(2); }}", "ArrayList", "integer", [1, 2]),
        ("new ArrayList<>()", "ArrayList", None, []),
        ("new ArrayList<>(Arrays.asList(1, true, 2L, 3f))", "ArrayList", None, [1, True, 2, 3.0]),
        ('new HashMap<>() {{ put("k", 1); put("l", "x"); }}', "HashMap", None, {"k": 1, "l": "x"}),
        ("new HashMap<>()", "HashMap", None, {}),
        ("map", "HashMap", None, "map"),
    ],
)
def test_java_literals_become_values_and_other_texts_stay_texts(text: str, kind: str, inner: Any, value: Any) -> None:
    assert java_value(text, kind, inner) == value and type(java_value(text, kind, inner)) is type(value)


@pytest.mark.parametrize(
    ("text", "kind", "inner", "value"),
    [
        ('"a"', "String", None, "a"),
        ("a", "String", None, "a"),
        ("5", "integer", None, 5),
        ("5n", "integer", None, "5n"),
        ("5n", "Bigint", None, 5),
        ("2.50", "float", None, 2.5),
        ("1e3", "float", None, "1e3"),
        ("false", "Boolean", None, False),
        ("f()", "any", None, "f()"),
        ("[1, 'two', true]", "array", None, [1, "two", True]),
        ("[]", "array", "String", []),
        ("['a', b]", "array", "String", ["a", "b"]),
        ("new Array(1, 2)", "array", "integer", [1, 2]),
        ("xs", "array", None, "xs"),
        ("[[1, 2], [3]]", "array", "array", [[1, 2], [3]]),
        ("{}", "dict", None, {}),
        ("options", "dict", None, "options"),
        ("{'a': 1, b: [x, 2], c: \"y\"}", "dict", None, {"a": 1, "b": ["x", 2], "c": "y"}),
    ],
)
def test_javascript_literals_become_values(text: str, kind: str, inner: Any, value: Any) -> None:
    assert javascript_value(text, kind, inner) == value


def test_values_of_java_are_texts_and_what_has_no_reader_is_refused() -> None:
    assert is_allowed("42L", "long", [42], "simple_java") and not is_allowed(42, "long", [42], "simple_java")
    assert is_allowed("7n", "Bigint", [7], "simple_javascript")
    assert is_allowed("limit", "long", ["limit"], "simple_java")
    assert not is_allowed("{1}", "Set", [{1}], "simple_java") and not is_allowed("x", "long long", ["x"], "simple_java")


def test_every_reference_accepts_its_own_call_and_one_that_cannot_be_met_is_refused() -> None:
    for category, answers in ANSWERS.items():
        if "multi_turn" not in category:
            for row, golds in zip(QUESTIONS[category], answers, strict=True):
                assert gold_problem(row["function"], golds, category) == ""
    unmet: list[list[Any]] = [
        [{"say": {"text": [], "volume": [1]}}],
        [{"say": {"text": ["a"], "volume": [1]}}],
        [{"shout": {"text": ["a"]}}],
        [{"say": {"text": [7], "x": 3}}],
        [{}],
        [{"say": []}],
        [{"say": {"text": "a"}}],
    ]
    for golds in unmet:
        assert gold_problem([SAY], golds, "simple_python")
    assert "not described" in gold_problem([SAY], [{"say": {"text": ["a"], "volume": [1]}}], "simple_python")


def test_the_call_of_a_reference_leaves_out_what_it_can() -> None:
    full, short = (gold_calls([AREA], AREA_GOLD, "simple_python", is_full) for is_full in (True, False))
    assert full == [ParsedCall("shape.area", {"width": 2.0, "height": 3.0, "unit": "cm"})]
    assert short == [ParsedCall("shape.area", {"width": 2.0})]
