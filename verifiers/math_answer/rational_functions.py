"""Equations between rational functions: whether two have the same zeros, decided exactly.

In several variables the two are looked at along lines: there a numerator is a polynomial in one variable, and its
factors are those of the whole wherever the line is drawn at random.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from fractions import Fraction

from openqwq.verifiers.math_answer.expression import Apply, Expression, Number, Symbol
from openqwq.verifiers.math_answer.polynomials import (
    MAX_DEGREE,
    NotPolynomial,
    Polynomial,
    common_divisor,
    divided,
    product_of,
    same_real_zeros,
    sum_of,
    with_simple_zeros,
)
from openqwq.verifiers.math_answer.values import constant_fraction

NUM_LINES = 2
_ONE: Polynomial = [Fraction(1)]
_IDENTITY: Polynomial = [Fraction(0), Fraction(1)]
_Quotient = tuple[Polynomial, Polynomial]
"""Numerator and denominator, not reduced: a common zero of the two is no zero of the function."""


def same_zeros(left: Expression, right: Expression, names: frozenset[str]) -> bool | None:
    """Do two equations, each given as left - right side, have the same solutions? None for other functions.

    Of one variable the real ones count, of several the factors of the two.
    """
    try:
        if len(names) == 1:
            line = {name: _IDENTITY for name in names}
            first, second = _zeros_of(left, line), _zeros_of(right, line)
            return same_real_zeros(first, second) if first and second else False
        return all(_same_on(line, left, right) for line in _lines(names))
    except NotPolynomial:
        return None


def numerator_and_denominator(tree: Expression, name: str) -> _Quotient | None:
    """A rational function of one variable; None for all else, or past a cap."""
    try:
        return _read(tree, {name: _IDENTITY})
    except NotPolynomial:
        return None


def _lines(names: frozenset[str]) -> list[Mapping[str, Polynomial]]:
    return [_line(sorted(names), random.Random(index)) for index in range(NUM_LINES)]


def _line(names: list[str], draw: random.Random) -> Mapping[str, Polynomial]:
    return {name: [Fraction(draw.randint(-99, 99), 7), Fraction(draw.randint(1, 99))] for name in names}


def _same_on(line: Mapping[str, Polynomial], left: Expression, right: Expression) -> bool:
    first, second = (_zeros_of(tree, line) for tree in (left, right))
    return bool(first) and _monic(first) == _monic(second)


def _monic(values: Polynomial) -> Polynomial:
    return [value / values[-1] for value in values]


def _zeros_of(tree: Expression, line: Mapping[str, Polynomial]) -> Polynomial:
    """The polynomial that has every zero of the function once; empty where that is zero everywhere."""
    above, below = _read(tree, line)
    if not above:
        return []
    simple = with_simple_zeros(above)
    return divided(simple, common_divisor(simple, below))[0]


def _read(tree: Expression, line: Mapping[str, Polynomial]) -> _Quotient:
    if isinstance(tree, Number):
        return ([tree.value] if tree.value else []), _ONE
    if isinstance(tree, Symbol):
        if tree.name not in line:
            raise NotPolynomial
        return line[tree.name], _ONE
    if tree.name == "pow":
        return _power(tree, line)
    if tree.name not in ("add", "mul", "neg", "div"):
        raise NotPolynomial
    first, *others = (_read(argument, line) for argument in tree.arguments)
    if tree.name == "neg":
        return [-value for value in first[0]], first[1]
    operation = {"add": _add, "mul": _multiply, "div": _divide}[tree.name]
    for other in others:
        first = operation(first, other)
    return first


def _add(left: _Quotient, right: _Quotient) -> _Quotient:
    if left[1] == right[1]:
        return sum_of(left[0], right[0]), left[1]
    crossed = (product_of((left[0], right[1])), product_of((right[0], left[1])))
    return sum_of(*crossed), product_of((left[1], right[1]))


def _multiply(left: _Quotient, right: _Quotient) -> _Quotient:
    return product_of((left[0], right[0])), product_of((left[1], right[1]))


def _divide(left: _Quotient, right: _Quotient) -> _Quotient:
    """1/(1/x) keeps its x below, as it has no value at 0."""
    if not right[0]:
        raise NotPolynomial
    above, below = product_of((left[0], right[1])), product_of((left[1], right[0]))
    if len(right[1]) > 1:
        above, below = product_of((above, right[1])), product_of((below, right[1]))
    return above, below


def _power(tree: Apply, line: Mapping[str, Polynomial]) -> _Quotient:
    exponent = constant_fraction(tree.arguments[1])
    if exponent is None or exponent.denominator != 1 or not 0 < abs(exponent) <= MAX_DEGREE:
        raise NotPolynomial
    base = _read(tree.arguments[0], line)
    above, below = (product_of([side] * abs(int(exponent))) for side in base)
    return (above, below) if exponent > 0 else _divide((_ONE, _ONE), (above, below))
