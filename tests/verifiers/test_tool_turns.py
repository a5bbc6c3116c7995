"""`tool_call` over one turn and `tool_use` over a conversation: what is paid, what is not, what is an error."""

from __future__ import annotations

import json
from typing import Any

import pytest

from openqwq.verifiers import VerifierError
from openqwq.verifiers.tool_verifiers import ToolCallVerifier, ToolUseVerifier

TOOLS = [
    {"name": "f", "parameters": {"properties": {"x": {"type": "integer"}, "y": {"type": "string"}}, "required": ["x"]}},
    {"name": "calc", "parameters": {"properties": {"e": {"type": "string"}, "n": {"type": "integer"}}}},
]


def written(name: str, **arguments: Any) -> str:
    return f"<tool_call>{json.dumps({'name': name, 'arguments': arguments})}</tool_call>"


ONE, TWO = written("f", x=1), written("f", x=2)
WANT_ONE: Any = [{"f": {"x": [1]}}]


@pytest.mark.parametrize(
    ("response", "reference", "expect", "score", "reason"),
    [
        (ONE, WANT_ONE, "match", 1.0, "calls match"),
        (f"<think>{TWO}</think>Look. {ONE}", WANT_ONE, "match", 1.0, "calls match"),
        (TWO, WANT_ONE, "match", 0.0, "calls differ from the reference"),
        (ONE + ONE, WANT_ONE, "match", 0.0, "calls differ from the reference"),
        (ONE + TWO, [*WANT_ONE, {"f": {"x": [2]}}], "match", 1.0, "calls match"),
        (TWO + ONE, [*WANT_ONE, {"f": {"x": [2]}}], "match", 1.0, "calls match"),
        ("1", WANT_ONE, "match", 0.0, "no call"),
        (written("f", x="1"), WANT_ONE, "match", 0.0, "f['x']: '1' is not of type 'integer'"),
        (ONE + written("g"), WANT_ONE, "match", 0.0, "no tool is named 'g'"),
        (ONE + "<tool_call>", WANT_ONE, "match", 0.0, "<tool_call> and </tool_call> do not pair up"),
        (f"<think>{ONE}", WANT_ONE, "match", 0.0, "unclosed thinking"),
        (" ", WANT_ONE, "match", 0.0, "empty answer"),
        ("It is 4.", [], "match", 1.0, "calls match"),
        (ONE, [], "match", 0.0, "a call where none was needed"),
        ("I could write tool_call here.", [], "match", 1.0, "calls match"),
        ("[f(x=1)]", [], "match", 0.0, "a call where none was needed"),
        ("<tool_call>", [], "match", 0.0, "<tool_call> and </tool_call> do not pair up"),
        (TWO, WANT_ONE, "valid", 1.0, "calls match"),
        (TWO, None, "valid", 1.0, "calls match"),
        (written("f"), None, "valid", 0.0, "f: 'x' is a required property"),
        ("It is 4.", None, "valid", 0.0, "no call"),
        ("It is 4.", None, "none", 1.0, "calls match"),
        ("It is 4.", WANT_ONE, "none", 1.0, "calls match"),
        (ONE, WANT_ONE, "none", 0.0, "a call where none was needed"),
        (TWO, {"expect": "valid"}, "match", 1.0, "calls match"),
        (TWO, {"expect": "none"}, "match", 0.0, "a call where none was needed"),
        ("It is 4.", {"expect": "none"}, "valid", 1.0, "calls match"),
        (TWO, {"expect": "match", "calls": WANT_ONE}, "valid", 0.0, "calls differ from the reference"),
        (ONE, {"expect": "match", "calls": WANT_ONE}, "valid", 1.0, "calls match"),
    ],
)
def test_a_turn_is_paid_by_what_is_expected_of_it(
    response: str, reference: Any, expect: str, score: float, reason: str
) -> None:
    row = {"tools": TOOLS, "reference": reference}
    verifier = ToolCallVerifier(expect)
    assert verifier.check_reference(row) is None
    verdict = verifier.verify(response, row)
    assert (verdict.status, verdict.score, verdict.reason) == ("scored", score, reason)
    if expect == "match":
        assert ToolCallVerifier().verify(response, row).score == score


