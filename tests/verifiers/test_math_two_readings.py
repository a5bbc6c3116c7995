"""What may be read in two ways: a bare logarithm, a degree sign, a comma between inequalities."""

import pytest

from openqwq.verifiers.math_answer.verifier import MathVerifier


@pytest.mark.parametrize(
    ("gold", "answer", "is_paid"),
    [
        (r"\log 1000", "3", True),
        (r"\log 1000", r"\ln 1000", True),
        (r"\log 8", "3", False),
        (r"\log_2 8", "3", True),
        (r"\log_2 8", r"\ln 8", False),
        (r"\ln 1000", "3", False),
        (r"\log 10+\log e", "2", False),
        (r"\log 10+\log e", r"1+\ln 10", True),
        (r"\sin 30^\circ", "1/2", True),
        (r"\sin 30", "1/2", False),
        (r"90^\circ", r"\pi/2", True),
        (r"90^\circ", "90", True),
        (r"90^\circ", "45", False),
        (r"30^\circ+\frac{\pi}{6}", r"\frac{\pi}{3}", True),
        (r"30^\circ+\frac{\pi}{6}", "60", False),
    ],
)
def test_a_bare_logarithm_and_a_degree_have_one_meaning_for_both_sides(gold: str, answer: str, is_paid: bool) -> None:
    assert (MathVerifier().compare(gold, answer).score == 1.0) is is_paid


@pytest.mark.parametrize(
    ("gold", "answer", "is_paid"),
    [
        ("x>1, x<3", "(1,3)", True),
        ("x>1, x<3", r"\mathbb{R}", False),
        ("x<1, x>3", r"(-\infty,1)\cup(3,\infty)", True),
        ("x<1, x>3", r"\emptyset", False),
        (r"x>1 \text{ and } x<3", "(1,3)", True),
        (r"x>1 \text{ or } x<3", "(1,3)", False),
        (r"x>1 \text{ or } x<3", r"\mathbb{R}", True),
        (r"x\le2, x\ge2", r"\{2\}", True),
    ],
)
def test_a_comma_means_and_where_both_can_hold(gold: str, answer: str, is_paid: bool) -> None:
    assert (MathVerifier().compare(gold, answer).score == 1.0) is is_paid


@pytest.mark.parametrize(
    "gold", [r"\mathbb{R}", r"50\%", r"\emptyset", r"(2,\infty)", r"x\in[1,2]", r"A\cup B=\{1,2\}", "p, q"]
)
def test_sets_lists_and_percentages_are_golds(gold: str) -> None:
    assert MathVerifier().check_reference({"reference": gold}) is None


@pytest.mark.parametrize("gold", [r"(1,\quad [", r"\frac{1}{", "x^", r"\{1, 2^\}", "(1, x^)"])
def test_a_part_that_cannot_be_read_makes_the_gold_unreadable(gold: str) -> None:
    assert MathVerifier().check_reference({"reference": gold}) is not None
