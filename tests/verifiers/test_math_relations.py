"""Equations, inequalities and sets of real numbers; names, units, words and choices around a value."""

import pytest

from openqwq.verifiers.math_answer.normalise import clean
from openqwq.verifiers.math_answer.real_sets import read_real_set, same_set
from openqwq.verifiers.math_answer.relations import same_relation
from openqwq.verifiers.math_answer.statements import Statement, assignments, is_name, statement
from openqwq.verifiers.math_answer.structure import Shape, shape_of, variants
from openqwq.verifiers.math_answer.units import split_unit
from openqwq.verifiers.math_answer.words import chooses, gold_letter


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("y=3x-2", "3x-y-2=0"),
        ("xy=1", r"y=\frac1x"),
        (r"\frac{x^2}{9}+\frac{y^2}{4}=1", "4x^2+9y^2=36"),
        ("x+y<4", "2x+2y<8"),
        ("x+y<4", "-x-y>-4"),
    ],
)
def test_one_relation_has_many_forms(left: str, right: str) -> None:
    assert same_relation(shape_of(clean(left)), shape_of(clean(right)))


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("y=3x-2", "y=3x+2"),
        ("y=3x-2", "y-y=0"),
        ("y=x", "(y-x)(y+x)=0"),
        ("x=2", "x^2=4"),
        ("x+y<4", "x+y>4"),
        ("x+y<4", r"x+y\le4"),
        ("x=y", "a=b"),
    ],
)
def test_different_relations_are_told_apart(left: str, right: str) -> None:
    assert not same_relation(shape_of(clean(left)), shape_of(clean(right)))


SETS = [
    [r"(-\infty,-2)\cup(2,\infty)", r"x<-2 \text{ or } x>2", "|x|>2", "x^2>4", r"\mathbb{R}\setminus[-2,2]"],
    ["(-1,4]", r"-1<x\le4", r"x>-1 \text{ and } x\le4", "x>-1, x\\le 4", r"\{t \mid -1<t\le4\}", r"4\ge x>-1"],
    [r"(-\infty,0)\cup(0,\infty)", r"x\ne0", r"\mathbb{R}\setminus\{0\}", r"\{x\in\mathbb{R} : x\neq0\}"],
    [r"[-\sqrt2,\sqrt2]", r"|x|\le\sqrt2", r"x^2\le2"],
    [r"\{1,2,3\}", r"\{n\in\mathbb{Z}\mid 0<n<4\}", r"\{n\in\mathbb{N} : 1\le n\le3\}"],
    ["[1,5]", r"[1,3]\cup[2,5]", r"[0,5]\cap[1,9]", r"x\in[1,5]"],
    [r"(-\infty,\infty)", r"\mathbb{R}", r"x^2\ge0"],
    [r"\emptyset", "(1,2)\\cap(3,4)"],
    ["(0,1)", r"\frac1x>1"],
]


def test_a_set_of_numbers_equals_its_other_spellings_and_no_other_set() -> None:
    read = [[(text, read_real_set(clean(text))) for text in family] for family in SETS]
    for number, family in enumerate(read):
        for text, found in family:
            assert found is not None, text
            for other_number, other_family in enumerate(read):
                for other_text, other in other_family:
                    assert other is not None
                    expected = number == other_number
                    assert same_set(found, other) == expected, (text, other_text)


def test_the_variables_of_two_inequalities_must_agree_unless_bound() -> None:
    named, other, bound = (read_real_set(clean(text)) for text in ("x>2", "y>2", r"\{y\mid y>2\}"))
    assert named is not None
    assert other is not None
    assert bound is not None
    assert not same_set(named, other)
    assert same_set(named, bound)


def test_a_set_with_parameters_is_not_read() -> None:
    assert read_real_set(clean("(a,b)")) is None
    assert read_real_set(clean("x>a")) is None


def test_a_statement_splits_a_name_from_its_values() -> None:
    assert statement(shape_of(clean(r"x = 3+4 = 7 \approx 7.0"))) == Statement("x", ("3+4", "7"), ("7.0",))
    assert statement(shape_of(clean("2x = 6"))) == Statement("", ("2x", "6"), ())
    assert statement(shape_of(clean("x < 6"))) is None


