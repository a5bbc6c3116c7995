"""Functions given in pieces: in any order, with `otherwise`, split further, beside a formula; and what is none."""

from itertools import permutations

import pytest

from openqwq.verifiers.math_answer.compare import Comparison
from openqwq.verifiers.math_answer.normalise import clean
from openqwq.verifiers.math_answer.piecewise import MAX_PIECES, Piece, read_pieces


def cases(*rows: str) -> str:
    return r"\begin{cases}" + r" \\ ".join(rows) + r"\end{cases}"


def same(gold: str, answer: str) -> bool:
    return Comparison(lambda *_: False).equal(gold, answer)


PIECES = ("x^2 & x<-1", "2x+3 & -1\\le x<2", "7 & x\\ge 2")


@pytest.mark.parametrize("rows", list(permutations(PIECES)))
def test_pieces_stand_in_any_order(rows: tuple[str, ...]) -> None:
    assert same(cases(*PIECES), cases(*rows))


@pytest.mark.parametrize(
    ("answer", "equal"),
    [
        (cases("x^2 & x<-1", "2x+3 & -1\\le x<2", r"7 & \text{otherwise}"), True),
        (cases("x^2, & x<-1,", r"3+2x, & \text{if } -1\leq x<2,", r"7, & \text{else.}"), True),
        (cases("x^2 & x\\le -1", "2x+3 & -1< x\\le2", "7 & x> 2"), True),  # continuous at both borders
        (cases("x^2 & x<-2", "x^2 & -2\\le x<-1", "2x+3 & -1\\le x<2", "7 & x\\ge 2"), True),
        (cases("x^2 & x<-1", "2x+3 & -1\\le x<2", "7 & x> 3"), False),
        (cases("x^2 & x<-1", "2x+3 & -1\\le x<2"), False),
        (cases("x^2 & x<-1", "2x+3 & -1\\le x<2", "8 & x\\ge 2"), False),
        (cases("7 & x<-1", "2x+3 & -1\\le x<2", "x^2 & x\\ge 2"), False),
        (cases("x^2 & x<-1", "2y+3 & -1\\le x<2", "7 & x\\ge 2"), False),
        ("f(x)=" + cases(*PIECES), True),
        ("x^2", False),
        ("7", False),
        (r"\R", False),
        (r"x\ne0", False),
    ],
)
def test_pieces_are_compared_by_value(answer: str, equal: bool) -> None:
    assert same(cases(*PIECES), answer) is equal


PARITY = cases(r"0 & n\text{ even}", r"1 & n\text{ odd}")
RESIDUE = cases(r"2 & n\equiv1\pmod3", r"0 & \text{otherwise}")


@pytest.mark.parametrize(
    ("gold", "answer", "equal"),
    [
        ("|x|", cases("x & x>0", "-x & x\\le0"), True),
        (cases("x & x>0", "-x & x\\le0"), "|x|", True),
        (cases("x & x>0", "-x & x\\le0"), "-|x|", False),
        (cases("x & x>0", "-x & x\\le0"), r"\sqrt{x^2}", True),
        (cases("x & x>0", "-x & x<0"), "|x|", False),  # zero is left out
        (cases("1 & x=0", r"\frac{\sin x}{x} & x\ne0"), cases(r"\frac{\sin x}{x} & x\ne0", "1 & x=0"), True),
        (cases("1 & x=0", r"\frac{\sin x}{x} & x\ne0"), cases(r"\frac{\sin x}{x} & x\ne0", "0 & x=0"), False),
        (cases("ax & x>0", "0 & x\\le0"), cases("xa & x>0", "0 & x\\le0"), True),
        (cases("ax & x>0", "0 & x\\le0"), cases("-ax & x>0", "0 & x\\le0"), False),
        ("f(x)=" + cases("x & x>0", "-x & x\\le0"), "y=" + cases("x & x>0", "-x & x\\le0"), True),
        ("f(x)=" + cases("x & x>0", "-x & x\\le0"), "g(x)=" + cases("x & x>0", "-x & x\\le0"), False),
        (cases("x & x>0", "-x & x\\le0"), r"\left\{\begin{array}{ll}x&(x>0)\\-x&(x\le0)\end{array}\right.", True),
        (cases("x & x>0", "-x & x\\le0"), cases("x, x>0", "-x, x\\le0"), True),
        (cases("x & x>0", "-x & x\\le0"), cases(r"x \text{ if } x>0", r"-x \text{ if } x\le0"), True),
        (PARITY, cases(r"1 & \text{if } n \text{ is odd}", r"0 & \text{otherwise}"), True),
        (PARITY, cases(r"1 & \text{if $n$ is even}", r"0 & \text{otherwise}"), False),
        (PARITY, cases(r"0 & m\text{ even}", r"1 & m\text{ odd}"), False),
        (PARITY, "0", False),
        (RESIDUE, cases(r"2 & \text{if }n\equiv1\pmod{3}", r"0 & \text{else}"), True),
        (RESIDUE, cases(r"2 & n\equiv2\pmod3", r"0 & \text{otherwise}"), False),
    ],
)  # fmt: skip
def test_other_conditions_and_a_formula_beside_pieces(gold: str, answer: str, equal: bool) -> None:
    assert same(gold, answer) is equal


def test_a_piece_is_a_value_and_its_condition() -> None:
    text = clean("h(x) = " + cases("x+1, & \\text{if } x>2,", r"0 & \text{otherwise}"))
    assert read_pieces(text) == ("h(x)", (Piece("x+1", "x>2"), Piece("0", "")))
    assert read_pieces(cases(*(f"{n} & x={n}" for n in range(MAX_PIECES)))) is not None


@pytest.mark.parametrize(
    "text",
    [
        "x",
        cases("x=3", "y=2"),
        cases("x & =3", "y & =2"),
        cases("x+y=3 & x>0", "x-y=1 & x>0"),
        cases("x+y", "x-y"),
        cases("1 & x", "2 & y"),
        cases("1 & ", "2 & x>0"),
        cases(r"1 & \text{otherwise}", r"2 & \text{else}"),
        cases(*(f"{n} & x={n}" for n in range(MAX_PIECES + 1))),
        "2+3=" + cases("x & x>0", "-x & x\\le0"),
    ],
)
def test_systems_and_other_texts_are_no_functions_in_pieces(text: str) -> None:
    assert read_pieces(clean(text)) is None
