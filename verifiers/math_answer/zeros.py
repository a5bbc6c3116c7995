"""Zeros of expressions: looked for in doubles, made exact to a hundred digits only where doubles see no difference."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from openqwq.verifiers.math_answer.doubles import Ball, Doubles, Unsure
from openqwq.verifiers.math_answer.expression import Expression
from openqwq.verifiers.math_answer.values import Evaluator, Point, TooLarge, Undefined, context

NUM_LINES = 32
STEPS = 40
SECANT_STEPS = 12
FARTHEST = 1e4  # in lengths of a line
ENOUGH = 12  # zeros of each side
NUM_CONFIRMED = 3  # zeros of each side that are made exact
_WIDTH = 1e-9  # a zero found in doubles is known to this, relative to its line
_SCALES = (0.7, 2.0, 6.0, 20.0)
_Place = dict[str, float]


@dataclass(frozen=True)
class Line:
    """The points start + t (end - start); zeros are looked for along it, from t = 0 and t = 1."""

    start: tuple[float, ...]
    end: tuple[float, ...]

    def at(self, names: Sequence[str], t: float) -> _Place:
        return {name: a + t * (b - a) for name, a, b in zip(names, self.start, self.end, strict=True)}


@dataclass(frozen=True)
class Zero:
    """A zero at t on a line, known to doubles."""

    line: Line
    t: float


@lru_cache(maxsize=16)
def lines(dimension: int) -> tuple[Line, ...]:
    """Seeded lines: half of them short and along one axis, half between places far apart."""
    found: list[Line] = []
    for index in range(NUM_LINES):
        draw = random.Random(index)
        near, far = _SCALES[index % len(_SCALES)], _SCALES[(index + 1 + index // 4) % len(_SCALES)]
        start = tuple(draw.uniform(-near, near) for _ in range(dimension))
        if index % 2:
            end = tuple(draw.uniform(-far, far) for _ in range(dimension))
        else:
            axis = (index // 2) % dimension
            end = tuple(value + (place == axis) for place, value in enumerate(start))
        found.append(Line(start, end))
    return tuple(found)


def zero_on(line: Line, tree: Expression, names: Sequence[str]) -> Zero | None:
    """A zero where the sign changes, or None: a pole is no zero, a touching zero is not found. May raise Unsure."""
    evaluate = Doubles()

    def ball(t: float) -> Ball:
        return evaluate(tree, line.at(names, t))

    t = _root(lambda t: ball(t).value)
    if t is None:
        return None
    width = _WIDTH * max(1.0, abs(t))
    before, after = ball(t - width), ball(t + width)
    crosses = before.value * after.value < 0 and all(abs(side.value) > side.error for side in (before, after))
    is_small = max(abs(before.value), abs(after.value)) < 1e-4 * max(1.0, *map(abs, line.at(names, t).values()))
    return Zero(line, t) if crosses and is_small else None


def _root(f: Callable[[float], float]) -> float | None:
    """By secants, which stay between two places of different signs where they meet such."""
    a, b = 0.0, 1.0
    at_a, at_b = f(a), f(b)
    for _ in range(SECANT_STEPS):
        if at_a * at_b < 0:
            return between(f, a, b, at_a, at_b)
        if not at_b or abs(b - a) <= 1e-14 * max(1.0, abs(b)):
            return b  # exact, or as near as doubles come: a line is hit at once
        if at_a == at_b:
            return None
        new = b - at_b * (b - a) / (at_b - at_a)
        if abs(new) > FARTHEST:
            return None
        a, at_a, b, at_b = b, at_b, new, f(new)
    return None


def between(f: Callable[[float], float], a: float, b: float, at_a: float, at_b: float) -> float:
    """The method of Illinois: false position that halves the value at an end which stays."""
    for _ in range(STEPS):
        new = (a * at_b - b * at_a) / (at_b - at_a)
        value = f(new)
        if not value or abs(b - a) <= 1e-14 * max(1.0, abs(new)):
            return new
        if value * at_b < 0:
            a, at_a = b, at_b
        else:
            at_a /= 2
        b, at_b = new, value
    return b


def is_certainly_no_zero(tree: Expression, zero: Zero, names: Sequence[str]) -> bool:
    """Is the tree far from zero around a zero of another? False where doubles do not know."""
    width = _WIDTH * max(1.0, abs(zero.t))
    evaluate = Doubles()
    try:
        around = [evaluate(tree, zero.line.at(names, zero.t + step)) for step in (-width, 0.0, width)]
    except Unsure:
        return False
    values = [ball.value for ball in around]
    spread = max(values) - min(values)
    return all(abs(ball.value) > 2 * ball.error + 10 * spread + 1e-9 for ball in around)


def exact(zero: Zero, tree: Expression, names: Sequence[str]) -> Point | None:
    """The zero to a hundred digits."""
    mp, evaluate = context(), Evaluator()
    start, end = ([mp.mpf(value) for value in place] for place in (zero.line.start, zero.line.end))

    def at(t: object) -> Point:
        return {name: a + t * (b - a) for name, a, b in zip(names, start, end, strict=True)}

    try:
        t = mp.findroot(lambda t: evaluate(tree, at(t)), (mp.mpf(zero.t), mp.mpf(zero.t) + mp.mpf(10) ** -12),
                        tol=mp.mpf(10) ** -150, maxsteps=20)  # fmt: skip
    except (ValueError, ZeroDivisionError, Undefined, TooLarge):
        return None
    return at(t) if not isinstance(t, mp.mpc) and abs(t - zero.t) < 1e-6 else None