@pytest.mark.parametrize(
    "text", ["x", "a_n", "f(x)", "f^{-1}(x)", "AB", r"\angle ABC", r"\text{Area}", "(x,y)", r"S_{\triangle ABC}"]
)
def test_quantities_have_names(text: str) -> None:
    assert is_name(clean(text))


@pytest.mark.parametrize("text", ["2x", "x+y", "5", "", r"\frac{1}{x}", "x^2", r"\sqrt{x}"])
def test_expressions_are_no_names(text: str) -> None:
    assert not is_name(clean(text))


def test_assignments_are_grouped_by_variable() -> None:
    assert assignments(shape_of(clean("x=3, y=-1"))) == {"x": ["3"], "y": ["-1"]}
    assert assignments(shape_of(clean("x_1=2, x_2=5"))) == {"x": ["2", "5"]}
    assert assignments(shape_of(clean(r"x=2 \text{ or } 5"))) == {"x": ["2", "5"]}
    assert assignments(shape_of(clean("1, 2"))) is None


@pytest.mark.parametrize(
    ("text", "kind", "parts"),
    [
        ("(2,5]", "bracket", ("2", "5")),
        ("1,2", "list", ("1", "2")),
        (r"\{1,2\}", "set", ("1", "2")),
        (r"1 \text{ and } 2", "list", ("1", "2")),
        ("3:4", "ratio", ("3", "4")),
        (r"(1,2)\cup(3,4)", "union", ("(1,2)", "(3,4)")),
        (r"\text{even}", "words", ("even",)),
        ("2x", "expression", ("2x",)),
        (r"\begin{pmatrix}1&2\\3&4\end{pmatrix}", "matrix", ("1", "2", "3", "4")),
        (r"\frac12\begin{pmatrix}2\\4\end{pmatrix}", "matrix", (r"(\frac12)(2)", r"(\frac12)(4)")),
    ],
)
def test_an_answer_has_an_outer_shape(text: str, kind: str, parts: tuple[str, ...]) -> None:
    shape = shape_of(clean(text))
    assert (shape.kind, shape.parts) == (kind, parts)


def test_a_sign_of_both_kinds_is_written_out() -> None:
    assert variants(r"2\pm\sqrt3") == (r"2+\sqrt3", r"2-\sqrt3")
    assert variants(r"\pm1\mp x") == ("1- x", "-1+ x")
    assert len(variants(r"\pm1\pm x")) == 4
    assert shape_of("5") == Shape("expression", ("5",))


@pytest.mark.parametrize(
    ("text", "value", "unit"),
    [
        (r"12\text{ cm}", "12", "cm"),
        ("36 square centimeters", "36", "cm^2"),
        (r"36\ \text{cm}^2", "36", "cm^2"),
        (r"9.8\ \mathrm{m/s^2}", "9.8", "m/s^2"),
        (r"60\text{ km per hour}", "60", "km/h"),
        (r"\$45", "45", "usd"),
        ("45 dollars", "45", "usd"),
        ("24平方米", "24", "m^2"),
        (r"1.2\text{ million people}", r"(1.2)\times 10^{6}", "person"),
        ("2万元", r"(2)\times 10^{4}", "cny"),
        (r"45^\circ", "45°", "degree"),
        (r"25^\circ\text{C}", "25", "celsius"),
        (r"5 \text{ or } 6", r"5 \text{ or } 6", ""),
        (r"\text{about } 5", r"\text{about } 5", ""),
        ("5x", "5x", ""),
        ("不是37", "不是37", ""),
    ],
)
def test_a_unit_is_split_from_its_value(text: str, value: str, unit: str) -> None:
    assert split_unit(clean(text)) == (value, unit)


@pytest.mark.parametrize("answer", ["B", "(B)", "b", r"\text{(B)}", "B. 12", r"\textbf{(B)}\ 12", r"\text{Option B}"])
def test_a_letter_is_chosen_with_or_without_its_value(answer: str) -> None:
    assert gold_letter("B") == "B"
    assert chooses(clean(answer), "B")


@pytest.mark.parametrize("answer", ["C", "B or C", r"\text{not B}", "AB", r"\text{(B) or (C)}", "8"])
def test_another_letter_or_two_are_no_choice_of_it(answer: str) -> None:
    assert not chooses(clean(answer), "B")
