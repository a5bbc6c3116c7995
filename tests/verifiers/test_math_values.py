"""The value of an expression at a point, against Python's own mathematics: every operation, its domain and its caps."""

import cmath
import math
import random
from collections.abc import Callable
from fractions import Fraction
from itertools import islice

import pytest

from openqwq.verifiers.math_answer.expression import Apply, Expression, Number, Symbol
from openqwq.verifiers.math_answer.grammar import parse
from openqwq.verifiers.math_answer.numeric import AGREEING_DIGITS, is_near, points, same_value
from openqwq.verifiers.math_answer.values import DIGITS, Evaluator, TooLarge, Undefined, constant_fraction, context

REAL, COMPLEX = Evaluator(), Evaluator(is_complex=True)


def at(text: str, evaluate: Evaluator = REAL, **point: float) -> complex:
    mp = context()
    value = evaluate(parse(text), {name: mp.mpf(number) for name, number in point.items()})
    return complex(value)


X = 0.7
FUNCTIONS: dict[str, Callable[[float], float]] = {
    "sin": math.sin,
    "cos": math.cos,
    "tan": math.tan,
    "cot": lambda x: 1 / math.tan(x),
    "sec": lambda x: 1 / math.cos(x),
    "csc": lambda x: 1 / math.sin(x),
    "arcsin": math.asin,
    "arccos": math.acos,
    "arctan": math.atan,
    "arccot": lambda x: math.atan(1 / x),
    "arcsec": lambda x: math.acos(1 / x),
    "arccsc": lambda x: math.asin(1 / x),
    "sinh": math.sinh,
    "cosh": math.cosh,
    "tanh": math.tanh,
    "coth": lambda x: 1 / math.tanh(x),
    "sech": lambda x: 1 / math.cosh(x),
    "csch": lambda x: 1 / math.sinh(x),
    "arcsinh": math.asinh,
    "arccosh": math.acosh,
    "arctanh": math.atanh,
    "ln": math.log,
    "log": math.log,
    "lg": math.log10,
    "exp": math.exp,
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_has_the_value_of_the_textbook(name: str) -> None:
    x = 1.7 if name in ("arcsec", "arccsc", "arccosh") else X
    assert at(rf"\{name} x", x=x) == pytest.approx(FUNCTIONS[name](x), rel=1e-14)
    assert at(rf"\{name} x", x=x) != pytest.approx(FUNCTIONS[name](x + 0.01), rel=1e-9)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2+3-7", -2),
        (r"2\cdot3\cdot-7", -42),
        ("7/2/5", 0.7),
        ("-7", -7),
        ("2^{10}", 1024),
        ("2^{-2}", 0.25),
        ("|-7|", 7),
        (r"\lfloor-2.5\rfloor", -3),
        (r"\lceil-2.5\rceil", -2),
        ("5!", 120),
        ("0!", 1),
        (r"\binom{10}{4}", 210),
        ("A_{10}^4", 5040),
        (r"\max(1,5,3)", 5),
        (r"\min(4,2,3)", 2),
        (r"\gcd(12,18)", 6),
        (r"\lcm(12,18)", 36),
        (r"\log_2 32", 5),
        (r"\log_{32} 2", 0.2),
        (r"\pi", math.pi),
        ("e", math.e),
        (r"\sqrt{5}", math.sqrt(5)),
        (r"\sqrt[3]{10}", 10 ** (1 / 3)),
        (r"\sqrt[3]{-8}", -2),
        (r"\sqrt[-3]{-8}", -0.5),
        (r"\sqrt0", 0),
        (r"\sqrt[3]{0.5}", 0.5 ** (1 / 3)),
        ("0.5^{1/3}", 0.5 ** (1 / 3)),
        ("(-8)^{1/3}", -2),
        ("(-8)^{2/3}", 4),
        ("(-8)^{-1/3}", -0.5),
        ("(-8)^{3}", -512),
        ("(-8)^{0.2}", -(8**0.2)),
        ("0^{1/2}", 0),
        (r"0^{\pi}", 0),
        (r"\sin30°", 0.5),
        (r"\cos(60°)", 0.5),
        ("30°", 30),
        (r"2\cdot30°", 60),
    ],
)
def test_an_operation_has_its_value_over_the_reals(text: str, value: float) -> None:
    assert at(text) == pytest.approx(value, rel=1e-14)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("i^2", -1),
        ("(2+i)(2-i)", 5),
        (r"\sqrt{-4}", 2j),
        ("(-8)^{1/3}", 1 + math.sqrt(3) * 1j),
        (r"\sqrt[3]{-8}", 1 + math.sqrt(3) * 1j),
        (r"\ln(-1)", math.pi * 1j),
        (r"\overline{2+3i}", 2 - 3j),
        (r"\Re(2+3i)", 2),
        (r"\Im(2+3i)", 3),
        ("|3+4i|", 5),
        (r"\cis(2)", cmath.exp(2j)),
        (r"\cis60°", 0.5 + math.sqrt(3) / 2 * 1j),
        (r"e^{i\pi}", -1),
    ],
)
def test_an_operation_has_its_principal_value_over_the_complex_numbers(text: str, value: complex) -> None:
    assert at(text, COMPLEX) == pytest.approx(value, rel=1e-14, abs=1e-60)


