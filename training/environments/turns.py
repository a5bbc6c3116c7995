"""What an environment is asked after an assistant's turn. Nothing runs that does not fit an offered tool. Pure."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from openqwq.training.environments.contract import AssistantTurn, Environment, StepResult
from openqwq.training.environments.door import OddAnswer
from openqwq.training.records import Message
from openqwq.verifiers.tool_calls import DEFAULT_FORMAT, ParsedCall, check_arguments, parse_tool_calls


@dataclass(frozen=True)
class PlannedTurn:
    """A turn, divided into what the environment is asked and what is answered without it."""

    asked: AssistantTurn | None
    """What the environment gets; None where it is not asked."""
    problems: Sequence[str] = ()
    """For each call in order why it is not run, empty for those that are; none at all where the environment reads calls
    itself."""
    of_turn: Sequence[str] = ()
    """What is wrong with the turn and belongs to no call."""
    num_calls: int = 0
    """Calls that are run."""
    num_invalid: int = 0
    """Calls that are malformed, of no offered tool, or do not fit its schema."""

    def answered(self, result: StepResult | None) -> StepResult:
        """The environment's answer (None where it was not asked) with an error in the place of each call that was not
        run.

        Raises:
            OddAnswer: it has tool messages, but not one for each call that it got.
        """
        refused = [*filter(None, self.problems), *self.of_turn]
        if result is None:
            return StepResult([_error(problem) for problem in refused], done=False)
        if result.done:
            return result
        told = sum(message.get("role") == "tool" for message in result.messages)
        given = sum(not problem for problem in self.problems)
        if given and told and told != given:
            raise OddAnswer(f"gave {told} tool messages for {given} calls")
        return replace(result, messages=self._in_order(result.messages)) if refused else result

    def _in_order(self, messages: Sequence[Message]) -> list[Message]:
        """The environment's messages and the errors, each in the place of its call; what belongs to no call stands
        last."""
        rest = list(messages)
        ordered = [_error(problem) if problem else rest.pop(0) for problem in self.problems if problem or rest]
        return [*ordered, *map(_error, self.of_turn), *rest]


def plan_turn(
    text: str,
    offered: Sequence[Mapping[str, Any]],
    format: str = DEFAULT_FORMAT,
    reads_calls_itself: bool = False,
    max_calls: int | None = None,
) -> PlannedTurn:
    """What the environment is asked after a turn.

    Malformed calls, calls of unknown tools, arguments that do not fit their schema, and calls beyond `max_calls` are
    answered here; the environment gets the others, and is not asked where none is left of several. Where no tools are
    offered, or the environment reads calls itself, it gets every turn as it stands.
    """
    parsed = parse_tool_calls(text, format, list(offered))
    if reads_calls_itself or not offered:
        turn = AssistantTurn(text, parsed.calls, parsed.errors, format=format)
        return PlannedTurn(turn, num_calls=len(parsed.calls), num_invalid=len(parsed.errors))
    problems, calls = [], list[ParsedCall]()
    num_invalid = len(parsed.turn_errors)
    for item in parsed.items:
        problem = _problem(item, offered)
        num_invalid += bool(problem)
        if not problem and max_calls is not None and len(calls) >= max_calls:
            problem = "not run: the limit of tool calls of this conversation is reached"
        if not problem and isinstance(item, ParsedCall):
            calls.append(item)
        problems.append(problem)
    refused = [*filter(None, problems), *parsed.turn_errors]
    asked = None if refused and not calls else AssistantTurn(text, calls, (), refused, format)
    return PlannedTurn(asked, problems, tuple(parsed.turn_errors), len(calls), num_invalid)


async def step_of(
    environment: Environment, text: str, tools: Sequence[Mapping[str, Any]], format: str = DEFAULT_FORMAT
) -> StepResult:
    """The environment's answer to a turn. `tools`: those of the row; where it has none, those of the environment."""
    offered = list(tools) or list(getattr(environment, "tools", list)())  # an environment of old need not have any
    planned = plan_turn(text, offered, format, getattr(environment, "reads_calls_itself", False))
    return planned.answered(None if planned.asked is None else await environment.step(planned.asked))


def _problem(item: object, offered: Sequence[Mapping[str, Any]]) -> str:
    if not isinstance(item, ParsedCall):
        return str(getattr(item, "reason", "not a tool call"))
    return check_arguments(item, offered)


def _error(problem: str) -> Message:
    return {"role": "tool", "content": json.dumps({"error": problem}, ensure_ascii=False)}
