"""Sets of real numbers, and relations: which texts are one set, where an edge, a bracket or a zero makes another."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openqwq.verifiers.math_answer import real_sets
from openqwq.verifiers.math_answer.grammar import parse
from openqwq.verifiers.math_answer.normalise import clean
from openqwq.verifiers.math_answer.numeric import points
from openqwq.verifiers.math_answer.real_sets import RealSet, read_real_set, same_set
from openqwq.verifiers.math_answer.relations import (
    MAX_SEARCH_NODES,
    _vanishes,
    as_interval,
    same_congruence,
    same_relation,
)
from openqwq.verifiers.math_answer.structure import Shape, shape_of
from openqwq.verifiers.math_answer.values import context


def read(text: str) -> RealSet:
    found = read_real_set(clean(text))
    assert found is not None, text
    return found


def members(text: str, *numbers: float) -> list[bool]:
    found = read(text)
    return [found.contains(context().mpf(x)) for x in numbers]


@pytest.mark.parametrize(
    ("text", "held"),  # of 1, 2, 3, 4
    [
        ("(1,3)", "0100"),
        ("[1,3)", "1100"),
        ("(1,3]", "0110"),
        ("[1,3]", "1110"),
        (r"(-\infty,2]", "1100"),
        (r"(2,\infty)", "0011"),
        (r"(2,+\infty)", "0011"),
        ("(3,1)", "0000"),
        ("[3,1]", "0000"),
        ("[2,2]", "0100"),
        ("[2,2)", "0000"),
        (r"[1,2]\cup[4,5]", "1101"),
        (r"[1,3]\cap[3,5]", "0010"),
        (r"[1,4]\setminus\{2,3\}", "1001"),
        (r"\{1,4\}", "1001"),
        (r"\{1,4,\infty\}", "1001"),
        (r"\R", "1111"),
        (r"\emptyset", "0000"),
        ("x<3", "1100"),
        (r"x\le3", "1110"),
        ("x>3", "0001"),
        (r"x\ge3", "0011"),
        (r"x\ne3", "1101"),
        ("3>x", "1100"),
        ("1<x<4", "0110"),
        (r"4\ge x>2", "0011"),
        (r"1\le x<3<5", None),
        ("1<x=3", "0010"),
        (r"-\infty<x<3", "1100"),
        (r"2<x<\infty", "0011"),
        ("x^2<9", "1100"),
        (r"x^2\le9", "1110"),
        (r"x^2>9", "0001"),
        (r"x^2\ge9", "0011"),
        (r"x^2\ne9", "1101"),
        (r"x\in[2,3]", "0110"),
        ("x>1, x<4", "0110"),
        ("x<2, x>3", "1001"),
        (r"x>1\text{ and }x<3", "0100"),
        (r"x<2\text{ and }x>3", "0000"),
        (r"x<2\text{ or }x>3", "1001"),
        (r"x>1\text{ or }x<3", "1111"),
        (r"\{x\mid x>2\}", "0011"),
        (r"\{x\in\mathbb{R}\mid x>2\}", "0011"),
        (r"\{x\mid x^2=9\}", "0010"),
        (r"\{n\in\mathbb{Z}\mid 1.5<n<3.5\}", "0110"),
        (r"\{n\in\mathbb{N}\mid n<3\}", "1100"),
        (r"\{n\in\mathbb{Q}\mid n<3\}", None),
        (r"\{2x\mid x<3\}", None),
        (r"\{y\mid x<3\}", None),
        (r"x\in y", None),
        ("x>1, y<2", None),
        ("x>a", None),
        ("(a,3)", None),
        ("1<2", None),
        ("(1,2,3)", None),
        ("A", None),
        (r"(1,2)\cup A", None),
        (r"(1,2)\setminus A", None),
        (r"A\setminus(1,2)", None),
        (r"[1,5]\setminus[2,3]\setminus[4,5]", None),
        (r"\sin x>0", None),
        ("(1,1/0)", None),
    ],
)
def test_a_set_holds_what_its_text_says(text: str, held: str | None) -> None:
    if held is None:
        assert read_real_set(clean(text)) is None
    else:
        assert members(text, 1, 2, 3, 4) == [digit == "1" for digit in held]


@pytest.mark.parametrize(
    ("text", "held"),  # of -1, 0, 1/2, 1
    [
        (r"\{n\in\mathbb{Z}\mid n<1\}", "1100"),
        (r"\{n\in\mathbb{N}\mid n<2\}", "0101"),
        (r"\{n\in\mathbb{Z}^+\mid n<2\}", "0001"),
        (r"\{n\in\mathbb{Z}_{+}\mid n<2\}", "0001"),
        (r"\{n\in\mathbb{N}^*\mid n<2\}", "0001"),
        (r"\{n\in\mathbb{N}_+\mid n<2\}", "0001"),
        (r"\{n\in\mathbb{R}\mid n<2\}", "1111"),
    ],
)
def test_a_set_builder_keeps_to_its_domain(text: str, held: str) -> None:
    assert members(text, -1, 0, 0.5, 1) == [digit == "1" for digit in held]


FAMILIES = [
    [r"(-\infty,-100)\cup(100,\infty)", "x^2>10000", "|x|>100"],
    [r"(-\infty,-500)\cup(500,\infty)", "x^2>250000"],
    ["(-5000,5000)", "x^2<25000000"],
    [r"[0,\infty)", r"\sqrt{x}\ge0", r"x^3\ge0"],
    ["(0,1)", r"\ln x<0", r"\frac1x>1", r"0<x<1"],
    [r"(2,\infty)", r"\frac{1}{x-2}>0", "2x>4", "4<2x"],
    [r"(-\infty,1)\cup(1,\infty)", r"(x-1)^2>0", r"x\ne1", r"\mathbb{R}\setminus\{1\}"],
    [r"\{1\}", r"(x-1)^2\le0", "[1,1]", r"[0,1]\cap[1,2]"],
    [r"\{1,2\}", r"\{n\in\mathbb{Z}\mid0<n<3\}", r"\{x\mid(x-1)(x-2)=0\}", r"[1,1]\cup[2,2]"],
    ["[1,2]", r"(x-1)(x-2)\le0", r"1\le x\le2"],
    [r"(1,2)\cup\{1,2\}\cup(2,3)", "[1,3)"],
    [r"\{n\in\mathbb{Z}\mid n>0\}", r"\{n\in\mathbb{Z}\mid n\ge1\}", r"\{n\in\mathbb{N}\mid n\ne0\}"],
    [r"(0,\infty)", r"e^{\ln x}>0"],
    [r"(-\infty,0)", "x<0", r"-\sqrt{-x}<0"],
    ["(1,2)", "1<x<2", r"(1,3)\setminus[2,3)"],
    [r"(-\sqrt2,\sqrt2)", "x^2<2"],
    ["(1,2]", r"1<x\le2"],
    [r"\emptyset", "(1,1)", r"x^2<0", r"x<1\text{ and }x>2"],
    [r"\mathbb{R}", r"(-\infty,\infty)", r"x<1\text{ or }x\ge1"],
    ["(-2,40.5)", r"(x+2)(x-40.5)<0"],
]


def test_a_set_equals_its_own_spellings_and_no_other_set() -> None:
    families = [[read(text) for text in family] for family in FAMILIES]
    for number, (first, *_) in enumerate(families):
        for other_number, family in enumerate(families):
            for text, other in zip(FAMILIES[other_number], family, strict=True):
                same = number == other_number
                assert same_set(first, other) == same_set(other, first) == same, (FAMILIES[number][0], text)


@settings(max_examples=40)
@given(st.integers(-9, 9), st.integers(1, 9), st.sampled_from("(["), st.sampled_from(")]"))
def test_an_interval_equals_its_inequality_and_neither_swapped_brackets_nor_moved_edges(
    low: int, width: int, opens: str, closes: str
) -> None:
    high = low + width
    interval = read(f"{opens}{low},{high}{closes}")
    below, above = ("<" if opens == "(" else r"\le "), ("<" if closes == ")" else r"\le ")
    assert same_set(interval, read(f"{low}{below}x{above}{high}"))
    others = [(a, b) for a in "([" for b in ")]" if (a, b) != (opens, closes)]
    for a, b in others:
        assert not same_set(interval, read(f"{a}{low},{high}{b}"))
        assert not same_set(read(f"{a}{low},{high}{b}"), interval)
    for moved in (f"{opens}{low},{high + 1}{closes}", f"{opens}{low - 1},{high}{closes}"):
        assert not same_set(interval, read(moved))
        assert not same_set(read(moved), interval)


def test_named_variables_must_agree_and_bound_ones_need_not() -> None:
    assert not same_set(read("x>2"), read("y>2"))
    assert not same_set(read(r"x\in(2,3)"), read(r"y\in(2,3)"))
    assert same_set(read("x>2"), read(r"\{y\mid y>2\}"))
    assert same_set(read("x>2"), read(r"(2,\infty)"))
    assert (
        read(r"-\infty<x<3").variable
        == read("x>2").variable
        == read("x>2, x>3").variable
        == read(r"x\in(2,3)").variable
        == "x"
    )
    assert read(r"\{x\mid x>2\}").variable == read("(1,2)").variable == ""


def test_points_are_one_when_fifty_digits_agree() -> None:
    mp = context()
    zero, near, far = mp.mpf(0), mp.mpf(10) ** -51, mp.mpf(10) ** -49
    for text in (r"\{0\}", r"\{x\mid x=0\}", r"\{x\mid x^2\le0\}", "[0,0]"):
        assert read(text).contains(zero)
        assert read(text).contains(near) and read(text).contains(-near)
    for text in (r"\{0\}", r"\{x\mid x=0\}", "[0,0]"):
        assert not read(text).contains(far) and not read(text).contains(-far)
    big = mp.mpf(10) ** 40
    for text in (rf"\{{{10**40}\}}", rf"[{10**40},{10**40}]"):
        assert read(text).contains(big * (1 + near)) and not read(text).contains(big * (1 + far))
    assert not read("(0,1)").contains(near) and read("(0,1)").contains(far)


def test_sets_are_read_to_their_caps_and_refused_behind_them() -> None:
    integers = r"\{n\in\mathbb{Z}\mid 0<n\le%d\}"
    assert read_real_set(clean(integers % real_sets.MAX_INTEGERS)) is not None
    assert read_real_set(clean(integers % (real_sets.MAX_INTEGERS + 1))) is None
    terms = "+1" * (real_sets.MAX_SEARCH_NODES - 3)  # with x, its sum and the other side
    assert read_real_set(f"x{terms}>0") is not None
    assert read_real_set(f"x{terms}+1>0") is None
    roots = [f"(x-{n})" for n in range(1, real_sets.MAX_CHANGES + 2)]
    assert read_real_set("".join(roots[:-1]) + ">0") is not None
    assert read_real_set("".join(roots) + ">0") is None
    points_apart = [rf"[{2 * n},{2 * n}]" for n in range(real_sets.MAX_PARTS + 1)]
    assert read_real_set(r"\cup".join(points_apart[:-1])) is not None
    assert read_real_set(r"\cup".join(points_apart)) is None
    assert read_real_set(r"\{" + ",".join(map(str, range(50))) + r"\}") is not None
    nested = r"\{x\mid x\in\{x\mid x\in[0,1]\}\}"
    assert real_sets.MAX_DEPTH == 4
    assert read_real_set(clean(nested)) is not None
    assert read_real_set(clean(r"x\in" + nested)) is None
    for sign in (r"\cup", r"\setminus"):
        assert read_real_set(clean(nested.replace("[0,1]", rf"[0,1]{sign}[2,3]"))) is None
        assert read_real_set(clean(rf"[0,1]{sign}{nested}")) is None
        assert read_real_set(clean(rf"[0,1]{sign}\{{x\mid x\in[2,3]\}}")) is not None


# relations


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
    (r"x\equiv a\pmod7", r"x\equiv3\pmod7", False),
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
