"""What a scan of the real line must show: near zeros, far ones, large and small values."""

import math
from collections.abc import Callable

import pytest

from openqwq.verifiers.math_answer.grammar import parse
from openqwq.verifiers.math_answer.scans import same_real_zeros, zeros_of

GRID = [0.0137 + 0.2 * n for n in range(-50, 50)]


@pytest.mark.parametrize("scale", [1e-12, 1.0, 1e12])
def test_zeros_are_found_whatever_the_size_of_the_values(scale: float) -> None:
    found = zeros_of(lambda x: scale * math.sin(x), GRID)
    assert found == pytest.approx([n * math.pi for n in range(-3, 4)], abs=1e-9)
    touches = zeros_of(lambda x: scale * (1 - math.cos(x)), GRID)
    assert touches == pytest.approx([-2 * math.pi, 0, 2 * math.pi], abs=1e-3)


@pytest.mark.parametrize("scale", [1e-12, 1e-9, 1.0, 1e9])
def test_what_comes_near_to_zero_does_not_touch_it(scale: float) -> None:
    assert zeros_of(lambda x: scale * (x * x + 1), GRID) == []
    assert zeros_of(lambda x: scale * (1.001 - math.cos(x)), GRID) == []


@pytest.mark.parametrize(
    "f",
    [lambda x: 1 / (x - 1), lambda x: math.copysign(1, x - 1), lambda x: 1 / math.sin(x), math.tan],
    ids=["pole", "jump", "poles", "tangent"],
)
def test_a_change_of_sign_without_a_zero_is_none(f: Callable[[float], float]) -> None:
    expected = [n * math.pi for n in range(-3, 4)] if f is math.tan else []
    assert zeros_of(f, GRID) == pytest.approx(expected, abs=1e-9)


def test_two_zeros_within_a_quarter_are_two() -> None:
    pair = parse("(e^x-4)(e^x-5)")  # 1.39 and 1.61
    assert same_real_zeros(pair, parse("e^{2x}-9e^x+20"), "x")
    for one in ("e^x-4", "e^x-5"):
        assert not same_real_zeros(pair, parse(one), "x") and not same_real_zeros(parse(one), pair, "x")


def test_far_out_zeros_are_compared_by_their_size() -> None:
    touching = parse(r"(\ln x-9)^2")  # at 8103, where the least value is known to some 1e-4
    assert same_real_zeros(touching, parse(r"(\ln x-9)(x-e^9)"), "x")
    assert not same_real_zeros(touching, parse(r"(\ln x-9.001)^2"), "x")


def test_beside_large_numbers_a_side_may_have_no_value() -> None:
    assert same_real_zeros(parse(r"\ln x-\ln500"), parse(r"(x-500)\ln(x+1)\sqrt x"), "x")
    assert not same_real_zeros(parse(r"\ln x-\ln500"), parse(r"(x-501)\ln(x+1)\sqrt x"), "x")


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (r"\ln x-1", r"\ln x-1.0001"),
        (r"\ln x-9", r"\ln x-9.001"),
        ("e^x-1000", "e^x-1001"),
        (r"\sin x", r"\sin x\cos x"),
        (r"\sin x", r"\sin(2x)"),
        (r"\sin x", r"x\sin(x)(e^x-e^{30})"),
        ("e^x-2", "(e^x-2)(e^{-x}-2)"),
        ("e^{-x}-2", "(e^x-2)(e^{-x}-2)"),
        ("e^x-x-2", "(e^x-x-2)(e^x-0.0003)"),
    ],
)
def test_a_zero_more_or_elsewhere_makes_another_equation(left: str, right: str) -> None:
    a, b = parse(left), parse(right)
    assert same_real_zeros(a, a, "x") and same_real_zeros(b, b, "x")
    assert not same_real_zeros(a, b, "x") and not same_real_zeros(b, a, "x")