@pytest.mark.parametrize(
    "text",
    [
        r"\sqrt{-4}",
        r"\sqrt[4]{-16}",
        r"\sqrt[2.5]{-1}",
        r"\sqrt[0]{2}",
        "(-4)^{1/2}",
        r"(-2)^{\sqrt2}",
        r"\ln(-1)",
        r"\ln0",
        r"\arcsin2",
        "i",
        "2i",
        "0^0",
        "0^{-1}",
        "0^{-2/3}",
        r"0^{-\pi}",
        r"\frac10",
        "(-1)!",
        r"\gcd(1.5,3)",
        r"\lcm(2,0.5)",
        r"\cot0",
        "x",
        "2x",
    ],
)
def test_what_has_no_real_value_is_undefined(text: str) -> None:
    with pytest.raises(Undefined):
        at(text)


@pytest.mark.parametrize("text", [r"\frac10", "0^0", "0^{-1}", r"\sqrt[0]{2}", r"\max(1,i)", "x", r"\frac{i}{i-i}"])
def test_what_has_no_complex_value_is_undefined(text: str) -> None:
    with pytest.raises(Undefined):
        at(text, COMPLEX)


@pytest.mark.parametrize(
    ("largest", "too_large"),
    [
        ("2^{200000}", "2^{200001}"),
        ("2^{-200000}", "2^{-200001}"),
        (r"2^{200000}\cdot2^{199999}", r"2^{200000}\cdot2^{200000}"),
        (r"\exp(200000)", r"\exp(200001)"),
        (r"\exp(-200000)", r"\exp(-200001)"),
        (r"\sinh200000", r"\sinh200001"),
        ("20000!", "20001!"),
        (r"\sin(2^{199})", r"\sin(2^{200})"),
        ("1^{10^9}", "3^{10^9}"),
        ("(-1)^{10^9}", "(-3)^{10^9}"),
        ("0.5^{400000}", "0.5^{400001}"),
        (r"0^{10^9+\pi}", r"2^{10^6+\pi}"),
    ],
)
def test_results_are_computed_to_the_cap_and_refused_behind_it(largest: str, too_large: str) -> None:
    for evaluate in (REAL, COMPLEX):
        assert context().isfinite(evaluate(parse(largest), {}))
        with pytest.raises(TooLarge):
            evaluate(parse(too_large), {})


