"""A text is said as whole words and whole numbers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openqwq.verifiers.said_texts import says


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        ("It leaves at **14:05**.", "14:05"), ("PARIS's oldest  bridge", "paris"), ("在东京举行", "东京"),
        ("共3个", "3"),
        ("It is -3°.", "-3"), ("It weighs 12mm", "12"), ("costs $12.", "$12"), ("two boxes", "box"), 
        ("12\nmm of rain", "12 mm"),
        ("Das ist schön.", "scho\u0308n"), ("서울은 맑음", "서울"), ("_Rome_", "rome"), ("(3)", "3"), ("3, 4", "3"),
        ("C++ it is", "c++"),
    ],
)  # fmt: skip
def test_an_answer_says_what_stands_in_it(answer: str, text: str) -> None:
    assert says(answer, text)


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        ("It is 15.", "5"), ("It is 3.5", "3"), ("It is 3,000", "3"), ("It is -3.", "3"), ("-3", "3"),
        ("costs 112.5", "12.5"),
        ("costs $120", "$12"), ("It leaves at 14:05:30.", "14:05"), ("I know it.", "no"), ("concatenate", "cat"),
        ("room A3", "3"),
        ("It leaves at 15:04.", "14:05"), ("", "a"), ("nos", "no"),
    ],
)  # fmt: skip
def test_a_part_of_a_longer_word_or_number_is_not_said(answer: str, text: str) -> None:
    assert not says(answer, text)


@given(st.integers(0, 10**6), st.integers(0, 10**6))
def test_one_number_says_no_other(said: int, wanted: int) -> None:
    assert says(f"There are {said} of them.", str(wanted)) == (said == wanted)


@given(st.text(st.characters(codec="utf-8"), max_size=20), st.text(max_size=20).filter(str.strip))
def test_no_text_raises(answer: str, text: str) -> None:
    assert isinstance(says(answer, text), bool)
