"""Whether two equations, inequalities or congruences are equivalent."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from itertools import chain, islice

from openqwq.verifiers.math_answer.doubles import Unsure
from openqwq.verifiers.math_answer.exact import rational
from openqwq.verifiers.math_answer.expression import Apply, Expression, mentions_i, size, symbols
from openqwq.verifiers.math_answer.grammar import parse
from openqwq.verifiers.math_answer.normalise import compact
from openqwq.verifiers.math_answer.numeric import are_kinked, is_near, kink_points, points
from openqwq.verifiers.math_answer.rational_functions import same_zeros
from openqwq.verifiers.math_answer.scans import same_real_zeros
from openqwq.verifiers.math_answer.statements import is_name
from openqwq.verifiers.math_answer.structure import Shape, shape_of
from openqwq.verifiers.math_answer.values import Evaluator, Point, TooLarge, Undefined, Value, context
from openqwq.verifiers.math_answer.zeros import ENOUGH, NUM_CONFIRMED, Zero, is_certainly_no_zero, lines, zero_on
from openqwq.verifiers.math_answer.zeros import exact as exact_zero

LESS, LESS_EQUAL, GREATER, GREATER_EQUAL, NOT_EQUAL = "<", r"\le", ">", r"\ge", r"\ne"
INEQUALITIES = frozenset({LESS, LESS_EQUAL, GREATER, GREATER_EQUAL, NOT_EQUAL})
_MIRRORED = {LESS: GREATER, GREATER: LESS, LESS_EQUAL: GREATER_EQUAL, GREATER_EQUAL: LESS_EQUAL}
_CONGRUENCE = re.compile(r"^(.*?)\(?\s*\\mod\s*\{?\s*(\d{1,12})\s*\}?\s*\)?$")
_CONGRUENT = re.compile(r"^[A-Za-z]\s*\\equiv\s*")
_ZEROS = 16
MAX_SEARCH_NODES = 200  # larger equations are not searched for zeros


def as_interval(shape: Shape) -> tuple[Shape, str] | None:
    """`2<x\\le5`, `x<7`, `7>x` as the bracket (2,5], (-\\infty,7) and the variable's name."""
    signs, terms = list(shape.marks), list(shape.parts)
    first = terms[0]
    if signs[0] in (GREATER, GREATER_EQUAL):
        terms.reverse()
        signs = [_MIRRORED.get(sign, sign) for sign in reversed(signs)]
    if not all(terms) or not set(signs) <= {LESS, LESS_EQUAL}:
        return None
    opens = ["(" if sign == LESS else "[" for sign in signs]
    closes = [")" if sign == LESS else "]" for sign in signs]
    if len(signs) == 2 and is_name(terms[1]):
        return Shape("bracket", (terms[0], terms[2]), (opens[0], closes[1])), compact(terms[1])
    if len(signs) == 1 and is_name(terms[0]) and (first == terms[0] or not is_name(first)):
        return Shape("bracket", (r"-\infty", terms[1]), ("(", closes[0])), compact(terms[0])
    if len(signs) == 1 and is_name(terms[1]):
        return Shape("bracket", (terms[0], r"\infty"), (opens[0], ")")), compact(terms[1])
    return None


def same_congruence(gold: Shape, answer: Shape) -> bool:
    """x \\equiv 3 (mod 7) and x \\equiv 10 (mod 7)."""
    wanted, said = (_CONGRUENCE.match(shape.parts[1]) for shape in (gold, answer))
    if wanted is None or said is None or compact(gold.parts[0]) != compact(answer.parts[0]):
        return False
    left, right = rational(wanted[1].strip()), rational(said[1].strip())
    if wanted[2] != said[2] or left is None or right is None:
        return False
    return (left - right) % int(wanted[2]) == 0


def same_classes(gold: str, answer: str) -> bool | None:
    """`2 \\pmod 5` and `7 \\pmod 5`, where both name a modulus and a residue; None for all else."""
    wanted, said = (_CONGRUENCE.match(text) for text in (gold, answer))
    if wanted is None or said is None:
        return None
    residues = [match[1].strip() for match in (wanted, said)]
    named = [_CONGRUENT.match(residue) for residue in residues]
    if all(named):
        return None
    left, right = (
        rational(residue[match.end() if match else 0 :]) for residue, match in zip(residues, named, strict=True)
    )
    if left is None or right is None:
        return None
    return wanted[2] == said[2] and (left - right) % int(wanted[2]) == 0


def with_modulus(text: str) -> str:
    """`x \\equiv 1, 2 \\pmod 5` as a list of two congruences; any other text as it is."""
    if r"\mod" not in text:
        return text
    shape = shape_of(text)
    *before, last = (_CONGRUENCE.match(part) for part in shape.parts)
    if shape.kind != "list" or last is None or any(before):
        return text
    name, sign, _ = shape.parts[0].rpartition(r"\equiv")
    values = [part.removeprefix(name + sign) for part in (*shape.parts[:-1], last[1])]
    return ", ".join(rf"{name}{sign} {value.strip()} \mod {last[2]}" for value in values)


