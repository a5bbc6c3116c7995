"""Tools, calls and answers keep their meaning between OpenAI's form and ours."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openqwq.training.endpoint.tool_messages import (
    call_text,
    next_messages,
    openai_calls,
    openai_messages,
    openai_tools,
)
from openqwq.verifiers.tool_calls import ParsedCall, parse_tool_calls
from tests.training.endpoint.scripted_server import call

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)


@given(st.text(min_size=1, max_size=20), st.dictionaries(st.text(max_size=6), VALUES, max_size=3))
def test_a_call_reads_back_as_it_was_whatever_it_holds(name: str, arguments: dict[str, Any]) -> None:
    [there] = openai_calls([{"function": {"name": name, "arguments": arguments}}])
    parsed = parse_tool_calls("<think>a</think>" + call_text(there))
    assert parsed.calls == (ParsedCall(name, arguments),) and parsed.errors == ()


@pytest.mark.parametrize(
    "tag", ["</tool_call>", "<tool_call>", "<think>", "</think>", "<|im_start|>", "</tool_response>"]
)
def test_a_tag_in_an_argument_ends_no_call(tag: str) -> None:
    parsed = parse_tool_calls(call_text(call("say", {"text": f"a{tag}b"})))
    assert parsed.errors == () and parsed.calls[0].arguments == {"text": f"a{tag}b"}


@pytest.mark.parametrize("written", ['{"a": ', "not json", '{"a": 1, "a": 2}', '{"a": NaN}', "5", '"text"', "[" * 2000])
def test_arguments_that_are_no_plain_object_stay_an_error_of_the_model(written: str) -> None:
    parsed = parse_tool_calls(call_text(call("say", written)))
    assert parsed.calls == () and len(parsed.errors) == 1


def test_tools_are_offered_in_openai_form_from_both_forms_of_rows() -> None:
    function = {"name": "now", "parameters": {"type": "object", "properties": {}}}
    wanted = [{"type": "function", "function": function}]
    assert openai_tools([function]) == openai_tools(wanted) == wanted
    assert openai_tools([]) == []


def test_a_chat_of_a_row_gets_ids_and_texts_of_arguments() -> None:
    row = [
        {"role": "system", "content": "Be brief.", "weight": 0.5},
        {"role": "user", "content": "Time?", "name": None},
        {"role": "assistant", "content": "", "tool_calls": [
            {"function": {"name": "now", "arguments": {"zone": "é"}}}, {"id": "x", "function": {"name": "day"}}]},
        {"role": "tool", "content": "12:00", "name": "now"},
        {"role": "tool", "content": "Monday", "tool_call_id": "x"},
        {"role": "assistant", "content": "Noon."},
        {"role": "tool", "content": "late"},
    ]  # fmt: skip
    assert openai_messages(row) == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Time?"},
        {"role": "assistant", "content": "", "tool_calls": [
            {"id": "call_0", "type": "function", "function": {"name": "now", "arguments": '{"zone": "\\u00e9"}'}},
            {"id": "x", "type": "function", "function": {"name": "day", "arguments": "{}"}}]},
        {"role": "tool", "content": "12:00", "name": "now", "tool_call_id": "call_0"},
        {"role": "tool", "content": "Monday", "tool_call_id": "x"},
        {"role": "assistant", "content": "Noon."},
        {"role": "user", "content": "<tool_response>\nlate\n</tool_response>"},
    ]  # fmt: skip


def test_answers_follow_the_calls_of_the_server_by_their_ids() -> None:
    calls = [call("a", {}, 7), call("b", {}, 8)]
    said = {"role": "assistant", "content": None, "reasoning_content": "hm", "tool_calls": calls}
    text = "<think>hm</think>\n" + "\n".join(map(call_text, calls))
    answers = [{"role": "tool", "content": "1"}, {"role": "tool", "content": "2"}]
    assert next_messages(said, text, answers) == [
        said,
        {"role": "tool", "content": "1", "tool_call_id": "id7"},
        {"role": "tool", "content": "2", "tool_call_id": "id8"},
    ]


def test_calls_that_are_text_stay_text_and_their_answers_are_of_tools() -> None:
    text = "<think>hm</think>\n\nLook:\n" + call_text(call("a", {"x": 1}))
    answers = [{"role": "tool", "content": "1", "tool_call_id": "old"}, {"role": "user", "content": "And?"}]
    assert next_messages({"role": "assistant", "content": text}, text, answers) == [
        {"role": "assistant", "content": text},
        {"role": "tool", "content": "1", "tool_call_id": "call_0"},
        {"role": "user", "content": "And?"},
    ]


@pytest.mark.parametrize(
    ("text", "answers"),
    [
        ("<tool_call>{</tool_call>", 1),
        ("<tool_call>", 1),
        (call_text(call("a", {})), 2),
        (call_text(call("a", {})) + call_text(call("b", "nonsense")), 2),
        ("no call", 1),
    ],
)
def test_where_calls_and_answers_do_not_match_the_turn_stays_text(text: str, answers: int) -> None:
    given = [{"role": "tool", "content": str(n)} for n in range(answers)]
    turn, *told = next_messages({"role": "assistant", "content": text}, text, given)
    assert turn == {"role": "assistant", "content": text}
    assert told == [{"role": "user", "content": f"<tool_response>\n{n}\n</tool_response>"} for n in range(answers)]


def test_a_user_that_an_environment_plays_is_a_user() -> None:
    assert next_messages({"role": "assistant", "content": "Hi"}, "Hi", [{"role": "user", "content": "And?"}]) == [
        {"role": "assistant", "content": "Hi"}, {"role": "user", "content": "And?"},
    ]  # fmt: skip


def test_an_answer_of_a_tool_writes_no_control_words_and_loses_its_middle() -> None:
    text = call_text(call("a", {}))
    said = {"role": "assistant", "content": "", "tool_calls": [call("a", {})]}
    answer = next_messages(said, text, [{"role": "tool", "content": "<|im_end|></tool_response>" + "x" * 9000}])[1]
    assert answer["content"].startswith("< |im_end|>< /tool_response>") and len(answer["content"]) < 2100
    given = [{"role": "tool", "content": "x" * 9000}, {"role": "user", "content": "y" * 9000}]
    for most, length in ((None, 9000), (6, len("xxx ... xxx"))):
        _, told, question = next_messages(said, text, given, most)
        assert (len(told["content"]), len(question["content"])) == (length, 9000)


@pytest.mark.parametrize("calls", ["x", {"function": {}}, 5, [5], [{}], [{"function": {"name": 5}}], [{"name": None}]])
def test_calls_without_a_name_are_refused(calls: Any) -> None:
    with pytest.raises(ValueError, match="tool call"):
        openai_calls(calls)


def test_what_is_sent_is_json() -> None:
    assert json.dumps(openai_messages([{"role": "user", "content": "é\u2028"}]))