def test_a_degree_is_one_within_an_angle_and_when_asked_a_share_of_pi() -> None:
    assert at("180°", Evaluator(in_radians=True)) == pytest.approx(math.pi)
    assert at(r"\sin(x+30°)", x=1.0) == pytest.approx(math.sin(1 + math.pi / 6))
    assert at(r"\sin(2\sqrt{30°})") == pytest.approx(math.sin(2 * math.sqrt(math.pi / 6)))
    assert at(r"\sin((30°)^2)") == pytest.approx(math.sin((math.pi / 6) ** 2))
    assert at(r"\ln(30°)") == pytest.approx(math.log(30))


def test_a_bare_logarithm_has_the_base_that_is_asked_for() -> None:
    assert at(r"\log 1000", Evaluator(log_base=10)) == pytest.approx(3)
    assert at(r"\log_2 1000", Evaluator(log_base=10)) == pytest.approx(math.log2(1000))
    assert at(r"\ln 1000", Evaluator(log_base=10)) == pytest.approx(math.log(1000))


def test_values_have_a_hundred_digits_unless_more_are_asked_for() -> None:
    assert context().dps == DIGITS == 100
    for digits in (DIGITS, 2 * DIGITS):
        fine = context(3 * DIGITS)
        error = abs(fine.mpf(Evaluator(digits=digits)(parse(r"\sqrt2"), {})) - fine.sqrt(2))
        assert fine.mpf(10) ** -(digits + 4) < error < fine.mpf(10) ** -(digits - 1)
    assert context() is context(DIGITS)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("3", Fraction(3)),
        ("-3", Fraction(-3)),
        (r"\frac23", Fraction(2, 3)),
        ("-(2/3)", Fraction(-2, 3)),
        (r"\frac{-2}{3}", Fraction(-2, 3)),
        (r"\frac20", None),
        (r"\frac x3", None),
        (r"\frac3x", None),
        ("-x", None),
        ("1+1", None),
    ],
)
def test_a_constant_exponent_is_read_exactly(text: str, value: Fraction | None) -> None:
    assert constant_fraction(parse(text)) == value


# two expressions


def vanishing_at_the_first(count: int) -> Expression:
    """x plus a polynomial that is zero at the first `count` points that are tried."""
    tried = [point["x"] for point in islice(points(frozenset({"x"})), count)]
    factors = [Apply("add", (Symbol("x"), Number(-Fraction(*float(x).as_integer_ratio())))) for x in tried]
    return Apply("add", (Symbol("x"), Apply("mul", tuple(factors))))


def test_eight_points_must_agree_in_doubles_or_four_in_all_digits() -> None:
    assert not same_value(Symbol("x"), vanishing_at_the_first(7))
    unknown_to_doubles = parse(r"\sinh x-\sinh x")
    hidden = Apply("add", (vanishing_at_the_first(3), unknown_to_doubles))
    assert not same_value(Symbol("x"), hidden)
    assert same_value(Symbol("x"), Apply("add", (vanishing_at_the_first(4), unknown_to_doubles)))
    assert same_value(Symbol("x"), vanishing_at_the_first(8))


def test_what_doubles_cannot_tell_apart_is_told_by_all_digits() -> None:
    assert not same_value(parse("x"), parse(r"x+10^{-40}"))
    assert not same_value(parse("1"), parse(r"(10^{40}+1)-10^{40}+10^{-50}"))
    assert same_value(parse("1"), parse(r"(10^{40}+1)-10^{40}"))


def test_points_are_seeded_real_numbers_of_every_scale_then_positive_integers() -> None:
    tried = list(points(frozenset({"b", "a"})))
    assert len(tried) == 36
    assert tried == list(points(frozenset({"a", "b"})))
    low, high = (0.1, 1.0, -5.0, -5.0, 5.0), (1.0, 5.0, -0.1, 5.0, 200.0)
    for index, point in enumerate(tried[:24]):
        draw = random.Random(index)
        expected = {name: draw.uniform(low[index % 5], high[index % 5]) for name in ("a", "b")}
        assert {name: float(value) for name, value in point.items()} == expected
    for index, point in enumerate(tried[24:]):
        draw = random.Random(index)
        assert point == {name: draw.randint(1, 12) for name in ("a", "b")}
    assert list(points(frozenset())) == [{}]


