"""Lines that people type as turns of an assistant."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openqwq.training.trying.typed_calls import UnreadableCall, turn_of
from openqwq.verifiers.tool_calls import parse_tool_calls

TOOLS = {"search": ["query", "top"], "now": []}


@pytest.mark.parametrize(
    ("line", "name", "arguments"),
    [
        ('search(query="a, b", top=2)', "search", {"query": "a, b", "top": 2}),
        ("search('a', top=-1)", "search", {"query": "a", "top": -1}),
        ('  search {"query": "a)"}  ', "search", {"query": "a)"}),
        ("search{}", "search", {}),
        ("now", "now", {}),
        ("now()", "now", {}),
        ("other(a=[1, None, True])", "other", {"a": [1, None, True]}),
        ('server.tool {"a": 1}', "server.tool", {"a": 1}),
    ],
)
def test_a_call_is_read_in_each_of_its_forms(line: str, name: str, arguments: dict[str, object]) -> None:
    (call,) = parse_tool_calls(turn_of(line, TOOLS)).calls
    assert (call.name, dict(call.arguments)) == (name, arguments)


@pytest.mark.parametrize("line", ["It is 4.", "f (x) is a function", "nowhere", "search", "42", "{}", "sum (it) all"])
def test_another_line_is_the_answer(line: str) -> None:
    assert turn_of(line, {"now": []}) == line


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("search(1, 2, 3)", "each argument has one name"),
        ("search(1, query=2)", "each argument has one name"),
        ("search(**{})", "each argument has one name"),
        ("search(query=", "cannot be read"),
        ("search(query=open)", "literals"),
        ("search(query=b'a')", "literals"),
        ("search(query=1e999)", "literals"),
        ("search(1)(2)", "cannot be read"),
        ('search {"query": ', "no JSON object"),
        ("search {'query': 1}", "no JSON object"),
    ],
)
def test_a_call_that_cannot_be_read_says_why_on_one_line(line: str, words: str) -> None:
    with pytest.raises(UnreadableCall, match=words) as problem:
        turn_of(line, TOOLS)
    assert "\n" not in str(problem.value)


@given(st.text(max_size=40))
def test_no_line_breaks_the_reader(line: str) -> None:
    with contextlib.suppress(UnreadableCall):
        assert isinstance(turn_of(line, TOOLS), str)