def same_relation(gold: Shape, answer: Shape) -> bool:
    """Two relations of one sign each: equal up to a factor (positive or mirrored for inequalities), or equations with
    the same zeros. A tautology equals nothing. Raises what parse and Evaluator raise."""
    if len(gold.marks) != 1 or len(answer.marks) != 1:
        return False
    left, right = _difference(gold.parts), _difference(answer.parts)
    names = symbols(left)
    if not names or names != symbols(right):
        return False
    (gold_sign,), (answer_sign,) = gold.marks, answer.marks
    is_equation = gold_sign == answer_sign and gold_sign in ("=", NOT_EQUAL)
    if is_equation and (is_same := same_zeros(left, right, names)) is not None:
        return is_same
    ratios = _ratios(left, right, names)
    if not ratios:
        return False  # one of them holds everywhere or nowhere that was tried
    if all(is_near(ratio, ratios[0]) for ratio in ratios):
        expected = _MIRRORED.get(gold_sign, gold_sign) if context().re(ratios[0]) < 0 else gold_sign
        return answer_sign == expected
    return is_equation and size(left) + size(right) <= MAX_SEARCH_NODES and _same_zeros(left, right, names)


def _difference(sides: Sequence[str]) -> Expression:
    left, right = (parse(side) for side in sides)
    return Apply("add", (left, Apply("neg", (right,))))


def _ratios(left: Expression, right: Expression, names: frozenset[str]) -> list[Value]:
    """At five points; of functions with kinks also beside the numbers that they hold, and far out."""
    evaluate = Evaluator(is_complex=mentions_i(left) or mentions_i(right))
    tiny = context().mpf(10) ** -60
    found: list[Value] = []
    has_kinks = are_kinked(left, right)
    for point in chain(points(names), kink_points(left, right, names)) if has_kinks else points(names):
        try:
            above, below = evaluate(left, point), evaluate(right, point)
        except Undefined:
            continue
        if abs(above) < tiny or abs(below) < tiny:
            if has_kinks and abs(above) < tiny and abs(below) < tiny:
                continue
            return []
        found.append(above / below)
        if len(found) == 5 and not has_kinks:
            break
    return found


def _same_zeros(left: Expression, right: Expression, names: frozenset[str]) -> bool:
    """Every zero that is found of one is a zero of the other, in both directions.

    Doubles look first: one zero of a side that is none
    of the other settles it, and what they find on both sides is made exact at a few. Where they find too few, the
    search is made with all digits.
    """
    order = sorted(names)
    wanted = 1 if len(order) == 1 else _ZEROS // 2
    found: tuple[list[Zero], list[Zero]] = ([], [])
    is_known = True
    for line in lines(len(order)):
        for tree, other, known in ((left, right, found[0]), (right, left, found[1])):
            try:
                zero = zero_on(line, tree, order)
            except Unsure:
                is_known, zero = False, None
            if zero is not None and is_certainly_no_zero(other, zero, order):
                return False
            known += [zero] if zero is not None else []
        if len(order) > 1 and min(map(len, found)) >= ENOUGH:
            break
    if len(order) == 1 and not same_real_zeros(left, right, order[0]):
        return False  # few zeros, and one may lie far from the others
    if min(map(len, found)) >= wanted:
        return _vanish_together(left, right, found[0], order) and _vanish_together(right, left, found[1], order)
    if is_known:
        return False  # more digits find no more zeros
    at_left, at_right = _zeros(left, names), _zeros(right, names)
    if min(len(at_left), len(at_right)) < wanted:
        return False
    return all(_vanishes(right, point) for point in at_left) and all(_vanishes(left, point) for point in at_right)


def _vanish_together(tree: Expression, other: Expression, found: Sequence[Zero], order: Sequence[str]) -> bool:
    points = (exact_zero(zero, tree, order) for zero in found)
    confirmed = list(islice((point for point in points if point is not None), NUM_CONFIRMED))
    return bool(confirmed) and all(_vanishes(other, point) for point in confirmed)


def _zeros(tree: Expression, names: frozenset[str]) -> list[Point]:
    mp, evaluate = context(), Evaluator()
    order = sorted(names)
    found: list[Point] = []
    for index in range(_ZEROS):
        draw = random.Random(index)
        point = {name: mp.mpf(draw.uniform(-6, 6)) for name in order}
        name = order[index % len(order)]
        try:
            root = mp.findroot(lambda x, p=point, n=name: evaluate(tree, {**p, n: x}), (point[name], point[name] + 1),
                               tol=mp.mpf(10) ** -150, maxsteps=60)  # fmt: skip
        except (ValueError, ZeroDivisionError, Undefined, TooLarge):
            continue
        if not isinstance(root, mp.mpc):
            found.append({**point, name: root})
    return found


def _vanishes(tree: Expression, point: Point) -> bool:
    try:
        return bool(abs(Evaluator()(tree, point)) < context().mpf(10) ** -50)
    except Undefined:
        return False
