"""What a response copies from its prompt is taken out, and nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openqwq.verifiers.math_answer.copied import LONG_RUN, without_copied

ASKED = "Factor x^2 - 9.\nEach of the four boxes holds 30 red balls.\n一个盒子里有三十个红色的球。\n(A) 12 (B) 7"


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("Each of the four boxes holds 30 red balls.", ""),
        ("EACH of the\nfour **boxes** holds $30$ red balls", ""),
        ("So: each of the four boxes holds 30", "So:\n"),
        ("boxes holds 30 red balls.", ""),
        ("There are 30 red balls.", "There are 30 red balls."),
        ("Factor x^2 - 9.", ""),
        ("Question: Factor x^2 - 9.", "Question:\n"),
        ("x^2 - 9", "x^2 - 9"),
        ("x^2 + 9", "x^2 + 9"),
        ("Factor x^2 + 9.", "Factor x^2 + 9."),
        ("盒子里有三十个红色的球", ""),
        ("三十个红色的球", ""),
        ("红色的球", "红色的球"),
        ("30", "30"),
        ("(B) 7", "(B) 7"),
        ("Nothing is copied: 5", "Nothing is copied: 5"),
    ],
)
def test_runs_of_words_of_the_prompt_are_taken_out_in_any_layout(text: str, kept: str) -> None:
    assert without_copied(text, ASKED) == kept


def test_a_statement_goes_only_where_twelve_words_are_copied() -> None:
    said = "the answer is the number of balls in all of the four boxes"
    assert without_copied("the answer is the number 5", said, LONG_RUN) == "the answer is the number 5"
    assert without_copied(said, said, LONG_RUN) == ""


def test_only_the_end_of_a_very_long_prompt_is_looked_at() -> None:
    words = "alpha beta gamma delta epsilon"
    assert without_copied(words, f"{words} " + "x " * 24_000) == ""
    assert without_copied(words, f"{words} " + "x " * 25_000) == words


@given(st.lists(st.sampled_from(["so", "we", "get", "5", "x", "+", "-", "red", "球", "\n", ". "]), max_size=30))
def test_a_copy_of_the_whole_prompt_leaves_no_word(words: list[str]) -> None:
    prompt = " ".join(words)
    left = without_copied(f"{prompt}\n{prompt}", prompt)
    pieces = [piece for piece in left.replace(". ", "\n").split("\n") if piece.strip(" .+-")]
    assert all(len(piece.replace("+", " ").replace("-", " ").split()) == 1 for piece in pieces)


@given(st.text(alphabet="ab 1.\n", max_size=60), st.text(alphabet="cd 2.\n", max_size=60))
def test_a_text_that_shares_no_word_with_its_prompt_stays(text: str, asked: str) -> None:
    assert without_copied(text, asked) == text
