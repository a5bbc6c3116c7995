"""Doubles with a bound on their error hold the true value, and give up where they do not know it."""

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openqwq.verifiers.math_answer.doubles import Ball, Doubles, Unsure, are_different
from openqwq.verifiers.math_answer.grammar import parse
from openqwq.verifiers.math_answer.values import Evaluator, Undefined, context

UNARY = [
    r"\sin({})", r"\cos({})", r"\tan({})", r"\cot({})", r"\sec({})", r"\arctan({})", r"\sqrt{{{}}}", r"\sqrt[3]{{{}}}",
    r"\ln({})", r"\lg({})", r"\exp({})", r"|{}|", "({})^2", "({})^{{-1}}", "({})^{{0.3}}", "({})!", "-({})",
]  # fmt: skip
leaves = st.sampled_from(["x", "y", "2", "0.1", r"\pi", "e", r"\frac{1}{3}", "10^{20}", "7"])
expressions = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.tuples(st.sampled_from(UNARY), inner).map(lambda parts: parts[0].format(parts[1])),
        st.tuples(inner, st.sampled_from(["+", "-", r"\cdot ", "/", "^"]), inner).map(
            lambda parts: f"({parts[0]}){parts[1]}{{({parts[2]})}}"
        ),
    ),
    max_leaves=8,
)


@settings(max_examples=400, deadline=None)
@given(expressions, st.floats(0.1, 5), st.floats(-5, 5))
def test_the_true_value_lies_within_the_error(text: str, x: float, y: float) -> None:
    tree, mp = parse(text), context()
    try:
        ball = Doubles()(tree, {"x": x, "y": y})
    except Unsure:
        return
    exact = Evaluator()(tree, {"x": mp.mpf(x), "y": mp.mpf(y)})  # what doubles know is defined
    assert abs(exact - ball.value) <= 2 * ball.error + 1e-300


@pytest.mark.parametrize(
    "text",
    [
        "i", "z", r"\sqrt{-2}", r"\ln(-2)", r"\ln 0", "1/0", "0^0", "(-2)^{0.5}", r"\sqrt{x-x}", "(-1)!", "200!",
        r"1/(10^{20}+1-10^{20})", r"\sin(10^{9})", "10^{200}", "10^{-200}", "10^{-400}", "10^{400}", r"\exp(-1000)",
        r"\exp(1000)", r"\lfloor x\rfloor", r"\arcsin x", r"\gcd(4,6)", "e^{-800}", r"\sum_{k=1}^n k",
        r"\sum_{k=0}^\infty x^k", r"\sum_{k=5}^3 k", r"\sum_{k=1}^{99999} k", r"10^{100}\cdot10^{100}",
        r"10^{-100}\cdot10^{-100}",
    ],
)  # fmt: skip
def test_what_doubles_do_not_know_they_leave_to_others(text: str) -> None:
    with pytest.raises(Unsure):
        Doubles()(parse(text), {"x": 1.5})


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("x^2", 2.25),
        (r"\log 8", math.log(8)),
        (r"\log_2 8", 3),
        (r"\sin 30°", 0.5),
        ("30°", 30),
        (r"\binom{5}{2}", 10),
        (r"\sum_{k=1}^{10} k^2", 385),
        (r"\prod_{k=1}^5 k", 120),
        ("(-8)^3", -512),
    ],
)
def test_known_values(text: str, value: float) -> None:
    ball = Doubles()(parse(text), {"x": 1.5})
    assert ball.value == pytest.approx(value, rel=1e-13)
    assert ball.error < 1e-10


def test_a_bare_logarithm_and_a_degree_are_read_as_asked() -> None:
    assert Doubles(log_base=10)(parse(r"\log 1000"), {}).value == pytest.approx(3)
    assert Doubles(in_radians=True)(parse("180°"), {}).value == pytest.approx(math.pi)


def test_values_are_different_only_beyond_both_errors() -> None:
    assert are_different(Ball(1, 0), Ball(1.1, 0.01))
    assert not are_different(Ball(1, 0.1), Ball(1.1, 0))
    assert not are_different(Ball(1, 0), Ball(1 + 1e-13, 0))
    assert not are_different(Ball(0, 0), Ball(0, 0))


def test_what_is_undefined_is_never_known() -> None:
    for text in ("1/(x-x)", r"\ln(x-2)", r"\sqrt{x-2}", "(x-2.5)!/0"):
        with pytest.raises(Undefined):
            Evaluator()(parse(text), {"x": context().mpf(1.5)})
        with pytest.raises(Unsure):
            Doubles()(parse(text), {"x": 1.5})
