"""What stands behind a value and says where it holds is no part of the value, and no second value."""

import pytest

from openqwq.verifiers.math_answer.conditions import split_condition
from openqwq.verifiers.math_answer.normalise import clean
from openqwq.verifiers.math_answer.verifier import MathVerifier


@pytest.mark.parametrize(
    ("text", "value", "condition"),
    [
        (r"2x \text{ for all real } x", "2x", "all real x"),
        (r"2x\text{ for } x>0", "2x", "x>0"),
        (r"3k \text{ where } k \text{ is an integer}", "3k", "k is an integer"),
        (r"3k, \text{where } k \text{ is an integer}", "3k", "k is an integer"),
        (r"83 \text{ at } x=2", "83", "x=2"),
        (r"83, \text{ attained when } x=2", "83", "x=2"),
        ("83 at x=2", "83", "x=2"),
        ("2x for x>0", "2x", "x>0"),
        (r"2\pi k \text{ for } k = 0, 1, 2", r"2\pi k", "k = 0, 1, 2"),
        (r"n-1, n\ge2", "n-1", r"n\ge 2"),
        (r"n-1; n\ge2", "n-1", r"n\ge 2"),
        (r"n-1 (n \ge 2)", "n-1", r"n \ge 2"),
        (r"2k, 2k+1, k>0", "2k, 2k+1", "k>0"),
        (r"\frac{1}{x}, x \ne 0", r"\frac{1}{x}", r"x \ne 0"),
        (r"x, 0<x<1", "x", "0<x<1"),
        ("2n+1, n>0, n<9", "2n+1", "n>0, n<9"),
        ("y=2x+1, x>0", "y=2x+1", "x>0"),
        (r"2x \text{ if } x \ne 0", "2x", r"x \ne 0"),
        (r"12, \text{ with equality when } x=1", "12", "x=1"),
        (r"12 \text{ as } n\to\infty", "12", r"n\to \infty"),
        (r"\pi k \text{ with } k \text{ an integer}", r"\pi k", "k an integer"),
    ],
)
def test_a_condition_is_told_from_the_value(text: str, value: str, condition: str) -> None:
    assert split_condition(clean(text)) == (value, condition)


@pytest.mark.parametrize(
    "text",
    [
        "5",
        "5, 6",
        "x=1, y=2",
        "x>1, x<5",
        "x>2, x \\ne 3",
        "y=2, y>0",
        "2n+1, 5, n>0, m>0",
        r"5, x\ge2",
        "n-1, n=2",
        r"5 \text{ at least}",
        r"\text{at least } 5",
        r"x \text{ for } x>0, -x \text{ for } x<0",
        r"x \text{ for } x>0 \text{ or } 7",
        r"x \text{ for } x>0, 7x",
        r"7 \text{ if } x=2",
        r"7 \text{ where it is not } 8",
        "force",
        "f(x)",
        "(n-1)(n>2)(n)",
        r"\sin x, s>0",
    ],
)
def test_what_is_no_condition_stays(text: str) -> None:
    assert split_condition(clean(text)) == (clean(text), "")


@pytest.mark.parametrize(
    ("gold", "answer", "equal"),
    [
        ("2x", r"2x \text{ for all real } x", True),
        ("3x", r"2x \text{ for all real } x", False),
        (r"n-1, n\ge2", "n-1", True),
        (r"n-1, n\ge2", r"n-1 \text{ for } n \ge 2", True),
        (r"n-1, n\ge2", r"n-1, n\ge3", False),
        (r"n-1, n\ge2", r"n+1, n\ge2", False),
        ("83", r"83, \text{ attained at } x=2", True),
        ("2", r"83 \text{ at } x=2", False),
        ("7", r"x \text{ for } x>0, 7", False),
    ],
)
def test_a_condition_counts_where_both_sides_have_one(gold: str, answer: str, equal: bool) -> None:
    verdict = MathVerifier().grade(rf"\boxed{{{answer}}}", {"reference": gold})
    assert (verdict.score == 1.0) is equal
