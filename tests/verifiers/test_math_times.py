"""Times of day and dates are compared as what they are."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openqwq.verifiers.math_answer.times import is_time, same_time, time_at_end
from openqwq.verifiers.math_answer.verifier import MathVerifier

AT_16_20 = (
    "4:20 p.m.",
    "4:20PM",
    r"4{:}20\text{ PM}",
    "16:20",
    "4:20 in the afternoon",
    "下午4时20分",
    "16时20分",
    r"4:20 \text{ p.m.}",
)
ON_MARCH_3 = ("March 3, 1999", "March 3rd, 1999", "3 March 1999", "the 3rd of March, 1999", "Wednesday, March 3, 1999",
              r"1999\text{年}3\text{月}3\text{日}", "1999年3月3日", "1999-03-03", r"\text{Mar. 3, 1999}")  # fmt: skip


@pytest.mark.parametrize("gold", AT_16_20)
@pytest.mark.parametrize("answer", AT_16_20)
def test_one_time_is_equal_in_all_spellings(gold: str, answer: str) -> None:
    assert MathVerifier().compare(gold, answer).score == 1.0


@pytest.mark.parametrize("gold", ON_MARCH_3)
@pytest.mark.parametrize("answer", ON_MARCH_3)
def test_one_date_is_equal_in_all_spellings(gold: str, answer: str) -> None:
    assert MathVerifier().compare(gold, answer).score == 1.0


@pytest.mark.parametrize(
    ("gold", "answer", "is_same"),
    [
        ("4:20 p.m.", "4:20 a.m.", False),
        ("4:20 p.m.", "4:20 in the morning", False),
        ("4:20 a.m.", "16:20", False),
        ("4:20 p.m.", "4:20", True),
        ("4:20", "4:20 p.m.", True),
        ("8 a.m.", "8:00 AM", True),
        ("8 a.m.", "8:30 AM", False),
        ("12:00 noon", "noon", True),
        ("noon", "12:00 p.m.", True),
        ("noon", "midnight", False),
        ("midnight", "12:00 a.m.", True),
        ("12:30 a.m.", "0:30", True),
        ("12:30 p.m.", "12:30 a.m.", False),
        ("上午9点", "9:00 a.m.", True),
        ("下午9点", "9:00 a.m.", False),
        ("3:20", "3:20", None),
        ("3:20", "6:40", None),
        ("2:30", "2.5", None),
        ("8 a.m.", "8", None),
        ("March 3", "March 3rd, 1999", True),
        ("March 3, 1999", "March 3", False),
        ("March 3", "March 4", False),
        ("March 3", "May 3", False),
        ("12/25/2020", "December 25, 2020", True),
        ("December 25, 2020", "12/25/2020", True),
        ("11:30 p.m.", "23:30", True),
        ("1/2/2020", "1/2/2020", None),
        ("March", "March", None),
        ("March 32", "March 32", None),
    ],
)
def test_what_a_side_leaves_open_the_other_may_add(gold: str, answer: str, is_same: bool | None) -> None:
    assert same_time(gold, answer) is is_same


@given(st.integers(0, 1439), st.integers(1, 1439))
def test_two_times_are_equal_only_at_one_minute_of_the_day(minute: int, later: int) -> None:
    def in_halves(at: int) -> str:
        return f"{(at // 60 - 1) % 12 + 1}:{at % 60:02} {'ap'[at >= 720]}.m."

    other = (minute + later) % 1440
    assert same_time(in_halves(minute), in_halves(minute)) is True
    assert same_time(in_halves(minute), in_halves(other)) is False
    assert same_time(in_halves(minute), f"{minute // 60:02}:{minute % 60:02}") is True


def test_a_sentence_ends_with_a_time_or_only_bounds_it() -> None:
    assert time_at_end("So the bus arrives at 4:20 p.m.") == "at 4:20 p.m."
    assert time_at_end("They meet again on August 12, 2031.") == "August 12, 2031."
    assert time_at_end("The shop closes before 5 p.m.") == ""
    assert time_at_end("She has 12 pens.") is None
    assert not is_time("may 5 apples") and not is_time("3") and is_time("May 5")


@pytest.mark.parametrize(
    "gold", ["下午3时", "March 3, 2012", "12:00 noon", r"3\text{ ft }4\text{ in}", r"\neg p\vee q", r"AB\parallel CD"]
)
def test_golds_without_one_value_are_accepted_when_data_is_loaded(gold: str) -> None:
    assert MathVerifier().check_reference({"reference": gold}) is None
