"""The values that an answer states for names: which are read, which must be equal, and which fit no gold."""

import pytest

from openqwq.verifiers.math_answer.normalise import clean
from openqwq.verifiers.math_answer.statements import (
    Statement,
    assignments,
    is_name,
    is_rounding,
    stated_values,
    statement,
)
from openqwq.verifiers.math_answer.structure import Shape, shape_of


def shape(text: str) -> Shape:
    return shape_of(clean(text))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x=5", Statement("x", ("5",), ())),
        ("f(x) = 5", Statement("f(x)", ("5",), ())),
        ("x = 3+4 = 7", Statement("x", ("3+4", "7"), ())),
        (r"x = 2/3 \approx 0.67", Statement("x", ("2/3",), ("0.67",))),
        (r"2/3 \approx 0.67", Statement("", ("2/3",), ("0.67",))),
        (r"x \approx 0.67", Statement("x", ("0.67",), ())),
        (r"\pi \approx 3.14", Statement("", (r"\pi",), ("3.14",))),
        (r"e \approx 2.72", Statement("", ("e",), ("2.72",))),
        (r"e = 1/2", Statement("e", ("1/2",), ())),
        (r"\approx 0.67", Statement("", ("0.67",), ())),
        ("=5", Statement("", ("5",), ())),
        ("=x", Statement("", ("x",), ())),
        ("5=", Statement("", ("5",), ())),
        ("2x=6", Statement("", ("2x", "6"), ())),
        (r"x=1/3\approx0.3\approx0.33", Statement("x", ("1/3",), ("0.3", "0.33"))),
        ("x<5", None),
        (r"x=5\ne6", None),
        ("x", None),
        ("=", None),
        ("==", None),
        (r"x\approx", None),
        ("x=", Statement("", ("x",), ())),
        ("x= =5", Statement("x", ("5",), ())),
        ("1,2", None),
    ],
)
def test_a_chain_of_equalities_is_a_name_and_its_values(text: str, expected: Statement | None) -> None:
    assert statement(shape(text)) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("x=3,y=-1", {"x": ["3"], "y": ["-1"]}),
        ("x_1=2,x_2=5", {"x_1": ["2"], "x_2": ["5"]}),
        ("x_{1}=2,x_{2}=5", {"x_1": ["2"], "x_2": ["5"]}),
        ("x=2 or 5", {"x": ["2", "5"]}),
        ("x=1,x=2", {"x": ["1", "2"]}),
        ("x=1,y=2,3", {"x": ["1"], "y": ["2", "3"]}),
        ("a_1=1,b_1=2", {"a_1": ["1"], "b_1": ["2"]}),
        ("1,2", None),
        ("2,x=1", None),
        ("=1,=2", None),
        ("(x=1,y=2)", None),
        ("x_1=2,x_1=3", {"x_1": ["2", "3"]}),
        ("x=1", None),
        ("x=1=1,y=2", None),
        ("x=1,y<2", None),
        ("x=2,(1,2)", None),
        ("x=1,2y=2", None),
    ],
)
def test_assignments_are_the_values_of_each_name(text: str, expected: dict[str, list[str]] | None) -> None:
    assert assignments(shape(text)) == expected


@pytest.mark.parametrize(
    ("gold", "answer", "expected"),
    [
        ("a_1=1,a_2=2", "a_{2}=2,a_{1}=1", [("1", "1"), ("2", "2")]),
        ("a_1=1,a_2=2", "a_2=1,a_1=2", [("1", "2"), ("2", "1")]),
        ("a_1=1,a_2=2", "1,2", [("(1, 2)", "(1,2)")]),
        ("a_1=1,a_2=2", "a=2,1", [("1, 2", "2, 1")]),
        ("1,2", "a_1=2,a_2=1", [("1,2", "2, 1")]),
        ("(1,2)", "a_2=2,a_1=1", [("(1,2)", "(1, 2)")]),
    ],
)
def test_numbers_are_no_names_of_values_only_beside_a_side_without_them(
    gold: str, answer: str, expected: list[tuple[str, str]]
) -> None:
    assert stated_values(gold, answer, shape(gold), shape(answer)) == expected


NOTHING = [("0", "1")]


