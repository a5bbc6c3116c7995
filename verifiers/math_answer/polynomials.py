"""Polynomials in one variable with rational coefficients: whether two have the same real zeros, decided exactly."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from itertools import pairwise

from openqwq.verifiers.math_answer.expression import Apply, Expression, Number, Symbol
from openqwq.verifiers.math_answer.values import Value, constant_fraction, context

MAX_DEGREE = 40
MAX_ZEROS = 12  # that are computed
MAX_BITS = 4_000  # of one coefficient while remainders are taken
Polynomial = list[Fraction]
"""Coefficients from the constant on; the last one is not zero, and the zero polynomial is empty."""


class NotPolynomial(Exception):
    """Another function, several variables, or past a cap."""


def read_polynomial(tree: Expression, name: str) -> Polynomial | None:
    """`x^2 - 2x` in x as [0, -2, 1]; None for all that is no polynomial, or past a cap."""
    try:
        return _read(tree, name)
    except NotPolynomial:
        return None


def same_real_zeros(left: Polynomial, right: Polynomial) -> bool | None:
    """Are the real zeros the same, or all of them where none is real? None past a cap."""
    try:
        left, right = with_simple_zeros(left), with_simple_zeros(right)
        shared = common_divisor(left, right)
        if not _num_real_zeros(shared):
            return len(left) == len(shared) == len(right)
        return not any(_num_real_zeros(divided(side, shared)[0]) for side in (left, right))
    except NotPolynomial:
        return None


def real_zeros(values: Polynomial) -> list[Value] | None:
    """To the digits of the context, in no order; None past a cap, or where they are not found."""
    mp = context()
    try:
        simple = with_simple_zeros(values)
        if len(simple) > MAX_ZEROS + 1:
            return None
        number = _num_real_zeros(simple) if len(simple) > 1 else 0
        found = mp.polyroots([mp.mpf(c.numerator) / c.denominator for c in reversed(simple)], 100, extraprec=200)
    except (NotPolynomial, mp.NoConvergence):
        return None
    tiny = mp.mpf(10) ** -70
    real = [mp.re(zero) for zero in found if abs(mp.im(zero)) <= tiny * max(1, abs(zero))]
    return real if len(real) == number else None


def _read(tree: Expression, name: str) -> Polynomial:
    if isinstance(tree, Number):
        return _trimmed([tree.value])
    if isinstance(tree, Symbol):
        if tree.name != name:
            raise NotPolynomial
        return [Fraction(0), Fraction(1)]
    if tree.name == "add":
        total: Polynomial = []
        for argument in tree.arguments:
            total = sum_of(total, _read(argument, name))
        return total
    if tree.name == "mul":
        return product_of(_read(argument, name) for argument in tree.arguments)
    if tree.name == "neg":
        return [-value for value in _read(tree.arguments[0], name)]
    return _quotient_or_power(tree, name)


def _quotient_or_power(tree: Apply, name: str) -> Polynomial:
    constant = constant_fraction(tree.arguments[-1])
    if tree.name == "div" and constant:
        return [value / constant for value in _read(tree.arguments[0], name)]
    if tree.name == "pow" and constant is not None and constant.denominator == 1 and 0 < constant <= MAX_DEGREE:
        base = _read(tree.arguments[0], name)
        return product_of(base for _ in range(int(constant)))
    raise NotPolynomial


def sum_of(left: Polynomial, right: Polynomial) -> Polynomial:
    width = max(len(left), len(right))
    padded = ([*side, *[Fraction(0)] * (width - len(side))] for side in (left, right))
    return _trimmed([a + b for a, b in zip(*padded, strict=True)])


def product_of(factors: Iterable[Polynomial]) -> Polynomial:
    result = [Fraction(1)]
    for factor in factors:
        if len(result) + len(factor) > MAX_DEGREE + 2:
            raise NotPolynomial
        grown = [Fraction(0)] * (len(result) + len(factor))
        for i, a in enumerate(result):
            for j, b in enumerate(factor):
                grown[i + j] += a * b
        result = _trimmed(grown)
    return result


def _trimmed(values: Polynomial) -> Polynomial:
    if any(max(value.numerator.bit_length(), value.denominator.bit_length()) > MAX_BITS for value in values):
        raise NotPolynomial
    while values and not values[-1]:
        values.pop()
    return values


def divided(above: Polynomial, below: Polynomial) -> tuple[Polynomial, Polynomial]:
    """Quotient and remainder."""
    rest, quotient = list(above), [Fraction(0)] * max(0, len(above) - len(below) + 1)
    while len(rest) >= len(below):
        factor, shift = rest[-1] / below[-1], len(rest) - len(below)
        quotient[shift] = factor
        rest = _trimmed([value - factor * below[i - shift] if i >= shift else value for i, value in enumerate(rest)])
    return _trimmed(quotient), rest


def common_divisor(left: Polynomial, right: Polynomial) -> Polynomial:
    """The greatest common divisor, with leading coefficient 1."""
    while right:
        left, right = right, divided(left, right)[1]
    return [value / left[-1] for value in left]


def _derivative(values: Polynomial) -> Polynomial:
    return [power * value for power, value in enumerate(values)][1:]


def with_simple_zeros(values: Polynomial) -> Polynomial:
    return divided(values, common_divisor(values, _derivative(values)))[0]


def _num_real_zeros(values: Polynomial) -> int:
    """Of a polynomial without multiple zeros, by Sturm's theorem: the changes of sign that a chain of remainders loses
    between minus and plus infinity."""
    chain = [values, _derivative(values)]
    while chain[-1]:
        chain.append([-value for value in divided(chain[-2], chain[-1])[1]])
    ends = ([side[-1] * sign ** (len(side) - 1) for side in chain[:-1]] for sign in (-1, 1))
    before, after = (sum(bool(a * b < 0) for a, b in pairwise(signs)) for signs in map(list, ends))
    return before - after
