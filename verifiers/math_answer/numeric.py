"""Are two expressions equal? Both are evaluated to 100 digits, at random points where they have variables.

A hundred digits tell a number from its rounding and 3e-8 from 5e-8; expressions that agree to 60 digits at several
random points are the same. Nothing here can run long: every operation has a cap on the size of its result.
"""

from __future__ import annotations

import random
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cache
from itertools import islice, product
from typing import Any

from openqwq.verifiers.math_answer.grammar import (
    TRIGONOMETRIC,
    Apply,
    Expression,
    Number,
    Symbol,
    operations,
    size,
    symbols,
)

DIGITS = 100
AGREEING_DIGITS = 60
MAX_MAGNITUDE = 400_000  # bits of a result's exponent: 10^100000 is a number, 7^7^7^7 is a bomb
MAX_ANGLE_BITS = 200  # more would leave no digits behind the point
MAX_FACTORIAL = 20_000
AGREEING_POINTS = 4
MAX_NODES = 10_000  # evaluated for one pair: a sine costs 30 microseconds
_SCALES = ((0.1, 1.0), (1.0, 5.0), (-5.0, -0.1), (-5.0, 5.0), (5.0, 200.0))  # nothing is defined everywhere
_INTEGRATION_CONSTANTS = ("C", "c", "K", "k", "C_1", "c_1")

Value = Any  # mpmath's numbers carry no types
Point = Mapping[str, Value]


class Undefined(ArithmeticError):
    """No value here: a division by zero, or a real expression outside its domain."""


class TooLarge(ArithmeticError):
    """A result past the caps."""


def same_value(left: Expression, right: Expression) -> bool:
    """Equality of a gold and an answer.

    Bare \\log is natural or decimal and a degree is 1 or pi/180, whichever makes both sides one value. Raises
    TooLarge when a side passes the caps, Undefined when too few points give both sides a value.
    """
    right = _with_the_constant_of(left, right)
    if symbols(right) - symbols(left):
        return False  # a variable that the gold does not know is never the answer, even where it cancels
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
    finer = replace(evaluate, digits=2 * evaluate.digits)  # what is zero shrinks with the precision, e^-200 does not
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


def mentions_i(tree: Expression) -> bool:
    """Does the tree hold the imaginary unit?"""
    if isinstance(tree, Symbol):
        return tree.name == "i"
    return isinstance(tree, Apply) and (tree.name == "cis" or any(map(mentions_i, tree.arguments)))


def _with_the_constant_of(gold: Expression, answer: Expression) -> Expression:
    """x^2 + k is x^2 + C: the name of a constant of integration is free."""
    if "C" not in symbols(gold) or "C" in symbols(answer):
        return answer
    extra = symbols(answer) - symbols(gold)
    return rename(answer, next(iter(extra)), "C") if len(extra) == 1 and extra < {*_INTEGRATION_CONSTANTS} else answer


def rename(tree: Expression, old: str, new: str) -> Expression:
    """The tree with one variable under another name."""
    if isinstance(tree, Apply):
        return Apply(tree.name, tuple(rename(argument, old, new) for argument in tree.arguments))
    return Symbol(new) if tree == Symbol(old) else tree


_local = threading.local()


def context(digits: int = DIGITS) -> Any:
    """mpmath at a fixed precision; one for each thread, as mpmath changes its own precision while it works."""
    contexts = _local.__dict__.setdefault("contexts", {})
    if digits not in contexts:
        from mpmath.ctx_mp import MPContext

        contexts[digits] = MPContext()
        contexts[digits].dps = digits
    return contexts[digits]


@dataclass(frozen=True)
class Evaluator:
    """The value of a tree at a point. Raises Undefined and TooLarge."""

    log_base: int | None = None
    in_radians: bool = False
    is_complex: bool = False
    digits: int = DIGITS

    @property
    def context(self) -> Any:
        return context(self.digits)

    def __call__(self, tree: Expression, point: Point, in_angle: bool = False) -> Value:
        mp = self.context
        if isinstance(tree, Number):
            return _ratio(mp, tree.value)
        if isinstance(tree, Symbol):
            return point[tree.name] if tree.name in point else self._constant(tree.name)
        name = tree.name
        if name == "pow" and not self.is_complex and (exponent := constant_fraction(tree.arguments[1])) is not None:
            return self._checked(_real_power(mp, self(tree.arguments[0], point, in_angle), exponent))
        is_angle = in_angle or name in TRIGONOMETRIC or name == "cis"
        values = [self(argument, point, is_angle) for argument in tree.arguments]
        if name == "degree":
            return values[0] * (mp.pi / 180) if in_angle or self.in_radians else values[0]
        if name == "log" and len(values) == 1 and self.log_base:
            values.append(mp.mpf(self.log_base))
        if name == "root" and not self.is_complex:
            return self._checked(_real_root(mp, *values))
        try:
            return self._checked(_operations()[name](mp, *values))
        except (ZeroDivisionError, ValueError, OverflowError, KeyError, TypeError) as error:
            raise Undefined(str(error)) from error

    def _constant(self, name: str) -> Value:
        if name == "i":
            if not self.is_complex:
                raise Undefined("not real")
            return self.context.mpc(0, 1)
        return +self.context.pi if name == r"\pi" else self.context.exp(1)

    def _checked(self, value: Value) -> Value:
        """Real where only real values count, and neither infinite nor past the caps."""
        mp = self.context
        if isinstance(value, mp.mpc):
            if value.imag == 0:
                value = value.real
            elif not self.is_complex:
                raise Undefined("not real")
        if not mp.isfinite(value):
            raise Undefined("not finite")
        if value and abs(mp.mag(value)) > MAX_MAGNITUDE:
            raise TooLarge("a number of more than 100 000 digits")
        return value


