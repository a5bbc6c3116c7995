"""All real zeros of a function of one variable that a fine grid shows: crossings, and places where it touches zero.

Equations that no exact rule decides are equal only when these are the same for both. Values are doubles.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from itertools import pairwise

from openqwq.verifiers.math_answer.doubles import Doubles, Unsure
from openqwq.verifiers.math_answer.expression import Expression, Number, size, walk
from openqwq.verifiers.math_answer.values import Evaluator, TooLarge, Undefined, context
from openqwq.verifiers.math_answer.zeros import between

STEP = 1 / 5
FINE_TO = 50.0
GROWTH = 1.07  # of the steps beyond
FARTHEST = 1e5
NEAREST = 1e-4
MAX_COST = 120_000  # nodes that are evaluated of one function
MAX_OVERFLOWING = 4
OVERFLOWING = 300.0  # from here on exponentials may pass the range of doubles
MAX_NUMBERS = 12  # that the texts hold, around which the grid is finer
_OFFSET = 0.0137
_SHRINKS = 44  # golden sections
_GOLDEN = 0.6180339887498949
_SAME = 1e-5
_SMALL = 1e-7
State = float | None
_Function = Callable[[float], State]


def same_real_zeros(left: Expression, right: Expression, name: str) -> bool:
    """Does a scan show zeros, and the same for both?"""
    grid = _grid((left, right))
    try:
        first, second = (zeros_of(_function(tree, name), grid) for tree in (left, right))
    except _TooLong:
        return False
    is_same = bool(first) and _are_near(first, second) and _are_near(second, first)
    return is_same and all(_change_together(x, left, right, name) for x in _far_numbers((left, right)))


class _TooLong(Exception):
    """The function has more zeros and valleys than can be looked at."""


def _far_numbers(trees: Sequence[Expression]) -> list[float]:
    return [x for x in _numbers(trees) if x >= OVERFLOWING][:MAX_OVERFLOWING]


def _change_together(x: float, left: Expression, right: Expression, name: str) -> bool:
    """Where doubles overflow, all digits see whether the signs change together around a number and its negative."""
    mp, evaluate = context(), Evaluator()
    for place in (-x, x):
        try:
            before, after = (
                mp.sign(evaluate(left, at)) * mp.sign(evaluate(right, at))
                for at in ({name: mp.mpf(place) * (1 + shift)} for shift in (-1e-4, 1e-4))
            )
        except (Undefined, TooLarge):
            continue
        if before != after:
            return False
    return True


def _are_near(first: Sequence[float], second: Sequence[float]) -> bool:
    return all(any(abs(x - y) <= _SAME * max(1.0, abs(x)) for y in second) for x in first)


def _function(tree: Expression, name: str) -> _Function:
    evaluate = Doubles()
    left = MAX_COST // size(tree)

    def value_at(x: float) -> State:
        nonlocal left
        left -= 1
        if left < 0:
            raise _TooLong
        try:
            ball = evaluate(tree, {name: x})
        except Unsure:
            return None
        return ball.value if abs(ball.value) > ball.error else 0.0

    return value_at


def _grid(trees: Sequence[Expression]) -> list[float]:
    """Steps of one length, longer ones far out, shorter ones around zero and the numbers of the texts."""
    found = [_OFFSET + n * STEP for n in range(int(FINE_TO / STEP))]
    while found[-1] < FARTHEST:
        found.append(found[-1] * GROWTH)
    small = found[0]
    while small > NEAREST:
        small /= 2
        found.append(small)
    for number in _numbers(trees):
        found += [number * (1 + sign * shift) for shift in (1e-4, 3e-3, 2e-2) for sign in (-1, 1)]
    found = sorted(set(found))
    return [-x for x in reversed(found)] + found


def _numbers(trees: Sequence[Expression]) -> list[float]:
    held = {node.value for tree in trees for node in walk(tree) if isinstance(node, Number)}
    return [float(number) for number in sorted(held)[:MAX_NUMBERS] if 0 < number < Fraction(FARTHEST)]


def zeros_of(f: _Function, grid: Sequence[float]) -> list[float]:
    """In ascending order; a pole is no zero, and neither is the edge of where f has a value."""
    values = [f(x) for x in grid]
    found = [x for x, value in zip(grid, values, strict=True) if value == 0]
    for (a, b), (at_a, at_b) in zip(pairwise(grid), pairwise(values), strict=True):
        if at_a and at_b and at_a * at_b < 0 and (zero := _crossing(f, a, b, at_a, at_b)) is not None:
            found.append(zero)
    for index in range(1, len(grid) - 1):
        if _is_valley(values[index - 1 : index + 2]):
            zero = _touch(f, grid[index - 1], grid[index + 1])
            found += [] if zero is None else [zero]
    return sorted(found)


def _is_valley(values: Sequence[State]) -> bool:
    """Of one sign, and nearest to zero in the middle."""
    before, here, after = (value or 0.0 for value in values)
    return min(before * here, here * after) > 0 and abs(before) >= abs(here) <= abs(after)


def _crossing(f: _Function, a: float, b: float, at_a: float, at_b: float) -> float | None:
    size = max(abs(at_a), abs(at_b))
    try:
        zero = between(lambda x: _known(f(x)), a, b, at_a, at_b)
        return zero if abs(_known(f(zero))) <= _SMALL * max(1.0, size) else None
    except Unsure:
        return (a + b) / 2  # a place that only the same function shares


def _known(value: State) -> float:
    if value is None:
        raise Unsure("no value")
    return value


def _touch(f: _Function, low: float, high: float) -> float | None:
    """The least |f| of the interval by golden sections, where that is zero."""
    size = max(abs(f(low) or 0.0), abs(f(high) or 0.0))

    def height(x: float) -> float:
        value = f(x)
        return size if value is None else abs(value)

    a, b = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
    at_a, at_b = height(a), height(b)
    for _ in range(_SHRINKS):
        if at_a < at_b:
            high, b, at_b = b, a, at_a
            a = high - _GOLDEN * (high - low)
            at_a = height(a)
        else:
            low, a, at_a = a, b, at_b
            b = low + _GOLDEN * (high - low)
            at_b = height(b)
    return (low + high) / 2 if min(at_a, at_b) <= _SMALL * min(1.0, size) else None
