"""The grammar's trees against trees written by hand: every rule, what it groups, and where it stops."""

import pytest

from openqwq.verifiers.math_answer.expression import (
    Apply,
    Expression,
    Number,
    Symbol,
    mentions_i,
    operations,
    rename,
    size,
    symbols,
)
from openqwq.verifiers.math_answer.grammar import MAX_DEPTH, MAX_POSTFIXES, parse
from openqwq.verifiers.math_answer.tokens import Unreadable


def shown(tree: Expression) -> str:
    """(add (mul 2 x) 1) for 2x+1."""
    if isinstance(tree, Number):
        return str(tree.value)
    if isinstance(tree, Symbol):
        return tree.name
    return f"({' '.join([tree.name, *map(shown, tree.arguments)])})"


def check(text: str, expected: str) -> None:
    assert shown(parse(text)) == expected


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("2x+1", "(add (mul 2 x) 1)"),
        ("a-b-c", "(add a (neg b) (neg c))"),
        ("a-b+c", "(add a (neg b) c)"),
        ("a/b/c", "(div a (mul b c))"),
        ("1/2x", "(div (mul 1 x) 2)"),
        ("a*b", "(mul a b)"),
        (r"a\cdot b", "(mul a b)"),
        (r"a\times b", "(mul a b)"),
        (r"6\div2", "(div 6 2)"),
        (r"a\cdot-b", "(mul a (neg b))"),
        ("a/-b", "(div a (neg b))"),
        ("-ab", "(mul (neg a) b)"),
        ("-x^2", "(neg (pow x 2))"),
        ("--x", "x"),
        ("---x", "(neg x)"),
        ("----x", "x"),
        ("+-x", "(neg x)"),
        ("-+-x", "x"),
        ("x2", "(mul x 2)"),
        ("(1)2", "(mul 1 2)"),
        ("2(3)(4)", "(mul 2 3 4)"),
        (r"2\pi r", r"(mul 2 \pi r)"),
        (r"2\alpha", r"(mul 2 \alpha)"),
        (r"2\sqrt3", "(mul 2 (root 3 2))"),
        (r"x\frac12", "(mul x (div 1 2))"),
    ],
)
def test_sums_and_products_bind_as_written(text: str, tree: str) -> None:
    check(text, tree)


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("x^2", "(pow x 2)"),
        ("x^{2}y", "(mul (pow x 2) y)"),
        ("x^12", "(pow x 12)"),
        ("x^-2", "(pow x (neg 2))"),
        ("x^+2", "(pow x 2)"),
        ("x^-2y", "(mul (pow x (neg 2)) y)"),
        ("2^3^2", "(pow 2 (pow 3 2))"),
        ("2^3^-2", "(pow 2 (pow 3 (neg 2)))"),
        ("2^-3^2", "(pow 2 (neg (pow 3 2)))"),
        ("3!", "(factorial 3)"),
        ("3!^2", "(pow (factorial 3) 2)"),
        ("(3!)!", "(factorial (factorial 3))"),
        ("30°", "(degree 30)"),
        ("3!°", "(degree (factorial 3))"),
        ("37°30'", "(degree (add 37 1/2))"),
        ("37°30'36''", "(degree (add 37 1/2 1/100))"),
        ("5°36''", "(degree (add 5 1/100))"),
        ("37°2x", "(mul (degree 37) 2 x)"),
    ],
)
def test_powers_and_signs_behind_a_factor(text: str, tree: str) -> None:
    check(text, tree)


@pytest.mark.parametrize("text", ["5°36''30'", "5°1'2'", "5°1'''", "x^2!", "5!!", "^2", "2^", "x^y!!"])
def test_signs_that_do_not_fit_a_factor_are_refused(text: str) -> None:
    with pytest.raises(Unreadable):
        parse(text)


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("(x)", "x"),
        ("[x]", "x"),
        ("{x}", "x"),
        (r"\{x\}", "x"),
        ("|x|", "(abs x)"),
        (r"\|x\|", "(abs x)"),
        (r"\lfloor x\rfloor", "(floor x)"),
        (r"\lceil x\rceil", "(ceil x)"),
        ("2|x|", "(mul 2 (abs x))"),
        (r"2\|x\|", "(mul 2 (abs x))"),
        ("|x||y|", "(mul (abs x) (abs y))"),
        ("|x+|y||", "(abs (add x (abs y)))"),
        ("|(2|x|)|", "(abs (mul 2 (abs x)))"),
        ("|(x)y|", "(abs (mul x y))"),
        (r"\||x|\|", "(abs (abs x))"),
        (r"|\max(2|x|,1)|", "(abs (max (mul 2 (abs x)) 1))"),
        (r"|\max(x,1)|", "(abs (max x 1))"),
        (r"|\begin{vmatrix}2|x|\end{vmatrix}|", "(abs (mul 2 (abs x)))"),
        (r"|2\begin{vmatrix}x\end{vmatrix}|", "(abs (mul 2 x))"),
    ],
)
def test_brackets_close_in_their_order(text: str, tree: str) -> None:
    check(text, tree)


