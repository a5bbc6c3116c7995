"""The e of 2e-1: the constant beside the constant and alone, a power of ten for a gold that has none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openqwq.verifiers.math_answer.compare import Comparison
from openqwq.verifiers.math_answer.e_notation import has_constant
from openqwq.verifiers.math_answer.exact import rational


def same(gold: str, answer: str) -> bool:
    return Comparison(lambda *_: False).equal(gold, answer)


@pytest.mark.parametrize(
    ("gold", "answer", "equal"),
    [
        ("4e-7", "-7+4e", True),
        ("4e-7", r"4\cdot e-7", True),
        ("4e-7", "7-4e", False),
        ("4e-7", "0.0000004", False),
        ("4e-7", r"4\cdot10^{-7}", False),
        ("4e+7", "7+4e", True),
        ("4e+7", "40000000", False),
        ("12e-10", "-10+12e", True),
        (r"\frac{3e-2}{e}", r"3-\frac2e", True),
        (r"\frac{3e-2}{e}", r"3+\frac2e", False),
        ("e^3+4e-7", "e^3-7+4e", True),
        ("e^3+2.5e-7", "e^3-7+2.5e", True),
        ("e^3", "e^3+4e-7-4e+7", True),
        ("xe^x", "e^{x}x", True),
        ("(4e-7,1)", "(-7+4e,1)", True),
        (r"2\exp(1)-7", "2e-7", True),
        ("0.0000004", "4e-7", True),
        ("0.0000004", "4e-8", False),
        (r"\frac{1}{5}", "2e-1", True),
        ("2500", "2.5e3", True),
        ("2500", "2.5E+3", True),
        ("2.5e-7", r"2.5\times10^{-7}", True),
        ("2.5e-7", "2.5e-8", False),
        ("2e-10", r"2\times10^{-10}", True),
        ("3e8", r"3\times10^8", True),
        ("6.02e23", r"6.02\cdot10^{23}", True),
        ("(0.2,3)", "(2e-1,3)", True),
    ],
)
def test_e_is_read_with_the_gold(gold: str, answer: str, equal: bool) -> None:
    assert same(gold, answer) is equal


@given(st.integers(1, 9), st.integers(1, 9))
def test_no_difference_is_a_power_of_ten(a: int, b: int) -> None:
    for sign in "+-":
        assert same(f"{a}e{sign}{b}", f"{sign}{b}+{a}e")
        assert not same(f"{a}e{sign}{b}", rf"{a}\cdot10^{{{sign}{b}}}")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("e", True), ("2e", True), ("xe^x", True), ("4e-7", True), ("12e-10", True), (r"\exp(2)", True),
        ("2.5e-7+e", True), ("2.5e-7", False), ("2e-10", False), ("3e8", False), ("5", False), (r"x\le3", False),
        (r"x\ne3", False), (r"\sec x", False), (r"\theta", False), (r"\text{metre}", False),
    ],
)  # fmt: skip
def test_the_constant_is_told_from_powers_of_ten_and_from_letters_of_words(text: str, expected: bool) -> None:
    assert has_constant(text) is expected


def test_a_plain_decimal_with_an_exponent_is_rational_and_a_difference_is_none() -> None:
    assert rational("2e-10") is not None
    assert rational("2.5e-1") is not None
    assert rational("2E-1") is not None
    assert rational("2e-1") is None
