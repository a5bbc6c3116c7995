"""What an environment is asked after an assistant's turn. Nothing runs that does not fit an offered tool."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from openqwq.training.environments.contract import AssistantTurn, Environment, StepResult
from openqwq.training.records import Message
from openqwq.verifiers.tool_calls import DEFAULT_FORMAT, ParsedCall, check_arguments, parse_tool_calls


async def step_of(
    environment: Environment, text: str, tools: Sequence[Mapping[str, Any]], format: str = DEFAULT_FORMAT
) -> StepResult:
    """The environment's answer to a turn, with an error in the place of each call that was not run.

    Malformed calls, calls of unknown tools and arguments that do not fit their schema are answered here; the
    environment gets the others, and is not asked where none is left of several. `tools`: those of the row; where it has
    none, those of the environment. Where there are none at all, the environment gets every turn as it stands.
    """
    offered = list(tools) or list(getattr(environment, "tools", list)())  # an environment of old need not have any
    parsed = parse_tool_calls(text, format, offered)
    if getattr(environment, "reads_calls_itself", False) or not offered:
        return await environment.step(AssistantTurn(text, parsed.calls, parsed.errors, format=format))
    problems = [_problem(item, offered) for item in parsed.items]
    calls = [
        item
        for item, problem in zip(parsed.items, problems, strict=True)
        if isinstance(item, ParsedCall) and not problem
    ]
    refused = [problem for problem in problems if problem] + list(parsed.turn_errors)
    if refused and not calls:
        return StepResult([_error(problem) for problem in refused], done=False)
    result = await environment.step(AssistantTurn(text, calls, (), refused, format))
    return (
        result
        if not refused or result.done
        else replace(result, messages=_in_order(result.messages, problems, refused))
    )


def _in_order(messages: Sequence[Message], problems: Sequence[str], refused: Sequence[str]) -> list[Message]:
    """The environment's messages and the errors, each in the place of its call; what belongs to no call stands last."""
    rest = list(messages)
    ordered = [_error(problem) if problem else rest.pop(0) for problem in problems if problem or rest]
    of_turn = refused[sum(map(bool, problems)) :]
    return [*ordered, *map(_error, of_turn), *rest]


def _problem(item: object, offered: Sequence[Mapping[str, Any]]) -> str:
    if not isinstance(item, ParsedCall):
        return str(getattr(item, "reason", "not a tool call"))
    return check_arguments(item, offered)


def _error(problem: str) -> Message:
    return {"role": "tool", "content": json.dumps({"error": problem}, ensure_ascii=False)}
