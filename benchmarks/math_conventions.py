"""Conventions by which the math verifier differs on purpose from other graders (ADR 13), each with a test for a case.

A test looks at the two texts and the other grader's label, never at a list of cases. What no test covers is a fault.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise

_NUMBER = r"[-\u2212]?(?:\d+(?:\.\d+)?|\.\d+)"
_VALUE = re.compile(rf"\\[dt]?frac\{{({_NUMBER})\}}\{{({_NUMBER})\}}|\\sqrt\{{?(\d+)\}}?|({_NUMBER})(?:/(\d+))?")
_BOX = re.compile(r"\\boxed\s*\{")
_COMMA = re.compile(r"(?<![\d,.])\d+,\d+(?![\d,])")
_CLOSED = r"[<>]=|\\+[lg]eq?(?![A-Za-z])"
_BETWEEN_ELEMENTS = re.compile(r"(?:\s|\\quad|\\text\{\s*and\s*\}|\\[()\[\],;]|[$,;]|\band\b)+")


@dataclass(frozen=True)
class Case:
    """What another grader says of an answer. Example: `Case("1/3", r"\\boxed{0.333}", True)`."""

    gold: str
    response: str
    expected: bool

    @property
    def answer(self) -> str:
        """The inside of the last box, else the whole response."""
        boxes = _boxes(self.response)
        return self.response[slice(*boxes[-1])].split("{", 1)[1].removesuffix("}") if boxes else self.response


@dataclass(frozen=True)
class Convention:
    """One convention. `expected` is the label of the other grader that it explains, None for either."""

    says: str
    expected: bool | None
    covers: Callable[[Case], bool]


def convention_of(case: Case) -> str | None:
    """The first convention that explains why our verdict on the case is the opposite of its label."""
    fitting = (one for one in CONVENTIONS if one.expected in (None, case.expected) and one.covers(case))
    return next((one.says for one in fitting), None)


def _values(text: str) -> list[tuple[float, Fraction | None]]:
    """Each number in the text, as a double and exactly; a root has no exact value here."""
    found: list[tuple[float, Fraction | None]] = []
    for top, bottom, root, number, divisor in _VALUE.findall(text.replace("\u2212", "-")):
        if root:
            found.append((math.sqrt(int(root)), None))
        elif below := Fraction(bottom or divisor or 1):
            exact = Fraction(top or number) / below
            found.append((float(exact), exact))
    return found


def _is_rounded(case: Case) -> bool:
    gold, answer = _values(case.gold), _values(case.answer)
    if not gold or len(gold) != len(answer) or "." not in case.gold + case.answer:
        return False
    pairs = list(zip(gold, answer, strict=True))
    return any(left[1] != right[1] for left, right in pairs) and all(
        math.isclose(left[0], right[0], rel_tol=0.02) for left, right in pairs
    )


def _has_decimal_comma(case: Case) -> bool:
    """One side has a number with a comma that is the other's with a point."""
    for one, other in ((case.gold, case.answer), (case.answer, case.gold)):
        pointed = {number.replace(",", ".") for number in _COMMA.findall(one)}
        if pointed & set(re.findall(r"\d+\.\d+", other)):
            return True
    return False


def _elements(text: str) -> Sequence[str]:
    return [re.sub(r"^\.", "0.", part.strip(" ${}()\\")) for part in text.split(",")]


def _is_reordered(case: Case) -> bool:
    gold, answer = _elements(case.gold), _elements(case.answer)
    return len(gold) > 1 and gold != answer and sorted(gold) == sorted(answer)


def _is_interval_for_inequality(case: Case) -> bool:
    """`2 \\le x < 7` and `x \\in [2,7)`, in either order, with the same numbers and as many closed ends."""
    is_relation = [bool(re.search(rf"[<>]|{_CLOSED}", text)) for text in (case.gold, case.answer)]
    if is_relation[0] == is_relation[1]:
        return False
    relation, interval = (case.gold, case.answer) if is_relation[0] else (case.answer, case.gold)
    num_closed = len(re.findall(_CLOSED, relation)), len(re.findall(r"[\[\]]", interval))
    return num_closed[0] == num_closed[1] and re.findall(_NUMBER, relation) == re.findall(_NUMBER, interval)


def _is_tuple_for_set(case: Case) -> bool:
    marks = {text.strip("$ ").lstrip("\\")[:1] for text in (case.gold, case.answer)}
    return _elements(case.gold) == _elements(case.answer) and marks == {"(", "{"}


def _plain(text: str) -> str:
    return re.sub(r"\\left|\\right|[\s$]", "", text).replace(r"\%", "").replace("dfrac", "frac")


def _is_same_value(case: Case) -> bool:
    gold, answer = _plain(case.gold), _plain(case.answer)
    is_number = all(_VALUE.fullmatch(text) for text in (gold, answer))
    return gold == answer or (is_number and _values(gold) == _values(answer) and _values(gold) != [])


