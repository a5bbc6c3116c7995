"""Whether two answers are equal: by spelling, exact rationals, structure, numbers, last by the symbolic fallback."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Literal

from openqwq.verifiers.math_answer.conditions import split_condition
from openqwq.verifiers.math_answer.conversions import in_one_unit
from openqwq.verifiers.math_answer.dimensions import lengths
from openqwq.verifiers.math_answer.e_notation import with_the_e_of
from openqwq.verifiers.math_answer.exact import rational
from openqwq.verifiers.math_answer.families import in_one_parameter, same_numbers
from openqwq.verifiers.math_answer.grammar import parse
from openqwq.verifiers.math_answer.guards import danger, words_in
from openqwq.verifiers.math_answer.normalise import clean, compact
from openqwq.verifiers.math_answer.numeric import same_value
from openqwq.verifiers.math_answer.piecewise import same_pieces
from openqwq.verifiers.math_answer.propositions import MAY_BE_NO_VALUE, same_proposition
from openqwq.verifiers.math_answer.real_sets import is_list_of_sets, read_real_set, same_set
from openqwq.verifiers.math_answer.relations import (
    INEQUALITIES,
    as_interval,
    same_classes,
    same_congruence,
    same_relation,
    with_modulus,
)
from openqwq.verifiers.math_answer.statements import both_signs, members, membership_as_list, stated_values
from openqwq.verifiers.math_answer.structure import Shape, shape_of, variants
from openqwq.verifiers.math_answer.text_kind import text_kind
from openqwq.verifiers.math_answer.times import same_time
from openqwq.verifiers.math_answer.tokens import Unreadable
from openqwq.verifiers.math_answer.values import TooLarge, Undefined
from openqwq.verifiers.math_answer.words import (
    canonical,
    chooses,
    gold_letter,
    letters,
    same_letters,
    same_words,
    split_label,
    without_lead,
)

SymbolicFallback = Callable[[str, str], bool]
"""The last tier, (gold, answer) -> equal? Both are cleaned single expressions. It may raise."""
Tier = Literal["normalisation", "exact", "structure", "numeric", "guard", "symbolic"]

MAX_ELEMENTS = 100
MAX_DEPTH = 8
_TIERS: tuple[Tier, ...] = ("normalisation", "exact", "structure", "numeric", "guard", "symbolic")
_FOREIGN = re.compile(r"[\u0370-\u03ff\u0400-\u052f\u0530-\u058f]")
_BASED = re.compile(r"^\(?([0-9A-Z]+)\)?_\{?(?:\\text\{)?(\w+)\}?\}?$")
_POINT_LABEL = re.compile(r"^[A-Z](?:_\{?\d\}?)?'?\s*(?=\()")


class Comparison:
    """One comparison; `tier` is the deepest tier that was needed and `note` says what a guard refused."""

    def __init__(self, fallback: SymbolicFallback) -> None:
        self.fallback = fallback
        self.tier: Tier = "normalisation"
        self.note = ""
        self.depth = 0  # of the parts that are being compared

    def equal(self, gold: str, answer: str) -> bool:
        """True when the raw answer equals the raw gold."""
        if gold == answer:
            return bool(gold.strip())
        if gold.isdecimal() and answer.isdecimal() and gold.isascii() and answer.isascii():  # which most are
            self._reach("exact")
            return int(gold) == int(answer)
        is_family = False
        is_number = gold.lstrip("-$").replace(",", "").replace(".", "").isdecimal()
        if not is_number and (MAY_BE_NO_VALUE.search(gold) or MAY_BE_NO_VALUE.search(answer)):
            for same in (same_time, same_proposition):
                if (is_same := same(gold, answer)) is not None:
                    return is_same
            if (families := in_one_parameter(gold, answer)) is None:
                return False
            gold, answer, is_family = families
        is_same = self._equal(without_lead(clean(gold)), without_lead(clean(answer)))
        return is_same or (is_family and same_numbers(gold, answer))

    def _reach(self, tier: Tier) -> None:
        if _TIERS.index(tier) > _TIERS.index(self.tier):
            self.tier = tier

    def _equal(self, gold: str, answer: str) -> bool:
        if not gold or not answer or self.depth > MAX_DEPTH:
            return False
        if compact(gold) == compact(answer):
            return True
        if _FOREIGN.search(answer):
            return False  # letters of another alphabet only look alike
        if "%%" in compact(answer):
            return False
        if sizes := lengths(gold):
            others = lengths(answer, may_lack_units=True)
            return others is not None and len(sizes) == len(others) and self._unordered(sizes, others)
        values = in_one_unit(canonical(gold), canonical(answer))
        if values is None:
            return False
        gold, answer = with_the_e_of(*values)
        if compact(gold) == compact(answer):
            return True
        decided = self._exact(gold, answer)
        if decided is None:
            self.depth += 1
            decided = self._structured(gold, answer)
            self.depth -= 1
        return decided

    def _exact(self, gold: str, answer: str) -> bool | None:
        gold_base, answer_base = _BASED.match(compact(gold)), _BASED.match(compact(answer))
        if (is_same := same_classes(gold, answer)) is not None:
            return is_same
        if gold_base and answer_base:
            self._reach("exact")
            return gold_base.groups() == answer_base.groups()
        gold_values, answer_values = _values(gold), _values(answer)
        if gold_base and answer_values:
            self._reach("exact")
            return gold_base.group(1) == compact(answer)  # the digits in the base that was asked for
        if not gold_values or not answer_values:
            return None
        self._reach("exact")
        if gold_values[0] == answer_values[0]:
            return True
        if gold.endswith("%") != answer.endswith("%") and set(gold_values) & set(answer_values):
            return True
        return None if "," in gold and "," in answer else False  # 100,200 may be a list after all

    def _structured(self, gold: str, answer: str) -> bool:
        self._reach("structure")
        if (in_pieces := same_pieces(gold, answer, self._equal)) is not None:
            return in_pieces
        if letter := gold_letter(gold):
            return chooses(answer, letter)
        if (chosen := letters(gold)) and letters(answer):
            return chosen == letters(answer)
        label, gold = split_label(gold)
        said, value = split_label(answer)
        if label and chooses(answer, label) and not said:
            return True
        if label or said:
            return (not (label and said) or label == said) and self._equal(gold, value)
        (gold, wanted), (answer, condition) = split_condition(gold), split_condition(answer)
        if wanted or condition:
            return self._same_condition(wanted, condition) and self._equal(gold, answer)
        gold, answer = (with_modulus(membership_as_list(text)) for text in (gold, answer))
        left, right = _expanded(gold), _expanded(answer)
        if signed := both_signs(left, right, gold, answer):
            return self._unordered(*signed)
        if (listed := members(left, right)) is not None:
            return self._equal(*listed)
        if (values := stated_values(gold, answer, left, right)) is not None:
            return all(self._equal(wanted, value) for wanted, value in values)
        if _is_region(left) or _is_region(right):
            return self._same_region(gold, answer)
        if "words" in (left.kind, right.kind):
            is_words = left.kind == right.kind or "letters" in (text_kind(gold), text_kind(answer))
            return is_words and same_words(gold, answer)
        if left.kind == right.kind == "relation":
            return self._same_relation(left, right)
        if left.kind == "list" and right.kind not in ("list", "set"):  # golds such as `4.4e7, 4.4 \times 10^7`
            return all(self._equal(spelling, answer) for spelling in left.parts)
        if {left.kind, right.kind} <= {"list", "set"}:  # {1,2} and 1,2 are both unordered
            return self._unordered(left.parts, right.parts)
        if left.kind == right.kind and left.kind in ("bracket", "matrix") and not _is_row(left):
            return left.marks == right.marks and self._ordered(left.parts, right.parts)
        if left.kind == right.kind == "ratio":
            return self._same_ratio(left.parts, right.parts)
        if _is_row(left):
            return right.kind in ("bracket", "list") and self._ordered(left.parts, right.parts)
        if "expression" in (left.kind, right.kind):
            return self._same_expression(left, right)
        return False

    def _same_condition(self, gold: str, answer: str) -> bool:
        """A condition that one of the two leaves out, or that is in words, is not compared."""
        is_compared = shape_of(gold).kind == shape_of(answer).kind == "relation"
        return not is_compared or self._equal(gold, answer)

    def _ordered(self, gold: Sequence[str], answer: Sequence[str]) -> bool:
        if len(gold) != len(answer) or len(gold) > MAX_ELEMENTS:
            return False
        return all(self._equal(left, right) for left, right in zip(gold, answer, strict=True))

    def _unordered(self, gold: Sequence[str], answer: Sequence[str]) -> bool:
        """Equality is transitive, so pairing each element with the first equal one left is exact.

        An answer may name an element again.
        """
        if not len(gold) <= len(answer) <= MAX_ELEMENTS:
            return False
        left = list(answer)
        for element in gold:
            index = next((i for i, other in enumerate(left) if self._equal(element, other)), None)
            if index is None:
                return False
            del left[index]
        return all(any(self._equal(element, other) for element in gold) for other in left)

    def _same_region(self, gold: str, answer: str) -> bool:
        """Inequalities, intervals, unions and set-builders; with parameters bound by bound, else as sets of numbers."""
        left, right = shape_of(gold), shape_of(answer)
        (left_bounds, left_name), (right_bounds, right_name) = _bounds(left), _bounds(right)
        if left_bounds and right_bounds and (left_name == right_name or not (left_name and right_name)):
            if left_bounds.marks == right_bounds.marks and self._ordered(left_bounds.parts, right_bounds.parts):
                return True
        elif left.kind == right.kind == "union" and self._unordered(left.parts, right.parts):
            return True
        sets = read_real_set(gold), read_real_set(answer)
        self._reach("numeric")
        if sets[0] is not None and sets[1] is not None:
            return same_set(sets[0], sets[1])
        if left.kind == right.kind == "list":
            return self._unordered(left.parts, right.parts)
        return left.kind == right.kind == "relation" and self._same_relation(left, right)

    def _same_relation(self, left: Shape, right: Shape) -> bool:
        if left.marks == right.marks == (r"\equiv",):
            return same_congruence(left, right)
        self._reach("numeric")
        try:
            is_same = same_relation(left, right)
        except Unreadable:
            if any(shape_of(side).kind == "expression" for side in (*left.parts, *right.parts)):
                return False
            is_same = False
        except Undefined:
            is_same = False
        except TooLarge as error:
            return self._refuse(str(error))
        return is_same or (left.marks == right.marks and self._ordered(left.parts, right.parts))  # 1/2 > 3/7

    def _same_ratio(self, gold: Sequence[str], answer: Sequence[str]) -> bool:
        """3:4 and 6:8, but not 12:00 and 1:00."""
        if len(gold) != len(answer):
            return False
        if any(part.startswith("0") for part in (*gold, *answer)):
            return self._ordered(gold, answer)
        pairs = list(zip(gold, answer, strict=True))
        crossed = ((f"({pairs[0][0]})({other})", f"({pairs[0][1]})({wanted})") for wanted, other in pairs[1:])
        return all(self._same_value(left, right) for left, right in crossed)

    def _same_expression(self, left: Shape, right: Shape) -> bool:
        """An expression with an expression, or with what can stand for one: {5}, a determinant, P(2,0), 3:4."""
        if left.kind == right.kind:
            texts = left.parts[0], right.parts[0]
            if all(text_kind(text) == "letters" for text in texts):
                is_label = any(
                    re.search("[A-Z]{3}|^[IVX]{2,}$", text) for text in texts
                )  # SAS and SSA, IV and VI are no products
                return same_letters(*texts) or (not is_label and self._same_value(*texts))
            return r"\emptyset" not in texts and self._same_value(*texts)
        other = left if right.kind == "expression" else right
        if other.kind in ("set", "list"):
            is_single = len(other.parts) == 1 and other.parts[0] != r"\emptyset"
            return is_single and self._equal(left.parts[0], right.parts[0])
        if other.kind == "bracket":
            left, right = (_without_label(shape) for shape in (left, right))
            return left.kind == right.kind and left.marks == right.marks and self._ordered(left.parts, right.parts)
        if other.kind == "ratio" and len(other.parts) == 2:
            return self._same_value(*("/".join(f"({part})" for part in shape.parts) for shape in (left, right)))
        if other.kind == "matrix":  # a determinant is a number; a sum of matrices is for the last tier
            texts = _matrix_text(left), _matrix_text(right)
            return (other.marks[0] == "bars" or all(r"\begin" in text for text in texts)) and self._same_value(*texts)
        return False

    # values

    def _same_value(self, gold: str, answer: str) -> bool:
        gold, answer = gold.rstrip("% "), answer.rstrip("% ")
        try:
            trees = parse(gold), parse(answer)
            self._reach("numeric")
            return same_value(*trees)
        except Undefined:
            return False
        except TooLarge as error:
            return self._refuse(str(error))
        except Unreadable:
            pass
        if problem := danger(answer) or words_in(gold):
            return self._refuse(problem)
        self._reach("symbolic")
        return self.fallback(gold, answer)

    def _refuse(self, problem: str) -> bool:
        self._reach("guard")
        self.note = problem
        return False


def _values(text: str) -> tuple[object, ...]:
    """The exact value; for a percentage also its hundredth, as golds write 20% as 20, 20% or 0.2."""
    value = rational(text.rstrip("% ").removesuffix("°"))
    if value is None:
        return ()
    return (value, value / 100) if text.endswith("%") else (value,)


def _expanded(text: str) -> Shape:
    """The shape, with every \\pm written out as a list."""
    shape = shape_of(text)
    if r"\pm" not in text and r"\mp" not in text:
        return shape
    if shape.kind in ("list", "set"):
        return Shape(shape.kind, tuple(each for part in shape.parts for each in variants(part)), shape.marks)
    found = variants(text)
    return Shape("list", found) if len(found) > 1 else shape


def _is_region(shape: Shape) -> bool:
    """Does the text describe a set of numbers by anything but its elements?"""
    if shape.kind == "list":
        return not is_list_of_sets(shape) and all(_is_region(shape_of(part)) for part in shape.parts)
    if shape.kind == "relation":
        return set(shape.marks) <= INEQUALITIES | {r"\in"}
    return shape.kind in ("union", "intersection", "difference", "builder") or shape.parts == (r"\R",)


def _is_row(shape: Shape) -> bool:
    """`[2, 3, 6]`, of too many numbers for an interval: brackets of any kind, or none, are right."""
    return shape.kind == "bracket" and shape.marks == ("[", "]") and len(shape.parts) > 2


def _bounds(shape: Shape) -> tuple[Shape | None, str]:
    if shape.kind == "bracket":
        return shape, ""
    return (as_interval(shape) if shape.kind == "relation" else None) or (None, "")


def _without_label(shape: Shape) -> Shape:
    """P(2,0) as (2,0)."""
    return shape_of(_POINT_LABEL.sub("", shape.parts[0])) if shape.kind == "expression" else shape


def _matrix_text(shape: Shape) -> str:
    if shape.kind == "expression":
        return shape.parts[0]
    environment = "vmatrix" if shape.marks[0] == "bars" else "pmatrix"
    width = int(shape.marks[1])
    rows = (" & ".join(shape.parts[start : start + width]) for start in range(0, len(shape.parts), width))
    return rf"\begin{{{environment}}}" + r"\\".join(rows) + rf"\end{{{environment}}}"