@pytest.mark.parametrize(
    "text", ["(x]", "[x)", "{x)", "|x", r"\|x|", r"\lfloor x\rceil", "(|x)|", "()", "(x", "x)", "(x y", "x=1", ""]
)
def test_brackets_that_do_not_fit_are_refused(text: str) -> None:
    with pytest.raises(Unreadable):
        parse(text)


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        (r"\sin x", "(sin x)"),
        (r"\sin(x)y", "(mul (sin x) y)"),
        (r"\sin{x}y", "(mul (sin x) y)"),
        (r"\sin[x]y", "(mul (sin x) y)"),
        (r"\sin|x|y", "(mul (sin (abs x)) y)"),
        (r"\sin2x\cos y", "(mul (sin (mul 2 x)) (cos y))"),
        (r"\sin-x", "(sin (neg x))"),
        (r"\sin x+1", "(add (sin x) 1)"),
        (r"\sin2\pi x", r"(sin (mul 2 \pi x))"),
        (r"\sin2\sqrt x", "(sin (mul 2 (root x 2)))"),
        (r"\sin\sin x", "(sin (sin x))"),
        (r"\sin^2x", "(pow (sin x) 2)"),
        (r"\sin^{-1}x", "(arcsin x)"),
        (r"\sin^{-2}x", "(pow (sin x) (neg 2))"),
        (r"\ln^{-1}x", "(pow (ln x) (neg 1))"),
        (r"\sinh^{-1}x", "(pow (sinh x) (neg 1))"),
        (r"\log x", "(log x)"),
        (r"\log_2x", "(log x 2)"),
        (r"\log_{12}(x)y", "(mul (log x 12) y)"),
        (r"\log_2^3x", "(pow (log x 2) 3)"),
        (r"\max(1,x+1,3)", "(max 1 (add x 1) 3)"),
        (r"\min[1,2]", "(min 1 2)"),
        (r"\gcd{1,2}", "(gcd 1 2)"),
        (r"\lcm\{1,2\}", "(lcm 1 2)"),
        ("tg x", "(tan x)"),
        ("ctg x", "(cot x)"),
        ("cosec x", "(csc x)"),
        ("asin x", "(arcsin x)"),
        ("arsinh x", "(arcsinh x)"),
    ],
)
def test_functions_take_the_factors_behind_them(text: str, tree: str) -> None:
    check(text, tree)


@pytest.mark.parametrize("text", [r"\max 9 3 2", r"\max(1,2]", r"\max", r"\sin", r"\ln_2x", r"\log_", r"\max x"])
def test_functions_without_their_arguments_are_refused(text: str) -> None:
    with pytest.raises(Unreadable):
        parse(text)


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        (r"\frac{a}{b}", "(div a b)"),
        (r"\frac12x", "(mul (div 1 2) x)"),
        (r"\frac1{23}", "(div 1 23)"),
        (r"\frac{1}2", "(div 1 2)"),
        (r"\frac\pi2", r"(div \pi 2)"),
        (r"\frac{12}{34}", "(div 12 34)"),
        (r"\binom52", "(binomial 5 2)"),
        (r"\binom{5}{k}", "(binomial 5 k)"),
        (r"\sqrt[3]{x}", "(root x 3)"),
        (r"\sqrt[n+1]xy", "(mul (root x (add n 1)) y)"),
        (r"\sqrt12", "(root 12 2)"),
        ("sqrt(2)x", "(mul (root 2 2) x)"),
        (r"\overline{AB}", r"\overline{AB}"),
        (r"\bar x", r"\overline{x}"),
        (r"\bar z", "(conjugate z)"),
        (r"\overline{i}", "(conjugate i)"),
        (r"\overline{2+i}x", "(mul (conjugate (add 2 i)) x)"),
        (r"\vec{a}", r"\vec{a}"),
        (r"\hat{a}", r"\vec{a}"),
        (r"\overrightarrow{AB}", r"\vec{AB}"),
        (r"\begin{vmatrix}a\end{vmatrix}", "a"),
        (r"\begin{Vmatrix}a&b\\c&d\\\end{Vmatrix}", "(add (mul a d) (neg (mul b c)))"),
        (
            r"\begin{vmatrix}a&b&c\\d&e&f\\g&h&j\end{vmatrix}",
            "(add (mul a (add (mul e j) (neg (mul f h)))) (neg (mul b (add (mul d j) (neg (mul f g)))))"
            " (mul c (add (mul d h) (neg (mul e g)))))",
        ),
    ],
)
def test_commands_take_their_arguments(text: str, tree: str) -> None:
    check(text, tree)


def determinant(side: int, columns: int) -> str:
    return r"\begin{vmatrix}" + r"\\".join(["&".join(["1"] * columns)] * side) + r"\end{vmatrix}"


