"""The value of an expression at a point, to a hundred digits, over the reals or the complex numbers.

Nothing here can run long: every operation has a cap on the size of its result.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from typing import Any

from openqwq.verifiers.math_answer.expression import TRIGONOMETRIC, Apply, Expression, Number, Symbol

DIGITS = 100
MAX_MAGNITUDE = 400_000  # bits of a result's exponent: 10^100000 can be computed, 7^7^7^7 cannot
MAX_ANGLE_BITS = 200  # more bits would leave no digits after the point
MAX_FACTORIAL = 20_000

Value = Any  # mpmath's numbers carry no types
Point = Mapping[str, Value]


class Undefined(ArithmeticError):
    """No value here: a division by zero, or a real expression outside its domain."""


class TooLarge(ArithmeticError):
    """A result past the caps."""


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
        except (ZeroDivisionError, ValueError, OverflowError, TypeError) as error:
            raise Undefined(str(error)) from error

    def _constant(self, name: str) -> Value:
        if name == "i":
            if not self.is_complex:
                raise Undefined("not real")
            return self.context.mpc(0, 1)
        if name == r"\pi":
            return +self.context.pi
        if name == "e":
            return self.context.exp(1)
        raise Undefined(f"{name} has no value")

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
    if base < 0 and exponent.denominator % 2:
        size = _power(mp, -base, _ratio(mp, exponent))
        return -size if exponent.numerator % 2 else size
    return _power(mp, base, _ratio(mp, exponent))


def _real_root(mp: Any, value: Value, index: Value) -> Value:
    if not index:
        raise Undefined("root of index zero")
    if value < 0 and index == int(index) and int(index) % 2:
        return -_power(mp, -value, 1 / index)
    return _power(mp, value, 1 / index)


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