@pytest.mark.parametrize(
    ("gold", "answer", "pairs"),
    [
        ("1", "2", None),
        ("x=1", "1", [("1", "1")]),
        ("1", "x=1", [("1", "1")]),
        ("x=1", "x=2", [("1", "2")]),
        ("x=1", "y=1", None),
        ("y=2x", "x=y", None),
        ("x<5", "x=5", None),
        ("x=5", "x<5", None),
        ("2x=6", "3", [("6", "2x"), ("6", "3")]),
        ("=5", "5", [("5", "5")]),
        ("5", "5=5", NOTHING),
        ("5", "x=5=5", NOTHING),
        ("5", "2+3=5", [("5", "2+3"), ("5", "5")]),
        ("5", "2+3=4", [("5", "2+3"), ("5", "4")]),
        ("x=5", "x=y+1=5", [("5", "5")]),
        ("x=5", "x=4+1=5", [("5", "4+1"), ("5", "5")]),
        ("5", "x=2y=5", [("5", "5")]),
        ("5", "2y=5", [("5", "2y"), ("5", "5")]),
        ("2a", "x=a+a=2a", [("2a", "a+a"), ("2a", "2a")]),
        ("5", "x=#=5", [("5", "5")]),
        ("2/3", r"2/3\approx0.67", [("2/3", "2/3")]),
        ("2/3", r"2/3\approx0.66", NOTHING),
        ("2/3", r"2/3\approx0.67\approx0.6", NOTHING),
        ("0.67", r"2/3\approx0.67", [("0.67", "2/3")]),
        (r"2/3\approx0.67", "2/3", [("2/3", "2/3")]),
        (r"2/3=4/6\approx0.67", "2/3", [("4/6", "2/3")]),
        ("x=2=3", "3", [("3", "3")]),
        ("x^2", "f(x)=x^2", [("x^2", "x^2")]),
        ("f(x)=x^2", "y=x^2", [("x^2", "x^2")]),
        ("y=x^2", "f(x)=x^2", [("x^2", "x^2")]),
        ("f(x)=x^2", "g(x)=x^2", None),
        ("f(x)=x^2", "z=x^2", None),
        ("y=2", "z=2", None),
        ("x=1,y=2", "y=2,x=1", [("1", "1"), ("2", "2")]),
        ("x=1,y=2", "y=2,z=1", NOTHING),
        ("x=1,y=2", "x=1", [("(1, 2)", "1")]),
        ("x=1,y=2", "3", [("(1, 2)", "3")]),
        ("x=1,y=2,3", "x=1,y=3,2", [("1", "1"), ("2, 3", "3, 2")]),
        ("AB=4, CD=5", "4,5", [("(4, 5)", "(4,5)")]),
        ("4,5", "AB=4,CD=5", [("(4,5)", "(4, 5)")]),
        ("4,5", "CD=4,AB=5", [("(4,5)", "(4, 5)")]),
        ("(4,5)", "AB=4,CD=5", [("(4,5)", "(4, 5)")]),
        ("(4,5)", "CD=4,AB=5", [("(4,5)", "(5, 4)")]),
        ("CD=4,AB=5", "(4,5)", [("(5, 4)", "(4,5)")]),
        ("x=1,x=2", "1,2", [("1, 2", "1,2")]),
        ("1,2", "x=1,x=2", [("1,2", "1, 2")]),
        ("x=1,x=2", "y=1,y=2", NOTHING),
        ("x=1 or x=2", "x_1=2,x_2=1", [("1, 2", "2, 1")]),
        ("x=1 or x=2", "x=1", [("1, 2", "1")]),
        ("x=1", "x=1 or x=2", [("1", "1, 2")]),
        ("2x=1", "x=1 or x=2", [("2x=1", "1, 2")]),
    ],
)
def test_what_two_sides_state_is_paired_value_by_value(
    gold: str, answer: str, pairs: list[tuple[str, str]] | None
) -> None:
    gold, answer = clean(gold), clean(answer)
    found = stated_values(gold, answer, shape_of(gold), shape_of(answer))
    assert found is None or pairs is not None
    assert found == (None if pairs is None else [(clean(wanted), clean(said)) for wanted, said in pairs])


@pytest.mark.parametrize(
    ("exact", "rounded", "expected"),
    [
        ("2/3", "0.67", True),
        ("2/3", "0.667", True),
        ("2/3", "0.66", False),
        ("2/3", "0.68", False),
        ("2/3", "1", True),
        ("2/3", "0", False),
        (r"\pi", "3.14", True),
        (r"\pi", "3.15", False),
        (r"1000\pi", "3,141.59", True),
        (r"1000\pi", "3,141.58", False),
        (r"-\pi", "-3.1416", True),
        (r"-\pi", "3.1416", False),
        ("0.125", "0.13", True),
        ("0.125", "0.12", True),
        ("1/2", "0.5x", False),
        ("x", "2.718", False),
        ("1/0", "1", False),
        ("9^{9^{9^9}}", "1", False),
        ("1+", "1", False),
        ("12345", "12300", False),
    ],
)
def test_a_rounding_is_right_to_the_digits_that_it_shows(exact: str, rounded: str, expected: bool) -> None:
    assert is_rounding(exact, rounded) is expected


NAMES = r"""
x, a_n, a_{n+1}, x_1', f(x), f(g(x)), f^{-1}(x), a[n], AB, ABCD, |AB|, \angle A, m\angle ABC, \triangle ABC,
\text{Area}, \text{Area}(x), \frac{AB}{CD}, AB:CD, a:b:c, \overline{AB}, \vec{a}, \frac{dy}{dx}, \frac{d^2y}{dx^2},
(x,y), (x), S_{\triangle ABC}, \alpha, Area, total number of ways
"""
NO_NAMES = r"""
2x, x+y, 5, x^2, \frac{1}{x}, \frac, \sqrt, \sqrt{x}, ABCDEF2, (1,2), x y, a; b, -x, \frac{dy}{2}, f(x, a b c d e, |x,
one two three four five
"""


@pytest.mark.parametrize("text", NAMES.strip().replace("\n", " ").split(", "))
def test_a_quantity_has_a_name(text: str) -> None:
    assert is_name(text)


@pytest.mark.parametrize("text", ["", *NO_NAMES.strip().replace("\n", " ").split(", ")])
def test_an_expression_is_no_name(text: str) -> None:
    assert not is_name(text)