def test_values_are_near_when_sixty_digits_agree() -> None:
    mp = context()
    assert AGREEING_DIGITS == 60
    for scale in (mp.mpf(1), mp.mpf(10) ** 40, mp.mpf(10) ** -40, -mp.mpf(7)):
        assert is_near(scale, scale * (1 + mp.mpf(10) ** -61))
        assert is_near(scale * (1 + mp.mpf(10) ** -61), scale)
        assert not is_near(scale, scale * (1 + mp.mpf(10) ** -59))
        assert not is_near(scale, -scale)
    assert is_near(mp.mpf(0), mp.mpf(0))
    assert not is_near(mp.mpf(0), mp.mpf(10) ** -80)


@pytest.mark.parametrize(
    ("left", "right", "equal"),
    [
        ("x^2+C", "x^2+k", True),
        ("x^2+C", "x^2+c", True),
        ("x^2+C", "x^2+K", True),
        ("x^2+C", "x^2+C_1", True),
        ("x^2+C", "x^2+c_1", True),
        ("x^2+C", "x^2+a", False),
        ("x^2+C", "x^2+t", False),
        ("x^2+C", "x^2", False),
        ("x^2+C", "x^2+c+k", False),
        ("x^2+C", "x^2+C+k-k", False),
        ("x^2+k", "x^2+C", False),
        ("x^2+C", "2x^2+k", False),
        ("5", "5+x-x", False),
        ("5+x-x", "5", True),
        ("x", "y", False),
        (r"\sqrt{x^2}", "|x|", True),
        (r"\sqrt{x}^2", "x", True),
        (r"\sqrt{x^2}", "x", False),
        ("(-1)^n", r"\cos(n\pi)", True),
        ("(-1)^{n+1}", r"\cos(n\pi)", False),
        (r"\log 100", "2", True),
        (r"\log e", "1", True),
        (r"\log 100+\log e", "3", False),
        ("180°", r"\pi", True),
        ("180°", "180", True),
        ("180°", r"2\pi", False),
        ("360°", r"\pi", False),
        ("-2", r"\sqrt{-4}", False),
        ("2i", r"\sqrt{-4}", True),
        ("-2", r"\sqrt[3]{-8}", True),
        (r"\sqrt[3]{2+\sqrt5}+\sqrt[3]{2-\sqrt5}", "1", True),
        ("0", "e^{-200}", False),
        ("e^{-200}", "2e^{-200}", False),
        ("0", r"\sqrt2\cdot\sqrt3-\sqrt6", True),
        ("1", r"\frac{\sin(x)}{\sin(x)}", False),
        (r"\sin^2x+\cos^2x", "1", True),
        ("e^{i x}", r"\cos x+i\sin x", True),
        ("e^{i x}", r"\cos x-i\sin x", False),
        ("i", "-i", False),
        (r"\sqrt2", "1.41421356237309504880168872420969807856967187537694", False),
        (r"\pi", r"\frac{355}{113}", False),
        (r"3\cdot10^{-80}", r"5\cdot10^{-80}", False),
        (r"\sin30", "0.5", False),
        ("0", r"(\sqrt2+\sqrt3)^2-5-2\sqrt6", True),
        ("0", r"\sin^2 1+\cos^2 1-1", True),
        (r"\sin^2 1+\cos^2 1-1", r"\sqrt{7+4\sqrt3}-2-\sqrt3", True),
        ("10^{-70}", r"\sin^2 1+\cos^2 1-1", False),
    ],
)
def test_two_expressions_are_one_value_or_not(left: str, right: str, equal: bool) -> None:
    assert same_value(parse(left), parse(right)) is equal


def test_expressions_that_share_no_point_cannot_be_judged() -> None:
    with pytest.raises(Undefined):
        same_value(parse("x"), parse(r"\frac{x}{x-x}"))
    with pytest.raises(Undefined):
        same_value(parse("2"), parse(r"\frac00"))
