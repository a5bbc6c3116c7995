"""What a gold's formula is worth in a World: sixty digits, every operation bounded, NoValue where readers differ."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

MAX_EXPONENT = 100_000  # bits of a power's size
MAX_FACTORIAL = 500
Value = Any  # mpmath's numbers carry no types


class NoValue(ArithmeticError):
    """No value here, or none that all agree on."""


@dataclass(frozen=True)
class World:
    """One way to take a formula: the values of its letters, and what its doubtful signs mean."""

    point: Mapping[str, Value]
    is_log_decimal: bool = False
    is_degree_angle: bool = False
    are_e_and_i_variables: bool = False
    are_mixed_numbers_products: bool = False


Formula = Callable[[World], Value]

_local = threading.local()


def digits() -> Any:
    """mpmath with sixty digits; one for each thread, as it changes its own precision while it works."""
    if not hasattr(_local, "mp"):
        from mpmath.ctx_mp import MPContext

        _local.mp = MPContext()
        _local.mp.dps = 60
    return _local.mp


def constant(text: str) -> Formula:
    value = digits().mpf(text)
    return lambda world: value


def letter_constant(name: str) -> Value:
    return digits().exp(1) if name == "e" else digits().mpc(0, 1)


def mapped(function: Callable[[Value], Value], inner: Formula) -> Formula:
    return lambda world: function(inner(world))


def negated(inner: Formula) -> Formula:
    return lambda world: -inner(world)


def added(left: Formula, right: Formula, sign: int) -> Formula:
    return lambda world: left(world) + sign * right(world)


def multiplied(left: Formula, right: Formula) -> Formula:
    return lambda world: left(world) * right(world)


def divided(left: Formula, right: Formula) -> Formula:
    return lambda world: left(world) / right(world)


def powered(base: Formula, exponent: Formula) -> Formula:
    return lambda world: _power(base(world), exponent(world))


def _power(base: Value, exponent: Value) -> Value:
    mp = digits()
    if abs(exponent) * max(1, abs(mp.mag(base)) if base and mp.isfinite(base) else 1) > MAX_EXPONENT:
        raise NoValue("a power too large to be computed")
    is_whole = not isinstance(exponent, mp.mpc) and exponent == mp.floor(exponent)
    if not is_whole and (isinstance(base, mp.mpc) or base < 0):
        raise NoValue("a broken power of what is not positive: readers differ")
    return base ** (int(exponent) if is_whole else exponent)


def root(value: Value, index: Value) -> Value:
    if index == 2:
        return digits().sqrt(value)
    if isinstance(value, digits().mpc) or value < 0:
        raise NoValue("a root of a negative number: readers differ")
    return _power(value, 1 / index)


def factorial(value: Value) -> Value:
    if isinstance(value, digits().mpc) or not 0 <= value <= MAX_FACTORIAL or value != digits().floor(value):
        raise NoValue("a factorial of this number")
    return digits().factorial(value)


def binomial(n: Value, k: Value) -> Value:
    return factorial(n) / (factorial(k) * factorial(n - k))


def logarithm(value: Value) -> Value:
    return digits().ln(value)


def _of_angle(name: str) -> Callable[[Value], Value]:
    def function(value: Value) -> Value:
        if value and digits().mag(value) > 60:
            raise NoValue("an angle too large")
        return getattr(digits(), name)(value)

    return function


def _exponential(value: Value) -> Value:
    if abs(value) > MAX_EXPONENT:
        raise NoValue("a power too large to be computed")
    return digits().exp(value)


FUNCTIONS: Mapping[str, Callable[[Value], Value]] = {
    "ln": logarithm,
    "lg": lambda value: logarithm(value) / logarithm(digits().mpf(10)),
    "exp": _exponential,
    **{name: _of_angle(name) for name in ("sin", "cos", "tan", "cot", "sec", "csc", "sinh", "cosh", "tanh")},
    **{"arc" + name: _of_angle("a" + name) for name in ("sin", "cos", "tan", "sinh", "cosh", "tanh")},
}