def constant_fraction(tree: Expression) -> Fraction | None:
    """The exact value of a literal, its negative, or a ratio of two: 3, -1/3, \\frac{2}{3}."""
    if isinstance(tree, Number):
        return tree.value
    if isinstance(tree, Apply) and tree.name == "neg":
        value = constant_fraction(tree.arguments[0])
        return None if value is None else -value
    if isinstance(tree, Apply) and tree.name == "div":
        above, below = map(constant_fraction, tree.arguments)
        return above / below if above is not None and below else None
    return None


def _ratio(mp: Any, value: Fraction) -> Value:
    return mp.mpf(value.numerator) / value.denominator


def _real_power(mp: Any, base: Value, exponent: Fraction) -> Value:
    """(-8)^(1/3) is -2 over the reals."""
    if base == 0 and exponent <= 0:
        raise Undefined("zero to a power that is not positive")
    if isinstance(base, mp.mpf) and base < 0 and exponent.denominator % 2:
        size = _power(mp, -base, _ratio(mp, exponent))
        return -size if exponent.numerator % 2 else size
    return _power(mp, base, _ratio(mp, exponent))


def _real_root(mp: Any, value: Value, index: Value) -> Value:
    if not index:
        raise Undefined("root of index zero")
    if value < 0 and index == int(index) and int(index) % 2:
        return -_power(mp, -value, 1 / index)
    return mp.sqrt(value) if index == 2 else _power(mp, value, 1 / index)


def _power(mp: Any, base: Value, exponent: Value) -> Value:
    if base == 0:
        if mp.re(exponent) > 0:
            return mp.mpf(0)
        raise Undefined("zero to a power that is not positive")
    if abs(exponent) * max(1, abs(mp.mag(base))) > MAX_MAGNITUDE and base not in (1, -1):
        raise TooLarge("a power of more than 100 000 digits")
    return mp.power(base, exponent)


def _exp(mp: Any, value: Value) -> Value:
    if abs(value) > MAX_MAGNITUDE / 2:
        raise TooLarge("a power of more than 100 000 digits")
    return mp.exp(value)


def _gamma_next(mp: Any, value: Value) -> Value:
    """value! for numbers that need not be whole; the factorial of a negative whole number does not exist."""
    if abs(value) > MAX_FACTORIAL:
        raise TooLarge(f"a factorial above {MAX_FACTORIAL}")
    return mp.gamma(value + 1)


def _permutations(mp: Any, n: Value, k: Value) -> Value:
    return _gamma_next(mp, n) / _gamma_next(mp, n - k)


def _binomial(mp: Any, n: Value, k: Value) -> Value:
    return _permutations(mp, n, k) / _gamma_next(mp, k)


def _whole(values: tuple[Value, ...]) -> list[int]:
    if any(value != int(value) for value in values):
        raise Undefined("not a whole number")
    return [int(value) for value in values]


def _folded(mp: Any, name: str, values: tuple[Value, ...]) -> Value:
    import math

    numbers = _whole(values)
    return mp.mpf(math.gcd(*numbers) if name == "gcd" else math.lcm(*numbers))


def _of_angle(name: str) -> Callable[[Any, Value], Value]:
    def apply(mp: Any, value: Value) -> Value:
        if value and mp.mag(value) > MAX_ANGLE_BITS:
            raise TooLarge("an angle of more than 60 digits")
        return getattr(mp, name)(value)

    return apply


@cache
def _operations() -> dict[str, Callable[..., Value]]:
    table: dict[str, Callable[..., Value]] = {
        "add": lambda mp, *values: mp.fsum(values),
        "mul": lambda mp, *values: mp.fprod(values),
        "neg": lambda _, value: -value,
        "div": lambda _, above, below: above / below,
        "pow": _power,
        "root": lambda mp, value, index: _power(mp, value, 1 / index),
        "abs": lambda _, value: abs(value),
        "floor": lambda mp, value: mp.floor(value),
        "ceil": lambda mp, value: mp.ceil(value),
        "conjugate": lambda mp, value: mp.conj(value),
        "Re": lambda mp, value: mp.re(value),
        "Im": lambda mp, value: mp.im(value),
        "factorial": _gamma_next,
        "binomial": _binomial,
        "permutations": _permutations,
        "exp": _exp,
        "ln": lambda mp, value: mp.ln(value),
        "lg": lambda mp, value: mp.log(value, 10),
        "log": lambda mp, value, *base: mp.log(value, *base),
        "cis": lambda mp, value: mp.expj(value),
        "max": lambda _, *values: max(values),
        "min": lambda _, *values: min(values),
        "gcd": lambda mp, *values: _folded(mp, "gcd", values),
        "lcm": lambda mp, *values: _folded(mp, "lcm", values),
    }
    for name in ("sin", "cos", "tan", "cot", "sec", "csc"):
        table[name] = _of_angle(name)
        table["arc" + name] = lambda mp, value, name=name: getattr(mp, "a" + name)(value)
    for name in ("sinh", "cosh", "tanh", "coth", "sech", "csch"):
        table[name] = lambda mp, value, name=name: getattr(mp, name)(_bounded(mp, value))
        table["arc" + name] = lambda mp, value, name=name: getattr(mp, "a" + name)(value)
    return table


def _bounded(mp: Any, value: Value) -> Value:
    _exp(mp, value)
    return value
