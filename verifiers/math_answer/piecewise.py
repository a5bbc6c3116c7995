"""Functions given in pieces: `\\begin{cases} x & x>0 \\\\ -x & x\\le 0 \\end{cases}`.

Conditions on one real variable are compared by value: at their borders, between and beyond. Others (parity, words) are
compared piece by piece, in any order.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from openqwq.verifiers.math_answer.expression import Expression, mentions_i, symbols
from openqwq.verifiers.math_answer.grammar import parse
from openqwq.verifiers.math_answer.normalise import compact, plain_words
from openqwq.verifiers.math_answer.numeric import is_near
from openqwq.verifiers.math_answer.real_sets import RealSet, read_real_set
from openqwq.verifiers.math_answer.statements import is_name
from openqwq.verifiers.math_answer.structure import mask, shape_of
from openqwq.verifiers.math_answer.tokens import Unreadable
from openqwq.verifiers.math_answer.values import Evaluator, TooLarge, Undefined, Value, context

MAX_PIECES = 8
POINTS_BETWEEN = 3
_CASES = re.compile(
    r"^(?:(?P<name>[^=&]{1,40}?)\s*=\s*)?(?:\\\{\s*)?\\begin\s*\{(?P<kind>cases|array|aligned)\}(?:\{[lcr| ]*\})?"
    r"(?P<body>(?:(?!\\begin).)*)\\end\s*\{(?P=kind)\}\.?$",
    re.DOTALL,
)
_ROW_END = re.compile(r"\\\\(?:\[[^\]]*\])?")
_WRAPPED = re.compile(r"\\text\s*\{([^{}]*)\}")
_LEAD = re.compile(
    r"^\s*,?\s*(?:\\text\s*\{\s*)?(?:,\s*)?(?:if|for|when|where|whenever|as|当|若|如果)(?![A-Za-z])\s*(?:all\s*)?\}?\s*"
)
_SPLIT = re.compile(r",|\\text\s*\{\s*,?\s*(?:if|for|when)\s[^{}]*\}|(?<![A-Za-z\\])(?:if|for|when)(?![A-Za-z])")
_REST = frozenset({"otherwise", "else", "elsewhere", "in other cases", "其他", "其它", "否则"})
_PARITY = re.compile(r"^([a-z])\s*(?:is\s*)?(?:an?\s*)?(even|odd)(?:\s*(?:number|integer))?$")
_OPPOSITE = {"even": "odd", "odd": "even"}


@dataclass(frozen=True)
class Piece:
    """Example: `-x & x \\le 0` is Piece("-x", "x \\le 0"); "" is the condition of all that is left."""

    value: str
    condition: str


def read_pieces(text: str) -> tuple[str, tuple[Piece, ...]] | None:
    """The function's name or "" and its pieces; None for what is no function given in pieces, such as a system."""
    match = _CASES.match(text)
    if match is None:
        return None
    rows = [row for row in _ROW_END.split(match["body"]) if row.strip(" .,;")]
    pieces = [_piece(row) for row in rows]
    known = tuple(piece for piece in pieces if piece is not None)
    name = compact((match["name"] or "").strip())
    is_function = 0 < len(known) == len(rows) <= MAX_PIECES and [p.condition for p in known].count("") <= 1
    return (name, known) if is_function and (not name or is_name(name)) else None


def _piece(row: str) -> Piece | None:
    value, has_mark, condition = row.partition("&")
    if not has_mark:
        cut = _SPLIT.search(mask(row))
        if cut is None:
            return None
        value, condition = row[: cut.start()], row[cut.start() :].lstrip(", ")
    value, condition = value.strip(" ,;"), _bare(condition)
    if not value or not condition or condition.startswith("=") or shape_of(value).kind == "relation":
        return None
    words = plain_words(condition)
    if words in _REST:
        return Piece(value, "")
    kinds = shape_of(condition).kind
    is_condition = kinds in ("relation", "list", "words") or _PARITY.match(words) is not None
    return Piece(value, condition) if is_condition else None


def _bare(condition: str) -> str:
    """`\\text{if } (x > 0),` as `x > 0`."""
    condition = _LEAD.sub("", condition.replace("&", " ")).strip(" ,;.")
    if condition.endswith("}") and condition.count("{") < condition.count("}"):
        condition = condition[:-1].strip()
    is_wrapped = condition.startswith("(") and condition.endswith(")") and not mask(condition)[1:-1].strip("\0")
    return condition[1:-1].strip() if is_wrapped else condition


