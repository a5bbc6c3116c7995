"""Sets of real numbers: which texts are one set, and where an edge or a bracket makes another."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openqwq.verifiers.math_answer import real_sets
from openqwq.verifiers.math_answer.normalise import clean
from openqwq.verifiers.math_answer.real_sets import RealSet, read_real_set, same_set
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
        (r"x\equiv3", None),
        (r"x\approx3", None),
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
                assert same_set(first, other) == same, (FAMILIES[number][0], text)


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


@pytest.mark.parametrize(
    ("text", "edges"),
    [
        ("x^2>9", [-3, 3]),
        ("(x-39.9)(x-40.1)<0", [39.9, 40.1]),
        ("(x+39.9)(x+40.1)<0", [-40.1, -39.9]),
        ("(x-90)(x-500)<0", [90, 500]),
        ("(x+90)(x+500)<0", [-500, -90]),
        ("(x-500)(x-5000)<0", [500, 5000]),
        ("(x+500)(x+5000)<0", [-5000, -500]),
        ("|x|>50000", [-50000, 50000]),
        ("(x-1)^3>0", [1]),
        (r"\frac1x>2", [0, 0.5]),
        (r"\sqrt{x-2}<3", [2, 11]),
        (r"x\ge|x|", [0]),
        (r"|x|\le x", [0]),
        ("x>x^2", [0, 1]),
        ("x<3", [3]),
        (r"3\le x", [3]),
        ("x^2+1>0", []),
    ],
)
def test_the_edges_of_a_set_are_found_to_fifty_digits(text: str, edges: list[float]) -> None:
    mp = context()
    found = sorted(read(text).critical)
    assert len(found) == len(edges)
    for edge, expected in zip(found, edges, strict=True):
        wanted = mp.mpf(str(expected))
        assert abs(edge - wanted) <= mp.mpf(10) ** -50 * max(1, abs(wanted))


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
