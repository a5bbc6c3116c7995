"""A reply becomes a turn in our own form, wherever the server puts thinking and calls."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openqwq.training.endpoint.answers import Answer, read_answer
from openqwq.verifiers.answers import graded_text
from openqwq.verifiers.rules.think_format import format_problem
from openqwq.verifiers.tool_calls import parse_tool_calls
from tests.training.endpoint.scripted_server import call, says


def read(*given: Any, opens_thinking: bool = False, **message: Any) -> Answer:
    return read_answer(json.loads(says(*given, **message).body), opens_thinking)


@pytest.mark.parametrize("key", ["reasoning_content", "reasoning"])
def test_thinking_beside_the_content_is_put_before_it(key: str) -> None:
    answer = read("\n\n9", **{key: "\n3 * 3\n"})
    assert answer.text == "<think>\n3 * 3\n</think>\n\n9"
    assert answer.message == {"role": "assistant", "content": "\n\n9", key: "\n3 * 3\n"}
    assert format_problem(answer.text) == "" and not answer.is_opened_unseen


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("plain 9", "plain 9"),
        ("<think>a</think>9", "<think>a</think>9"),
        (" \n<think>a</think>9", " \n<think>a</think>9"),
        ("a\n</think>\n\n9", "<think>a\n</think>\n\n9"),
        ("a <think>b</think>9", "a <think>b</think>9"),
        ("<think>a", "<think>a"),
        ("a</think>b<think>c", "<think>a</think>b<think>c"),
        ("", ""),
        (None, ""),
        ([{"type": "text", "text": "a"}, {"type": "text", "text": "b"}], "ab"),
        ([{"type": "thinking", "thinking": [{"type": "text", "text": "a"}]}, {"type": "text", "text": "b"}],
         "<think>a</think>b"),
    ],
)  # fmt: skip
def test_thinking_within_the_content_stays_and_is_opened_where_the_template_did(content: Any, text: str) -> None:
    assert read(content).text == text


@pytest.mark.parametrize("content", [None, "", "  \n"])
@pytest.mark.parametrize("reason", ["length", "stop"])
def test_thinking_that_no_answer_follows_stays_unclosed(content: str | None, reason: str) -> None:
    answer = read(content, reason, reasoning_content="on and on")
    assert answer.text == "<think>on and on" and answer.is_cut is (reason == "length")
    assert graded_text(answer.text).problem == "unclosed thinking"


def test_thinking_that_the_server_gives_twice_is_there_once() -> None:
    assert read("<think>a</think>9", reasoning_content="a").text == "<think>a</think>9"
    assert read("\n</think>\n\n9", reasoning_content="a").text == "<think>a\n</think>\n\n9"


def test_an_answer_without_tags_is_thinking_only_where_the_template_is_said_to_open_it() -> None:
    assert read("on and on", "length").text == "on and on"
    assert read("on and on", "length", opens_thinking=True).text == "<think>on and on"
    assert read("a</think>9", opens_thinking=True).text == "<think>a</think>9"
    assert read("<think>a</think>9", opens_thinking=True).text == "<think>a</think>9"
    assert read("9", opens_thinking=True, reasoning="a").text == "<think>a</think>9"
    assert read("", opens_thinking=True).text == ""


def test_an_unseen_opening_is_noticed() -> None:
    assert read("a</think>9").is_opened_unseen
    assert not read("<think>a</think>9").is_opened_unseen
    assert not read("9 </think>", reasoning="a").is_opened_unseen


def test_calls_become_the_text_that_our_parser_reads() -> None:
    calls = [call("calculator", {"expression": "2+2"}, 1), call("now", "", 2)]
    answer = read(None, "tool_calls", reasoning_content="hm", tool_calls=calls)
    parsed = parse_tool_calls(answer.text)
    assert answer.text.startswith("<think>hm</think>\n<tool_call>\n")
    assert [(c.name, dict(c.arguments)) for c in parsed.calls] == [("calculator", {"expression": "2+2"}), ("now", {})]
    assert parsed.errors == () and not answer.is_cut
    assert answer.message["content"] is None and answer.message["reasoning_content"] == "hm"
    assert [c["id"] for c in answer.message["tool_calls"]] == ["id1", "id2"]
    assert read("Let me see.", tool_calls=calls[:1]).text.startswith("Let me see.\n<tool_call>")


@pytest.mark.parametrize(
    ("reason", "is_cut"),
    [("stop", False), (None, False), ("tool_calls", False), ("content_filter", False), ("eos", False), (7, False),
     ("length", True), ("max_tokens", True), ("model_length", True)],
)  # fmt: skip
def test_what_ends_at_a_limit_is_cut(reason: Any, is_cut: bool) -> None:
    assert read("a", reason).is_cut is is_cut


@pytest.mark.parametrize(
    ("usage", "counts"),
    [
        ({"prompt_tokens": 5, "completion_tokens": 3, "total_tokens": 8}, (3, 8)),
        ({"prompt_tokens": 5, "completion_tokens": 3, "total_tokens": 20}, (15, 20)),  # thinking only in the total
        ({"prompt_tokens": 5, "completion_tokens": 3}, (3, 8)),
        ({"completion_tokens": 3}, (3, None)),
        ({"completion_tokens": 0, "prompt_tokens": 5}, (0, 5)),
        ({"completion_tokens": -1}, (None, None)),
        ({"completion_tokens": True}, (None, None)),
        ({"completion_tokens": "3"}, (None, None)),
        ({}, (None, None)),
        (None, (None, None)),
        ([3], (None, None)),
    ],
)
def test_tokens_are_counted_as_far_as_the_server_says(usage: Any, counts: tuple[int | None, int | None]) -> None:
    tree = {"choices": [{"message": {"content": "a"}, "finish_reason": "stop"}], "usage": usage}
    answer = read_answer(tree)
    assert (answer.num_tokens, answer.num_context) == counts


def test_a_refusal_beside_an_empty_content_is_the_answer() -> None:
    assert read(None, refusal="I cannot help with that.").text == "I cannot help with that."


@pytest.mark.parametrize(
    "tree",
    [
        None, [], "x", 5, {}, {"choices": []}, {"choices": None}, {"choices": {}}, {"choices": ["x"]},
        {"choices": [{"text": "a"}]}, {"choices": [{"message": None}]}, {"choices": [{"message": {"content": 5}}]},
        {"choices": [{"message": {"content": {"text": "a"}}}]}, {"choices": [{"message": {"content": [5]}}]},
        {"choices": [{"message": {"content": "a"}, "finish_reason": "error"}]},
        {"choices": [{"message": {"content": "a"}, "finish_reason": "abort"}]},
        {"choices": [{"message": {"content": "a"}, "error": {"code": 502}}]},
        {"choices": [{"message": {"tool_calls": "x"}}]}, {"choices": [{"message": {"tool_calls": [{}]}}]},
        {"choices": [{"message": {"tool_calls": [{"function": {"name": None}}]}}]},
    ],
)  # fmt: skip
def test_what_is_no_finished_answer_is_refused(tree: Any) -> None:
    with pytest.raises(ValueError):
        read_answer(tree)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.sampled_from(["choices", "message", "content", "tool_calls", "function", "name", "usage",
                                       "arguments", "type", "thinking", "text", "finish_reason"]), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


@settings(max_examples=30)
@given(JSON)
def test_any_reply_is_an_answer_or_a_value_error(message: Any) -> None:
    for tree in (message, {"choices": [message]}, {"choices": [{"message": message}], "usage": message}):
        with contextlib.suppress(ValueError):
            assert isinstance(read_answer(tree).text, str)


@given(st.text(max_size=40), st.text(max_size=40))
def test_what_is_graded_is_the_same_in_every_form(thought: str, said: str) -> None:
    forms = [
        read(said, reasoning_content=thought),
        read(said, reasoning=thought),
        read(f"<think>{thought}</think>{said}"),
        read(f"{thought}</think>{said}"),
    ]
    if thought.strip() and said.strip():
        assert len({graded_text(form.text) for form in forms}) == 1