@pytest.mark.parametrize(
    "text",
    [
        determinant(5, 5),
        determinant(2, 3),
        determinant(3, 2),
        r"\begin{pmatrix}1&2\\3\end{pmatrix}",
        r"\begin{vmatrix}1",
        r"\begin{vmatrix}1,2\end{vmatrix}",
        r"\frac1",
        r"\frac{1}{",
        r"\unknown",
        r"\sqrt[3",
        r"x_{1",
        "x_",
    ],
)
def test_commands_that_are_unknown_or_incomplete_are_refused(text: str) -> None:
    with pytest.raises(Unreadable):
        parse(text)


def test_the_largest_determinant_has_four_rows() -> None:
    assert operations(parse(determinant(4, 4))) == {"add", "mul", "neg"}


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("x_1", "x_1"),
        ("x_{12}", "x_12"),
        ("x_{a_{1}}y", "(mul x_a_{1} y)"),
        ("x_1'", "x_1'"),
        ("f''", "f''"),
        ("C_{10}^{4}", "(binomial 10 4)"),
        ("C_4^4", "(binomial 4 4)"),
        ("C_4^5", "(pow C_4 5)"),
        ("C_5^x", "(pow C_5 x)"),
        ("C_n^2", "(pow C_n 2)"),
        ("A_8^3", "(permutations 8 3)"),
        ("P_{5}^2", "(permutations 5 2)"),
        ("B_5^3", "(pow B_5 3)"),
        ("C(10,4)x", "(mul (binomial 10 4) x)"),
        ("P(5,2)", "(permutations 5 2)"),
        ("C(7)", "(mul C 7)"),
        ("C(x)", "(mul C x)"),
        ("C", "C"),
        ("101_2", "5"),
        ("777_{8}", "511"),
        (r"2\frac{1}{3}", "7/3"),
        (r"2\frac{3}{1}", "(mul 2 (div 3 1))"),
        (r"2\frac{1}{1}", "(mul 2 (div 1 1))"),
        (r"2\frac{0}{3}", "(mul 2 (div 0 3))"),
        (r"2.5\frac{1}{2}", "(mul 5/2 (div 1 2))"),
        (r"2\frac{x}{3}", "(mul 2 (div x 3))"),
        (r"2\frac{1}{x}", "(mul 2 (div 1 x))"),
        ("2 1/3x", "(mul 7/3 x)"),
        ("2/3", "(div 2 3)"),
    ],
)
def test_letters_and_numbers_with_what_belongs_to_them(text: str, tree: str) -> None:
    check(text, tree)


@pytest.mark.parametrize(
    "text",
    [
        "2 3/1",
        "2 1/1",
        "2 0/3",
        "2.5 1/3",
        "2 1/x",
        "2 3",
        "C_n(4,2)",
        "C(4,2",
        "C(4,2,1)",
        "C(4)(2,1)",
        "f(4,2)",
        "1.5_2",
    ],
)
def test_numbers_side_by_side_are_no_product(text: str) -> None:
    with pytest.raises(Unreadable):
        parse(text)


def test_nesting_is_read_to_its_cap_and_refused_behind_it() -> None:
    assert MAX_DEPTH == 50
    inner = MAX_DEPTH - 1  # the number within is a level of its own
    assert parse("(" * inner + "1" + ")" * inner) == Number(1)
    for text in ("(" * (inner + 1) + "1" + ")" * (inner + 1), "x^" * 60 + "x", r"\sqrt" * 60 + "x"):
        with pytest.raises(Unreadable):
            parse(text)


def test_neighbours_do_not_add_up_to_nesting() -> None:
    for term in ("a^b^c+", "(a)+", r"\sin x+", "|a|+"):
        assert size(parse(term * 55 + "x")) > 55


def test_two_signs_may_stand_behind_a_factor() -> None:
    assert MAX_POSTFIXES == 2
    with pytest.raises(Unreadable):
        parse("3!°!")
    with pytest.raises(Unreadable):
        parse("-----x")


def test_questions_that_need_no_value() -> None:
    tree = parse(r"e^{i\pi}+x_1y'-\alpha\sin2t")
    assert symbols(tree) == {"x_1", "y'", r"\alpha", "t"}
    assert operations(tree) == {"add", "mul", "neg", "pow", "sin"}
    assert size(parse("2x+1")) == 5
    assert rename(parse("k(x+k)"), "k", "C") == parse("C(x+C)")
    assert rename(parse("2x"), "k", "C") == parse("2x")


@pytest.mark.parametrize(
    ("text", "expected"),
    [("i", True), ("2+3i", True), (r"\cis x", True), (r"e^{2i}", True), ("2+x", False), ("2", False)],
)
def test_the_imaginary_unit_is_found_wherever_it_stands(text: str, expected: bool) -> None:
    assert mentions_i(parse(text)) is expected
    assert Apply("neg", (Symbol("i"),)) == parse("-i")