def _boxes(text: str) -> list[tuple[int, int]]:
    """Start and end of every box, in order."""
    found = []
    for box in _BOX.finditer(text):
        depth, end = 1, box.end()
        while end < len(text) and depth:
            depth += (text[end] == "{") - (text[end] == "}")
            end += 1
        found.append((box.start(), end))
    return found


def _has_scattered_boxes(text: str) -> bool:
    """Boxes with anything but commas and "and" between them."""
    boxes = _boxes(text)
    between = (text[end:start] for (_, end), (start, _) in pairwise(boxes))
    return any(not _BETWEEN_ELEMENTS.fullmatch(gap) for gap in between)


def _num_words(text: str) -> int:
    return len(re.findall(r"(?<![\\A-Za-z])[A-Za-z]{2,}", text))


def _has_loose_chain(case: Case) -> bool:
    """A formula by itself in which two sides need not be equal: `x=5+5=11`, `1/3 \\approx 2`."""
    texts = [re.sub(r"_\{[^{}]*\}", "", text) for text in (case.gold, case.answer)]
    chains = [re.findall(r"=|\\approx", text) for text in texts]
    return max(map(_num_words, texts)) < 3 and any(len(signs) > 1 or r"\approx" in signs for signs in chains)


def _is_in_a_sentence(case: Case) -> bool:
    """No box, and the last sentence with a number has words around it and neither a formula nor a statement."""
    sentences = [text for text in re.split(r"(?<=[.!?])\s|<\|", case.response) if re.search(r"\d", text)]
    last = sentences[-1] if sentences else ""
    is_stated = re.search(r"\b(?:is|are|equals)\b|=|\\\(|\\\[|\$[^$]*\$", last)
    return not _boxes(case.response) and _num_words(last) > 3 and not is_stated


def _is_prose_gold(case: Case) -> bool:
    return not _boxes(case.gold) and _num_words(case.gold) > 12


def _has_later_statement(case: Case) -> bool:
    after = case.response[_boxes(case.response)[-1][1] :] if _boxes(case.response) else ""
    return "final answer is" in after.lower()


def _is_damaged(case: Case) -> bool:
    return bool(re.search(r"[\x00-\x08\x0b-\x1f]", case.gold)) or case.gold.count("{") != case.gold.count("}")


def _is_escaped_twice(case: Case) -> bool:
    texts = (re.sub(r"\\begin.*?\\end", "", text, flags=re.DOTALL) for text in (case.gold, case.response))
    return any(re.search(r"\\\\[a-z]", text) for text in texts)


def _is_last_of_boxes(case: Case) -> bool:
    return _has_scattered_boxes(case.gold) or _has_scattered_boxes(case.response)


def _differs_by_a_sign(case: Case) -> bool:
    gold, answer = _plain(case.gold), _plain(case.answer)
    return gold != answer and gold.replace("+", "-") == answer.replace("+", "-")


def _gives_two_values(case: Case) -> bool:
    """One sentence without a box that says `is` of one number and then gives another."""
    return not _boxes(case.response) and bool(re.search(r"\bis (?:not )?\d[\d.]* which is \d", case.response))


CONVENTIONS = (
    Convention("the other label is wrong: the two differ by a sign", True, _differs_by_a_sign),
    Convention("the gold is damaged", True, _is_damaged),
    Convention("a doubled backslash is a line break", True, _is_escaped_twice),
    Convention("a gold is an answer, not a solution without a box", True, _is_prose_gold),
    Convention("a rounding of an exact value is wrong", True, _is_rounded),
    Convention("a comma between digits marks thousands or a list, never decimals", True, _has_decimal_comma),
    Convention("parentheses are a tuple, braces a set", True, _is_tuple_for_set),
    Convention("a list has no order", False, _is_reordered),
    Convention("an interval and its inequality are one set", False, _is_interval_for_inequality),
    Convention("answers are compared by value, not by spelling; a percent sign is optional", False, _is_same_value),
    Convention("a formula between dollars may be broken over lines", False, lambda case: "\n" in case.response),
    Convention("a chain of equations or roundings has to hold", True, _has_loose_chain),
    Convention("a box counts, whatever is stated after it", True, _has_later_statement),
    Convention("of boxes that are not one list the last one counts", True, _is_last_of_boxes),
    Convention("a number inside a sentence is no answer", True, _is_in_a_sentence),
    Convention("a sentence that gives two values gives no answer", True, _gives_two_values),
    Convention("an ellipsis is not ignored", True, lambda case: bool(re.search(r"\\l?dots", case.answer))),
    Convention("an overline is not ignored", True, lambda case: r"\overline" in case.answer),
    Convention("a name behind a value is not ignored", True, lambda case: case.answer.endswith((" sue", " sue}"))),
)
