"""Whether two expressions are equal: both are evaluated to 100 digits, at random points where they have variables.

A hundred digits tell a number from its rounding and 3e-8 from 5e-8; expressions that agree to 60 digits at several
random points are the same.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import replace
from itertools import islice, product

from openqwq.verifiers.math_answer.expression import Expression, mentions_i, operations, rename, size, symbols
from openqwq.verifiers.math_answer.values import Evaluator, Point, Undefined, Value, context

AGREEING_DIGITS = 60
AGREEING_POINTS = 4
MAX_NODES = 10_000  # evaluated for one pair: a sine costs 30 microseconds
_SCALES = ((0.1, 1.0), (1.0, 5.0), (-5.0, -0.1), (-5.0, 5.0), (5.0, 200.0))  # few functions are defined on all
_INTEGRATION_CONSTANTS = ("C", "c", "K", "k", "C_1", "c_1")


def same_value(left: Expression, right: Expression) -> bool:
    """Equality of a gold and an answer.

    Bare \\log is natural or decimal and a degree is 1 or pi/180, whichever makes both sides one value. Raises
    TooLarge when a side passes the caps, Undefined when too few points give both sides a value.
    """
    right = _with_the_constant_of(left, right)
    if symbols(right) - symbols(left):
        return False  # a variable that the gold lacks makes the answer wrong, even where it cancels
    used = operations(left) | operations(right)
    bases = (None, 10) if "log" in used else (None,)
    angles = (False, True) if "degree" in used else (False,)
    return any(_same(left, right, Evaluator(base, angle)) for base, angle in product(bases, angles))


def _same(left: Expression, right: Expression, evaluate: Evaluator) -> bool:
    """Over the reals where that is possible, as principal complex values otherwise."""
    if not any(mentions_i(tree) for tree in (left, right)):
        try:
            return _agree(left, right, evaluate)
        except Undefined:
            pass
    return _agree(left, right, replace(evaluate, is_complex=True))


def _agree(left: Expression, right: Expression, evaluate: Evaluator) -> bool:
    agreed = 0
    affordable = max(AGREEING_POINTS, MAX_NODES // (size(left) + size(right)))
    for point in islice(points(symbols(left) | symbols(right)), affordable):
        try:
            if not _equal_at(left, right, point, evaluate):
                return False
        except Undefined:
            continue
        agreed += 1
        if agreed == AGREEING_POINTS or not point:
            return True
    raise Undefined


def _equal_at(left: Expression, right: Expression, point: Point, evaluate: Evaluator) -> bool:
    a, b = evaluate(left, point), evaluate(right, point)
    if is_near(a, b):
        return True
    mp = evaluate.context
    if abs(a - b) > mp.mpf(10) ** -AGREEING_DIGITS:
        return False
    finer = replace(evaluate, digits=2 * evaluate.digits)  # a true zero shrinks as digits are added, e^-200 does not
    return bool(abs(finer(left, point) - finer(right, point)) < abs(a - b) * mp.mpf(10) ** -AGREEING_DIGITS)


def is_near(a: Value, b: Value) -> bool:
    """Do two values agree to AGREEING_DIGITS digits?"""
    return bool(abs(a - b) <= max(abs(a), abs(b)) * context().mpf(10) ** -AGREEING_DIGITS)


def points(names: frozenset[str]) -> Iterator[Point]:
    """Seeded values for the variables: real ones first, then positive integers for what only these define."""
    if not names:
        yield {}
        return
    mp = context()
    for index in range(24):
        draw = random.Random(index)
        low, high = _SCALES[index % len(_SCALES)]
        yield {name: mp.mpf(draw.uniform(low, high)) for name in sorted(names)}
    for index in range(12):
        draw = random.Random(index)
        yield {name: mp.mpf(draw.randint(1, 12)) for name in sorted(names)}


def _with_the_constant_of(gold: Expression, answer: Expression) -> Expression:
    """x^2 + k is x^2 + C: the name of a constant of integration is free."""
    if "C" not in symbols(gold) or "C" in symbols(answer):
        return answer
    extra = symbols(answer) - symbols(gold)
    return rename(answer, next(iter(extra)), "C") if len(extra) == 1 and extra < {*_INTEGRATION_CONSTANTS} else answer
