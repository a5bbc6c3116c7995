"""The value of an expression at a point, to a hundred digits, over the reals or the complex numbers.

Nothing here can run long: every operation has a cap on the size of its result.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cache
from typing import Any

from openqwq.verifiers.math_answer.expression import BOUND, TRIGONOMETRIC, Apply, Expression, Number, Symbol, walk

DIGITS = 100
MAX_MAGNITUDE = 400_000  # bits of a result's exponent: 10^100000 can be computed, 7^7^7^7 cannot
MAX_ANGLE_BITS = 200  # more bits would leave no digits after the point
MAX_FACTORIAL = 20_000
MAX_WHOLE_BITS = 200  # of a number whose remainder counts: beyond, the digits after the point are not known
MAX_TERMS = 4_500
FOLDS = frozenset({"sum", "prod", "series"})
NUM_TERMS = BOUND + "terms"
"""The name under which a point holds how many terms of a series are added up."""
_CHEAP = frozenset({"add", "mul", "neg", "div", "abs", "pow", "floor", "ceil", "max", "min", "degree", *FOLDS})

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
    max_terms: int = MAX_TERMS
    """Of a sum or product over an index, counted in the nodes of its terms."""

    @property
    def context(self) -> Any:
        return context(self.digits)

    def __call__(self, tree: Expression, point: Point) -> Value:
        return self._at(self.context, tree, point, False)

    def _at(self, mp: Any, tree: Expression, point: Point, in_angle: bool) -> Value:
        if isinstance(tree, Number):
            return _ratio(mp, tree.value)
        if isinstance(tree, Symbol):
            return point[tree.name] if tree.name in point else self._constant(tree.name)
        name, arguments = tree.name, tree.arguments
        if name == "pow" and not self.is_complex and (exponent := constant_fraction(arguments[1])) is not None:
            return self._checked(mp, _real_power(mp, self._at(mp, arguments[0], point, in_angle), exponent))
        if name in FOLDS:
            return self._folded(mp, tree, point, in_angle)
        is_angle = in_angle or name in TRIGONOMETRIC or name == "cis"
        values = [self._at(mp, argument, point, is_angle) for argument in arguments]
        if name == "degree":
            return values[0] * (mp.pi / 180) if in_angle or self.in_radians else values[0]
        if name == "log" and len(values) == 1 and self.log_base:
            values.append(mp.mpf(self.log_base))
        if name == "root" and not self.is_complex:
            return self._checked(mp, _real_root(mp, *values))
        try:
            return self._checked(mp, _operations()[name](mp, *values))
        except (ZeroDivisionError, ValueError, OverflowError, TypeError, KeyError) as error:
            raise Undefined(str(error)) from error

    def _folded(self, mp: Any, tree: Apply, point: Point, in_angle: bool) -> Value:
        """A sum or product over an index; what one inside another may cost is divided by the number of its terms."""
        index, *bounds, term = tree.arguments
        assert isinstance(index, Symbol)
        values = [self._at(mp, bound, point, False) for bound in bounds]
        if tree.name == "series":
            if NUM_TERMS not in point:
                raise Undefined("an infinite series")
            values.append(values[0] + point[NUM_TERMS] - 1)
        indices = index_range(mp, *values)
        affordable = self.max_terms // max(1, len(indices))
        if cost(term) > affordable:
            raise TooLarge(f"a sum or product of {len(indices)} terms")
        within = replace(self, max_terms=affordable)
        values = [within._at(mp, term, {**point, index.name: mp.mpf(n)}, in_angle) for n in indices]
        return self._checked(mp, mp.fprod(values) if tree.name == "prod" else mp.fsum(values))

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

    def _checked(self, mp: Any, value: Value) -> Value:
        """Real where only real values count, and neither infinite nor past the caps."""
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


def index_range(mp: Any, first: Value, last: Value) -> range:
    """The values of an index; none where `last` is one less than `first`."""
    low, high = _whole(mp, first, last)
    if high < low - 1:
        raise Undefined("a sum or product that runs backwards")
    if high - low >= MAX_TERMS:
        raise TooLarge(f"a sum or product of {high - low + 1} terms")
    return range(low, high + 1)


def cost(tree: Expression) -> int:
    """Of one evaluation, in additions. The terms of a sum inside are counted when it is evaluated."""
    return sum(10 if isinstance(node, Apply) and node.name not in _CHEAP else 1 for node in walk(tree))


def _ratio(mp: Any, value: Fraction) -> Value:
    return mp.mpf(value.numerator) if value.denominator == 1 else mp.mpf(value.numerator) / value.denominator


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


def _nearest(mp: Any, value: Value) -> Value | None:
    """The whole number that a value is but for its last digits, as \\log_2 8 may be; else None."""
    if mp.im(value) or mp.mag(value) > MAX_WHOLE_BITS:
        return None
    whole = mp.nint(value)
    return whole if abs(value - whole) <= mp.mpf(10) ** -(mp.dps - 30) * max(1, abs(value)) else None


def _whole(mp: Any, *values: Value) -> list[int]:
    found = [whole for value in values if (whole := _nearest(mp, value)) is not None]
    if len(found) < len(values):
        raise Undefined("not a whole number, or one of too many digits")
    return [int(value) for value in found]


def _floor(mp: Any, value: Value) -> Value:
    whole = _nearest(mp, value)
    return mp.floor(value) if whole is None else whole


def _remainder(mp: Any, value: Value, divisor: Value) -> Value:
    if mp.im(divisor) or divisor <= 0:
        raise Undefined("a divisor that is not positive")
    if mp.mag(value) > MAX_WHOLE_BITS:
        raise TooLarge("a remainder of more than 60 digits")
    return value - divisor * _floor(mp, value / divisor)


def _common(mp: Any, name: str, values: tuple[Value, ...]) -> Value:
    import math

    numbers = _whole(mp, *values)
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
        "floor": _floor,
        "ceil": lambda mp, value: -_floor(mp, -value),
        "conjugate": lambda mp, value: mp.conj(value),
        "mod": _remainder,
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
        "gcd": lambda mp, *values: _common(mp, "gcd", values),
        "lcm": lambda mp, *values: _common(mp, "lcm", values),
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
