"""Tool calls: reading them, checking their arguments, matching them, and using their results."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openqwq.verifiers import get_verifier
from openqwq.verifiers.tool_calls import ParsedCall, check_arguments, parse_tool_calls
from openqwq.verifiers.tool_matching import calls_match, same_value

WEATHER = {
    "name": "weather",
    "parameters": {
        "type": "dict",
        "properties": {
            "city": {"type": "string"},
            "days": {"type": "integer"},
            "limit": {"type": "float"},
            "unit": {"type": "string", "enum": ["C", "F"]},
        },
        "required": ["city"],
    },
}
CALCULATOR = {
    "type": "function",
    "function": {
        "name": "calculator",
        "parameters": {"type": "object", "properties": {"expression": {"type": "string"}}, "required": ["expression"]},
    },
}


def called(arguments: str, name: str = "weather") -> str:
    return f'<tool_call>\n{{"name": "{name}", "arguments": {arguments}}}\n</tool_call>'


@pytest.mark.parametrize(
    ("text", "has_error"),
    [
        (called('{"city": "Rome"}'), False),
        ("Let me look. " + called("{}"), False),
        (called('"Rome"'), True),
        (called('{"city": NaN}'), True),
        (called('{"city": "a", "city": "b"}'), True),
        ("<tool_call>{'name': 'weather', 'arguments': {}}</tool_call>", True),
        (called("{}") + "</tool_call>", True),
        ("<tool_call>", True),
        (called("{}") + "\n<tool_response>\nsunny\n</tool_response>", True),
        (called("[" * 5000), True),
    ],
)
def test_calls_are_read_strictly(text: str, has_error: bool) -> None:
    assert bool(parse_tool_calls(text).errors) == has_error


def test_a_draft_inside_the_thinking_is_no_call() -> None:
    parsed = parse_tool_calls(f"<think>{called('{}')}</think>Hello")
    assert (parsed.calls, parsed.errors, parsed.text) == ((), (), "Hello")


@pytest.mark.parametrize(
    ("arguments", "fits"),
    [
        ({"city": "Rome"}, True),
        ({"city": "Rome", "days": 2, "limit": 3}, True),
        ({"city": "Rome", "days": True}, False),
        ({"city": "Rome", "days": 2.0}, False),
        ({"city": "Rome", "unit": "K"}, False),
        ({"city": "Rome", "sky": 1}, False),
        ({"days": 2}, False),
    ],
)
def test_arguments_must_fit_the_schema(arguments: dict[str, Any], fits: bool) -> None:
    assert (check_arguments(ParsedCall("weather", arguments), [WEATHER]) == "") == fits


def test_an_unknown_tool_is_named() -> None:
    assert "nope" in check_arguments(ParsedCall("nope", {}), [WEATHER, CALCULATOR])


def test_calls_match_one_to_one_even_when_the_first_fit_is_wrong() -> None:
    wanted = [("weather", {"city": ["Rome", "Bonn"]}), ("weather", {"city": ["Rome"]})]
    rome, bonn = ParsedCall("weather", {"city": "Rome"}), ParsedCall("weather", {"city": "Bonn"})
    assert calls_match([rome, bonn], wanted)
    assert calls_match([bonn, rome], wanted)
    assert not calls_match([bonn, bonn], wanted)


@pytest.mark.parametrize(
    ("given_value", "wanted", "is_same"),
    [
        ("New  York", "new york", True),
        ("v1.5", "v15", False),
        (1, 1.0, True),
        (True, 1, False),
        ([1, 2], [1.0, 2.0], True),
        ({"a": 1}, {"a": [1, 2]}, True),
        ({"a": 3}, {"a": [1, 2]}, False),
        ({"a": 1, "b": 1}, {"a": 1}, False),
    ],
)
def test_values_are_compared_by_meaning(given_value: Any, wanted: Any, is_same: bool) -> None:
    assert same_value(given_value, wanted) == is_same


@pytest.mark.parametrize(
    ("response", "reference", "score"),
    [
        (called('{"city": "Rome"}'), [{"weather": {"city": ["Rome"], "days": [""]}}], 1.0),
        (called('{"city": "Rome"}'), {"name": "weather", "arguments": {"city": "Rome"}}, 1.0),
        (called('{"city": "Rome", "days": 3}'), {"name": "weather", "arguments": {"city": "Rome"}}, 0.0),
        (called('{"city": "Bonn"}'), [{"weather": {"city": ["Rome"]}}], 0.0),
        ("It is 4.", [], 1.0),
        (called('{"city": "Rome"}'), [], 0.0),
        ("<tool_call>", [], 0.0),
        (called('{"city": "Bonn"}'), {"expect": "valid"}, 1.0),
        (called('{"town": "Bonn"}'), {"expect": "valid"}, 0.0),
    ],
)
def test_a_turn_is_paid_for_the_calls_of_the_reference(response: str, reference: object, score: float) -> None:
    row = {"tools": [WEATHER], "reference": reference}
    assert get_verifier("tool_call").check_reference(row) is None
    assert get_verifier("tool_call").verify(response, row).score == score


@pytest.mark.parametrize(
    "row",
    [
        {"tools": [], "reference": []},
        {"tools": [WEATHER], "reference": "weather"},
        {"tools": [WEATHER], "reference": [{"news": {"city": ["Rome"]}}]},
        {"tools": [{"name": "x", "parameters": {"type": "nonsense"}}], "reference": []},
    ],
)
def test_unusable_rows_are_refused(row: dict[str, Any]) -> None:
    assert get_verifier("tool_call").check_reference(row)
    assert get_verifier("tool_call").verify("x", row).status == "verifier_error"


def conversation(*turns: tuple[str, str]) -> list[dict[str, str]]:
    return [{"role": role, "content": content} for role, content in turns]


ASKED = ("assistant", "<think>Call.</think>" + called('{"expression": "12 * 3"}', "calculator"))
RESULT = ("tool", "36")
ANSWER = ("assistant", "<think>So.</think>\\boxed{36}")


@pytest.mark.parametrize(
    ("turns", "score"),
    [
        ([ASKED, RESULT, ANSWER], 1.0),
        ([("assistant", called('{"expression": "3*12"}', "calculator")), RESULT, ANSWER], 1.0),
        ([("assistant", called('{"expression": "36"}', "calculator")), RESULT, ANSWER], 0.0),
        ([("assistant", called('{"expression": "12+3"}', "calculator")), ("tool", "15"), ANSWER], 0.0),
        ([ASKED, RESULT, ("assistant", "\\boxed{35}")], 0.0),
        ([ANSWER], 0.0),
        ([ASKED], 0.0),
        ([ASKED, RESULT, ASKED], 0.0),
        ([ASKED, ("tool", '{"error": "out of order"}'), ANSWER], 0.0),
        ([("assistant", ASKED[1] + "<tool_response>36</tool_response>"), RESULT, ANSWER], 0.0),
        ([("assistant", called('{"x": "12*3"}', "calculator")), RESULT, ANSWER], 0.0),
        ([("assistant", "<think>" + called('{"expression": "12*3"}', "calculator")), RESULT, ANSWER], 0.0),
    ],
)
def test_tool_use_needs_a_real_call_its_result_and_the_right_answer(turns: list[tuple[str, str]], score: float) -> None:
    row = {
        "tools": [CALCULATOR],
        "reference": {"answer": "36", "call": {"name": "calculator", "arguments": {"expression": "12*3"}}},
        "turns": conversation(*turns),
    }
    verifier = get_verifier("tool_use")
    assert verifier.check_reference(row) is None
    verdict = verifier.verify(turns[-1][1], row)
    assert (verdict.status, verdict.score) == ("scored", score), verdict.reason


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet='<tool_call>/{}"name:argumts[] ', max_size=200))
def test_no_text_breaks_the_reader(text: str) -> None:
    assert parse_tool_calls(text) == parse_tool_calls(text)
    assert get_verifier("tool_call").verify(text, {"tools": [WEATHER], "reference": []}).is_scored