@pytest.mark.parametrize(
    ("row", "expect", "words"),
    [
        ({"tools": [], "reference": []}, "none", "the row offers no tools"),
        (
            {"tools": TOOLS, "reference": {"expect": "some"}},
            "match",
            "expect is one of match, valid, none, answer, got 'some'",
        ),
        ({"tools": TOOLS, "reference": None}, "match", "the reference is no list of calls"),
        ({"tools": TOOLS, "reference": {"expect": "match"}}, "none", "the reference is no list of calls"),
        ({"tools": TOOLS, "reference": [{"g": {}}]}, "match", "the reference calls a tool that is not offered: 'g'"),
        ({"tools": TOOLS, "reference": [{"f": {}}, {"g": {}}]}, "match", "a tool that is not offered: 'g'"),
        ({"tools": TOOLS, "reference": [{"f": {"x": []}}]}, "match", "no allowed value of f['x']"),
        ({"tools": TOOLS, "reference": [{"f": {"x": ["1"]}}]}, "match", "f['x']: '1' is not of type 'integer'"),
        ({"tools": TOOLS, "reference": [{"f": {"y": ["a"]}}]}, "match", "f: 'x' is a required property"),
        ({"tools": TOOLS, "reference": [{"f": {"x": [1], "z": [5]}}]}, "match", "Additional properties"),
        ({"tools": TOOLS, "reference": {"expect": "answer"}}, "match", "must_contain has no texts"),
        (
            {"tools": TOOLS, "reference": {"category": "multi_turn_base", "ground_truth": [["f(x=1)"]]}},
            "match",
            "judged by the verifier bfcl",
        ),
    ],
)
def test_a_row_that_expects_what_cannot_be_is_an_error(row: dict[str, Any], expect: str, words: str) -> None:
    verifier = ToolCallVerifier(expect)
    assert words in str(verifier.check_reference(row))
    verdict = verifier.verify(ONE, row)
    assert verdict.status == "verifier_error" and words in verdict.reason


@pytest.mark.parametrize(
    ("reference", "expect"),
    [
        ([{"g": {}}], "valid"),
        ([{"g": {}}], "none"),
        ([{"f": {"x": ["", 1]}}], "match"),
        ([{"f": {"x": ["1", 1]}}], "match"),
        ([{"f": {"x": [1.0]}}], "match"),
        ([{"f": {"x": ["", "a", 1], "y": ["", 5], "z": ["", 5]}}], "match"),
        ([{"f": {"x": [1], "z": ["", 5]}}], "match"),
        ([], "match"),
    ],
)
def test_a_reference_is_taken_where_its_tools_are_offered_or_not_asked_for(reference: Any, expect: str) -> None:
    assert ToolCallVerifier(expect).check_reference({"tools": TOOLS, "reference": reference}) is None


def test_an_unknown_expectation_is_refused() -> None:
    with pytest.raises(VerifierError, match="expect is one of match, valid, none, answer, got 'some'"):
        ToolCallVerifier("some")


def turns(*contents: str) -> list[dict[str, Any]]:
    """`> text` is a tool's answer, `? text` the user's, anything else the assistant's."""
    roles = {">": "tool", "?": "user"}
    return [
        {"role": roles[text[0]], "content": text[2:]} if text[:1] in roles else {"role": "assistant", "content": text}
        for text in contents
    ]


CALC, BLANKS = written("calc", e="12*3"), written("calc", e="12 * 3")
OTHER, VALUE = written("calc", e="12*4"), written("calc", e="36")
REFERENCE: dict[str, Any] = {"answer": "36", "call": {"name": "calc", "arguments": {"e": "12*3"}}}
RIGHT, WRONG = "\\boxed{36}", "\\boxed{35}"
NONE_CAME = "no valid call whose result came back"
NO_MATCH = "no call matches the reference call of calc"
EARLY_END = "the conversation ends before a final answer"


