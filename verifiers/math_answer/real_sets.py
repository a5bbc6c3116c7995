"""Sets of real numbers however they are written: intervals, unions, inequalities, set-builders, differences.

A set is what it contains and the points where that can change; two sets are equal when they agree on all of these
points, between them and beyond them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Literal

from openqwq.verifiers.math_answer.doubles import Doubles, Unsure
from openqwq.verifiers.math_answer.expression import (
    TRIGONOMETRIC,
    Apply,
    Expression,
    Number,
    Symbol,
    operations,
    size,
    symbols,
    walk,
)
from openqwq.verifiers.math_answer.grammar import parse
from openqwq.verifiers.math_answer.normalise import compact
from openqwq.verifiers.math_answer.polynomials import real_zeros
from openqwq.verifiers.math_answer.rational_functions import numerator_and_denominator
from openqwq.verifiers.math_answer.relations import INEQUALITIES
from openqwq.verifiers.math_answer.statements import is_name
from openqwq.verifiers.math_answer.structure import Shape, shape_of
from openqwq.verifiers.math_answer.tokens import Unreadable
from openqwq.verifiers.math_answer.values import Evaluator, TooLarge, Undefined, Value, context

MAX_INTEGERS = 1_000
MAX_SEARCH_NODES = 60
MAX_CHANGES = 12
MAX_PARTS = 12  # of a union, a list or a chain: each one may have to be searched for zeros
MAX_DEPTH = 4
MAX_NUMBERS = 12  # of an inequality, near which the grid has points
DOUBLE_HALVINGS = 40  # of an interval of the grid
HALVINGS = 160  # of what is left: to 55 digits
_FAST = TRIGONOMETRIC | {"exp", "sinh", "cosh", "tanh", "coth", "sech", "csch", "factorial", "binomial", "permutations"}
"""Functions without a value, or without digits, far out."""
_NEARBY = (0.9973, 1.0000013, 1.0031)
_FAR_GRID = tuple(10.0**power for power in range(7, 62, 3))
_GRID = (-1e5, -1e3, -1e2, *(n / 2 + 1 / 64 for n in range(-80, 81)), 1e2, 1e3, 1e5)
_WHOLE_SETS = frozenset({"builder", "bracket", "set", "union", "intersection", "difference"})
_NEAR = -50  # power of ten below which two points are one
_INFINITE = {r"\infty": "inf", r"+\infty": "inf", r"-\infty": "-inf"}


@dataclass(frozen=True)
class RealSet:
    """Example: 2 < x \\le 5 contains 5 and not 2; its critical points are 2 and 5; its variable is x."""

    contains: Callable[[Value], bool]
    critical: tuple[Value, ...]
    """Finite points where membership may change, in no order."""
    variable: str = ""
    """The name that the text uses; "" where it is bound or absent."""


def read_real_set(text: str) -> RealSet | None:
    """The set that a cleaned text describes, or None when it is none or has parameters."""
    try:
        return _read(shape_of(text), 0)
    except (Unreadable, Undefined, TooLarge):
        return None


def is_list_of_sets(shape: Shape) -> bool:
    """`\\{x|x>3\\}, \\{x|x>0\\}` are two sets, `x>3, x>0` is one, and so is what `or` joins."""
    if shape.kind != "list" or shape.marks == ("or",):
        return False
    parts = [shape_of(part) for part in shape.parts]
    is_memberships = all(part.marks == (r"\in",) for part in parts) and shape.marks != ("and",)
    return is_memberships or any(part.kind in _WHOLE_SETS or part.parts == (r"\R",) for part in parts)


def same_set(left: RealSet, right: RealSet) -> bool:
    """Equality, by membership at every critical point, between and beyond them."""
    if left.variable and right.variable and left.variable != right.variable:
        return False
    return all(left.contains(x) == right.contains(x) for x in _tests([*left.critical, *right.critical]))


def _tests(critical: Sequence[Value]) -> Iterator[Value]:
    mp = context()
    near = mp.mpf(10) ** _NEAR
    ordered: list[Value] = []
    for x in sorted(critical):
        if not ordered or x - ordered[-1] > near * max(1, abs(x)):
            ordered.append(x)
    if not ordered:
        ordered = [mp.mpf(0)]
    yield from ordered
    yield from ((a + b) / 2 for a, b in pairwise(ordered))
    for step in (mp.mpf(1), mp.mpf("1.5"), mp.mpf(1000)):
        yield ordered[0] - step
        yield ordered[-1] + step


def _read(shape: Shape, depth: int) -> RealSet | None:
    if depth > MAX_DEPTH or (shape.kind != "set" and len(shape.parts) > MAX_PARTS):
        return None
    if is_list_of_sets(shape):
        return None
    kind, parts = shape.kind, shape.parts
    if kind == "bracket" and len(parts) == 2:
        return _interval(shape)
    if kind in ("union", "intersection", "list"):
        return _combined([_read(shape_of(part), depth + 1) for part in parts], shape)
    if kind == "difference" and len(parts) == 2:
        whole, without = (_read(shape_of(part), depth + 1) for part in parts)
        return None if whole is None or without is None else _join([whole, without], lambda a, b: a and not b)
    if kind == "builder":
        return _builder(parts, depth)
    if kind == "set":
        return _finite([_bound(part) for part in parts])
    if kind == "relation":
        return _relation(shape, depth)
    if kind == "expression":
        name = compact(parts[0])
        if name == r"\R":
            return RealSet(lambda _: True, ())
        if name == r"\emptyset":
            return RealSet(lambda _: False, ())
    return None


def _bound(text: str) -> Value:
    mp = context()
    if infinite := _INFINITE.get(compact(text)):
        return mp.mpf(infinite)
    tree = parse(text)
    if symbols(tree):
        raise Unreadable("a bound with a variable")
    return Evaluator()(tree, {})


def _interval(shape: Shape) -> RealSet:
    low, high = map(_bound, shape.parts)
    opens, closes = shape.marks

    def contains(x: Value) -> bool:
        above = opens == "[" if _is_same(x, low) else x > low
        below = closes == "]" if _is_same(x, high) else x < high
        return bool(above and below)

    return RealSet(contains, _only_finite(low, high))


def _is_same(x: Value, y: Value) -> bool:
    mp = context()
    return bool(mp.isfinite(y) and abs(x - y) <= mp.mpf(10) ** _NEAR * max(1, abs(y)))


def _only_finite(*values: Value) -> tuple[Value, ...]:
    return tuple(value for value in values if context().isfinite(value))


def _finite(values: Sequence[Value]) -> RealSet:
    return RealSet(lambda x: any(_is_same(x, value) for value in values), _only_finite(*values))


def _combined(sets: Sequence[RealSet | None], shape: Shape) -> RealSet | None:
    """A union, or an intersection for `and`; a comma between inequalities means `and` where both can hold."""
    known = [part for part in sets if part is not None]
    if len(known) != len(sets) or len({part.variable for part in known}) > 1:
        return None
    either, both = _join(known, lambda *held: any(held)), _join(known, lambda *held: all(held))
    if shape.kind == "union" or shape.marks == ("or",):
        return either
    if shape.kind == "intersection" or shape.marks == ("and",):
        return both
    return both if any(both.contains(x) for x in _tests(both.critical)) else either


def _join(sets: Sequence[RealSet], decide: Callable[..., bool]) -> RealSet:
    critical = tuple(point for part in sets for point in part.critical)
    variable = next((part.variable for part in sets if part.variable), "")
    return RealSet(lambda x: decide(*(part.contains(x) for part in sets)), critical, variable)


def _builder(parts: Sequence[str], depth: int) -> RealSet | None:
    variable, domain, condition = parts
    found = _read(shape_of(condition), depth + 1)
    if found is None or not is_name(variable) or (found.variable and found.variable != compact(variable)):
        return None
    found = replace(found, variable="")
    name = re.sub("[{}]", "", compact(domain))
    if name in ("", r"\R"):
        return found
    if name in (r"\Z", r"\N"):
        return _integers(found, 0 if name == r"\N" else -context().inf)
    return _integers(found, 1) if re.fullmatch(r"\\[ZN][\^_](?:\+|\\cdot)", name) else None  # a cleaned star is a \cdot


def _integers(found: RealSet, least: Value) -> RealSet | None:
    mp = context()
    critical = [*found.critical, *(_only_finite(least))]
    low, high = (int(mp.floor(min(critical))), int(mp.ceil(max(critical)))) if critical else (0, 0)
    if high - low > MAX_INTEGERS:
        return None
    return RealSet(
        lambda x: bool(x >= least and x == mp.nint(x) and found.contains(x)),
        tuple(mp.mpf(n) for n in range(low, high + 1)),
    )


def _relation(shape: Shape, depth: int) -> RealSet | None:
    if shape.marks == (r"\in",) and is_name(shape.parts[0]):
        found = _read(shape_of(shape.parts[1]), depth + 1)
        return None if found is None else replace(found, variable=compact(shape.parts[0]))
    if not set(shape.marks) <= INEQUALITIES | {"="}:
        return None
    pairs = zip(shape.parts, shape.marks, shape.parts[1:], strict=False)
    sets = [_inequality(left, sign, right) for left, sign, right in pairs]
    variables = {part.variable for part in sets if part.variable}
    return _join(sets, lambda *held: all(held)) if len(variables) == 1 else None


def _inequality(left: str, sign: str, right: str) -> RealSet:
    if compact(left) in _INFINITE or compact(right) in _INFINITE:
        return RealSet(lambda _: True, ())
    above, below = parse(left), parse(right)
    names = symbols(above) | symbols(below)
    if len(names) != 1:
        raise Unreadable("not one variable")
    if size(above) + size(below) > MAX_SEARCH_NODES:
        raise Unreadable("too long to be searched for zeros")
    (name,) = names
    difference = Apply("add", (above, Apply("neg", (below,))))
    evaluate, mp = Evaluator(), context()
    near = mp.mpf(10) ** _NEAR

    def at(x: Value) -> Value:
        return evaluate(difference, {name: x})

    def contains(x: Value) -> bool:
        try:
            value = at(x)
        except Undefined:
            return False
        order: Literal[-1, 0, 1] = 0 if abs(value) <= near * max(1, abs(x)) else 1 if value > 0 else -1
        return order in {"<": (-1,), r"\le": (-1, 0), ">": (1,), r"\ge": (1, 0), "=": (0,), r"\ne": (-1, 1)}[sign]

    doubles = Doubles()

    def state(x: float) -> int | None:
        try:
            ball = doubles(difference, {name: x})
        except Unsure:
            return _sign(at, mp.mpf(x))
        return _sign(at, mp.mpf(x)) if abs(ball.value) <= 2 * ball.error else int(ball.value > 0) - int(ball.value < 0)

    return RealSet(contains, tuple(_changes(above, below, name, at, state)), name)


def _changes(
    left: Expression, right: Expression, name: str, at: Callable[[Value], Value], state: Callable[[float], int | None]
) -> Iterator[Value]:
    """Where left - right changes its sign or its being defined: exact for rational functions, else by search."""
    for side, other in ((left, right), (right, left)):
        if side == Symbol(name) and name not in symbols(other):
            yield Evaluator()(other, {})
            return
    function = numerator_and_denominator(Apply("add", (left, Apply("neg", (right,)))), name)
    if function is not None:
        zeros = [real_zeros(side) if side else [] for side in function]
        if zeros[0] is not None and zeros[1] is not None:
            yield from (*zeros[0], *zeros[1])
            return  # at most MAX_ZEROS of each
    states = [(x, state(x)) for x in _grid(left, right)]
    changes = [(low, high, before) for (low, before), (high, after) in pairwise(states) if before != after]
    if len(changes) > MAX_CHANGES:
        raise Unreadable("too many changes of sign")
    yield from (_edge(at, state, *change) for change in changes)


def _grid(left: Expression, right: Expression) -> list[float]:
    """Also close to the numbers that an inequality holds, and where nothing grows fast, far out: ln x > 50."""
    trees = left, right
    is_slow = not any(map(_grows_fast, trees))
    held = {abs(n.value) for tree in trees for n in walk(tree) if isinstance(n, Number)}
    near = [
        float(n) * shift
        for n in sorted(held)[:MAX_NUMBERS]
        if 0 < n < 10 ** (15 if is_slow else 3)
        for shift in _NEARBY
    ]
    found = [*near, *(_FAR_GRID if is_slow else ())]
    return sorted({*_GRID, *found, *(-x for x in found)})


def _grows_fast(tree: Expression) -> bool:
    powers = (node for node in walk(tree) if isinstance(node, Apply) and node.name == "pow")
    return not operations(tree).isdisjoint(_FAST) or any(symbols(power.arguments[1]) for power in powers)


def _sign(at: Callable[[Value], Value], x: Value) -> int | None:
    """-1, 0 or 1; None where there is no value."""
    try:
        value = at(x)
    except Undefined:
        return None
    return int(value > 0) - int(value < 0)


def _edge(
    at: Callable[[Value], Value], state: Callable[[float], int | None], low: float, high: float, before: int | None
) -> Value:
    """The edge between two states: where the function crosses zero, jumps or ends."""
    for _ in range(DOUBLE_HALVINGS):
        middle = (low + high) / 2
        if state(middle) == before:
            low = middle
        else:
            high = middle
    start, end = context().mpf(low), context().mpf(high)
    crossing = _crossing(at, start, end, before)
    return _halved(at, start, end, before) if crossing is None else crossing


def _crossing(at: Callable[[Value], Value], low: Value, high: Value, before: int | None) -> Value | None:
    """The edge by secants, where the function crosses zero there."""
    mp = context()
    try:
        root = mp.findroot(at, (low, high), tol=mp.mpf(10) ** -160, maxsteps=10)
    except (ValueError, ZeroDivisionError, Undefined):
        return None
    step = mp.mpf(10) ** (_NEAR - 5) * max(1, abs(root))
    is_edge = low - step < root < high + step and _sign(at, root - step) == before != _sign(at, root + step)
    return root + step if is_edge else None


def _halved(at: Callable[[Value], Value], low: Value, high: Value, before: int | None) -> Value:
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        if _sign(at, middle) == before:
            low = middle
        else:
            high = middle
    return high
