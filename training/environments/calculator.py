"""The environment `calculator`: one tool for exact arithmetic."""

import ast
import json
import operator
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any

from openqwq.training.environments.contract import AssistantTurn, StepResult
from openqwq.training.records import Message
from openqwq.verifiers.tool_calls import ParsedCall, check_arguments


class CalculatorEnvironment:
    """A calculator for numbers with + - * / // % and brackets. Errors become tool messages; they are never raised."""

    is_stateless = True

    def tools(self) -> list[dict[str, Any]]:
        """The only offered function, `calculator(expression)`."""
        parameters = {
            "type": "object",
            "properties": {"expression": {"type": "string", "description": "numbers with + - * / // % and brackets"}},
            "required": ["expression"],
        }
        return [{"type": "function", "function": {"name": "calculator", "parameters": parameters}}]

    async def reset(self, task: Mapping[str, Any], seed: int) -> list[Message]:
        """Needs no preparation."""
        return []

    async def step(self, turn: AssistantTurn) -> StepResult:
        """One tool message per call, readable or not; done when the turn has no calls."""
        answers = [self._answer(call) for call in turn.calls]
        answers += [json.dumps({"error": reason}) for reason in turn.parse_errors]
        return StepResult(messages=[{"role": "tool", "content": text} for text in answers], done=not answers)

    async def close(self) -> None:
        """Has no resources to release."""

    def _answer(self, call: ParsedCall) -> str:
        expression = call.arguments.get("expression")
        if check_arguments(call, self.tools()) or not isinstance(expression, str):
            return json.dumps({"error": "call calculator with one string argument, expression"})
        try:
            return _written(calculate(expression))
        except (ValueError, ZeroDivisionError, SyntaxError, RecursionError, MemoryError) as error:
            return json.dumps({"error": str(error)[:80]})


_OPERATIONS: dict[type[ast.AST], Callable[[Fraction, Fraction], Fraction | int]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
}


def calculate(expression: str) -> Fraction:
    """The exact value of an expression of numbers with + - * / // % and brackets.

    Raises:
        ValueError: it is longer than 100 characters, or holds anything but numbers and these operations.
    """
    if len(expression) > 100:
        raise ValueError("expression is longer than 100 characters")
    return _value(ast.parse(expression.strip(), mode="eval").body)


def _value(node: ast.AST) -> Fraction:
    if isinstance(node, ast.Constant) and type(node.value) in (int, float):
        return Fraction(str(node.value))
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return -_value(node.operand)
    if isinstance(node, ast.BinOp) and type(node.op) in _OPERATIONS:
        return Fraction(_OPERATIONS[type(node.op)](_value(node.left), _value(node.right)))
    raise ValueError("only numbers with + - * / // % and brackets")


def _written(value: Fraction) -> str:
    """As people write it, rounded to six decimals."""
    millionths = round(value * 10**6)
    whole, rest = divmod(abs(millionths), 10**6)
    return f"{'-' if millionths < 0 else ''}{whole}.{rest:06}".rstrip("0").rstrip(".")
