"""Equations that are one equation, and those that only share a zero; inequalities."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openqwq.verifiers.math_answer.grammar import parse
from openqwq.verifiers.math_answer.rational_functions import numerator_and_denominator, same_zeros
from openqwq.verifiers.math_answer.scans import same_real_zeros, zeros_of
from openqwq.verifiers.math_answer.verifier import MathVerifier

XY = frozenset({"x", "y"})


def is_paid(gold: str, answer: str) -> bool:
    return MathVerifier().compare(gold, answer).score == 1.0


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [
        ("x^2+y^2-1", "2-2x^2-2y^2", True),
        ("x^2+y^2-1", "x^2+y^2-2", False),
        ("x^2+y^2-1", "(x^2+y^2-1)((x-100)^2+(y-100)^2-1)", False),
        ("x^2+y^2-1", "(x^2+y^2-1)^2", True),
        ("y-1/x", "xy-1", True),
        ("y-(x+1)/(x-1)", "xy-y-x-1", True),
        ("y-(x+1)/(x-1)", "xy-y-x+1", False),
        (r"\frac{x^2}{4}+\frac{y^2}{9}-1", "9x^2+4y^2-36", True),
        ("xy", "x+y", False),
        ("x-x+y-y", "x+y", False),
        (r"y-\sin x", r"\sin x-y", None),
        (r"y-\sqrt2x", r"\sqrt2x-y", None),
        ("1/(x-x)+y", "x+y", None),
    ],
)
def test_rational_equations_in_two_variables_share_factors(left: str, right: str, expected: bool | None) -> None:
    assert same_zeros(parse(left), parse(right), XY) is expected
    assert same_zeros(parse(right), parse(left), XY) is expected


@pytest.mark.parametrize(
    ("left", "right", "expected"),
    [
        ("(x-1)^2/(x-1)", "x-1", False),
        ("(x^2-1)/(x-1)", "x+1", True),
        ("1/(1/x)", "x", False),
        ("1/x+1/(x-1)-3", "3x(x-1)-2x+1", True),
        ("x^{-1}-2", "2x-1", True),
    ],
)
def test_a_zero_of_the_denominator_solves_nothing(left: str, right: str, expected: bool) -> None:
    assert same_zeros(parse(left), parse(right), frozenset("x")) is expected


def test_what_is_no_rational_function_is_not_read() -> None:
    assert numerator_and_denominator(parse("1/x+x"), "x") == ([1, 0, 1], [0, 1])
    for text in ("e^x", r"\sqrt x", "x+y", "|x|", "x^n", "x^{41}", "x/(x-x)"):
        assert numerator_and_denominator(parse(text), "x") is None


@given(st.integers(-9, 9), st.integers(-9, 9).filter(bool), st.integers(1, 9), st.integers(-9, 9).filter(bool))
def test_a_factor_changes_nothing_and_a_shift_much(a: int, b: int, c: int, factor: int) -> None:
    line = f"({a})x+({b})y-({c})"
    assert same_zeros(parse(line), parse(f"({factor})({line})"), XY) is True
    assert same_zeros(parse(line), parse(f"{line}+{abs(factor)}"), XY) is False


@pytest.mark.parametrize(
    ("gold", "answer"),
    [
        ("e^x=3x", "3x-e^x=0"),
        ("e^x=3x", r"\frac{e^x}{x}=3"),
        (r"\sin x=0", r"2\sin x=0"),
        (r"\ln x=1", "x=e"),
        ("2^x=8", "x=3"),
        (r"\cos x=\frac12", r"2\cos x=1"),
        ("|x-100|=5", "|100-x|=5"),
        ("y=|x-60|", "y=|60-x|"),
    ],
)
def test_equations_with_all_zeros_in_common_are_one(gold: str, answer: str) -> None:
    assert is_paid(gold, answer)
    assert is_paid(answer, gold)


@pytest.mark.parametrize(
    ("gold", "answer"),
    [
        ("e^x=3x", "(x-1)(e^x-3x)=0"),
        ("e^x=3x", "(x-1)^2(e^x-3x)=0"),
        ("e^x=3x", "(x-50)(x-51)(e^x-3x)=0"),
        ("e^x=3x", "(x-1000)(e^x-3x)=0"),
        ("e^x=3x", "x=1.512134551657842473896739678072"),
        (r"\ln x=1", "x^2=e^2"),
        (r"\sin x=0", "x=0"),
        (r"\sin x=0", r"\sin 2x=0"),
        ("2^x=x^2", "(x-2)(x-4)=0"),
        ("2^x=x^2", "x=2"),
        ("|x-100|=5", "100-x=5"),
        ("|x-100|=5", "x=95"),
        ("y=|x-60|", "y=60-x"),
        (r"\frac{(x-1)^2}{x-1}=0", "x=1"),
        ("(x^2+y^2-1)((x-100)^2+(y-100)^2-1)=0", "x^2+y^2=1"),
        ("y=x+1", "y(x-1)=x+1"),
    ],
)
def test_an_equation_with_more_zeros_or_fewer_is_another(gold: str, answer: str) -> None:
    assert not is_paid(gold, answer)
    assert not is_paid(answer, gold)


@pytest.mark.parametrize(
    ("gold", "right", "wrong"),
    [
        ("(x-50)(x-60)<0", "50<x<60", "(x-50)(x-61)<0"),
        ("(x-1.1)(x-1.2)<0", "1.1<x<1.2", r"\emptyset"),
        ("x^2<10000", "-100<x<100", "x^2<10001"),
        (r"\frac{1}{x-300}>0", "x>300", "x>301"),
        ("(x-1)^2>0", r"x\ne1", "x>1"),
        ("|x-500|<1", "499<x<501", "499<x<502"),
        ("|x-500|<1", "499<x<501", r"\emptyset"),
        (r"\ln x>50", "x>e^{50}", r"\emptyset"),
        ("2^x<1000000", r"x<\frac{\ln1000000}{\ln2}", "x<20"),
        ("e^x>5", r"x>\ln5", "x>5"),
        (r"\sqrt{x}<9", r"0\le x<81", r"0\le x<82"),
    ],
)
def test_inequalities_change_at_every_zero_of_theirs(gold: str, right: str, wrong: str) -> None:
    assert is_paid(gold, right)
    assert not is_paid(gold, wrong)


def test_a_scan_finds_crossings_and_touches_and_no_poles() -> None:
    grid = [n / 5 + 0.01 for n in range(-50, 50)]
    assert zeros_of(lambda x: (x - 1) * (x + 2), grid) == pytest.approx([-2, 1])
    assert zeros_of(lambda x: (x - 1) ** 2, grid) == pytest.approx([1], abs=1e-6)
    assert zeros_of(lambda x: 1 / (x - 1), grid) == []
    assert zeros_of(lambda x: x**2 + 1, grid) == []
    assert zeros_of(lambda x: None, grid) == []


def test_functions_without_zeros_have_none_in_common() -> None:
    assert not same_real_zeros(parse("e^x"), parse("e^x+1"), "x")
