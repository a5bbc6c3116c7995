"""The value of an expression in doubles with a bound on its error: tells different values apart in microseconds.

It never says that two values are equal. Whatever it does not know raises Unsure, and a hundred digits decide.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cache, lru_cache
from typing import NamedTuple

from openqwq.verifiers.math_answer.expression import (
    TRIGONOMETRIC,
    Apply,
    Expression,
    Number,
    Symbol,
    operations,
    symbols,
)
from openqwq.verifiers.math_answer.values import FOLDS, MAX_TERMS, constant_fraction, cost

_ULP = 4e-16  # of one operation of the C library, rounded up
_CONSTANTS = {r"\pi": math.pi, "e": math.e}
MAX_SIZE = 1e150
MAX_ANGLE = 1e6
MAX_FACTORIAL = 100


class Unsure(ArithmeticError):
    """No value in doubles, or none that is known well enough."""


class Ball(NamedTuple):
    """A value and how far off it may be."""

    value: float
    error: float


@dataclass(frozen=True)
class Doubles:
    """Example: Doubles(None, False)(parse("x^2"), {"x": 3.0}) is about Ball(9.0, 1e-14). Real values only."""

    log_base: int | None = None
    in_radians: bool = False

    def __call__(self, tree: Expression, point: Mapping[str, float], in_angle: bool = False) -> Ball:
        if isinstance(tree, Number):
            return _number(tree.value)
        if isinstance(tree, Symbol):
            if tree.name in point:
                return Ball(point[tree.name], 0.0)
            if tree.name not in _CONSTANTS:
                raise Unsure(tree.name)
            return _rounded(_CONSTANTS[tree.name])
        name, arguments = tree.name, tree.arguments
        if name == "pow" and (exponent := constant_fraction(arguments[1])) is not None:
            if abs(exponent) > sys.float_info.max:
                raise Unsure("a huge exponent")
            return _checked(_power(self(arguments[0], point, in_angle), float(exponent), exponent.denominator == 1))
        if name == "log" and len(arguments) == 1 and self.log_base:
            return _quotient(_ln(self(arguments[0], point, in_angle)), _rounded(math.log(self.log_base)))
        if name == "series":
            raise Unsure("a series")
        if name in FOLDS:
            return self._folded(tree, point, in_angle)
        is_angle = in_angle or name in TRIGONOMETRIC
        balls = [self(argument, point, is_angle) for argument in arguments]
        if name == "degree":
            return _product(balls[0], _rounded(math.pi / 180)) if in_angle or self.in_radians else balls[0]
        operation = _operations().get(name)
        if operation is None:
            raise Unsure(name)
        try:
            return _checked(operation(*balls))
        except (ValueError, OverflowError, ZeroDivisionError) as error:
            raise Unsure(name) from error

    def _folded(self, tree: Apply, point: Mapping[str, float], in_angle: bool) -> Ball:
        _, first, last, term = tree.arguments
        low, high = constant_fraction(first), constant_fraction(last)
        if symbols(tree) or low is None or high is None or {low.denominator, high.denominator} != {1}:
            raise Unsure("bounds or terms with variables")
        indices = range(int(low), int(high) + 1)
        if not -1 <= high - low < MAX_TERMS or len(indices) * cost(term) > MAX_TERMS or FOLDS & operations(term):
            raise Unsure("too many terms")
        return _closed_fold(self, tree, indices, in_angle)


@lru_cache(maxsize=1024)
def _closed_fold(evaluate: Doubles, tree: Apply, indices: range, in_angle: bool) -> Ball:
    """Cached: every element of a list may be compared with every other."""
    index, *_, term = tree.arguments
    assert isinstance(index, Symbol)
    balls = [evaluate(term, {index.name: float(n)}, in_angle) for n in indices]
    return _checked(_sum(*balls) if tree.name == "sum" else _product(Ball(1.0, 0.0), *balls))


def are_different(left: Ball, right: Ball) -> bool:
    """Are the two values certainly different?"""
    return abs(left.value - right.value) > 2 * (left.error + right.error) + 1e-12 * (abs(left.value) + abs(right.value))


def _number(value: Fraction) -> Ball:
    try:
        shown = float(value)
    except OverflowError as error:
        raise Unsure("too large") from error
    if value and not shown:
        raise Unsure("too small")
    return _checked(Ball(shown, 0.0 if value.denominator == 1 and abs(shown) < 2**53 else _ULP * abs(shown)))


def _rounded(value: float) -> Ball:
    return Ball(value, _ULP * abs(value))


def _checked(ball: Ball) -> Ball:
    if not (abs(ball.value) < MAX_SIZE and ball.error < MAX_SIZE) or 0 < abs(ball.value) < 1 / MAX_SIZE:
        raise Unsure("too large or too small")
    return ball


def _sum(*terms: Ball) -> Ball:
    sizes = sum(abs(term.value) for term in terms)
    return Ball(sum(term.value for term in terms), sum(term.error for term in terms) + len(terms) * _ULP * sizes)


def _product(*factors: Ball) -> Ball:
    value, error = factors[0]
    for factor in factors[1:]:
        error = abs(value) * factor.error + abs(factor.value) * error + error * factor.error
        value *= factor.value
        error += _ULP * abs(value)
        _checked(Ball(value, error))
    return Ball(value, error)


def _away(ball: Ball) -> float:
    """The least distance from zero; Unsure where that is little."""
    distance = abs(ball.value) - ball.error
    if distance <= 0.5 * abs(ball.value):
        raise Unsure("near zero")
    return distance


def _quotient(above: Ball, below: Ball) -> Ball:
    least = _away(below)
    value = above.value / below.value
    return Ball(value, (above.error + abs(value) * below.error) / least + _ULP * abs(value))


def _power(base: Ball, exponent: float, is_whole: bool) -> Ball:
    """A constant exponent; a negative base only where that is whole."""
    least = _away(base)
    if base.value < 0 and not is_whole:
        raise Unsure("a root of a negative number")
    try:
        value = math.pow(base.value, exponent)
    except (ValueError, OverflowError) as error:
        raise Unsure("power") from error
    spread = abs(exponent) * base.error / least
    if spread > 0.1 or not value:
        raise Unsure("power")
    return Ball(value, abs(value) * (2 * spread + _ULP * (2 + abs(exponent * math.log(abs(base.value))))))


def _general_power(base: Ball, exponent: Ball) -> Ball:
    if base.value <= 0:
        raise Unsure("a base that is not positive")
    return _exp(_product(exponent, _ln(base)))


def _root(value: Ball, index: Ball) -> Ball:
    if value.value <= 0:
        raise Unsure("a root of what is not positive")
    return _general_power(value, _quotient(Ball(1.0, 0.0), index))


def _ln(ball: Ball) -> Ball:
    if ball.value <= 0:
        raise Unsure("a logarithm of what is not positive")
    least = _away(ball)
    value = math.log(ball.value)
    return Ball(value, 1.5 * ball.error / least + _ULP * (1 + abs(value)))


def _exp(ball: Ball) -> Ball:
    if ball.error > 0.1:
        raise Unsure("exponential")
    value = math.exp(ball.value)
    if value < 1 / MAX_SIZE:
        raise Unsure("too small")
    return Ball(value, value * (1.2 * ball.error + _ULP * (2 + abs(ball.value))))


def _wave(function: Callable[[float], float]) -> Callable[[Ball], Ball]:
    def apply(ball: Ball) -> Ball:
        if abs(ball.value) > MAX_ANGLE:
            raise Unsure("a large angle")
        return Ball(function(ball.value), ball.error + _ULP * (1 + abs(ball.value)))

    return apply


_sin, _cos = _wave(math.sin), _wave(math.cos)


def _absolute(ball: Ball) -> Ball:
    return Ball(abs(ball.value), ball.error)


def _arctan(ball: Ball) -> Ball:
    return Ball(math.atan(ball.value), ball.error + _ULP)


def _factorial(ball: Ball) -> Ball:
    """Gamma of the next number, between its poles and its overflow."""
    value, error = ball
    if not -0.5 < value < MAX_FACTORIAL or error > 1e-3:
        raise Unsure("factorial")
    found = math.gamma(value + 1)
    return Ball(found, found * (error * (math.log(value + 2) + 2) * 2 + 1e-13))


def _permutations(n: Ball, k: Ball) -> Ball:
    return _quotient(_factorial(n), _factorial(_sum(n, Ball(-k.value, k.error))))


def _binomial(n: Ball, k: Ball) -> Ball:
    return _quotient(_permutations(n, k), _factorial(k))


@cache
def _operations() -> dict[str, Callable[..., Ball]]:
    one = Ball(1.0, 0.0)
    return {
        "add": _sum,
        "mul": _product,
        "neg": lambda ball: Ball(-ball.value, ball.error),
        "div": _quotient,
        "pow": _general_power,
        "root": _root,
        "abs": _absolute,
        "exp": _exp,
        "ln": _ln,
        "lg": lambda ball: _quotient(_ln(ball), _rounded(math.log(10))),
        "log": lambda ball, *base: _quotient(_ln(ball), _ln(base[0])) if base else _ln(ball),
        "sin": _sin,
        "cos": _cos,
        "tan": lambda ball: _quotient(_sin(ball), _cos(ball)),
        "cot": lambda ball: _quotient(_cos(ball), _sin(ball)),
        "sec": lambda ball: _quotient(one, _cos(ball)),
        "csc": lambda ball: _quotient(one, _sin(ball)),
        "arctan": _arctan,
        "factorial": _factorial,
        "binomial": _binomial,
        "permutations": _permutations,
    }
