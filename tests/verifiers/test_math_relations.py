"""Equations, inequalities and congruences: which are one relation, and where a sign or a zero makes another."""

import pytest

from openqwq.verifiers.math_answer.grammar import parse
from openqwq.verifiers.math_answer.normalise import clean
from openqwq.verifiers.math_answer.numeric import points
from openqwq.verifiers.math_answer.relations import (
    MAX_SEARCH_NODES,
    _vanishes,
    as_interval,
    same_congruence,
    same_relation,
)
from openqwq.verifiers.math_answer.structure import Shape, shape_of
from openqwq.verifiers.math_answer.values import context


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x<7", (Shape("bracket", (r"-\infty", "7"), ("(", ")")), "x")),
        (r"x\le7", (Shape("bracket", (r"-\infty", "7"), ("(", "]")), "x")),
        ("x>7", (Shape("bracket", ("7", r"\infty"), ("(", ")")), "x")),
        (r"x\ge7", (Shape("bracket", ("7", r"\infty"), ("[", ")")), "x")),
        ("7>x", (Shape("bracket", (r"-\infty", "7"), ("(", ")")), "x")),
        (r"7\le x", (Shape("bracket", ("7", r"\infty"), ("[", ")")), "x")),
        (r"2<x\le5", (Shape("bracket", ("2", "5"), ("(", "]")), "x")),
        (r"5\ge a_{1}>2", (Shape("bracket", ("2", "5"), ("(", "]")), "a_{1}")),
        ("a<b", (Shape("bracket", (r"-\infty", "b"), ("(", ")")), "a")),
        ("1<2<3", None),
        ("2<3", None),
        ("1<x>3", None),
        ("x>3=y", None),
        (r"x\ne3", None),
        ("x=3", None),
        ("<3", None),
        ("x<", None),
        (">x", None),
        ("x<3<4", None),
        ("4>3>x", None),
        ("1<x<3<4", None),
        (r"3>x\in A", None),
    ],
)
def test_a_simple_inequality_is_an_interval_and_its_variable(text: str, expected: tuple[Shape, str] | None) -> None:
    assert as_interval(shape_of(clean(text))) == expected


CONGRUENT = [
    (r"x\equiv3\pmod7", r"x\equiv10\pmod{7}", True),
    (r"x\equiv3\pmod7", r"x\equiv-4 (\mod 7)", True),
    (r"x\equiv3\pmod7", r"x\equiv4\pmod7", False),
    (r"x\equiv3\pmod7", r"x\equiv-3\pmod7", False),
    (r"x\equiv3\pmod7", r"x\equiv3\pmod{14}", False),
    (r"x\equiv3\pmod7", r"y\equiv3\pmod7", False),
    (r"x\equiv3\pmod7", r"x\equiv3.5\pmod7", False),
    (r"x\equiv3\pmod7", r"x\equiv3", False),
    (r"x\equiv3", r"x\equiv3", False),
    (r"x\equiv3\pmod7", r"x\equiv a\pmod7", False),
    (r"x\equiv a\pmod7", r"x\equiv7\pmod7", False),
    (r"x\equiv14\pmod7", r"x\equiv a\pmod7", False),
    (r"x\equiv1/2\pmod7", r"x\equiv15/2\pmod7", True),
]


@pytest.mark.parametrize(("gold", "answer", "equal"), CONGRUENT)
def test_congruences_have_one_variable_one_modulus_and_residues_apart_by_a_multiple(
    gold: str, answer: str, equal: bool
) -> None:
    assert same_congruence(shape_of(clean(gold)), shape_of(clean(answer))) is equal
    assert same_congruence(shape_of(clean(answer)), shape_of(clean(gold))) is equal


@pytest.mark.parametrize(
    ("gold", "answer", "equal"),
    [
        ("y=3x-2", "3x-y-2=0", True),
        ("y=3x-2", "6x-2y=4", True),
        ("y=3x-2", "y=3x+2", False),
        ("y=3x-2", r"y\ne3x-2", False),
        (r"x\ne2", r"3x-6\ne0", True),
        ("x+y<1", "2x+2y<2", True),
        ("x+y<1", "-x-y>-1", True),
        ("x+y<1", "-x-y<-1", False),
        ("x+y<1", "x+y>1", False),
        ("x+y<1", r"x+y\le1", False),
        (r"x+y\le1", r"-x-y\ge-1", True),
        (r"x+y\le1", "-x-y>-1", False),
        ("x+y>1", "1-x-y<0", True),
        (r"x+y\ge1", r"1-x-y\le0", True),
        ("1=1", "2=2", False),
        ("x=x", "x=x", False),
        ("x=2", "x-x=0", False),
        ("x-x=0", "x=2", False),
        ("x=y", "a=b", False),
        ("x=1", "x+y-y=1", False),
        ("1=2", "2=4", False),
        ("x+y-y=1", "x=1", False),
        ("x=2", "x=2-i^2-1", True),
        ("x=2-i^2-1", "x=2", True),
        (r"5\cdot10^{-59}x=0", "x=0", True),
        (r"5\cdot10^{-61}x=0", "x=0", False),
        ("x=0", r"5\cdot10^{-61}x=0", False),
        ("x=y=z", "x=y", False),
        ("x=y", "x=y=z", False),
        ("xy=1", "y=1/x", True),
        ("x^2=4", "|x|=2", True),
        ("x^2=4", "x=2", False),
        ("x=2", "x^2=4", False),
        (r"x^2\ne4", r"|x|\ne2", True),
        ("x<2", "x^3<8", False),
        ("(y-x)(y+x)=0", "y=x", False),
        ("y=x", "(y-x)(y+x)=0", False),
        ("(y-x)(y+x)=0", "y^2=x^2", True),
        ("ix=1", "x=-i", True),
        ("x=i", "x=-i", False),
        ("e^x=2", r"x=\ln2", True),
        (r"\sqrt{x}=2", "x=4", True),
        (r"\ln x+\ln y=0", "xy=1", False),
    ],
)
def test_relations_are_equal_up_to_a_factor_or_have_the_same_zeros(gold: str, answer: str, equal: bool) -> None:
    assert same_relation(shape_of(clean(gold)), shape_of(clean(answer))) is equal


def test_five_points_must_have_one_ratio() -> None:
    tried = [float(point["x"]).as_integer_ratio() for _, point in zip(range(5), points(frozenset({"x"})), strict=False)]
    factors = [rf"(x-(\frac{{{above}}}{{{below}}}))" for above, below in tried]
    gold = shape_of("x<0")
    assert not same_relation(gold, shape_of(f"x(1+{''.join(factors[:4])})<0"))
    assert same_relation(gold, shape_of(f"x(1+{''.join(factors)})<0"))  # the price of trying five


def test_long_equations_are_not_searched_for_zeros() -> None:
    ones = "+1" * 94
    assert MAX_SEARCH_NODES == 200
    short, long = shape_of(f"x^2{ones}=98"), shape_of(f"x^2{ones}+1=99")
    gold = shape_of(f"|x|{ones[:-2]}=95")
    assert same_relation(gold, short)
    assert not same_relation(gold, long)


def test_a_value_vanishes_below_fifty_digits() -> None:
    mp = context()
    assert _vanishes(parse("x"), {"x": mp.mpf(10) ** -51})
    assert _vanishes(parse("x"), {"x": -(mp.mpf(10) ** -51)})
    assert not _vanishes(parse("x"), {"x": mp.mpf(10) ** -49})
    assert not _vanishes(parse("1/x"), {"x": mp.mpf(0)})
