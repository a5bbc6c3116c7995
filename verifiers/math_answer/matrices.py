"""The value of an expression at a point where it holds matrices: sums, products, whole powers and transposes of them.

Cells are numbers of mpmath. Nothing runs long: a text of 500 tokens has few cells, and powers are small.
"""

from __future__ import annotations

from functools import reduce
from typing import Any

from openqwq.verifiers.math_answer.expression import Apply, Expression, operations
from openqwq.verifiers.math_answer.values import Evaluator, Point, TooLarge, Undefined, Value, constant_fraction

MAX_POWER = 16
MAX_ROWS = 8  # of a matrix that is raised to a power
Cells = tuple[int, tuple[Value, ...]]
"""The length of a row, 0 for a number that is no matrix, and the cells row by row."""


def cells_at(tree: Expression, point: Point, evaluate: Evaluator) -> Cells:
    """The cells at a point. Raises Undefined, also where sizes do not fit, and TooLarge."""
    try:
        value = _value(tree, point, evaluate)
    except (ValueError, ZeroDivisionError, TypeError) as error:
        raise Undefined(str(error)) from error
    return (value.cols, tuple(value)) if _is_matrix(value, evaluate) else (0, (value,))


def _is_matrix(value: Value, evaluate: Evaluator) -> bool:
    return isinstance(value, evaluate.context.matrix)


def _value(tree: Expression, point: Point, evaluate: Evaluator) -> Any:
    if not isinstance(tree, Apply) or "matrix" not in operations(tree):
        return evaluate(tree, point)
    name, arguments = tree.name, tree.arguments
    if name == "matrix":
        rows = [row.arguments for row in arguments if isinstance(row, Apply)]
        return evaluate.context.matrix([[evaluate(cell, point) for cell in row] for row in rows])
    first = _value(arguments[0], point, evaluate)
    if name == "neg":
        return -first
    if name == "transpose" and _is_matrix(first, evaluate):
        return first.T
    if name == "pow":
        return _power(first, arguments[1], evaluate)
    others = [_value(argument, point, evaluate) for argument in arguments[1:]]
    if name == "mul":
        return reduce(lambda a, b: a * b, others, first)
    if name == "div" and not _is_matrix(others[0], evaluate):
        return first * (1 / others[0])
    if name == "add" and all(_is_matrix(term, evaluate) for term in (first, *others)):
        return reduce(lambda a, b: a + b, others, first)
    raise Undefined(f"{name} of a matrix")


def _power(base: Any, exponent: Expression, evaluate: Evaluator) -> Any:
    number = constant_fraction(exponent)
    if not _is_matrix(base, evaluate) or number is None or number.denominator != 1:
        raise Undefined("a power of a matrix that is no whole number")
    if abs(number) > MAX_POWER or base.rows > MAX_ROWS:
        raise TooLarge("a large matrix or a large power of one")
    return base ** int(number)