@pytest.mark.parametrize(
    ("contents", "score", "valid", "reason"),
    [
        ([CALC, "> 36", RIGHT], 1.0, 1, "answer "),
        ([BLANKS, "> 36", RIGHT], 1.0, 1, "answer "),
        (["? What?", CALC, "> 36", RIGHT], 1.0, 1, "answer "),
        ([CALC, "> 36", WRONG], 0.0, 1, "answer "),
        ([CALC, "> 35", RIGHT], 1.0, 1, "answer "),
        ([VALUE, "> 36", RIGHT], 0.0, 1, NO_MATCH),
        ([written("calc", e="36+0"), "> 36", RIGHT], 0.0, 1, NO_MATCH),
        ([written("calc", e="-(-36.0)"), "> 36", RIGHT], 0.0, 1, NO_MATCH),
        ([written("calc", e="0x24"), "> 36", RIGHT], 0.0, 1, NO_MATCH),
        ([written("calc", e="35+1"), "> 36", RIGHT], 0.0, 1, NO_MATCH),
        ([written("calc", e="3*10+3*2"), "> 36.0 \n", RIGHT], 1.0, 1, "answer "),
        ([written("calc", e="3*4*3"), ">  ", RIGHT], 0.0, 1, NO_MATCH),
        ([OTHER, "> 48", RIGHT], 0.0, 1, NO_MATCH),
        ([OTHER, "> 48", CALC, "> 36", RIGHT], 1.0, 2, "answer "),
        ([OTHER + CALC, "> 48", "> 36", RIGHT], 1.0, 2, "answer "),
        ([OTHER + CALC, "> 48", RIGHT], 0.0, 1, NO_MATCH),
        ([written("f", x=1), "> 36", RIGHT], 0.0, 1, NO_MATCH),
        ([written("calc", e="36", n=1), "> 36", RIGHT], 0.0, 1, NO_MATCH),
        ([written("calc", n=36), "> 36", RIGHT], 0.0, 1, NO_MATCH),
        ([written("calc", e=36), "> 36", RIGHT], 0.0, 0, NONE_CAME),
        ([written("g", e="12*3"), "> 36", RIGHT], 0.0, 0, NONE_CAME),
        ([RIGHT], 0.0, 0, NONE_CAME),
        ([CALC, RIGHT], 0.0, 0, NONE_CAME),
        ([CALC, "? go on", RIGHT], 0.0, 0, NONE_CAME),
        ([CALC, RIGHT, "> 36", RIGHT], 0.0, 0, NONE_CAME),
        (["> 36", RIGHT], 0.0, 0, NONE_CAME),
        ([written("g", e="1"), "> 36"], 0.0, 0, NONE_CAME),
        ([CALC, '> {"error": "no"}', RIGHT], 0.0, 0, NONE_CAME),
        ([CALC, '> {"result": 36}', RIGHT], 1.0, 1, "answer "),
        ([CALC, '> ["error"]', RIGHT], 1.0, 1, "answer "),
        ([CALC, "> error", RIGHT], 1.0, 1, "answer "),
        ([f"<think>{CALC}</think>", "> 36", RIGHT], 0.0, 0, NONE_CAME),
        ([CALC, "> 36"], 0.0, 1, EARLY_END),
        ([CALC, "> 36", CALC], 0.0, 1, EARLY_END),
        ([CALC, "> 36", "? thanks"], 0.0, 1, EARLY_END),
        ([CALC, "> 36", RIGHT + "<tool_response>36"], 0.0, 1, "the assistant wrote <tool_response> itself"),
        (["<tool_response>36</tool_response>", CALC, "> 36", RIGHT], 0.0, 0, "the assistant wrote <tool_response>"),
    ],
)
def test_a_conversation_is_paid_for_a_real_call_and_the_right_answer(
    contents: list[str], score: float, valid: int, reason: str
) -> None:
    row = {"tools": TOOLS, "reference": REFERENCE, "turns": turns(*contents)}
    verdict = ToolUseVerifier().grade(contents[-1], row)
    assert (verdict.status, verdict.score) == ("scored", score), verdict.reason
    assert verdict.reason.startswith(reason)
    assert verdict.parts == {"valid_calls": float(valid)}


