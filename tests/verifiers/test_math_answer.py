"""The math verifier: what is equal, what is not, and what no answer may do."""

import time
from collections.abc import Iterator
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openqwq.verifiers import get_verifier
from openqwq.verifiers.math_answer.exact import rational
from openqwq.verifiers.math_answer.verifier import MathVerifier


@pytest.fixture(scope="module")
def math() -> Iterator[MathVerifier]:
    verifier = MathVerifier(num_workers=1)
    yield verifier
    verifier.close()


EQUAL = [
    ("4", "4"),
    (r"\frac{3}{7}", r"\dfrac{6}{14}"),
    ("0.5", r"\frac12"),
    ("12{,}500", "12500"),
    ("1234", "1,234"),
    (r"3\frac{1}{4}", r"\frac{13}{4}"),
    ("30\\%", "30"),
    ("30\\%", "0.3"),
    ("7", r"7\text{ metres}"),
    ("7", "x = 7"),
    ("7", "\uff17"),
    (r"0.\overline{3}", r"\frac13"),
    (r"5\times 10^{3}", "5000"),
    ("(1, 2)", r"\left(1, \frac{4}{2}\right)"),
    ("1, 2", r"2 \text{ and } 1"),
    (r"\{1,2\}", r"\{2,1\}"),
    ("(1,3]", r"1 < x \le 3"),
    (r"(-\infty, 0)", "x < 0"),
    (r"[0,1)\cup(2,3)", r"(2,3)\cup[0,1)"),
    (r"\pm 3", "-3, 3"),
    (r"\begin{pmatrix}1\\2\end{pmatrix}", r"\begin{bmatrix}1\\\frac42\end{bmatrix}"),
    ("B", r"\text{(B)}"),
    ("B", "(B) 12"),
    (r"\text{even}", "Even"),
    (r"90^\circ", "90"),
    (r"2\sqrt{3}", r"\sqrt{12}"),
    ("(x+1)^2", "x^2+2x+1"),
    ("y = 2x + 1", "2x - y + 1 = 0"),
    (r"\frac{\pi}{4}", r"\arctan 1"),
]
DIFFERENT = [
    ("4", "5"),
    (r"\frac13", "0.33"),
    ("(1,2)", "(2,1)"),
    ("(1,2)", "[1,2]"),
    ("1,2", "1"),
    ("3", r"3 \text{ or } 4"),
    ("3", r"\{1,2,3\}"),
    ("3", "x=x"),
    ("7 \\text{ m}", r"7 \text{ km}"),
    ("9 \\text{ m}^2", r"9 \text{ m}^3"),
    ("B", "B or C"),
    ("x < 3", r"x \le 3"),
    ("2xy", "2"),
    (r"2\cdot 10^{-9}", r"3\cdot 10^{-9}"),
    (r"\sqrt{2}", "1.41421356"),
    ("2+i", "2-i"),
    ("a", "\u0430"),  # a Cyrillic letter
    ("3", "Integer(3)"),
]
BOMBS = [
    "9^{9^{9^{9}}}",
    "(8^8)!",
    "1e999999998",
    "9" * 3000,
    "((" * 900 + "1" + "))" * 900,
    r"\frac{1}{" * 300 + "1" + "}" * 300,
    r"\sum_{k=1}^{10^{9}} k!",
    r"\binom{100000000}{50000000}",
    "x^{99999999}+" * 100,
    "(x+1)^{999}(y+1)^{999}(z+1)^{999}",
    r"\begin{pmatrix}" + "1&" * 1500 + r"1\end{pmatrix}",
    "__import__('os').system('true')",
    "{" * 5000,
    "\\" * 5000,
    "x<" * 1500 + "x",
    "x=" * 1500 + "x",
    r"\text{m/s}" * 380,
    "厘米" * 1500,
    r"\sin" * 900 + "x",
    "x^" * 240 + "x",
    "3" + "°" * 400,
    r"\tan(20x)>\frac1x",
]


@pytest.mark.parametrize(("gold", "answer"), EQUAL)
def test_equal_answers_are_paid(math: MathVerifier, gold: str, answer: str) -> None:
    verdict = math.verify(f"So it is $\\boxed{{{answer}}}$.", {"reference": gold})
    assert verdict.score == 1.0, verdict.reason


@pytest.mark.parametrize(("gold", "answer"), DIFFERENT)
def test_different_answers_are_not_paid(math: MathVerifier, gold: str, answer: str) -> None:
    verdict = math.verify(f"So it is $\\boxed{{{answer}}}$.", {"reference": gold})
    assert verdict.score == 0.0, verdict.reason


@pytest.mark.parametrize("bomb", BOMBS, ids=lambda bomb: bomb[:20])
def test_a_bomb_ends_in_bounded_time_and_is_not_paid(math: MathVerifier, bomb: str) -> None:
    start = time.monotonic()
    assert math.verify(f"\\boxed{{{bomb}}}", {"reference": "x+3"}).score == 0.0
    assert time.monotonic() - start < 20.0  # 2 s for the answer; the rest is a busy machine starting a worker


@pytest.mark.parametrize("reference", ["4", 4, r"\boxed{4}", {"answer": "4"}, {"answer": 4}, "2 + 2 = 4\n#### 4"])
def test_references_come_in_every_common_form(math: MathVerifier, reference: object) -> None:
    assert math.check_reference({"reference": reference}) is None
    assert math.verify(r"\boxed{4}", {"reference": reference}).score == 1.0


UNUSABLE = [
    None,
    "",
    {},
    {"answer": ""},
    ["4"],
    "}{",
    "9" * 5000,
    "$ $",
    r"\text{The sphere has the larger volume because its radius is at least twice as long}",
    r"\text{max } at x=2 and then } grows",
    "x^{2}-7b-",
    r"\mho(3) \leftrightsquigarrow 4",
]


@pytest.mark.parametrize("reference", UNUSABLE)
def test_unusable_references_are_refused_with_a_reason(math: MathVerifier, reference: object) -> None:
    assert math.check_reference({"reference": reference})


@pytest.mark.parametrize(
    ("text", "is_right"),
    [("The answer is 6.", True), ("so 5\n#### 6", True), ("5 and then 6", True), (r"6 \boxed{6", False), ("", False)],
)
def test_a_model_that_does_not_box_can_still_be_read(math: MathVerifier, text: str, is_right: bool) -> None:
    assert math.verify(text, {"reference": "6"}).score == float(is_right)
    assert get_verifier("math", answer_format="boxed").verify(text, {"reference": "6"}).score == 0.0


def test_an_answer_inside_the_thinking_is_not_paid(math: MathVerifier) -> None:
    assert math.verify(r"<think>\boxed{6}</think> done", {"reference": "6"}).score == 0.0
    assert math.verify(r"<think>\boxed{6}", {"reference": "6"}).reason == "unclosed thinking"


@given(st.fractions(max_denominator=500))
def test_every_fraction_is_read_back_exactly(value: Fraction) -> None:
    assert rational(f"{value.numerator}/{value.denominator}") == value
    assert rational(rf"\frac{{{value.numerator}}}{{{value.denominator}}}") == value


@settings(max_examples=150, deadline=None)
@given(st.text(alphabet="0123456789+-*/^(){}[]\\,. xyπfracsqrt%|=<>&!", max_size=60))
def test_any_text_gets_a_verdict_and_the_same_one_again(text: str) -> None:
    verifier = MathVerifier(num_workers=1)
    first, second = (verifier.verify(f"\\boxed{{{text}}}", {"reference": "12"}) for _ in range(2))
    assert first.is_scored
    assert first.score == second.score
