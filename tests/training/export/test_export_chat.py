"""The exported template: what was trained, and the same from OpenAI's messages; vLLM's options that fit it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from openqwq.training.export.chat import OPENAI_PARTS, OPENAI_TOOLS, serve_options, with_openai_parts
from openqwq.training.export.conversations import AS_OBJECT, BARE, CALCULATOR, CONVERSATIONS
from openqwq.training.models import load_tokenizer
from openqwq.training.templates.codec import ChatCodec

TEMPLATES = Path(__file__).parents[3] / "training" / "templates"
OPENS = r"{{- '<|im_start|>assistant\n' -}}"


@pytest.fixture
def fresh(base: str) -> Any:
    """A tokenizer that a test may change."""
    return load_tokenizer(base)


def rendered(tokenizer: Any, name: str) -> list[int]:
    one = next(conversation for conversation in CONVERSATIONS if conversation.name == name)
    given = {"tools": list(one.tools)} if one.tools else {}
    ids: list[int] = tokenizer.apply_chat_template(
        list(one.messages), add_generation_prompt=True, return_dict=False, **given
    )
    return ids


@pytest.mark.parametrize("shipped", ["own", "chatml", "plain"])
def test_calls_of_a_server_are_rendered_as_those_that_were_trained(fresh: Any, shipped: str) -> None:
    if shipped != "own":
        fresh.chat_template = (TEMPLATES / f"{shipped}.jinja").read_text()
    before = [rendered(fresh, one.name) for one in CONVERSATIONS if "tool_calls" not in one.name]
    assert with_openai_parts(fresh)
    assert [rendered(fresh, one.name) for one in CONVERSATIONS if "tool_calls" not in one.name] == before
    assert rendered(fresh, "after a tool answer, by tool_calls") == rendered(fresh, "after a tool answer")


def test_calls_follow_what_was_said_and_several_follow_each_other(fresh: Any) -> None:
    with_openai_parts(fresh)
    as_text = {**AS_OBJECT, "function": {"name": "f", "arguments": '{"é": "</x>"}'}}
    messages = [
        {"role": "user", "content": "?"},
        {"role": "assistant", "content": "<think>\nx\n</think>", "tool_calls": [AS_OBJECT, as_text]},
    ]
    text = fresh.apply_chat_template(messages, tokenize=False)
    assert text.endswith(
        'assistant\n<think>\nx\n</think>\n<tool_call>\n{"name": "calculator", "arguments": {"expression": "89*24"}}\n'
        '</tool_call>\n<tool_call>\n{"name": "f", "arguments": {"é": "</x>"}}\n</tool_call><|im_end|>\n'
    )


def test_thinking_that_comes_back_apart_stands_before_the_answer_and_the_template_judges_it(fresh: Any) -> None:
    chatml = (TEMPLATES / "chatml.jinja").read_text()
    strips = chatml.replace("message.content + '<|im_end|>", "message.content.split('</think>')[-1] + '<|im_end|>")
    assert strips != chatml
    for template, shown in ((chatml, "<think>\n2+3=5\n</think>\n\n5"), (strips, "\n\n5")):
        fresh.chat_template = template
        assert with_openai_parts(fresh)
        for key in ("reasoning", "reasoning_content"):
            for content, thought in (("\n\n5", "\n2+3=5\n"), ("5", "2+3=5")):  # as vLLM, and as others cut them
                said = {"role": "assistant", "content": content, key: thought}
                text = fresh.apply_chat_template([{"role": "user", "content": "2+3?"}, said], tokenize=False)
                assert text.endswith(f"<|im_start|>assistant\n{shown}<|im_end|>\n")


def test_a_call_without_content_is_rendered(fresh: Any) -> None:
    with_openai_parts(fresh)
    said = {"role": "assistant", "content": None, "reasoning": "Call it.", "tool_calls": [AS_OBJECT]}
    text = fresh.apply_chat_template([{"role": "user", "content": "?"}, said], tokenize=False)
    assert "assistant\n<think>\nCall it.\n</think>\n<tool_call>\n{" in text


@pytest.mark.parametrize("shipped", ["own", "chatml", "plain"])
def test_tools_that_a_server_filled_with_nulls_are_rendered_as_they_were_trained(fresh: Any, shipped: str) -> None:
    if shipped != "own":
        fresh.chat_template = (TEMPLATES / f"{shipped}.jinja").read_text()
    asked = [{"role": "user", "content": "?"}]
    filled = {**BARE, "strict": None, "function": {"name": "calculator", "description": None, **BARE["function"]}}
    before = fresh.apply_chat_template(asked, tools=[BARE], tokenize=False)
    with_openai_parts(fresh)
    assert fresh.apply_chat_template(asked, tools=[filled], tokenize=False) == before
    assert fresh.apply_chat_template(asked, tools=[BARE], tokenize=False) == before


def test_a_template_that_renders_calls_or_takes_no_tools_stays_as_it_is(fresh: Any) -> None:
    fresh.chat_template = OPENAI_PARTS + OPENAI_TOOLS + fresh.chat_template
    native = fresh.chat_template
    assert not with_openai_parts(fresh) and fresh.chat_template == native
    fresh.chat_template = bare = "{% for m in messages %}{{ m.role + m.content + '<|im_end|>' }}{% endfor %}"
    assert not with_openai_parts(fresh) and fresh.chat_template == bare


def test_the_parser_of_thinking_follows_from_the_template(fresh: Any) -> None:
    tools = ["--enable-auto-tool-choice", "--tool-call-parser", "hermes"]
    assert serve_options(ChatCodec(fresh)) == ["--reasoning-parser", "qwen3", *tools]
    chatml = (TEMPLATES / "chatml.jinja").read_text()
    assert OPENS in chatml
    fresh.chat_template = chatml.replace(OPENS, r"{{- '<|im_start|>assistant\n<think>\n' -}}")
    assert serve_options(ChatCodec(fresh)) == ["--reasoning-parser", "deepseek_r1", *tools]
    fresh.chat_template = "{% for m in messages %}{{ m.role + '\n' + m.content + '<|im_end|>' }}{% endfor %}a\n"
    assert serve_options(ChatCodec(fresh)) == ["--reasoning-parser", "qwen3"]


def test_the_ten_conversations_are_ten_and_differ() -> None:
    assert (
        len({one.name for one in CONVERSATIONS})
        == len({str(one.messages) + str(one.tools) for one in CONVERSATIONS})
        == 10
    )
    assert [len(one.tools) for one in CONVERSATIONS if one.tools] == [1, 1, 1] and BARE != CALCULATOR
