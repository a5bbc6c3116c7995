"""Values that an answer states for named quantities: `x = 5`, `f(x) = x^2`, `x = 3, y = -1`, `2/3 \\approx 0.67`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from openqwq.verifiers.math_answer.exact import rational
from openqwq.verifiers.math_answer.expression import CONSTANTS, symbols
from openqwq.verifiers.math_answer.grammar import parse
from openqwq.verifiers.math_answer.normalise import compact
from openqwq.verifiers.math_answer.structure import Shape, shape_of
from openqwq.verifiers.math_answer.tokens import Unreadable
from openqwq.verifiers.math_answer.values import Evaluator, TooLarge, Undefined, context

APPROXIMATELY = r"\approx"
Assigned = dict[str, list[str]]
"""Name -> its values, in the order of the text."""
_BRACED_NUMBER = re.compile(r"_\{\s*(\d+)\s*\}$")
_NUMBERED = re.compile(r"_\{?(\d{1,6})(?:,\d+)*\}?$")
_COORDINATES = frozenset("xyz")
_DIFFERENT = [("0", "1")]
_SUBSCRIPT = r"(?:_(?:\{(?:[^{}]|\{[^{}]*\})*\}|\\?\w+))?"
_SYMBOL = rf"(?:[A-Za-z]|\\[a-zA-Z]+(?<!\\frac)(?<!\\sqrt)){_SUBSCRIPT}'*"
_QUANTITY = rf"(?:{_SYMBOL}|\|?[A-Z]{{2,4}}\|?)"
_NAME = re.compile(
    rf"^(?:\\text\s*\{{[^{{}}]*\}}{_SUBSCRIPT}(?:\s*\([^()]*\))?"
    rf"|{_SYMBOL}(?:\^\{{-1\}})?(?:\s*\((?:[^()]|\([^()]*\))*\)|\[[^\[\]]*\])?"
    r"|m?\s*\\(?:angle|triangle|measuredangle)\s*[A-Za-z\d]{1,3}"
    rf"|\\frac\s*\{{\s*{_QUANTITY}\s*\}}\s*\{{\s*{_QUANTITY}\s*\}}"
    rf"|{_QUANTITY}(?:\s*:\s*{_QUANTITY})+"
    r"|\\\|\s*(?:\w|\\[a-z]+)\s*\\\||\|?[A-Z]{2,4}\|?|\\overline\s*\{[A-Z]+\}|\|?\\vec\s*\{\w+\}\|?"
    r"|\\frac\s*\{d\^?\d?\s*\w\}\s*\{d\w\^?\d?\}"
    rf"|\(\s*{_SYMBOL}(?:\s*,\s*{_SYMBOL})*\s*\)"
    r"|[A-Za-z]{2,}(?: [A-Za-z]+){0,3})$"
)
_OPERATION = re.compile(
    r"^[-+]?\(?\s*\\(?:lim|i{0,2}int|oint|sum|prod|frac\s*\{\s*(?:d|\\partial)\s*\})(?![A-Za-z])|\.\.\."
)
_FUNCTION_OF_VARIABLES = re.compile(rf"{_SYMBOL}(?:\^\{{-1\}})?\((?:\d+|{_SYMBOL}(?:,{_SYMBOL})*)\)")
_LETTERS_OF_A_PRODUCT = re.compile(r"[A-Za-z]{0,3}[a-z][A-Za-z]{0,3}")  # ab and xyz, while AB is a segment
_SHORT_WORDS = frozenset("age ans answer area base cost max mean min mode odds rate size sum time width".split())  # noqa: SIM905


def is_name(text: str) -> bool:
    """Is this the name of a quantity: x, a_n, f(x), AB, \\angle A, \\text{Area}, (x,y)?"""
    if len(text) > 1 and _LETTERS_OF_A_PRODUCT.fullmatch(text) and text.lower() not in _SHORT_WORDS:
        return False
    return _NAME.match(text) is not None


@dataclass(frozen=True)
class Statement:
    """A quantity and its values.

    Example: `x = 3+4 = 7 \\approx 7.0` is ("x", ("3+4", "7"), ("7.0",)).
    """

    name: str
    """The left side where that is a name, else ""."""
    exact: tuple[str, ...]
    rounded: tuple[str, ...]
    """What stands behind an \\approx."""


def statement(shape: Shape, is_answer: bool = False) -> Statement | None:
    """A chain of equalities, read as a name and its values; None for any other shape.

    `m+n = 204` names a sum, as one equation settles neither m nor n. With coordinates, `x+y = 2`, a gold is a line.
    """
    if shape.kind != "relation" or not set(shape.marks) <= {"=", APPROXIMATELY}:
        return None
    is_chain = sum(map(bool, shape.parts)) > 1  # unlike `= 5`, `\approx 5`
    cut = shape.marks.index(APPROXIMATELY) + 1 if APPROXIMATELY in shape.marks else len(shape.parts)
    exact, rounded = shape.parts[:cut], shape.parts[cut:]
    exact = tuple(side for side in exact if side)
    is_constant = len(exact) == 1 and exact[0] in CONSTANTS  # \pi \approx 3.14 names no quantity
    is_named = (
        is_chain
        and exact
        and not is_constant
        and (is_name(exact[0]) or _names_a_sum(exact, is_answer) or (is_answer and _is_worked_out(exact[0], exact[1:])))
    )
    name = exact[0] if is_named else ""
    if name:
        exact = exact[1:]
    if not exact:
        exact, rounded = rounded, ()
    return Statement(compact(name), exact, rounded) if exact and all((*exact, *rounded)) else None


def _is_worked_out(left: str, others: Sequence[str]) -> bool:
    """`\\int x^2 dx = ...`, `\\lim_{x\\to0}... = 2`, `1+2+\\cdots+n = ...`: an operation, and then its result."""
    return _OPERATION.search(left) is not None and bool(others) and not any(map(_OPERATION.search, others))


def _names_a_sum(sides: Sequence[str], is_answer: bool) -> bool:
    """`m+n = 151+53 = 204`, `f(1)+f(2) = 5`: a sum of names, and then values without a name."""
    try:
        first, *others = (symbols(parse(side)) for side in sides)
    except Unreadable:
        return False
    is_sum = re.fullmatch(r"[A-Za-z](?:\+[A-Za-z])+", compact(sides[0])) is not None and not first <= _COORDINATES
    is_of_functions = re.fullmatch(r"[A-Za-z]\(-?\d+\)(?:[+-][A-Za-z]\(-?\d+\))+", compact(sides[0])) is not None
    is_free = is_of_functions or (len(first) > 1 and (is_answer or is_sum))
    return is_free and bool(others) and not any(others)


def membership_as_list(text: str) -> str:
    """`x \\in \\{4,9\\}` as `x=4, x=9`; any other text as it is."""
    shape = shape_of(text)
    if shape.kind != "relation" or shape.marks != (r"\in",) or not is_name(shape.parts[0]):
        return text
    values = shape_of(shape.parts[1])
    return ", ".join(f"{shape.parts[0]}={value}" for value in values.parts) if values.kind == "set" else text


def both_signs(left: Shape, right: Shape, gold: str, answer: str) -> tuple[tuple[str, ...], tuple[str, ...]] | None:
    """Both equations of `y=\\pm\\frac{3}{4}x` and of `3x\\pm4y=0`; None where the sign stands before a value alone."""
    shapes = shape_of(gold), shape_of(answer)
    if not all(shape.kind == "relation" and shape.marks == ("=",) for shape in shapes):
        return None
    is_signed = all(r"\pm" in text for text in (gold, answer)) and left.kind == right.kind == "list"
    return (left.parts, right.parts) if is_signed and gold != answer else None


def members(left: Shape, right: Shape) -> tuple[str, str] | None:
    """The sets themselves of `A\\cup B=\\{1,2\\}` and `\\{2,1\\}`, where one of the two says which set it is."""
    if "relation" not in (left.kind, right.kind) or left.kind == right.kind:
        return None
    named, other = (left, right) if left.kind == "relation" else (right, left)
    is_combined = named.marks == ("=",) and re.search(r"\\(?:cup|cap|setminus)(?![A-Za-z])", named.parts[0])
    if not is_combined:
        return None
    if r"\emptyset" in (*named.parts[1:], *other.parts):
        return (named.parts[1], other.parts[0]) if other.kind == "expression" else None
    if other.kind != "set" or shape_of(named.parts[1]).kind != "set":
        return None
    texts = named.parts[1], rf"\{{{', '.join(other.parts)}\}}"
    return texts if named is left else texts[::-1]


def assignments(shape: Shape) -> Assigned | None:
    """`x=3, y=-1` as {"x": ["3"], "y": ["-1"]}, and `x=2, 5` as {"x": ["2", "5"]}; None for others."""
    if shape.kind != "list":
        return None
    found: Assigned = {}
    name = ""
    for part in shape.parts:
        said = statement(shape_of(part))
        if said is not None and said.name and len(said.exact) == 1:
            name, value = said.name, said.exact[0]
        elif said is None and name and shape_of(part).kind == "expression":
            value = part
        else:
            return None
        found.setdefault(_BRACED_NUMBER.sub(r"_\1", name), []).append(value)
    return found


def _named_places(shape: Shape) -> Assigned | None:
    """`(b,a)=(2,3)` as {"b": ["2"], "a": ["3"]}; None for others."""
    if shape.kind != "relation" or shape.marks != ("=",):
        return None
    names, values = map(shape_of, shape.parts)
    is_one = names.kind == values.kind == "bracket" and len(names.parts) == len(values.parts)
    if not is_one or not all(map(is_name, names.parts)):
        return None
    return {name: [value] for name, value in zip(names.parts, values.parts, strict=True)}


def _merged(assigned: Assigned) -> Assigned:
    """`x_1=2, x_2=5` as values of x, where all names are numbers of one; else as it is."""
    bases = {_NUMBERED.sub("", name) for name in assigned}
    if len(bases) > 1:
        return assigned
    return {bases.pop(): [value for values in assigned.values() for value in values]}


def stated_values(gold: str, answer: str, left: Shape, right: Shape) -> list[tuple[str, str]] | None:
    """The pairs (gold, answer) of values that must be equal where a side says `x = ...`; None where no side does.

    A name counts only when both sides have one. No pair can be equal when the statements do not fit each other.
    """
    lists = assignments(left), assignments(right)
    if bool(lists[0]) != bool(lists[1]):  # (b,a)=(2,3) beside a=2, b=3
        both = lists[0] or _named_places(left), lists[1] or _named_places(right)
        lists = both if both[0] and both[1] else lists
    if lists[0] and lists[1]:
        num_names = len({_NUMBERED.sub("", name) for name in lists[0]})
        is_same_join = num_names == 1 or (left.marks == ("or",)) == (right.marks == ("or",))
        return _by_name(lists[0], lists[1]) if is_same_join else _DIFFERENT
    if lists[0] or lists[1]:
        if any(_has_relations(shape) for shape, names in zip((left, right), lists, strict=True) if not names):
            return _DIFFERENT  # -AB=4, CD=5 beside names and values
        wanted_names, said_names = lists
        if said_names and left.kind != "bracket":
            said_names = _merged(said_names)  # the numbers are the answer's own
        wanted_text = _values_alone(gold, left, wanted_names, right, said_names)
        return [(wanted_text, _values_alone(answer, right, said_names, left, wanted_names))]
    wanted, said = statement(left), statement(right, is_answer=True)
    if wanted is None and said is None:
        return None
    if left.kind == right.kind == "relation" and not (wanted and said and _same_name(wanted.name, said.name)):
        return None  # two equations
    if wanted is not None:
        gold = wanted.exact[-1]
        if not wanted.name and len(wanted.exact) > 1 and not wanted.rounded:
            return [(gold, side) for side in wanted.exact[:-1]] + [(gold, answer)] if said is None else _DIFFERENT
    if said is None:
        return [(gold, answer)]
    if len({compact(side) for side in said.exact}) < len(said.exact):
        return _DIFFERENT  # 5=5 says nothing
    if not all(is_rounding(said.exact[-1], rounded) for rounded in said.rounded):
        return _DIFFERENT
    return [(gold, value) for value in _claims(said, gold)]


def _has_relations(shape: Shape) -> bool:
    return shape.kind == "list" and any(shape_of(part).kind == "relation" for part in shape.parts)


def _claims(answer: Statement, wanted: str) -> list[str]:
    """The sides that must equal the gold: all of them, but the formulas between a name and its value."""
    *before, last = answer.exact
    if answer.name:
        before = [side for side in before if not _has_variables(side, wanted)]
    return [*before, last]


def _has_variables(side: str, wanted: str) -> bool:
    try:
        return bool(symbols(parse(side)) - symbols(parse(wanted)))
    except Unreadable:
        return True


def _same_name(gold: str, answer: str) -> bool:
    """f(x) may be called y, while y(x-1) is a product and f(2x) another value."""
    is_function = "y" in (gold, answer) and any(_FUNCTION_OF_VARIABLES.fullmatch(name) for name in (gold, answer))
    return bool(gold) and (gold == answer or is_function)


def _by_name(gold: Assigned, answer: Assigned) -> list[tuple[str, str]]:
    """Values of the same names; `x=2, 5` beside `x_1=2, x_2=5` says the same, as numbers of one side are no names."""
    if any(len(side) == 1 and not _NUMBERED.search(next(iter(side))) for side in (gold, answer)):
        gold, answer = _merged(gold), _merged(answer)
    if gold.keys() != answer.keys():
        return _DIFFERENT
    return [(", ".join(gold[name]), ", ".join(answer[name])) for name in gold]


def _values_alone(text: str, shape: Shape, assigned: Assigned | None, beside: Shape, other: Assigned | None) -> str:
    """Assignments as the values alone: a list for one variable; for several a tuple in the order of the names.

    Beside a plain list, `AB=4, CD=5` and `4, 5`, they are a tuple in the order in which they are written.
    """
    if not assigned:
        if shape.kind == "list" and len(other or ()) > 1:
            return f"({text})"
        said = statement(shape)
        return said.exact[-1] if said and said.name else text
    if len(assigned) == 1:
        return ", ".join(next(iter(assigned.values())))
    names = assigned if beside.kind == "list" else sorted(assigned, key=_numbered)
    return "(" + ", ".join(", ".join(assigned[name]) for name in names) + ")"


def _numbered(name: str) -> tuple[str, int]:
    """x_10 stands behind x_2."""
    number = _NUMBERED.search(name)
    return (name[: number.start()], int(number[1])) if number else (name, 0)


def is_rounding(exact: str, rounded: str) -> bool:
    """Is `rounded` the value of `exact` to the digits that it shows?"""
    shown = rational(rounded)
    if shown is None:
        return False
    try:
        value = Evaluator()(parse(exact), {})
    except (Unreadable, Undefined, TooLarge):
        return False
    places = len(rounded.partition(".")[2]) if re.fullmatch(r"-?[\d,]*\.\d+", rounded) else 0
    mp = context()
    return bool(abs(value - mp.mpf(shown.numerator) / shown.denominator) <= mp.mpf(10) ** -places * mp.mpf("0.5000001"))
