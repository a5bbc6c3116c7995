"""Tokens and exact rationals: each name, each way to write a number, and the caps on both."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openqwq.verifiers.math_answer import exact, tokens
from openqwq.verifiers.math_answer.exact import exact_value, rational
from openqwq.verifiers.math_answer.expression import TRIGONOMETRIC, Apply, Number, Symbol
from openqwq.verifiers.math_answer.grammar import parse
from openqwq.verifiers.math_answer.tokens import Token, Unreadable, expand_repeating, in_base, literal, tokenize

FUNCTIONS = (
    "sin cos tan cot sec csc sinh cosh tanh coth sech csch arcsin arccos arctan arccot arcsec arccsc arcsinh arccosh "
    "arctanh ln lg log exp cis max min gcd lcm Re Im floor ceil"
)
ALIASES = {
    "tg": "tan",
    "ctg": "cot",
    "cosec": "csc",
    "arctg": "arctan",
    "arsinh": "arcsinh",
    "arcosh": "arccosh",
    "artanh": "arctanh",
    "asin": "arcsin",
    "acos": "arccos",
    "ceiling": "ceil",
    "atan": "arctan",
}
GREEK = (
    "alpha beta gamma delta epsilon varepsilon zeta eta theta vartheta iota kappa lambda mu nu xi rho varrho sigma tau "
    "upsilon phi varphi chi psi omega Gamma Delta Theta Lambda Xi Pi Sigma Upsilon Phi Psi Omega infty ell hbar"
)
PLAIN_GREEK = "alpha beta gamma delta epsilon theta lambda mu rho sigma tau phi psi omega"


def kinds(text: str) -> list[tuple[str, str]]:
    return [(token.kind, token.text) for token in tokenize(text)]


@pytest.mark.parametrize("name", [*FUNCTIONS.split(), "sqrt", "pi", "binom", *ALIASES])
def test_the_name_of_a_function_is_one_token_with_and_without_its_backslash(name: str) -> None:
    assert kinds(rf"2\{name} x") == [("number", "2"), ("name", name), ("letter", "x")]
    assert kinds(f"2{name} x") == [("number", "2"), ("name", name), ("letter", "x")]
    assert ("name", name) not in kinds(f"a{name}x")


def test_functions_aliases_and_greek_letters_are_those_of_the_tables() -> None:
    assert set(FUNCTIONS.split()) == tokens.FUNCTIONS
    assert {"sin", "cos", "tan", "cot", "sec", "csc"} == TRIGONOMETRIC
    assert tokens.ALIASES == ALIASES
    assert {"\\" + name for name in GREEK.split()} == tokens.GREEK
    for alias, name in ALIASES.items():
        assert parse(rf"\{alias} x") == Apply(name, (Symbol("x"),))
    for name in GREEK.split():
        assert parse(rf"2\{name}") == Apply("mul", (Number(Fraction(2)), Symbol("\\" + name)))
        as_symbol = [("command", "\\" + name)]
        assert (kinds(name) == as_symbol) == (name in PLAIN_GREEK.split())
        assert kinds(f"x{name}") != [("letter", "x"), *as_symbol]


@pytest.mark.parametrize(
    ("text", "number", "rest"),
    [
        ("12", "12", 0),
        ("12.5", "12.5", 0),
        (".5", ".5", 0),
        ("5.", "5.", 0),
        ("1,234", "1,234", 0),
        ("12,345,678.9", "12,345,678.9", 0),
        ("1,2345", "1", 2),
        ("1234,567", "1234", 2),
        ("12,34", "12", 2),
        ("12,345,67", "12", 4),
        ("2.5e+3", "2.5e+3", 0),
        ("1E-5", "1E-5", 0),
        ("1e1234", "1e1234", 0),
        ("1e12345", "1", 2),
        ("2e3x", "2", 3),
        ("2e3.5", "2", 2),
        ("2ex", "2", 2),
    ],
)
def test_a_number_ends_where_its_digits_and_its_exponent_end(text: str, number: str, rest: int) -> None:
    found = tokenize(text)
    assert found[0] == Token("number", number)
    assert len(found) == 1 + rest


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (r" x  ^ \{ y \} ", [("letter", "x"), ("mark", "^"), ("command", r"\{"), ("letter", "y"), ("command", r"\}")]),
        (r"\\a\|b", [("command", r"\\"), ("letter", "a"), ("command", r"\|"), ("letter", "b")]),
        ("f'(x)", [("letter", "f"), ("mark", "'"), ("mark", "("), ("letter", "x"), ("mark", ")")]),
        ("5°!", [("number", "5"), ("mark", "°"), ("mark", "!")]),
        ("a&b:c=d", [(kind, sign) for sign, kind in zip("a&b:c=d", ["letter", "mark"] * 4, strict=False)]),
        ("-+*/^_(){}[]|,", [("mark", sign) for sign in "-+*/^_(){}[]|,"]),
    ],
)
def test_marks_letters_and_commands_are_tokens_of_their_own(text: str, found: list[tuple[str, str]]) -> None:
    assert kinds(text) == found


@pytest.mark.parametrize("text", ["2#3", "€", '"', "x;y", "x<y", "3..", "\u0430"])
def test_an_unknown_character_is_refused(text: str) -> None:
    with pytest.raises(Unreadable, match="unknown character"):
        tokenize(text)


def test_texts_are_read_to_the_caps_and_refused_behind_them() -> None:
    assert len(tokenize("x" * tokens.MAX_TOKENS)) == tokens.MAX_TOKENS == 500
    with pytest.raises(Unreadable, match="more than 500"):
        tokenize("x" * 501)
    assert tokenize("9" * 2_000) == [Token("number", "9" * tokens.MAX_CHARS)]
    with pytest.raises(Unreadable, match="longer than 2000"):
        tokenize("9" * 2_001)


@pytest.mark.parametrize(
    ("text", "value"),
    [("1,200", 1200), ("5.", 5), (".5", Fraction(1, 2)), ("1.5e-3", Fraction(15, 10_000)), ("2E2", 200), ("1e0", 1)],
)
def test_a_number_has_its_exact_value(text: str, value: Fraction) -> None:
    assert literal(text) == value


def test_digits_have_their_value_in_every_base() -> None:
    assert [in_base("10", str(base)) for base in range(2, 37)] == list(range(2, 37))
    assert in_base("777", "8") == 511
    for digits, base in [
        ("10", "1"),
        ("10", "37"),
        ("12", "2"),
        ("9", "8"),
        ("1.5", "7"),
        ("10", "0"),
        ("10", "x"),
        ("10", ""),
    ]:
        with pytest.raises(Unreadable):
            in_base(digits, base)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (r"1.2\overline{34}", Fraction(12, 10) + Fraction(34, 990)),
        (r".\overline{3}", Fraction(1, 3)),
        (r"0.\bar3", Fraction(1, 3)),
        (r"0.\dot{3}", Fraction(1, 3)),
        (r"0.5\dot 3", Fraction(8, 15)),
        (r"0.\dot14\dot2", Fraction(142, 999)),
        (r"0.\dot{1}4\dot{2}", Fraction(142, 999)),
        (r"12.0\overline{09}", 12 + Fraction(9, 990)),
        ("2.333...", Fraction(7, 3)),
        ("0.1212...", Fraction(12, 99)),
        ("0.123123...", Fraction(123, 999)),
        ("0.1222...", Fraction(11, 90)),
        ("0.1(6)", Fraction(1, 6)),
        ("5.(3)", Fraction(16, 3)),
        ("10.0(27)", 10 + Fraction(27, 990)),
    ],
)
def test_a_repeating_decimal_is_its_fraction(text: str, value: Fraction) -> None:
    assert expand_repeating(text) == f"({value.numerator}/{value.denominator})"
    assert rational(text) == value
    assert rational("-" + text) == -value


@pytest.mark.parametrize("text", ["0.33...", "0.1(6)x", "0.123...", "0.35", r"\overline{3}", "3(6)"])
def test_what_does_not_repeat_stays_as_it_is(text: str) -> None:
    assert expand_repeating(text) == text


@given(st.integers(0, 50), st.integers(0, 999), st.integers(1, 999))
def test_every_repeating_decimal_is_read_exactly(whole: int, fixed: int, cycle: int) -> None:
    value = Fraction(f"{whole}.{fixed:03}") + Fraction(cycle, 999 * 1000)
    assert rational(rf"{whole}.{fixed:03}\overline{{{cycle:03}}}") == value
    assert rational(f"{whole}.{fixed:03}({cycle:03})") == value


# exact rationals


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("7", 7),
        ("-7", -7),
        ("+7", 7),
        ("7.", 7),
        ("-.5", Fraction(-1, 2)),
        ("-12,345.5", Fraction(-123455, 10)),
        ("3/4", Fraction(3, 4)),
        ("-3/4", Fraction(-3, 4)),
        ("+3/4", Fraction(3, 4)),
        (r"\frac{3}{4}", Fraction(3, 4)),
        (r"-\frac{3}{4}", Fraction(-3, 4)),
        (r"-\frac{-3}{4}", Fraction(3, 4)),
        (r"+\frac {-3} {-4}", Fraction(3, 4)),
        (r"\frac34", Fraction(3, 4)),
        ("2-3+4", 3),
        (r"2\cdot3\cdot4", 24),
        ("1/2/2", Fraction(1, 4)),
        ("-(2^3)", -8),
        ("2^{-3}", Fraction(1, 8)),
        ("(2/3)^{2}", Fraction(4, 9)),
        ("0^1", 0),
        ("4!", 24),
        ("0!", 1),
        ("|2-5|", 3),
        ("C_{10}^{4}", 210),
        ("A_{10}^{4}", 5040),
    ],
)
def test_arithmetic_has_one_rational_value(text: str, value: Fraction) -> None:
    assert rational(text) == value


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x",
        "2x",
        r"\sqrt4",
        r"\sin0",
        "4^{1/2}",
        "0^0",
        "0^{-1}",
        "1/0",
        r"\frac{1}{0}",
        "(1/2)!",
        "(-1)!",
        "1+",
        "a/b",
        "1/(2-2)",
        "10^{20000}",
    ],
)
def test_what_is_no_plain_arithmetic_is_left_undecided(text: str) -> None:
    assert rational(text) is None


def test_rationals_are_computed_to_the_caps_and_left_undecided_behind_them() -> None:
    assert rational("1" * exact.MAX_CHARS) == int("1" * 1_000)
    assert rational("1" * 1_001) is None
    assert rational("1000!") is not None
    assert exact_value(parse("1001!")) is None
    half = Number(Fraction(2**19_999))  # 20 000 bits and one of its denominator
    assert exact_value(Apply("mul", (half, Number(Fraction(2**19_999))))) == Fraction(2**39_998)
    assert exact_value(Apply("mul", (half, Number(Fraction(2**20_000))))) is None
    assert exact_value(Apply("add", (half, Number(Fraction(1, 2**20_001))))) is None
    assert exact_value(Apply("div", (Number(Fraction(2**39_998)), Number(Fraction(1))))) == Fraction(2**39_998)
    assert exact_value(Apply("div", (Number(Fraction(2**39_999)), Number(Fraction(1))))) is None
    assert rational("2^{19999}") == Fraction(2**19_999)
    assert rational("2^{20001}") is None
    assert rational(r"(1/2)^{-19999}") == Fraction(2**19_999)
    assert rational(r"(1/2)^{-20001}") is None
    assert rational("1^{40000}") == 1
    assert rational("1^{40001}") is None
