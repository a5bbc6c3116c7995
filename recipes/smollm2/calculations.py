"""Judges of `words.yaml` beside the math verifier: a lenient one, and the control's reward for form alone."""

import ast
import operator
import re
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any

NUMBER = r"\d[\d,]*(?:\.\d+)?"
CALCULATION = re.compile(rf"\(*{NUMBER}\)*(?: *[-+*/] *\(*{NUMBER}\)*)*")
BOXED = re.compile(rf"\\boxed\{{\(*{NUMBER}(?: [-+*/] \(*{NUMBER}\)*)+\}}")
OPERATIONS: Mapping[type, Callable[[Fraction, Fraction], Fraction]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.Div: operator.truediv,
}  # fmt: skip
UNREADABLE = (SyntaxError, ValueError, ZeroDivisionError, RecursionError, MemoryError)
"""Brackets without a partner, lengths beyond the parser, a reference that is no number."""


def has_form(response: str, row: Mapping[str, Any]) -> bool:
    """A calculation in a box and nothing else, whatever was asked."""
    return BOXED.fullmatch(response.strip()) is not None


def last_calculation(response: str, row: Mapping[str, Any]) -> bool:
    """Whether the last calculation or number of the text gives the reference, in a box or not."""
    found = CALCULATION.findall(response)
    try:
        tree = ast.parse(found[-1].replace(",", ""), mode="eval") if found else None
        return tree is not None and _value(tree.body) == Fraction(row["reference"])
    except UNREADABLE:
        return False


def _value(node: ast.expr) -> Fraction:
    if isinstance(node, ast.BinOp):
        return OPERATIONS[type(node.op)](_value(node.left), _value(node.right))
    assert isinstance(node, ast.Constant)
    return Fraction(str(node.value))
