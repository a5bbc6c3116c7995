"""Equations in one variable: the same real zeros, all of them, however far apart and however often."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openqwq.verifiers.math_answer.grammar import parse
from openqwq.verifiers.math_answer.polynomials import MAX_DEGREE, Polynomial, read_polynomial, same_real_zeros
from openqwq.verifiers.math_answer.verifier import MathVerifier


def product_of(zeros: list[int], factor: int = 1) -> Polynomial:
    values = [Fraction(factor)]
    for zero in zeros:
        shifted, scaled = [Fraction(0), *values], [*(-zero * value for value in values), Fraction(0)]
        values = [a + b for a, b in zip(shifted, scaled, strict=True)]
    return values


ZEROS = st.lists(st.integers(-1000, 1000), min_size=1, max_size=6)


@given(ZEROS, ZEROS, st.integers(-9, 9).filter(bool))
def test_polynomials_have_the_zeros_that_they_are_made_of(first: list[int], second: list[int], factor: int) -> None:
    left, right = product_of(first), product_of(second, factor)
    assert same_real_zeros(left, right) is same_real_zeros(right, left) is (set(first) == set(second))
    assert same_real_zeros(left, product_of(first[::-1] * 2, factor)) is True


@pytest.mark.parametrize(
    ("text", "coefficients"),
    [
        ("x^2-22x+40", [40, -22, 1]),
        ("(x-2)(x-20)", [40, -22, 1]),
        (r"-\frac{x}{2}+x^1", [0, Fraction(1, 2)]),
        ("x-x", []),
        ("7", [7]),
        ("x^0.5", None),
        ("x^{-1}", None),
        ("1/x", None),
        ("xy", None),
        (r"\sin x", None),
        (f"x^{{{MAX_DEGREE}}}", [0] * MAX_DEGREE + [1]),
        (f"x^{{{MAX_DEGREE}}}x", None),
        (f"x^{{{MAX_DEGREE + 1}}}", None),
    ],
)
def test_a_polynomial_is_read_by_its_coefficients(text: str, coefficients: list[Fraction] | None) -> None:
    assert read_polynomial(parse(text), "x") == coefficients


@pytest.mark.parametrize(
    ("gold", "answer", "equal"),
    [
        ("x^2-22x+40=0", "x=2", False),
        ("x^2-22x+40=0", "(x-20)(x-2)=0", True),
        ("n^2-6000n=0", "n+0=0", False),
        ("(x-2)^2(x-5)=0", "x-5=0", False),
        ("(x-2)^2=0", "x-2=0", True),
        ("x^3-1=0", "x-1=0", True),
        ("x^2+1=0", "x^2+2=0", False),
        ("x^2+1=0", "2x^2+2=0", True),
        ("x^2+1=0", "(x^2+1)^2=0", True),
        ("(x^2+1)(x-3)=0", "x-3=0", True),
        ("x^2-2=0", r"(x-\frac{3}{2})^2=0", False),
    ],
)
def test_an_equation_is_another_when_a_real_zero_is_missing(gold: str, answer: str, equal: bool) -> None:
    for wanted, said in ((gold, answer), (answer, gold)):
        assert (MathVerifier().grade(rf"\boxed{{{said}}}", {"reference": wanted}).score == 1.0) is equal


@pytest.mark.parametrize(
    ("gold", "answer", "equal"),
    [
        (r"\max(x,50)", "50", False),
        (r"\max(x,50)", r"\max(50,x)", True),
        (r"\max(x,50)", r"\max(x,60)", False),
        (r"\min(n,7)", "n", False),
        ("|x-100|+x", "100", False),
        ("|2x-300|", "300-2x", False),
        ("|x-3|", "|3-x|", True),
        (r"\max(a,b)", r"\frac{a+b+|a-b|}{2}", True),
        (r"\max(a,b+900)", "b+900", False),
        (r"\sqrt{x^2}", "|x|", True),
    ],
)
def test_a_function_with_a_kink_is_tried_on_both_sides_of_it(gold: str, answer: str, equal: bool) -> None:
    for wanted, said in ((gold, answer), (answer, gold)):
        assert (MathVerifier().grade(rf"\boxed{{{said}}}", {"reference": wanted}).score == 1.0) is equal
