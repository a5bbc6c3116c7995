"""Are two answers equal? String, exact rationals and structure here; single expressions go to an oracle when needed."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from openqwq.verifiers.math_answer.exact import rational
from openqwq.verifiers.math_answer.guards import danger
from openqwq.verifiers.math_answer.normalise import clean, compact, plain_words, without_left_side
from openqwq.verifiers.math_answer.structure import Shape, shape_of
from openqwq.verifiers.math_answer.units import split_unit

Oracle = Callable[[str, str], bool]
"""(gold, answer) -> equal? Both are cleaned single expressions or equations. It may raise."""

MAX_ELEMENTS = 100
MAX_DEPTH = 6
_TIERS = ("string", "exact", "structure", "guard", "symbolic")
_NO_SOLUTION = frozenset(
    {"no solution", "no solutions", "none", "empty set", "the empty set", r"\emptyset", "no real solutions"}
)
_UNDEFINED = frozenset({"undefined", "does not exist", "dne", "diverges", "divergent", "not defined"})
_CHOICE = re.compile(r"^\(?([a-j])\)?(?:\s*[.:)]\s*(.*))?$", re.DOTALL)
_SYMBOL = re.compile(r"\\(?:text\s*\{[^{}]*\}|[A-Za-z]+)|[A-Za-z]")
_CONSTANTS = frozenset({"e", "i", r"\pi"})
_GREEK_LETTERS = """
alpha beta gamma delta epsilon varepsilon zeta eta theta vartheta kappa lambda mu nu xi rho sigma tau phi varphi chi psi
omega Gamma Delta Theta Lambda Sigma Phi Psi Omega
"""
_GREEK = frozenset("\\" + name for name in _GREEK_LETTERS.split())


class Comparison:
    """One comparison; `tier` is the deepest tier that was needed and `note` says what a guard refused."""

    def __init__(self, oracle: Oracle) -> None:
        self.oracle = oracle
        self.tier = "string"
        self.note = ""

    def equal(self, gold: str, answer: str) -> bool:
        """True when the raw answer equals the raw gold."""
        return self._equal(clean(gold), clean(answer), 0)

    def _reach(self, tier: str) -> None:
        if _TIERS.index(tier) > _TIERS.index(self.tier):
            self.tier = tier

    def _equal(self, gold: str, answer: str, depth: int) -> bool:
        if not gold or not answer or depth > MAX_DEPTH:
            return False
        if compact(gold) == compact(answer):
            return True
        gold, answer = _same_sides(gold, answer)
        (gold, gold_unit), (answer, answer_unit) = split_unit(gold), split_unit(answer)
        if gold_unit and answer_unit and gold_unit != answer_unit:
            return False
        if compact(gold) == compact(answer):
            return True
        decided = self._exact(gold, answer)
        if decided is None:
            decided = self._structured(_expand_plus_minus(gold), _expand_plus_minus(answer), depth)
        return decided

    def _exact(self, gold: str, answer: str) -> bool | None:
        gold_values, answer_values = _values(gold), _values(answer)
        if gold_values and answer_values:
            self._reach("exact")
            if gold_values[0] == answer_values[0] or (gold.endswith("%") != answer.endswith("%")
                                                      and set(gold_values) & set(answer_values)):  # fmt: skip
                return True
            return None if "," in gold and "," in answer else False  # 100,200 may be a list after all
        based = re.compile(r"^\(?([0-9A-Z]+)\)?_\{?(?:\\text\{)?(\w+)\}?\}?$")
        gold_base, answer_base = based.match(compact(gold)), based.match(compact(answer))
        if gold_base and answer_base:
            self._reach("exact")
            return gold_base.groups() == answer_base.groups()
        if gold_base and answer_values:
            self._reach("exact")
            return gold_base.group(1) == compact(answer)
        if gold_values and _symbols(answer):
            self._reach("exact")
            return False
        return None

    def _structured(self, gold: str, answer: str, depth: int) -> bool:
        gold_shape, answer_shape = shape_of(gold), shape_of(answer)
        if (choice := _same_choice(gold, answer)) is not None:
            self._reach("structure")
            return choice
        if "words" in (gold_shape.kind, answer_shape.kind):
            self._reach("structure")
            return _meaning(gold) == _meaning(answer)
        if gold_shape.kind == answer_shape.kind == "expression":
            return self._expressions(gold, answer)
        self._reach("structure")
        if {gold_shape.kind, answer_shape.kind} == {"list", "set"}:  # {1,2} and 1,2 are both unordered
            return self._unordered(gold_shape.parts, answer_shape.parts, depth)
        if gold_shape.kind != answer_shape.kind:
            return self._unwrapped(gold_shape, answer_shape, depth)
        if gold_shape.kind in ("list", "set", "union"):
            return self._unordered(gold_shape.parts, answer_shape.parts, depth)
        return _same_marks(gold_shape.marks, answer_shape.marks) and self._ordered(
            gold_shape.parts, answer_shape.parts, depth
        )

    def _unwrapped(self, gold: Shape, answer: Shape, depth: int) -> bool:
        """Different kinds are different, but a set or list of one element is that element."""
        if gold.kind == "set" and len(gold.parts) == 1 and answer.kind == "expression":
            return self._equal(gold.parts[0], answer.parts[0], depth + 1)
        if answer.kind == "set" and len(answer.parts) == 1 and gold.kind == "expression":
            return self._equal(gold.parts[0], answer.parts[0], depth + 1)
        return False

    def _ordered(self, gold: Sequence[str], answer: Sequence[str], depth: int) -> bool:
        if len(gold) != len(answer) or len(gold) > MAX_ELEMENTS:
            return False
        return all(self._equal(left, right, depth + 1) for left, right in zip(gold, answer, strict=True))

    def _unordered(self, gold: Sequence[str], answer: Sequence[str], depth: int) -> bool:
        """Equality is transitive, so pairing each element with the first equal one left is exact."""
        if len(gold) != len(answer) or len(gold) > MAX_ELEMENTS:
            return False
        left = list(answer)
        for element in gold:
            index = next((i for i, other in enumerate(left) if self._equal(element, other, depth + 1)), None)
            if index is None:
                return False
            del left[index]
        return True

    def _expressions(self, gold: str, answer: str) -> bool:
        if ("=" in gold) != ("=" in answer) or re.search(r"[\u0370-\u03ff\u0400-\u04ff]", answer):
            self._reach("structure")
            return False  # an equation is not a value; letters of another alphabet only look alike
        if problem := danger(answer):
            self._reach("guard")
            self.note = problem
            return False
        self._reach("symbolic")
        return self.oracle(gold, answer)


def _values(text: str) -> tuple[object, ...]:
    """The exact value; for a percentage also its hundredth, as golds write 20% as 20, 20% or 0.2."""
    value = rational(text.rstrip("% "))
    if value is None:
        return ()
    return (value, value / 100) if text.endswith("%") else (value,)


def _same_sides(gold: str, answer: str) -> tuple[str, str]:
    """Drop `x =` where only one has it, or where both name the same left side."""
    short_gold, short_answer = without_left_side(gold), without_left_side(answer)
    gold_side, answer_side = gold[: len(gold) - len(short_gold)], answer[: len(answer) - len(short_answer)]
    if bool(gold_side) == bool(answer_side):
        is_same = compact(gold_side) == compact(answer_side)
    else:
        is_same = "=" not in (answer if gold_side else gold)  # y=3x-2 against 3x-y-2=0 stays an equation
    return (short_gold, short_answer) if is_same and short_gold and short_answer else (gold, answer)


def _expand_plus_minus(text: str) -> str:
    parts = re.split(r"\\pm(?![A-Za-z])", text)
    if len(parts) != 2 or "," in text:
        return text
    head, tail = parts
    return f"{head}+{tail}, {head}-{tail}" if head.strip() else f"{tail}, -{tail}"


def _symbols(text: str) -> set[str]:
    found = {token for token in _SYMBOL.findall(text) if len(token) == 1 or token in _GREEK}
    return found - _CONSTANTS


def _meaning(text: str) -> str:
    words = plain_words(text) if r"\emptyset" not in text else r"\emptyset"
    if words in _NO_SOLUTION:
        return "no solution"
    return "undefined" if words in _UNDEFINED else words


def _same_choice(gold: str, answer: str) -> bool | None:
    """For a gold that is one letter A-J: does the answer choose it, alone or with the choice's text behind it?"""
    wanted = re.fullmatch(r"\(?(?:\\text\s*\{\s*)?\(?([A-J])\)?\.?\s*\}?\)?", gold)
    if wanted is None:
        return None
    chosen = _CHOICE.match(re.sub(r"\\text\s*\{([^{}]*)\}", r"\1", answer).strip().casefold())
    if chosen is None:
        return None if _symbols(answer) and "\\text" not in answer and not re.search(r"\s", answer) else False
    names_another = re.search(r"\bor\b|\band\b|\([a-j]\)|(?:^|\s)[a-j][).]", chosen.group(2) or "")
    return chosen.group(1) == wanted.group(1).casefold() and not names_another


def _same_marks(gold: str, answer: str) -> bool:
    """Equal brackets; the variable of an inequality is compared only when both name one."""
    gold_marks, _, gold_variable = gold.partition(":")
    answer_marks, _, answer_variable = answer.partition(":")
    return gold_marks == answer_marks and (not gold_variable or not answer_variable or gold_variable == answer_variable)
