"""Families of values: the name of a parameter is free, the set of values is not."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openqwq.verifiers.math_answer.verifier import MathVerifier

Z = r"k\in\mathbb{Z}"


def is_paid(gold: str, answer: str) -> bool:
    return MathVerifier().compare(gold, answer).score == 1.0


@pytest.mark.parametrize(
    ("gold", "answer"),
    [
        (rf"\frac{{k\pi}}{{3}}, {Z}", r"\frac{n\pi}{3}, n\in\mathbb{Z}"),
        (rf"x=\frac{{\pi}}{{5}}+k\pi, {Z}", r"x=\frac{\pi}{5}+n\pi,\ n\in Z"),
        (rf"x=\frac{{\pi}}{{5}}+k\pi\ ({Z})", r"$x=\frac{\pi}{5}+m\pi$, where $m$ is an integer"),
        (rf"x=\frac{{\pi}}{{5}}+k\pi, {Z}", r"x=\frac{\pi}{5}+n\pi\text{ for any integer }n"),
        (rf"x=\frac{{\pi}}{{5}}+k\pi, {Z}", r"x=\frac{\pi}{5}+k\pi, k 为整数"),
        (rf"x=\frac{{\pi}}{{5}}+k\pi, {Z}", r"x=-\frac{4\pi}{5}-n\pi, n\in\mathbb{Z}"),
        (rf"x=2k\pi\pm\frac{{\pi}}{{7}}, {Z}", r"x=\pm\frac{\pi}{7}+2n\pi, n\in\mathbb{Z}"),
        (
            rf"x=(-1)^k\frac{{\pi}}{{6}}+k\pi, {Z}",
            rf"x=\frac{{\pi}}{{6}}+2k\pi\text{{ or }}x=\frac{{5\pi}}{{6}}+2k\pi, {Z}",
        ),
        (rf"x=\pm\frac{{\pi}}{{4}}+k\pi, {Z}", rf"x=\frac{{\pi}}{{4}}+\frac{{k\pi}}{{2}}, {Z}"),
        (rf"x=k\cdot180^\circ+30^\circ, {Z}", r"x=30^\circ+180^\circ n"),
        (rf"\{{3k : {Z}\}}", r"\{3n \mid n\in\mathbb{Z}\}"),
        (rf"\{{x \mid x=3k, {Z}\}}", r"\{x : x=3n, n\in\mathbb{Z}\}"),
        (rf"(x,y)=(k,5k), {Z}", r"(t,5t),\ t\in\mathbb{Z}"),
        (r"n\equiv 2\pmod 5", r"n=5k+2, k\in\mathbb{Z}"),
        (r"n=5k+2, k\in\mathbb{Z}", r"n\equiv 2\pmod 5"),
        (r"n\equiv 0,2\pmod 5", r"n=5k\text{ or }n=5k+2"),
        ("f(x)=cx^2", r"f(x)=ax^2\text{ for a constant }a"),
        (r"y=Ce^{3x}, C\in\mathbb{R}", r"y=Ae^{3x}, A\text{ constant}"),
    ],
)
def test_a_family_is_the_same_whatever_its_parameter_is_called(gold: str, answer: str) -> None:
    assert is_paid(gold, answer)


@pytest.mark.parametrize(
    ("gold", "answer"),
    [
        (rf"x=\frac{{\pi}}{{5}}+k\pi, {Z}", rf"x=\frac{{\pi}}{{5}}+2k\pi, {Z}"),
        (rf"x=\frac{{\pi}}{{5}}+2k\pi, {Z}", rf"x=\frac{{\pi}}{{5}}+k\pi, {Z}"),
        (rf"x=\pm\frac{{\pi}}{{5}}+k\pi, {Z}", rf"x=\frac{{\pi}}{{5}}+k\pi, {Z}"),
        (rf"x=k\pi, {Z}", r"x=\pi"),
        (rf"x=k\pi, {Z}", "x=0"),
        (rf"x=k\pi, {Z}", r"x=x\pi"),
        (rf"x=k\pi, {Z}", r"x=k\pi, k\in\mathbb{R}"),
        (r"2k, k\in\mathbb{N}", rf"2k, {Z}"),
        (rf"k^2, {Z}", r"n, n\in\mathbb{Z}"),
        (rf"(k,5k), {Z}", r"(t,6t), t\in\mathbb{Z}"),
        (rf"ak, {Z}", "mk"),
        (rf"mn+k, {Z}", rf"mk+n, {Z}"),
        (r"f(x)=cx^2, c\in\mathbb{R}", "f(x)=2x^2"),
        (r"f(x)=cx^2, c\in\mathbb{R}", r"f(x)=ax^3, a\in\mathbb{R}"),
        (r"n\equiv 2\pmod 5", r"n=5k+3, k\in\mathbb{Z}"),
        (r"n\equiv 0,2\pmod 5", "n=5k"),
        (r"n\equiv 2\pmod 5", r"n\equiv 2\pmod 6"),
    ],
)
def test_another_set_of_values_is_another_family(gold: str, answer: str) -> None:
    assert not is_paid(gold, answer)


@given(st.integers(-30, 30), st.integers(1, 12), st.integers(-3, 3), st.integers(1, 3), st.integers(1, 11))
def test_offsets_move_by_whole_periods_and_finer_families_need_all_parts(
    offset: int, period: int, moved: int, parts: int, shift: int
) -> None:
    gold = rf"{period}k+{offset}, k\in\mathbb{{Z}}"
    assert is_paid(gold, rf"{period}n+{offset + moved * period}, n\in\mathbb{{Z}}")
    assert is_paid(gold, rf"{offset}-{period}n, n\in\mathbb{{Z}}")
    pieces = [f"{parts * period}n+{offset + part * period}" for part in range(parts)]
    assert is_paid(gold, ", ".join(pieces) + r", n\in\mathbb{Z}")
    if parts > 1:
        assert not is_paid(gold, ", ".join(pieces[1:]) + r", n\in\mathbb{Z}")
    assert is_paid(gold, rf"{period}n+{offset + shift}, n\in\mathbb{{Z}}") == (shift % period == 0)
