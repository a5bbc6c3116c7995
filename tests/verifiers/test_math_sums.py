"""Sums and products over an index, series, whole parts, remainders, choices and phasors: read and compared by value."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openqwq.verifiers.math_answer.compare import Comparison
from openqwq.verifiers.math_answer.grammar import MAX_FOLDS, parse
from openqwq.verifiers.math_answer.normalise import clean
from openqwq.verifiers.math_answer.numeric import same_value
from openqwq.verifiers.math_answer.tokens import Unreadable
from openqwq.verifiers.math_answer.values import MAX_TERMS, TooLarge, Undefined


def same(gold: str, answer: str) -> bool:
    return same_value(parse(clean(gold)), parse(clean(answer)))


def never(gold: str, answer: str) -> bool:
    raise AssertionError(f"the last tier was asked about {gold!r} and {answer!r}")


@pytest.mark.parametrize(
    ("gold", "answer", "equal"),
    [
        (r"\sum_{k=2}^{7} k^2", "139", True),
        (r"\sum_{k=2}^{7} k^2", "140", False),
        ("139", r"\sum_{k=2}^{7} k^2", True),
        (r"\sum\limits_{j=2}^{7} j^2", "139", True),
        (r"\sum^{7}_{k=2} k^2", "139", True),
        (r"\sum_{k=1}^12 k", "78", True),
        (r"\sum_{k=1}^4 2k+1", "21", True),
        (r"\sum_{k=1}^4 (2k+1)", "24", True),
        (r"3\sum_{k=1}^4 k", "30", True),
        (r"\sum_{i=1}^4 i", "10", True),
        (r"\sum_{k=5}^4 k", "0", True),
        (r"\sum_{i=1}^4\sum_{j=1}^i j", "20", True),
        (r"\sum_{i=1}^4\sum_{j=1}^i j", "40", False),
        (r"\sum_{k=1}^3 kx^k", "x+2x^2+3x^3", True),
        (r"\sum_{k=1}^3 kx^k", "x+2x^2+2x^3", False),
        (r"\sum_{k=1}^n k", r"\frac{n^2+n}{2}", True),
        (r"\sum_{k=1}^n k", r"\sum_{m=1}^n m", True),
        (r"\sum_{k=1}^n k", r"\frac{n^2}{2}", False),
        (r"\sum_{k=1}^{n} k", r"\sum_{k=1}^{n-1} k", False),
        (r"\sum_{k=1}^n k", r"\frac{k^2+k}{2}", False),
        (r"\prod_{k=1}^5 k", "5!", True),
        (r"\prod_{k=1}^3 2k", "48", True),
        (r"\prod_{k=1}^n k", "n!", True),
        (r"\prod_{k=2}^{9}\left(1-\frac1{k}\right)", r"\frac19", True),
        (r"\prod_{k=2}^{9}\left(1-\frac1{k}\right)", r"\frac1{10}", False),
    ],
)
def test_a_sum_or_product_over_an_index_has_its_value(gold: str, answer: str, equal: bool) -> None:
    assert same(gold, answer) is equal


@given(st.integers(-5, 20), st.integers(0, 30), st.integers(-9, 9), st.integers(-9, 9))
@settings(max_examples=40, deadline=None)
def test_a_sum_is_that_of_its_terms(first: int, more: int, a: int, b: int) -> None:
    last = first + more
    value = sum(a * k * k + b for k in range(first, last + 1))
    text = rf"\sum_{{k={first}}}^{{{last}}} ({a}k^2+{b})"
    assert same(text, str(value))
    assert not same(text, str(value + 1))


@pytest.mark.parametrize(
    "text",
    [
        r"\sum k",
        r"\sum_{k=1} k",
        r"\sum_{k}^{3} k",
        r"\sum_{2=1}^{3} k",
        r"\sum_{k=1}^{3} a_k",
        r"\sum_{K=1}^{3} \vec{K}",
        r"\prod_{k=1}^{3} k\cdot 2",
        r"\prod_{k=1}^{3} k/2",
        r"\prod_{k=1}^{\infty} k",
        r"\sum_{k=1}^{2\infty} k",
        r"\sum_{k=1}^2" * (MAX_FOLDS + 1) + "1",
    ],
)
def test_sums_without_bounds_and_products_without_an_end_are_refused(text: str) -> None:
    with pytest.raises(Unreadable):
        parse(clean(text))


def test_a_sum_has_terms_up_to_its_cap_and_none_that_runs_backwards_or_has_broken_bounds() -> None:
    assert same(rf"\sum_{{k=1}}^{{{MAX_TERMS}}} k", str(MAX_TERMS * (MAX_TERMS + 1) // 2))
    for text in (
        rf"\sum_{{k=0}}^{{{MAX_TERMS}}} k",
        r"\sum_{k=1}^{10^{30}} k",
        rf"\sum_{{k=1}}^{{{MAX_TERMS // 5}}} \sin k",
        r"\sum_{i=1}^{90}\sum_{j=1}^{90} ij",
    ):
        with pytest.raises(TooLarge):
            same("1", text)
    for text in (r"\sum_{k=5}^{3} k", r"\sum_{k=1}^{2.5} k", r"\sum_{k=1/2}^{2} k", r"\sum_{k=1}^{i} k"):
        with pytest.raises(Undefined):
            same("1", text)


@pytest.mark.parametrize(
    ("gold", "answer", "equal"),
    [
        (r"\sum_{n=0}^\infty (n+2)x^n", r"\sum_{k=0}^{\infty} 2x^k+kx^k", False),  # the second term stands alone
        (r"\sum_{n=0}^\infty (n+2)x^n", r"\sum_{k=0}^{\infty} x^k(k+2)", True),
        (r"\sum_{n=0}^\infty (n+2)x^n", r"\sum_{n=2}^{\infty} nx^{n-2}", True),
        (r"\sum_{n=0}^\infty (n+2)x^n", r"\sum_{n=0}^{\infty} nx^n", False),
        (r"\sum_{n=1}^\infty\frac1{n^3}", r"\sum_{m=1}^\infty m^{-3}", True),
        (r"\sum_{n=1}^\infty\frac1{n^3}", r"\sum_{m=1}^\infty m^{-2}", False),
        (r"\sum_{n=0}^\infty x^n", r"\sum_{n=0}^{7} x^n+\sum_{n=0}^\infty 0", False),
    ],
)
def test_series_are_equal_term_by_term(gold: str, answer: str, equal: bool) -> None:
    assert same(gold, answer) is equal


def test_a_series_beside_none_is_for_the_last_tier() -> None:
    for answer in ("1", r"\sum_{n=0}^{8} x^n", r"\frac1{1-x}"):
        with pytest.raises(Unreadable):
            same(r"\sum_{n=0}^\infty x^n", answer)


@pytest.mark.parametrize(
    ("gold", "answer", "equal"),
    [
        (r"\left\lfloor\frac{9}{4}\right\rfloor", "2", True),
        ("⌊9/4⌋", "2", True),
        ("⌈9/4⌉", "3", True),
        (r"\operatorname{floor}(9/4)", "2", True),
        ("floor(9/4)", "2", True),
        ("ceil(9/4)", "3", True),
        (r"\text{ceiling}(9/4)", "3", True),
        (r"\lfloor\log_3 27\rfloor", "3", True),
        (r"\lceil\log_3 27\rceil", "3", True),
        (r"\lfloor\pi\rfloor", "4", False),
        (r"\lfloor x\rfloor+1", r"\lceil x\rceil", False),
        (r"\lfloor x+2\rfloor", r"\lfloor x\rfloor+2", True),
        (r"\lfloor-x\rfloor", r"-\lceil x\rceil", True),
        (r"\lceil\frac{n-1}{2}\rceil", r"\lfloor\frac n2\rfloor", True),  # n is whole
        (r"\lceil\frac{x-1}{2}\rceil", r"\lfloor\frac x2\rfloor", False),
        (r"\lfloor n/2\rfloor", "n/2", False),
        (r"\lfloor n/2\rfloor", r"\lfloor n/3\rfloor", False),
        (r"23\bmod 7", "2", True),
        (r"-1\bmod 7", "6", True),
        (r"3^{1000}\bmod 7", "4", True),
        (r"3^{1000}\bmod 7", "3", False),
        (r"n\bmod 3", r"n-3\lfloor n/3\rfloor", True),
        (r"n\bmod 3", r"n\bmod 6", False),
        (r"{n+1 \choose 2}", r"\frac{n(n+1)}{2}", True),
        (r"\tbinom{n}{k}", r"\dbinom{n}{n-k}", True),
        ("C(n+1,2)", r"\binom{n+1}{2}", True),
        ("C(n+1,2)", r"\binom{n}{2}", False),
        (r"\log_5 125", "3", True),
        ("log_5(125)", "3", True),
        (r"\log_{10}x", r"\lg x", True),
        (r"\log_2 x", r"\ln x", False),
        (r"6\angle 30^\circ", "6e^{i\\pi/6}", True),
        (r"6\angle 30^\circ", r"3\sqrt3+3i", True),
        (r"6\angle -30°", r"3\sqrt3-3i", True),
        (r"6\angle\pi/6", r"6\angle{30^{\circ}}", True),
        (r"6\angle 30^\circ/2", r"3\angle 30^\circ", True),
        (r"6\angle 30^\circ", r"6\angle 31^\circ", False),
        (r"6\angle 30^\circ", r"5\angle 30^\circ", False),
        (r"\ln\mid x\mid", r"\ln|x|", True),
    ],
)
def test_whole_parts_remainders_choices_logarithms_and_phasors_need_no_last_tier(
    gold: str, answer: str, equal: bool
) -> None:
    assert Comparison(never).equal(gold, answer) is equal
