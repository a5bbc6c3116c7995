"""What looks like a call and is none: it must not pass where no call is wanted, and a sentence about a tool must."""

from __future__ import annotations

import pytest

from openqwq.verifiers.tool_calls import parse_tool_calls
from openqwq.verifiers.tool_verifiers import ToolCallVerifier

TOOLS = [
    {"name": "rain_in", "parameters": {"type": "object", "properties": {"town": {"type": "string"}}}},
    {"name": "search", "parameters": {"type": "object", "properties": {"q": {"type": "string"}}}},
]
JSON = '{"name": "rain_in", "arguments": {"town": "Bergen"}}'


@pytest.mark.parametrize(
    "text",
    [
        "rain_in(town='Bergen')",
        '[rain_in(town="Bergen")]',
        '[some_other(a=1, b="x")]',
        '```python\nrain_in("Bergen")\n```',
        'I look it up.\n\nrain_in(town="Bergen")',
        'found = rain_in(town="Bergen")',
        'rain_in(\n  town="Bergen"\n)',
        "`rain_in(town='Bergen')`",
        "Call: `rain_in(town='Bergen')`",
        "rain_in()",
        'functions.rain_in({"town": "Bergen"})',
        JSON,
        f"```json\n{JSON}\n```",
        f"I call it: {JSON}",
        f"[{JSON}]",
        '{"name": "unknown_tool", "parameters": {}}',
        '{"arguments": {"town": "Bergen"}, "name": "rain_in"}',
        "{'name': 'rain_in', 'arguments': {'town': 'Bergen'}}",
        '{"name": "rain_in", "arguments": "{}"}',
        '{"function": "rain_in", "town": "Bergen"}',
        '{"tool": "rain_in", "args": {}}',
        '{"rain_in": {"town": "Bergen"}}',
        '{"tool_calls": [{"function": {}}]}',
        'rain_in {"town": "Bergen"}',
        "Action: rain_in\nAction Input: Bergen",
        '<function=rain_in>{"town": "Bergen"}</function>',
        '[TOOL_CALLS] [{"name": "rain_in"}]',
        "<|python_tag|>rain",
        '<invoke name="rain_in">',
        "<function_call>",
        '<atem:function_calls><atem:invoke name="rain_in">',
        "<|channel|>commentary to=functions.rain_in",
        "<｜tool▁calls▁begin｜>",
        '<rain_in>{"town": "Bergen"}</rain_in>',
    ],
)
def test_an_attempt_of_a_call_passes_nowhere(text: str) -> None:
    for reference in (
        [],
        {"expect": "none"},
        {"category": "live_irrelevance", "ground_truth": []},
        {"expect": "valid"},
    ):
        for turn in (text, f"<think>hm</think>\n{text}"):
            verdict = ToolCallVerifier().grade(turn, {"tools": TOOLS, "reference": reference})
            assert verdict.score == 0.0, verdict.reason
    assert ToolCallVerifier().grade(f"<think>{text}</think>No.", {"tools": TOOLS, "reference": []}).score == 1.0


@pytest.mark.parametrize(
    "text",
    [
        "No tool is needed: 4.",
        "The tool rain_in(town) cannot book trains.",
        "Use rain_in() for the rain; trains it does not know.",
        "You could write `rain_in(town='Oslo')` for another question, which does not help with this one.",
        "A word such as tool_call is no call.",
        '{"answer": 4}',
        '```json\n{"name": "Bergen", "inhabitants": 3}\n```',
        '{"name": "search", "price": 5}',
        '```python\nprint("hi")\n```',
        'import re\nre.search("a", text)',
        "$f(x=1) = 2$, and a search (2 results) is no call.",
        "The search: {see below}",
        "[1, 2] and [link](https://example.org/?q=1)",
    ],
)
def test_a_sentence_about_a_tool_and_other_code_are_no_calls(text: str) -> None:
    assert parse_tool_calls(text, tools=TOOLS).attempt == ""
    verdict = ToolCallVerifier().grade(text, {"tools": TOOLS, "reference": {"category": "irrelevance"}})
    assert verdict.score == 1.0, verdict.reason


def test_a_valid_call_may_stand_beside_a_sentence_about_it() -> None:
    text = f"I use rain_in(town='Bergen').\n<tool_call>{JSON}</tool_call>"
    for reference, score in (({"category": "live_relevance", "ground_truth": []}, 1.0), ([], 0.0)):
        assert ToolCallVerifier().grade(text, {"tools": TOOLS, "reference": reference}).score == score


def test_the_turn_after_a_result_says_it_and_calls_nothing() -> None:
    row = {"tools": TOOLS, "reference": {"expect": "answer", "must_contain": ["12 mm"]}}
    verifier = ToolCallVerifier()
    assert verifier.grade("It rains  12 MM in Bergen.", row).score == 1.0
    assert verifier.grade("It rains in Bergen.", row).reason == "the answer does not say '12 mm'"
    assert verifier.grade(f"12 mm <tool_call>{JSON}</tool_call>", row).score == 0.0
