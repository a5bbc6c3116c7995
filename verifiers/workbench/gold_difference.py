r"""Whether a changed gold is shown to be another answer: lists, tuples, intervals, equations, down to values at points.

A difference is shown for every doubtful reading (is `\log` decimal, is i a variable), or it is not shown. Points have
whole coordinates, so that what is equal for whole numbers only, (-1)^n and (-1)^{-n}, does not count as different.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice, pairwise

from openqwq.verifiers.workbench.gold_shapes import ORDERS, Group, Leaf, Shape, leaves
from openqwq.verifiers.workbench.gold_values import NoValue, Value, World, digits

NUM_POINTS = 6
_PARAMETERS = frozenset({"k", "m", "n"})
_LABEL = re.compile(r"(?:\\[A-Za-z]+|[A-Za-z])(?:_\{?\w+\}?)?(?:\([a-z](?:,[a-z])*\))?")
_ARITHMETIC_ERRORS = (NoValue, ZeroDivisionError, OverflowError, ValueError, TypeError, KeyError)


def is_shown_different(gold: Shape, other: Shape) -> bool:
    """True where the two are certainly not the same answer, False where they are or where nobody can say."""
    readings = [leaf.reading for shape in (gold, other) for leaf in leaves(shape)]
    names = {name for reading in readings for name in reading.names}
    doubts = {doubt for reading in readings for doubt in reading.doubts}
    if names & _PARAMETERS and doubts & {"pi", "degree"}:
        return _are_other_families(gold, other, names)
    num_worlds = 1 if _is_order(gold) and _is_order(other) else NUM_POINTS  # orders have their own points in _trials
    return all(
        any(_differs(gold, other, world) for world in islice(_worlds(way, names), num_worlds))
        for way in _ways(doubts, names)
    )


def _is_order(shape: Shape) -> bool:
    return isinstance(shape, Group) and shape.kind == "relation" and set(shape.marks) <= ORDERS


def _ways(doubts: set[str], names: set[str]) -> Iterator[World]:
    """The plain way to read, and each other way alone; their points hold what is fixed: constants of integration."""
    yield World({})
    if "log" in doubts:
        yield World({}, is_log_decimal=True)
    if "degree" in doubts:
        yield World({}, is_degree_angle=True)
    if "letters" in doubts:
        yield World({}, are_e_and_i_variables=True)
    if "mixed" in doubts:
        yield World({}, are_mixed_numbers_products=True)
    if constants := {name for name in names if re.fullmatch(r"[CK](_\d)?", name)}:
        yield World(dict.fromkeys(constants, digits().mpf(0)))


def _worlds(way: World, names: set[str]) -> Iterator[World]:
    for number in range(NUM_POINTS):
        most = 9 if number % 2 else 97
        drawn = {name: digits().mpf(random.Random(f"{number} {name}").randint(2, most)) for name in names}
        yield replace(way, point={**drawn, **way.point})


def _differs(left: Shape, right: Shape, world: World) -> bool:
    if isinstance(left, Leaf) and isinstance(right, Leaf):
        return left.unit == right.unit and _have_other_values(left, right, world)
    if not isinstance(left, Group) or not isinstance(right, Group) or left.kind != right.kind:
        return False
    if left.kind == "relation":
        return _are_other_relations(left, right, world)
    if left.marks != right.marks:
        return False
    if left.kind == "ordered":
        pairs = zip(left.parts, right.parts, strict=False)
        return len(left.parts) == len(right.parts) and any(_differs(a, b, world) for a, b in pairs)
    if left.kind == "union":
        return _hold_other_numbers(left, right, world)
    if left.kind == "ratio":
        return _are_other_ratios(left.parts, right.parts, world)
    return _are_other_sets(left.parts, right.parts, world)


def _value(leaf: Shape, world: World) -> Value:
    """Raises NoValue."""
    if not isinstance(leaf, Leaf):
        raise NoValue("not one value")
    try:
        value = leaf.reading.formula(world)
    except _ARITHMETIC_ERRORS as error:
        raise NoValue(str(error)) from error
    if digits().isnan(value):
        raise NoValue("not a number")
    return value


def _real(leaf: Shape, world: World) -> Value:
    value = _value(leaf, world)
    if isinstance(value, digits().mpc):
        raise NoValue("not real")
    return value


def _are_apart(a: Value, b: Value) -> bool:
    if a == b:
        return False
    return bool(abs(a - b) > digits().mpf("1e-25") * max(1, *(abs(x) for x in (a, b) if digits().isfinite(x)), 1))


def _have_other_values(left: Leaf, right: Leaf, world: World) -> bool:
    try:
        return _are_apart(_value(left, world), _value(right, world))
    except NoValue:
        return False


def _are_other_sets(left: Sequence[Shape], right: Sequence[Shape], world: World) -> bool:
    """Some part of one is no part of the other. Of inequalities one may follow from the rest, so nothing is shown."""
    if any(isinstance(part, Group) and {*part.marks} & ORDERS for part in (*left, *right)):
        return False
    pairs = ((left, right), (right, left))
    return any(any(all(_differs(part, other, world) for other in others) for part in these) for these, others in pairs)


def _are_other_ratios(left: Sequence[Shape], right: Sequence[Shape], world: World) -> bool:
    try:
        a, b = ([_value(part, world) for part in parts] for parts in (left, right))
    except NoValue:
        return False
    return len(a) == len(b) and any(_are_apart(a[0] * y, b[0] * x) for x, y in zip(a[1:], b[1:], strict=True))


def _are_other_families(gold: Shape, other: Shape, names: set[str]) -> bool:
    r"""k\pi and -k\pi are the same numbers where k runs over the integers: some number of one is not in the other."""
    gold, other = _behind_a_label(gold), _behind_a_label(other)
    if not isinstance(gold, Leaf) or not isinstance(other, Leaf) or len(names & _PARAMETERS) != 1:
        return False
    (parameter,) = names & _PARAMETERS
    for way in _ways(gold.reading.doubts | other.reading.doubts, names):
        world = next(_worlds(way, names))
        few, many = _family(gold, world, parameter, 3), _family(other, world, parameter, 40)
        if not few or not many or not any(all(_are_apart(a, b) for b in many) for a in few):
            return False
    return True


def _family(leaf: Leaf, world: World, parameter: str, reach: int) -> list[Value]:
    values = []
    for number in range(-reach, reach + 1):
        try:
            values.append(_value(leaf, replace(world, point={**world.point, parameter: digits().mpf(number)})))
        except NoValue:
            continue
    return values


def _behind_a_label(shape: Shape) -> Shape:
    is_stated = isinstance(shape, Group) and shape.kind == "relation" and shape.marks in (("=",), ("in",))
    return shape.parts[1] if is_stated and isinstance(shape, Group) and is_label(shape.parts[0]) else shape


def is_label(shape: Shape) -> bool:
    """A name by itself, as on the left of `y = x + 1` and of `f(x) = x^2`."""
    return isinstance(shape, Leaf) and bool(_LABEL.fullmatch(shape.text))


def _are_other_relations(left: Group, right: Group, world: World) -> bool:
    signs = {*left.marks, *right.marks}
    if left.marks == right.marks and left.marks in (("=",), ("in",)) and _have_same_label(left, right):
        return _differs(left.parts[1], right.parts[1], world)
    if left.marks == right.marks and left.marks in (("=",), (r"\ne",)):
        return any(
            _has_another_solution(one, two, name, world)
            for one, two in ((left, right), (right, left))
            for name in sorted(world.point)
        )
    if not signs <= ORDERS:
        return False
    truths = ((_truth(left, at), _truth(right, at)) for at in _trials(left, right, world))
    return any(None not in pair and pair[0] != pair[1] for pair in truths)


def _have_same_label(left: Group, right: Group) -> bool:
    """The same name on the left of both, which is not used on the right."""
    label, same = left.parts[0], right.parts[0]
    if not isinstance(label, Leaf) or not isinstance(same, Leaf) or label.text != same.text or not is_label(label):
        return False
    used = {name for side in (left.parts[1], right.parts[1]) for leaf in leaves(side) for name in leaf.reading.names}
    first = re.match(r"\\[A-Za-z]+|[A-Za-z]", label.text)
    return first is not None and not any(name.split("_")[0] == first.group() for name in used)


def _has_another_solution(equation: Group, other: Group, name: str, world: World) -> bool:
    """A real solution of the first, linear or quadratic in one name, which does not solve the other."""
    try:
        roots = _roots([_gap(equation, name, x, world) for x in (0, 1, 2, 3, 5)])
        scale = max(abs(_gap(other, name, x, world)) for x in (0, 1, 2, 3))
        return any(abs(_gap(other, name, root, world)) > digits().mpf("1e-20") * (1 + scale) for root in roots)
    except NoValue:
        return False


def _gap(equation: Group, name: str, x: Value, world: World) -> Value:
    at = replace(world, point={**world.point, name: digits().mpf(x)})
    return _real(equation.parts[0], at) - _real(equation.parts[1], at)


def _roots(values: Sequence[Value]) -> list[Value]:
    """Real roots of the polynomial of degree two or less with these values at 0, 1, 2, 3 and 5; none of any other."""
    f0, f1, f2, f3, f5 = values
    a = (f2 - 2 * f1 + f0) / 2
    b = f1 - f0 - a
    if any(_are_apart(a * x * x + b * x + f0, f) for x, f in ((3, f3), (5, f5))):
        return []
    if abs(a) < digits().mpf("1e-25"):
        return [-f0 / b] if abs(b) > digits().mpf("1e-25") else []
    square = b * b - 4 * a * f0
    return [(-b + sign * digits().sqrt(square)) / (2 * a) for sign in (1, -1)] if square >= 0 else []


def _truth(chain: Group, world: World) -> bool | None:
    """Whether all inequalities of the chain hold here; None on a border, or where a side has no value."""
    try:
        sides = [_real(part, world) for part in chain.parts]
    except NoValue:
        return None
    if not all(_are_apart(a, b) for a, b in pairwise(sides)):
        return None
    rises = [a < b for a, b in pairwise(sides)]
    return all(is_up == (sign in ("<", r"\le")) for is_up, sign in zip(rises, chain.marks, strict=True))


def _trials(left: Group, right: Group, world: World) -> Iterator[World]:
    """Points on a grid, at random, and between and beside the constants that bound the two."""
    names = sorted({name for side in (left, right) for leaf in leaves(side) for name in leaf.reading.names})
    bounds = sorted(set(_constants((*left.parts, *right.parts), world)))
    between = [(a + b) / 2 for a, b in pairwise(bounds)]
    beside = [bound + step for bound in bounds for step in (-1, 1)]
    grid = [digits().mpf(step) / 2 + digits().mpf("0.0137") for step in range(-60, 61)]
    if len(names) == 1:
        for x in (*between, *beside, *grid):
            yield replace(world, point={**world.point, names[0]: x})
        return
    reach = float(max([12, *(2 * abs(bound) for bound in bounds)]))
    for number in range(60 if names else 0):
        draw = random.Random(number)
        drawn = {name: digits().mpf(draw.uniform(-reach, reach)) for name in names}
        yield replace(world, point={**world.point, **drawn})


def _constants(sides: Sequence[Shape], world: World) -> Iterator[Value]:
    for side in sides:
        if isinstance(side, Leaf) and not side.reading.names - {"e"}:
            try:
                value = _real(side, world)
            except NoValue:
                continue
            if digits().isfinite(value):
                yield value


def _hold_other_numbers(left: Group, right: Group, world: World) -> bool:
    """Unions of intervals and finite sets: some number is in one and not in the other."""
    try:
        one, two = (_intervals(union, world) for union in (left, right))
    except NoValue:
        return False
    ends = sorted({end for low, high, _ in (*one, *two) for end in (low, high) if digits().isfinite(end)})
    if not ends:
        return False
    between = [(a + b) / 2 for a, b in pairwise(ends)]
    trials = [ends[0] - 1, *ends, *between, ends[-1] + 1]
    return any(_holds(one, x) != _holds(two, x) for x in trials)


def _intervals(union: Group, world: World) -> list[tuple[Value, Value, str]]:
    found: list[tuple[Value, Value, str]] = []
    for part in union.parts:
        if not isinstance(part, Group) or part.kind not in ("ordered", "unordered"):
            raise NoValue("not a set of numbers")
        values = [_real(inner, world) for inner in part.parts]
        if part.kind == "unordered":
            found += [(value, value, "[]") for value in values]
        elif len(values) == 2 and "".join(part.marks) in ("()", "(]", "[)", "[]"):
            found.append((values[0], values[1], "".join(part.marks)))
        else:
            raise NoValue("not an interval")
    return found


def _holds(intervals: Sequence[tuple[Value, Value, str]], x: Value) -> bool:
    return any(
        (low < x or (low == x and marks[0] == "[")) and (x < high or (x == high and marks[1] == "]"))
        for low, high, marks in intervals
    )