@pytest.mark.parametrize(
    ("reference", "contents", "score"),
    [
        ({"answer": "36"}, [OTHER, "> 48", RIGHT], 1.0),
        ({"answer": "36", "call": []}, [OTHER, "> 48", RIGHT], 1.0),
        (
            {"answer": "36", "calls": [{"calc": {"e": ["12*3", "3*12"]}}]},
            [written("calc", e="3 *12"), "> 0", RIGHT],
            1.0,
        ),
        ({"answer": "36", "calls": [{"calc": {"e": ["12 * 3"]}}]}, [CALC, "> 0", RIGHT], 1.0),
        ({"answer": "36", "ground_truth": [{"calc": {"e": ["12*3"]}}]}, [OTHER, "> 48", RIGHT], 0.0),
        ({"answer": "36", "calls": [{"calc": {"e": ["12*3"]}}, {"f": {"x": [1]}}]}, [CALC, "> 36", RIGHT], 0.0),
        (
            {"answer": "36", "calls": [{"calc": {"e": ["12*3"]}}, {"f": {"x": [1]}}]},
            [ONE, "> a", CALC, "> 36", RIGHT],
            1.0,
        ),
        (
            {"answer": "36", "calls": [{"calc": {"e": ["a"], "n": [1]}}]},
            [written("calc", e="36", n=2), "> 36", RIGHT],
            0.0,
        ),
        ({"answer": "36", "calls": [{"calc": {"n": [5]}}]}, [written("calc", n=5), "> 1", RIGHT], 1.0),
    ],
)
def test_every_reference_call_must_be_among_the_answered_ones(
    reference: dict[str, Any], contents: list[str], score: float
) -> None:
    row = {"tools": TOOLS, "reference": reference, "turns": turns(*contents)}
    assert ToolUseVerifier().grade(contents[-1], row).score == score


def test_without_turns_the_response_is_the_conversation() -> None:
    row = {"tools": TOOLS, "reference": REFERENCE}
    for given in (row, {**row, "turns": []}, {**row, "turns": None}):
        verdict = ToolUseVerifier().grade(RIGHT, given)
        assert (verdict.score, verdict.reason) == (0.0, NONE_CAME)
    empty = [{"role": "assistant", "content": None}, *turns(CALC, "> 36", RIGHT)]
    assert ToolUseVerifier().grade(RIGHT, {**row, "turns": empty}).score == 1.0


@pytest.mark.parametrize("reference", [None, "the answer", {}, {"call": REFERENCE["call"]}])
def test_a_conversation_needs_a_wanted_answer(reference: Any) -> None:
    row = {"tools": TOOLS, "reference": reference, "turns": turns(CALC, "> 36", RIGHT)}
    assert ToolUseVerifier().check_reference(row) == "a tool_use reference is a mapping with an answer"
    verdict = ToolUseVerifier().verify(RIGHT, row)
    assert (verdict.status, verdict.reason) == ("verifier_error", "a tool_use reference is a mapping with an answer")


def test_the_rows_tools_and_answer_are_checked_at_load() -> None:
    verifier = ToolUseVerifier()
    assert verifier.check_reference({"tools": TOOLS, "reference": REFERENCE}) is None
    assert verifier.check_reference({"tools": [], "reference": REFERENCE}) == "the row offers no tools"
    assert verifier.check_reference({"tools": TOOLS, "reference": {"answer": ""}})


def test_the_answer_is_read_by_the_format_that_was_asked_for() -> None:
    row = {"tools": TOOLS, "reference": REFERENCE, "turns": turns(CALC, "> 36", "It is 36.")}
    assert ToolUseVerifier().grade("It is 36.", row).score == 1.0
    assert ToolUseVerifier(answer_format="boxed").grade("It is 36.", row).score == 0.0
    verifier = ToolUseVerifier(answer_format="boxed", timeout_seconds=2.5)
    assert verifier.math.timeout_seconds == 2.5 and ToolUseVerifier().math.timeout_seconds == 1.0
    verifier.close()


def test_the_format_is_the_arguments_else_the_rows_else_hermes() -> None:
    row = {"tools": TOOLS, "reference": WANT_ONE}
    mistral = '[TOOL_CALLS]f[ARGS]{"x": 1}'
    assert ToolCallVerifier().grade(ONE, row).score == 1.0
    assert ToolCallVerifier().grade(mistral, row).reason.startswith("no call in the format of the template")
    assert ToolCallVerifier(format="mistral").grade(mistral, row).score == 1.0
    assert ToolCallVerifier().grade(mistral, {**row, "call_format": "mistral"}).score == 1.0
    assert ToolCallVerifier(format="hermes").grade(ONE, {**row, "call_format": "mistral"}).score == 1.0
    called = '[TOOL_CALLS]calc[ARGS]{"e": "12*3"}'
    used = {"tools": TOOLS, "reference": REFERENCE, "turns": turns(called, "> 36", RIGHT)}
    assert ToolUseVerifier(format="mistral").grade(RIGHT, used).score == 1.0
    assert ToolUseVerifier().grade(RIGHT, used).score == 0.0
    with pytest.raises(VerifierError, match=r"format is one of hermes, llama, .* got 'yaml'"):
        ToolCallVerifier(format="yaml")
