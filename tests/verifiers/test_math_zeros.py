"""Zeros that doubles find along lines: where the sign changes, and neither at poles nor where it only touches."""

import math

import pytest

from openqwq.verifiers.math_answer.doubles import Unsure
from openqwq.verifiers.math_answer.grammar import parse
from openqwq.verifiers.math_answer.values import Evaluator, context
from openqwq.verifiers.math_answer.zeros import Line, exact, is_certainly_no_zero, lines, zero_on

LINE = Line((0.125,), (1.125,))


ROOTS = [("x^2-0.25", 0.5), ("x-7", 7), ("x^3-2", 2 ** (1 / 3)), (r"\cos x", math.pi / 2), ("e^x-2", math.log(2))]


@pytest.mark.parametrize(("text", "root"), ROOTS)
def test_a_zero_is_found_and_made_exact(text: str, root: float) -> None:
    tree = parse(text)
    zero = zero_on(LINE, tree, ["x"])
    assert zero is not None
    assert zero.t == pytest.approx(root - 0.125, abs=1e-12)
    point = exact(zero, tree, ["x"])
    assert point is not None
    assert abs(point["x"] - root) < 1e-14
    assert abs(Evaluator()(tree, point)) < context().mpf(10) ** -90


@pytest.mark.parametrize("text", ["1/(x-0.4)", "(x-0.4)^2", "x^2+1", "5", "10^{-9}x^2+1"])
def test_poles_touching_zeros_and_none_are_not_found(text: str) -> None:
    assert zero_on(LINE, parse(text), ["x"]) is None


def test_what_doubles_do_not_know_is_said() -> None:
    with pytest.raises(Unsure):
        zero_on(LINE, parse(r"\lfloor x\rfloor"), ["x"])


def test_another_side_is_far_from_zero_or_may_be_one() -> None:
    zero = zero_on(LINE, parse("x^2-0.25"), ["x"])
    assert zero is not None
    assert is_certainly_no_zero(parse("x-0.6"), zero, ["x"])
    assert not is_certainly_no_zero(parse("2x-1"), zero, ["x"])
    assert not is_certainly_no_zero(parse("x^3-0.125"), zero, ["x"])
    assert not is_certainly_no_zero(parse(r"\lfloor x\rfloor"), zero, ["x"])


def test_lines_are_seeded_and_half_of_them_follow_an_axis() -> None:
    assert lines(2) is lines(2)
    along = [line for line in lines(2) if sum(a != b for a, b in zip(line.start, line.end, strict=True)) == 1]
    assert len(along) == len(lines(2)) // 2
    assert {line.start[0] != line.end[0] for line in along} == {True, False}
