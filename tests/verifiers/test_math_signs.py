"""Unicode signs against the names and values that the Unicode database gives them."""

import unicodedata
from fractions import Fraction

import pytest

from openqwq.verifiers.math_answer.signs import plain_signs
from openqwq.verifiers.math_answer.verifier import MathVerifier

VULGAR = "½⅓⅔¼¾⅕⅖⅗⅘⅙⅚⅛⅜⅝⅞"
GREEK = "αβγδεζηθλμξπρστφχψωΓΔΘΛΣΦΨΩ"
NAMES = {"LAMDA": "lambda", "EPSILON": "epsilon"}
MEANINGS = {
    "MINUS SIGN": "-", "MULTIPLICATION SIGN": r"\times", "DIVISION SIGN": r"\div", "SQUARE ROOT": r"\sqrt",
    "INFINITY": r"\infty", "LESS-THAN OR EQUAL TO": r"\le", "GREATER-THAN OR EQUAL TO": r"\ge",
    "LESS-THAN OR SLANTED EQUAL TO": r"\le", "GREATER-THAN OR SLANTED EQUAL TO": r"\ge", "NOT EQUAL TO": r"\ne",
    "ALMOST EQUAL TO": r"\approx", "IDENTICAL TO": r"\equiv", "UNION": r"\cup", "INTERSECTION": r"\cap",
    "ELEMENT OF": r"\in", "SET MINUS": r"\setminus", "EMPTY SET": r"\emptyset", "PLUS-MINUS SIGN": r"\pm",
    "MINUS-OR-PLUS SIGN": r"\mp", "ANGLE": r"\angle", "DOT OPERATOR": r"\cdot",
    "DOUBLE-STRUCK CAPITAL R": r"\mathbb{R}",
    "DOUBLE-STRUCK CAPITAL Z": r"\mathbb{Z}", "DOUBLE-STRUCK CAPITAL N": r"\mathbb{N}",
    "DOUBLE-STRUCK CAPITAL Q": r"\mathbb{Q}", "FULLWIDTH COMMA": ",", "IDEOGRAPHIC COMMA": ",",
    "FULLWIDTH COLON": ":", "FULLWIDTH LEFT PARENTHESIS": "(", "FULLWIDTH RIGHT PARENTHESIS": ")",
    "FULLWIDTH PERCENT SIGN": "%", "PRIME": "'", "DOUBLE PRIME": "''", "HORIZONTAL ELLIPSIS": r"\dots",
}  # fmt: skip


@pytest.mark.parametrize("name", MEANINGS)
def test_a_sign_means_what_unicode_calls_it(name: str) -> None:
    assert plain_signs(unicodedata.lookup(name)).strip() == MEANINGS[name]


@pytest.mark.parametrize("letter", GREEK)
def test_a_greek_letter_is_the_command_of_its_name(letter: str) -> None:
    name = unicodedata.name(letter).rpartition(" ")[2]
    command = NAMES.get(name, name.lower())
    assert plain_signs(letter).strip() == "\\" + (command.capitalize() if letter.isupper() else command)


@pytest.mark.parametrize("sign", VULGAR)
def test_a_vulgar_fraction_has_its_value_alone_and_behind_a_number(sign: str) -> None:
    value = Fraction(unicodedata.numeric(sign)).limit_denominator(10)
    over, below = value.numerator, value.denominator
    compare = MathVerifier().compare
    assert compare(rf"\frac{{{over}}}{{{below}}}", sign).score == 1.0
    assert compare(rf"\frac{{{over + 2 * below}}}{{{below}}}", "2" + sign).score == 1.0
    assert compare(f"{over + 1}/{below}", sign).score == 0.0


@pytest.mark.parametrize("digit", range(10))
def test_raised_and_lowered_digits_are_exponents_and_indices(digit: int) -> None:
    word = unicodedata.name(str(digit)).rpartition(" ")[2]
    assert plain_signs("x" + unicodedata.lookup(f"SUPERSCRIPT {word}")) == f"x^{{{digit}}}"
    assert plain_signs("x" + unicodedata.lookup(f"SUBSCRIPT {word}")) == f"x_{{{digit}}}"


def test_a_command_never_grows_together_with_the_letter_behind_it() -> None:
    assert plain_signs("πr²") == r"\pi r^{2}"
    assert plain_signs("5×a÷b") == r"5\times a\div b"