def same_pieces(gold: str, answer: str, equal: Callable[[str, str], bool]) -> bool | None:
    """Equality where a side is given in pieces; None where none is. `equal` compares two texts."""
    if r"\begin" not in gold and r"\begin" not in answer:
        return None
    left, right = read_pieces(gold), read_pieces(answer)
    if left is None and right is None:
        return None
    if left and right and left[0] and right[0] and left[0] != right[0] and "y" not in (left[0], right[0]):
        return False
    first = left[1] if left else (Piece(_without_name(gold), ""),)
    second = right[1] if right else (Piece(_without_name(answer), ""),)
    try:
        by_value = _same_by_value(first, second)
    except (Unreadable, Undefined, TooLarge):
        by_value = None
    return _same_in_any_order(first, second, equal) if by_value is None else by_value


def _without_name(text: str) -> str:
    name, sign, value = text.partition("=")
    return value.strip() if sign and is_name(compact(name.strip())) else text


# by value


@dataclass(frozen=True)
class _Branch:
    value: Expression
    where: RealSet


def _same_by_value(gold: Sequence[Piece], answer: Sequence[Piece]) -> bool | None:
    """None where a condition is no set of real numbers."""
    left, right = _branches(gold), _branches(answer)
    if left is None or right is None:
        return None
    variables = {branch.where.variable for branch in (*left, *right) if branch.where.variable}
    if len(variables) != 1:
        return None
    (variable,) = variables
    names = frozenset().union(*(symbols(branch.value) for branch in left)) | {variable}
    if any(not symbols(branch.value) <= names for branch in right):
        return False
    borders = [x for branch in (*left, *right) for x in branch.where.critical]
    draw = random.Random(0)
    mp = context()
    for x in _places(borders):
        point = {name: mp.mpf(draw.uniform(-5, 5)) for name in sorted(names)} | {variable: x}
        if not _same_at(_value_at(left, point, variable), _value_at(right, point, variable)):
            return False
    return True


def _branches(pieces: Sequence[Piece]) -> list[_Branch] | None:
    sets = [read_real_set(piece.condition) if piece.condition else None for piece in pieces]
    if any(found is None and piece.condition for found, piece in zip(sets, pieces, strict=True)):
        return None
    known = [found for found in sets if found is not None]
    rest = RealSet(lambda x: not any(found.contains(x) for found in known), ())
    found = [_Branch(parse(piece.value), where or rest) for where, piece in zip(sets, pieces, strict=True)]
    return None if any(mentions_i(branch.value) for branch in found) else found


def _places(borders: Sequence[Value]) -> list[Value]:
    """Every border, and a few places between and beyond them."""
    mp, draw = context(), random.Random(1)
    ordered = sorted(set(borders)) or [mp.mpf(0)]
    ends = [ordered[0] - 20, *ordered, ordered[-1] + 20]
    inside = [a + (b - a) * mp.mpf(draw.uniform(0.05, 0.95)) for a, b in pairwise(ends) for _ in range(POINTS_BETWEEN)]
    return [*ordered, *inside, ordered[0] - 1000, ordered[-1] + 1000]


def _value_at(branches: Sequence[_Branch], point: dict[str, Value], variable: str) -> Value | None:
    """The value of the first branch that holds; None where none does, or where it has no real value."""
    for branch in branches:
        if branch.where.contains(point[variable]):
            try:
                return Evaluator()(branch.value, point)
            except Undefined:
                return None
    return None


def _same_at(left: Value | None, right: Value | None) -> bool:
    if left is None or right is None:
        return left is right
    return is_near(left, right) or bool(max(abs(left), abs(right)) < context().mpf(10) ** -50)


# piece by piece


def _same_in_any_order(gold: Sequence[Piece], answer: Sequence[Piece], equal: Callable[[str, str], bool]) -> bool:
    if len(gold) != len(answer):
        return False
    gold, left = _completed(gold), _completed(answer)
    for piece in gold:
        match = next((other for other in left if _same_condition(piece.condition, other.condition, equal)), None)
        if match is None or not equal(piece.value, match.value):
            return False
        left = [other for other in left if other is not match]
    return True


def _completed(pieces: Sequence[Piece]) -> list[Piece]:
    """`otherwise` beside `n even` as `n odd`."""
    parities = [match.groups() for piece in pieces if (match := _PARITY.match(_spoken(piece.condition)))]
    if len(pieces) != 2 or len(parities) != 1:
        return list(pieces)
    name, parity = parities[0]
    return [piece if piece.condition else replace(piece, condition=f"{name} {_OPPOSITE[parity]}") for piece in pieces]


def _spoken(condition: str) -> str:
    return plain_words(_WRAPPED.sub(r" \1 ", condition))


def _same_condition(gold: str, answer: str, equal: Callable[[str, str], bool]) -> bool:
    if not gold or not answer:
        return gold == answer
    parities = _PARITY.match(_spoken(gold)), _PARITY.match(_spoken(answer))
    if parities[0] and parities[1]:
        return parities[0].groups() == parities[1].groups()
    return equal(gold, answer)
