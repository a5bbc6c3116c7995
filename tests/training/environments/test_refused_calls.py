"""What is asked of an environment after a turn: calls that fit their schema, each answer in the place of its call."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping
from typing import Any

import pytest

from openqwq.training.environments.contract import AssistantTurn, StepResult
from openqwq.training.environments.turns import step_of
from openqwq.training.records import Message

TOOL = {"name": "add", "parameters": {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"]}}


class Shop:
    """Notes what it was given, and answers each call with its argument."""

    def __init__(self, offered: list[dict[str, Any]] | None = None) -> None:
        self.offered = offered or []
        self.seen: list[AssistantTurn] = []

    def tools(self) -> list[dict[str, Any]]:
        return self.offered

    async def reset(self, task: Mapping[str, Any], seed: int) -> list[Message]:
        return []

    async def step(self, turn: AssistantTurn) -> StepResult:
        self.seen.append(turn)
        messages = [{"role": "tool", "content": str(call.arguments["a"])} for call in turn.calls]
        return StepResult(messages, done=not messages)

    async def close(self) -> None:
        pass


def call(name: str, **arguments: object) -> str:
    return f"<tool_call>{json.dumps({'name': name, 'arguments': arguments})}</tool_call>"


BAD = "<tool_call>{bad}</tool_call>"


@pytest.mark.parametrize(
    ("turn", "answers", "given"),
    [
        (call("add", a=1) + call("add", a=2), ["1", "2"], [1, 2]),
        (BAD + call("add", a=2), ["!not a tool call", "2"], [2]),
        (call("add", a=1) + BAD + call("add", a=3), ["1", "!not a tool call", "3"], [1, 3]),
        (call("add", a=1, b=2) + call("add", a=3), ["!add: Additional properties", "3"], [3]),
        (call("add", a="1") + call("add", a=3), ["!add['a']: '1' is not of type", "3"], [3]),
        (call("drop", a=1) + call("add", a=3), ["!no tool is named 'drop'", "3"], [3]),
        (call("add", a=1) + "<tool_response>5", ["1", "!the assistant wrote <tool_response> itself"], [1]),
        (call("drop") + BAD, ["!no tool is named 'drop'", "!not a tool call"], None),
        ("<think>" + call("add", a=1) + "</think>Done.", [], []),
    ],
)
def test_every_call_is_answered_in_its_place_and_only_fitting_ones_are_run(
    turn: str, answers: list[str], given: list[int] | None
) -> None:
    for row_tools, shop in (([TOOL], Shop()), ([], Shop([TOOL]))):
        result = asyncio.run(step_of(shop, turn, row_tools))
        said = [str(message["content"]) for message in result.messages]
        said = [f"!{json.loads(text)['error']}" if text.startswith("{") else text for text in said]
        assert len(said) == len(answers) and all(map(str.startswith, said, answers))
        assert result.done is (not answers)
        ran = [turn.calls for turn in shop.seen]
        assert [[each.arguments["a"] for each in calls] for calls in ran] == ([] if given is None else [given])
        assert all(turn.parse_errors == () for turn in shop.seen)


def test_the_format_of_the_template_is_the_one_that_is_run() -> None:
    shop = Shop()
    result = asyncio.run(step_of(shop, '[TOOL_CALLS]add[ARGS]{"a": 4}', [TOOL], "mistral"))
    assert [message["content"] for message in result.messages] == ["4"] and shop.seen[0].format == "mistral"
    asyncio.run(step_of(shop, call("add", a=1), [TOOL], "mistral"))
    assert shop.seen[1].calls == []  # another format is no call: the environment sees a turn without one


def test_an_environment_may_read_calls_itself_and_one_without_tools_checks_them() -> None:
    shop = Shop()
    asyncio.run(step_of(shop, call("anything", a=1), []))
    shop.reads_calls_itself = True  # type: ignore[attr-defined]  # an optional attribute of environments
    asyncio.run(step_of(shop, BAD + call("anything", a=1), [TOOL]))
    assert [len(turn.calls) for turn in shop.seen] == [1, 1] and len(shop.seen[1].parse_errors) == 1
