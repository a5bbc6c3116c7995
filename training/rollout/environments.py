"""Environments that answer the tool calls of a sample, and the calculator that ships with openqwq."""

import ast
import json
import operator
import runpy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from openqwq.training.errors import RecipeError
from openqwq.training.records import Message
from openqwq.verifiers.tool_calls import ParsedCall


@dataclass(frozen=True)
class AssistantTurn:
    """One assistant turn as an environment sees it."""

    text: str
    calls: Sequence[ParsedCall]
    parse_errors: Sequence[str]
    """Why call attempts could not be read."""


@dataclass(frozen=True)
class StepResult:
    """What an environment answers."""

    messages: Sequence[Message]
    """Tool messages, one per call, in call order; empty when done."""
    done: bool
    reward: float | None = None
    info: Mapping[str, Any] = field(default_factory=dict)


class Environment(Protocol):
    """Answers a conversation. One instance per sample."""

    def tools(self) -> list[dict[str, Any]]:
        """JSON schemas of the functions offered."""

    async def reset(self, task: Mapping[str, Any], seed: int) -> list[Message]:
        """Begin; the messages are put behind the row's prompt."""

    async def step(self, turn: AssistantTurn) -> StepResult:
        """Answer one assistant turn."""

    async def close(self) -> None:
        """Release what the environment holds."""


class CalculatorEnvironment:
    """A calculator for + - * // % and brackets on integers. Errors are fed back to the model, never raised."""

    def tools(self) -> list[dict[str, Any]]:
        """The one function offered, `calculator(expression)`."""
        parameters = {
            "type": "object",
            "properties": {"expression": {"type": "string", "description": "integers with + - * // % and brackets"}},
            "required": ["expression"],
        }
        return [{"type": "function", "function": {"name": "calculator", "parameters": parameters}}]

    async def reset(self, task: Mapping[str, Any], seed: int) -> list[Message]:
        """Nothing to prepare."""
        return []

    async def step(self, turn: AssistantTurn) -> StepResult:
        """One tool message per call or per unreadable call; done when the turn asks for nothing."""
        answers = [self._answer(call) for call in turn.calls]
        answers += [json.dumps({"error": reason}) for reason in turn.parse_errors]
        return StepResult(messages=[{"role": "tool", "content": text} for text in answers], done=not answers)

    async def close(self) -> None:
        """Holds nothing."""

    def _answer(self, call: ParsedCall) -> str:
        expression = call.arguments.get("expression")
        if call.name != "calculator" or not isinstance(expression, str):
            return json.dumps({"error": "call calculator with one string argument, expression"})
        try:
            return str(calculate(expression))
        except (ValueError, ZeroDivisionError, SyntaxError, RecursionError, MemoryError) as error:
            return json.dumps({"error": str(error)[:80]})


_OPERATIONS: dict[type[ast.AST], Callable[[int, int], int]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
}


def calculate(expression: str) -> int:
    """Value of an integer expression with + - * // % and brackets.

    Raises:
        ValueError: too long (over 100 characters) or anything but integers and these operations.
    """
    if len(expression) > 100:
        raise ValueError("expression is longer than 100 characters")
    return _value(ast.parse(expression.strip(), mode="eval").body)


def _value(node: ast.AST) -> int:
    if isinstance(node, ast.Constant) and type(node.value) is int:
        return node.value
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return -_value(node.operand)
    if isinstance(node, ast.BinOp) and type(node.op) in _OPERATIONS:
        return _OPERATIONS[type(node.op)](_value(node.left), _value(node.right))
    raise ValueError("only integers with + - * // % and brackets")


BUILT_IN: dict[str, Callable[[], Environment]] = {"calculator": CalculatorEnvironment}


def environment_factory(name: str) -> Callable[[], Environment]:
    """The class behind a recipe's `environment:`, a built-in name or `path.py:Class`.

    Raises:
        RecipeError: no such environment.
    """
    if name in BUILT_IN:
        return BUILT_IN[name]
    path, _, attribute = name.rpartition(":")
    if path.endswith(".py") and Path(path).is_file():
        factory: Callable[[], Environment] | None = runpy.run_path(path).get(attribute)
        if factory is not None:
            return factory
    raise RecipeError(f"no environment {name!r}; built in are {', '.join(BUILT_IN)}, or give path.py:Class")
