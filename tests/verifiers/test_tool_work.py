"""A call that only carries the answer did no work."""

from __future__ import annotations

import pytest

from openqwq.verifiers.tool_calls import ParsedCall
from openqwq.verifiers.tool_verifiers import ToolUseVerifier
from openqwq.verifiers.tool_work import carries, number_of, numbers_in, shares_a_number


@pytest.mark.parametrize(
    ("argument", "answer", "known", "is_carried"),
    [
        ("42", "42", "40+2", True), (42, "42", "40+2", True), ("(42)", 42, "40+2", True), ("42+0", "42", "40+2", True),
        ("1*42.0", "42", "40+2", True), ("-(-42)", "42", "40+2", True), ("0x2A", "42", "40+2", True),
        ("4_2", "42", "40+2", True), ("4.2e1", "42", "40+2", True), ("1,000", "1000", "998+2", True),
        (["42"], "42", "40+2", True), ({"a": {"b": 42}}, "42", "40+2", True), ("٤٢", "42", "40+2", True),
        ("40+2", "42", "40+2", False), ("2+40", "42", "40+2", False), ("7-0", "7", "7-0", False),
        ("142", "42", "", False),
        ("Paris", "Paris", "capital of France", True), ("capital of France", "Paris", "capital of France", False),
        ("Paris", "Paris", "how large is Paris", False), ("Rome", "21", "", False), ("42", "forty-two", "", False),
        (True, "1", "", False), ("9" * 400, "42", "", False), ("1e999999999", "42", "", False),
    ],
)  # fmt: skip
def test_an_argument_that_says_the_answer_is_seen(
    argument: object, answer: object, known: str, is_carried: bool
) -> None:
    assert carries(ParsedCall("f", {"x": argument}), answer, [known]) is is_carried


def test_numbers_are_read_by_value() -> None:
    assert numbers_in(["40 + 0x2, 1,000.5 and 3e2"]) == {40, 2, number_of("1000.5"), 300}
    assert number_of("1e99999") is None and number_of("9" * 100) is None and number_of("a") is None
    assert shares_a_number(ParsedCall("f", {"x": "80*0.15"}), ["15/100*80"])
    assert not shares_a_number(ParsedCall("f", {"x": "41+1"}), ["40+2"])
    assert shares_a_number(ParsedCall("f", {"x": "41+1"}), ["no number"])


TOOL = {"name": "calc", "parameters": {"type": "object", "properties": {"e": {"type": "string"}}, "required": ["e"]}}


def _turns(expression: str, result: str) -> list[dict[str, str]]:
    call = f'<tool_call>{{"name": "calc", "arguments": {{"e": "{expression}"}}}}</tool_call>'
    said = ("assistant", call), ("tool", result), ("assistant", "\\boxed{42}")
    return [{"role": role, "content": content} for role, content in said]


@pytest.mark.parametrize(
    ("expression", "prompt", "score"),
    [
        ("42", "What is 40 + 2?", 0.0),
        ("42+0", "What is 40 + 2?", 0.0),
        ("40+2", "What is 40 + 2?", 1.0),
        ("42-0", "What is 42 - 0?", 1.0),
        ("42", None, 0.0),
    ],
)
def test_without_a_reference_call_one_call_must_do_work(expression: str, prompt: str | None, score: float) -> None:
    row = {"tools": [TOOL], "prompt": prompt, "reference": {"answer": "42"}, "turns": _turns(expression, "42")}
    assert ToolUseVerifier().grade("\\boxed{42}", row).score == score


def test_an_answer_belongs_to_its_call_when_a_malformed_one_stands_before() -> None:
    turns = _turns("40+2", "42")
    turns[0]["content"] = "<tool_call>{bad}</tool_call>" + turns[0]["content"]
    turns.insert(1, {"role": "tool", "content": '{"error": "not a tool call"}'})
    row = {"tools": [TOOL], "reference": {"answer": "42"}, "turns": turns}
    assert ToolUseVerifier().grade("\\boxed{42}", row).score == 1.0
    del turns[1]  # runners that answer readable calls only
    assert ToolUseVerifier().grade("\\boxed{42}", row).score == 1.0


def test_a_reference_call_that_breaks_its_schema_is_refused_at_load() -> None:
    row = {"tools": [TOOL], "reference": {"answer": "42", "call": {"name": "calc", "arguments": {"e": 42}}}}
    assert "breaks the schema of its own tool" in str(ToolUseVerifier().check_reference(row))
