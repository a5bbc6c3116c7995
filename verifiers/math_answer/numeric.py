"""Whether two expressions are equal: both are evaluated, at random points where they have variables.

Doubles with a bound on their error tell most that differ. A hundred digits decide the rest, and equality: they tell a
number from its rounding and 3e-8 from 5e-8, and expressions that agree to 60 digits at several points are the same.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import cycle, islice, permutations, product, repeat
from typing import cast

from openqwq.verifiers.math_answer.doubles import Doubles, Unsure, are_different
from openqwq.verifiers.math_answer.expression import (
    Expression,
    Number,
    count,
    mentions_i,
    operations,
    rename,
    size,
    symbols,
    turned,
    walk,
)
from openqwq.verifiers.math_answer.matrices import Cells, cells_at
from openqwq.verifiers.math_answer.tokens import Unreadable
from openqwq.verifiers.math_answer.values import NUM_TERMS, Evaluator, Point, Undefined, Value, context

AGREEING_DIGITS = 60
AGREEING_POINTS = 4
DOUBLE_POINTS = 8  # where doubles are asked first
CONFIRMING_POINTS = 2  # where doubles see no difference at any of these
MAX_NODES = 10_000  # evaluated for one pair: a sine costs 30 microseconds
_SCALES = ((0.1, 1.0), (1.0, 5.0), (-5.0, -0.1), (-5.0, 5.0), (5.0, 200.0))  # few functions are defined on all
KINKED = frozenset({"abs", "max", "min"})
KINK_NUMBERS = 8
STEP_POINTS = 12  # where functions that jump must agree
_WHOLE_NAMES = frozenset({"n", "m", "k", "N", "M"})
_SERIES_TERMS = (8, 13, 21, 30)
_NUMBERED = frozenset({"C_1", "C_2", "C_3", "c_1", "c_2", "c_3"})
_FREE = frozenset({"C"}) | _NUMBERED  # arbitrary constants of a gold, and names of such in an answer
_CONSTANT_NAMES = _FREE | {"c", "K", "k", "A", "B"}


def same_value(left: Expression, right: Expression) -> bool:
    """Equality of a gold and an answer.

    Bare \\log is natural or decimal and a degree is 1 or pi/180, whichever makes both sides one value. Raises
    TooLarge when a side passes the caps, Undefined when too few points give both sides a value, Unreadable when only
    one side has an infinite series.
    """
    return any(_same_named(left, answer) for answer in _with_the_constants_of(left, right))


def _same_named(left: Expression, right: Expression) -> bool:
    if "conjugate" in operations(left) | operations(right):
        left, right = turned(left, "z"), turned(right, "z")
    names = symbols(left)
    if not symbols(right) <= names:
        return False  # a variable that the gold lacks makes the answer wrong, even where it cancels
    used = operations(left) | operations(right)
    if "series" in used and count(left, "series") != count(right, "series"):
        raise Unreadable("an infinite series beside none")
    bases = (None, 10) if "log" in used else (None,)
    angles = (False, True) if "degree" in used else (False,)
    return any(_same(_Pair(left, right, names, used), Evaluator(base, angle)) for base, angle in product(bases, angles))


@dataclass(frozen=True)
class _Pair:
    left: Expression
    right: Expression
    names: frozenset[str]
    used: frozenset[str]
    """Their operations."""


def _same(pair: _Pair, evaluate: Evaluator) -> bool:
    """Over the reals where that is possible, as principal complex values otherwise."""
    if not any(mentions_i(tree) for tree in (pair.left, pair.right)):
        try:
            return _agree(pair, evaluate)
        except Undefined:
            pass
    return _agree(pair, replace(evaluate, is_complex=True))


def _agree(pair: _Pair, evaluate: Evaluator) -> bool:
    """Doubles tell nearly all that differ. What they cannot tell apart must agree to all digits."""
    wanted = AGREEING_POINTS
    if not evaluate.is_complex:
        seen = _seen_in_doubles(pair, Doubles(evaluate.log_base, evaluate.in_radians))
        if seen is None:
            return False
        wanted = CONFIRMING_POINTS if seen == DOUBLE_POINTS else AGREEING_POINTS
    if _is_stepped(pair):
        wanted = STEP_POINTS
    if not pair.used.isdisjoint(KINKED) and not _agree_at_kinks(pair, evaluate):
        return False
    agreed = 0
    affordable = max(wanted, MAX_NODES // (size(pair.left) + size(pair.right)))
    for point in islice(_points(pair), affordable):
        try:
            if not _equal_at(pair, point, evaluate):
                return False
        except Undefined:
            continue
        agreed += 1
        if agreed == wanted or not point:
            return True
    raise Undefined


def _agree_at_kinks(pair: _Pair, evaluate: Evaluator) -> bool:
    for point in kink_points(pair.left, pair.right, pair.names):
        try:
            if not _equal_at(pair, point, evaluate):
                return False
        except Undefined:
            continue
    return True


def are_kinked(left: Expression, right: Expression) -> bool:
    """Can the two agree on one side of a place and differ on the other?"""
    return not (operations(left) | operations(right)).isdisjoint(KINKED)


def kink_points(left: Expression, right: Expression, names: frozenset[str]) -> Iterator[Point]:
    """`\\max(x,50)` is 50 until x passes it: the points lie beside every number that the pair holds, and far out."""
    mp, order = context(), sorted(names)
    held = sorted({n.value for tree in (left, right) for n in walk(tree) if isinstance(n, Number)})
    sizes = [*(abs(float(value)) for value in held[:KINK_NUMBERS] if abs(value) < 10**9), 0.3, 30.0, 3000.0]
    places = [sign * (value + step) for value in sizes for step in (-0.37, 0.41) for sign in (1, -1)]
    affordable = MAX_NODES // (size(left) + size(right))
    for index, place in enumerate(places[:affordable] if order else ()):
        draw = random.Random(index)
        yield {name: mp.mpf(place if name == order[index % len(order)] else draw.choice(places)) for name in order}


def _seen_in_doubles(pair: _Pair, evaluate: Doubles) -> int | None:
    """At how many of the first points doubles know both values; None where these differ at one."""
    seen = 0
    for point in _draws(pair.names)[:DOUBLE_POINTS]:
        try:
            if are_different(evaluate(pair.left, point), evaluate(pair.right, point)):
                return None
        except Unsure:
            continue
        seen += 1
    return seen


def _equal_at(pair: _Pair, point: Point, evaluate: Evaluator) -> bool:
    (width, left), (other_width, right) = _cells(pair, point, evaluate)
    if width != other_width or len(left) != len(right):
        return False
    if all(map(is_near, left, right)):
        return True
    tiny = evaluate.context.mpf(10) ** -AGREEING_DIGITS
    apart = [(index, abs(a - b)) for index, (a, b) in enumerate(zip(left, right, strict=True)) if not is_near(a, b)]
    if any(distance > tiny for _, distance in apart):
        return False
    # a true zero shrinks as digits are added, e^-200 does not
    (_, left), (_, right) = _cells(pair, point, replace(evaluate, digits=2 * evaluate.digits))
    return all(abs(left[index] - right[index]) < distance * tiny for index, distance in apart)


def _cells(pair: _Pair, point: Point, evaluate: Evaluator) -> tuple[Cells, Cells]:
    if "matrix" in pair.used:
        return cells_at(pair.left, point, evaluate), cells_at(pair.right, point, evaluate)
    return (0, (evaluate(pair.left, point),)), (0, (evaluate(pair.right, point),))


def is_near(a: Value, b: Value) -> bool:
    """Do two values agree to AGREEING_DIGITS digits?"""
    return bool(abs(a - b) <= max(abs(a), abs(b)) * context().mpf(10) ** -AGREEING_DIGITS)


def _points(pair: _Pair) -> Iterator[Point]:
    """Where the two are evaluated; of series the first terms: sums of several numbers of them must agree."""
    places = _step_points(pair.names) if _is_stepped(pair) else points(pair.names)
    if "series" not in pair.used:
        return places
    places = places if pair.names else repeat(cast(Point, {}))
    return ({**point, NUM_TERMS: number} for point, number in zip(places, cycle(_SERIES_TERMS), strict=False))


def _is_stepped(pair: _Pair) -> bool:
    """Can the two agree at nearly all real points and differ at whole ones?"""
    return bool(pair.names) and not pair.used.isdisjoint({"floor", "ceil", "mod", "sum", "prod"})


def _step_points(names: frozenset[str]) -> Iterator[Point]:
    """Whole numbers for n, m and their like; whole, half and any real numbers for others."""
    mp = context()
    for index in range(STEP_POINTS * 3):
        draw = random.Random(index)
        shift = (0.0, 0.5, draw.uniform(0, 1))[index % 3]
        yield {
            name: mp.mpf(index + 1 if len(names) == 1 else draw.randint(1, STEP_POINTS))
            if name in _WHOLE_NAMES
            else mp.mpf(draw.randint(-6, 12) + shift)
            for name in sorted(names)
        }


def points(names: frozenset[str]) -> Iterator[Point]:
    """Seeded values for the variables: real ones first, then positive integers for what only these define."""
    mp = context()
    for draw in _draws(names):
        yield {name: mp.mpf(value) for name, value in draw.items()}


@lru_cache(maxsize=1024)
def _draws(names: frozenset[str]) -> tuple[dict[str, float], ...]:
    ordered = sorted(names)
    return tuple(dict(zip(ordered, values, strict=True)) for values in _drawn_values(len(ordered)))


@lru_cache(maxsize=64)
def _drawn_values(number: int) -> tuple[tuple[float, ...], ...]:
    """The values of so many names at each point."""
    if not number:
        return ((),)
    found: list[tuple[float, ...]] = []
    for index in range(24):
        draw = random.Random(index)
        low, high = _SCALES[index % len(_SCALES)]
        found.append(tuple(draw.uniform(low, high) for _ in range(number)))
    for index in range(12):
        draw = random.Random(index)
        found.append(tuple(float(draw.randint(1, 12)) for _ in range(number)))
    return tuple(found)


def _with_the_constants_of(gold: Expression, answer: Expression) -> Iterator[Expression]:
    """The answer under each choice of names for its arbitrary constants: x^2 + k is x^2 + C, and
    Ae^x + Be^{-x} is C_1e^x + C_2e^{-x}."""
    mine, theirs = symbols(gold) & _FREE, symbols(answer) - (symbols(gold) - _FREE)
    if not mine or mine & theirs or len(mine) != len(theirs) or len(mine) > 3 or not theirs <= _CONSTANT_NAMES:
        yield answer
        return
    for names in permutations(mine):
        renamed = answer
        for at, old in enumerate(sorted(theirs)):
            renamed = rename(renamed, old, f"#{at}")
        for at, new in enumerate(names):
            renamed = rename(renamed, f"#{at}", new)
        yield renamed
