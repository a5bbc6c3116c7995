"""Exact rational value of plain arithmetic: integers, decimals, fractions, mixed numbers, powers, factorials, choices.

Whatever has no exact rational value, or a value past a cap, is left undecided (None), never guessed.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from fractions import Fraction
from functools import lru_cache

from openqwq.verifiers.math_answer.expression import Apply, Expression, Number
from openqwq.verifiers.math_answer.grammar import parse
from openqwq.verifiers.math_answer.tokens import Unreadable

MAX_CHARS = 1_000
MAX_BITS = 40_000
MAX_FACTORIAL = 1_000
_PLAIN = re.compile(r"[-+]?(?:\d+(?:\.\d*)?|\.\d+)")
_GROUPED = re.compile(r"[-+]?\d{1,3}(?:,\d{3})+(?:\.\d+)?")
_FRACTION = re.compile(r"([-+]?)\\frac ?\{([-+]?\d+)\} ?\{([-+]?\d+)\}|([-+]?)(\d+)/(\d+)")


@lru_cache(maxsize=4096)
def rational(text: str) -> Fraction | None:
    """The exact value of a cleaned answer (percent signs dropped by the caller), or None when it is not arithmetic."""
    if not text or len(text) > MAX_CHARS:
        return None
    if _PLAIN.fullmatch(text):  # nearly all answers: no tree is built for them
        return Fraction(text.rstrip("."))
    if _GROUPED.fullmatch(text):
        return Fraction(text.replace(",", ""))
    if (match := _FRACTION.fullmatch(text)) and int(match[3] or match[6]):
        sign = -1 if "-" in (match[1], match[4]) else 1
        return sign * Fraction(int(match[2] or match[5]), int(match[3] or match[6]))
    if not any(character.isdigit() for character in text):
        return None
    try:
        return exact_value(parse(text))
    except Unreadable:
        return None


def exact_value(tree: Expression) -> Fraction | None:
    """The rational value of a tree, or None where it has a symbol, a root, a function or passes a cap."""
    if isinstance(tree, Number):
        return tree.value
    if not isinstance(tree, Apply) or tree.name not in _OPERATIONS:
        return None
    values: list[Fraction] = []
    for argument in tree.arguments:
        value = exact_value(argument)
        if value is None:
            return None
        values.append(value)
    try:
        return _OPERATIONS[tree.name](values)
    except (_Undecided, ZeroDivisionError):
        return None


class _Undecided(Exception):
    """Not rational, or past a cap."""


def _bounded(value: Fraction) -> Fraction:
    if value.numerator.bit_length() + value.denominator.bit_length() > MAX_BITS:
        raise _Undecided
    return value


def _sum(values: list[Fraction]) -> Fraction:
    total = Fraction(0)
    for value in values:
        total = _bounded(total + value)
    return total


def _product(values: list[Fraction]) -> Fraction:
    total = Fraction(1)
    for value in values:
        total = _bounded(total * value)
    return total


def _power(values: list[Fraction]) -> Fraction:
    base, exponent = values
    if exponent.denominator != 1 or (base == 0 and exponent <= 0):
        raise _Undecided
    bits = max(base.numerator.bit_length(), base.denominator.bit_length())
    if abs(exponent) * bits > MAX_BITS:
        raise _Undecided
    return _bounded(base ** int(exponent))


def _whole(values: list[Fraction]) -> list[int]:
    if any(value.denominator != 1 or not 0 <= value <= MAX_FACTORIAL for value in values):
        raise _Undecided
    return [int(value) for value in values]


def _remainder(values: list[Fraction]) -> Fraction:
    value, divisor = values
    if value.denominator != 1 or divisor.denominator != 1 or divisor <= 0:
        raise _Undecided
    return value % divisor


_OPERATIONS: dict[str, Callable[[list[Fraction]], Fraction]] = {
    "add": _sum,
    "mul": _product,
    "neg": lambda values: -values[0],
    "div": lambda values: _bounded(values[0] / values[1]),
    "pow": _power,
    "abs": lambda values: abs(values[0]),
    "factorial": lambda values: Fraction(math.factorial(*_whole(values))),
    "binomial": lambda values: Fraction(math.comb(*_whole(values))),
    "floor": lambda values: Fraction(math.floor(*values)),
    "ceil": lambda values: Fraction(math.ceil(*values)),
    "mod": _remainder,
    "permutations": lambda values: Fraction(math.perm(*_whole(values))),
}
