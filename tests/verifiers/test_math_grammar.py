"""The grammar and the evaluation of expressions: what is read, what is refused, and what has one value."""

import time
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openqwq.verifiers.math_answer.exact import exact_value
from openqwq.verifiers.math_answer.expression import Expression, Symbol
from openqwq.verifiers.math_answer.grammar import parse
from openqwq.verifiers.math_answer.normalise import clean
from openqwq.verifiers.math_answer.numeric import same_value
from openqwq.verifiers.math_answer.tokens import Unreadable
from openqwq.verifiers.math_answer.values import TooLarge, Undefined


def tree(text: str) -> Expression:
    return parse(clean(text))


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (r"\sin^2 x", r"\frac{1-\cos 2x}{2}"),
        (r"\sin 30^\circ", "0.5"),
        (r"\tan^{-1} 1", r"\frac\pi4"),
        (r"60^\circ", r"\frac{\pi}{3}"),
        (r"2e^{i\pi/3}", r"1+i\sqrt3"),
        (r"2\operatorname{cis} 60^\circ", r"1+i\sqrt3"),
        (r"\sqrt[3]{2+\sqrt5}+\sqrt[3]{2-\sqrt5}", "1"),
        (r"\sqrt{x^2}", "|x|"),
        (r"\log_3 5", r"\frac{\ln 5}{\ln 3}"),
        (r"\log 1000", "3"),
        (r"\log e", "1"),
        (r"(-1)^n", r"\cos n\pi"),
        ("n!", "n(n-1)!"),
        (r"\begin{vmatrix}a&b\\c&d\end{vmatrix}", "ad-bc"),
        (r"37^\circ 30'", "37.5°"),
        (r"\overline{2+i}", "2-i"),
        (r"x^2+C", "x^2+k"),
        ("sqrt(2)/2", r"\frac{1}{\sqrt2}"),
    ],
)
def test_equal_expressions_have_one_value(left: str, right: str) -> None:
    assert same_value(tree(left), tree(right))


@pytest.mark.parametrize(
    "text", ["9^{9^{9^9}}", "(10^9)!", r"\sin(10^{10^5})", "e^{10^9}", r"2^{-10^{15}}", r"\binom{10^{12}}{10^6}"]
)
def test_a_bomb_is_refused_at_once(text: str) -> None:
    start = time.monotonic()
    with pytest.raises(TooLarge):
        same_value(tree("3"), tree(text))
    assert time.monotonic() - start < 2.0


arithmetic = st.recursive(
    st.integers(0, 50).map(lambda n: (str(n), Fraction(n))),
    lambda inner: st.tuples(inner, st.sampled_from("+-*"), inner).map(
        lambda parts: (
            f"({parts[0][0]}){parts[1]}({parts[2][0]})".replace("*", r"\cdot "),
            {"+": parts[0][1] + parts[2][1], "-": parts[0][1] - parts[2][1], "*": parts[0][1] * parts[2][1]}[parts[1]],
        )
    ),
    max_leaves=12,
)


@given(arithmetic)
def test_any_arithmetic_is_read_as_it_is_written(pair: tuple[str, Fraction]) -> None:
    text, value = pair
    assert exact_value(parse(text)) == value


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="0123456789+-*/^_(){}[]|\\,.!°' xyzei%&fracsqtlognpih", max_size=80))
def test_any_text_is_a_tree_or_refused(text: str) -> None:
    try:
        first = parse(clean(text))
        same_value(Symbol("x"), first)
    except (Unreadable, TooLarge, Undefined):
        return
    assert parse.__wrapped__(clean(text)) == first
