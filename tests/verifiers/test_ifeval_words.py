"""Official checkers of words, cases and lengths: right, wrong, and their known faults, which are kept."""

from __future__ import annotations

import re
from importlib.util import find_spec
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openqwq.verifiers.ifeval import words
from openqwq.verifiers.ifeval.instructions import read_arguments
from openqwq.verifiers.ifeval.readings import is_followed

EXISTENCE = "keywords:existence"
FREQUENCY = "keywords:frequency"
FORBIDDEN = "keywords:forbidden_words"
LETTERS = "keywords:letter_frequency"
WORDS = "length_constraints:number_words"
SENTENCES = "length_constraints:number_sentences"
PARAGRAPHS = "length_constraints:number_paragraphs"
NTH = "length_constraints:nth_paragraph_first_word"
CAPITALS = "change_case:capital_word_frequency"
LANGUAGE = "language:response_language"
UPPER = "change_case:english_capital"
LOWER = "change_case:english_lowercase"
COMMA = "punctuation:no_comma"

needs_eval = pytest.mark.skipif(
    not all(map(find_spec, ("langdetect", "nltk", "punkt"))), reason="the extra `eval` is not installed"
)


def is_right(name: str, kwargs: dict[str, Any], text: str) -> bool:
    return is_followed(name, text, read_arguments(name, kwargs))


@pytest.mark.parametrize(
    ("name", "kwargs", "text", "followed"),
    [
        (EXISTENCE, {"keywords": ["cat", "Dog"]}, "a CAT and a dog", True),
        (EXISTENCE, {"keywords": ["cat", "dog"]}, "a cat", False),
        (EXISTENCE, {"keywords": ["cat"]}, "concatenate", True),
        (EXISTENCE, {"keywords": ["node.js"]}, "nodeXjs", True),
        (FREQUENCY, {"keyword": " war ", "frequency": 2, "relation": "at least"}, "war and warm", True),
        (FREQUENCY, {"keyword": "war", "frequency": 3, "relation": "at least"}, "war and warm", False),
        (FREQUENCY, {"keyword": "war", "frequency": 3, "relation": "less than"}, "war and warm", True),
        (FREQUENCY, {"keyword": "war", "frequency": 2, "relation": "less than"}, "war and warm", False),
        (FORBIDDEN, {"forbidden_words": ["rock", "roll"]}, "rocks and scrolls", True),
        (FORBIDDEN, {"forbidden_words": ["rock", "roll"]}, "Roll on", False),
        (FORBIDDEN, {"forbidden_words": ["C#"]}, "I use C#", True),
        (LETTERS, {"letter": "E", "let_frequency": 2, "let_relation": "at least"}, "eE", True),
        (LETTERS, {"letter": "e", "let_frequency": 3, "let_relation": "at least"}, "eE", False),
        (LETTERS, {"letter": "e", "let_frequency": 2, "let_relation": "less than"}, "eE", False),
        (LETTERS, {"letter": "K", "let_frequency": 1, "let_relation": "at least"}, "\u212a", True),
        (WORDS, {"num_words": 2, "relation": "at least"}, "don't", True),
        (WORDS, {"num_words": 4, "relation": "less than"}, "state-of-the-art", False),
        (WORDS, {"num_words": 2, "relation": "less than"}, "one_word!", True),
        (WORDS, {"num_words": 3, "relation": "at least"}, "only two", False),
        (WORDS, {"num_words": 3, "relation": "at least"}, "हिन्दी", True),
        (PARAGRAPHS, {"num_paragraphs": 2}, "one\n***\ntwo", True),
        (PARAGRAPHS, {"num_paragraphs": 2}, "***\none\n\n***\n\ntwo\n***", True),
        (PARAGRAPHS, {"num_paragraphs": 2}, "one\n***\n***\ntwo", False),
        (PARAGRAPHS, {"num_paragraphs": 3}, "one ***bold*** two", True),
        (PARAGRAPHS, {"num_paragraphs": 1}, "one\n\ntwo", True),
        (PARAGRAPHS, {"num_paragraphs": 1}, "***", False),
        (COMMA, {}, "one，two", True),
        (COMMA, {}, "one, two", False),
    ],
)
def test_words_and_lengths_are_judged_as_the_official_code_judges_them(
    name: str, kwargs: dict[str, Any], text: str, followed: bool
) -> None:
    assert is_right(name, kwargs, text) is followed


@pytest.mark.parametrize(
    ("first_word", "text", "followed"),
    [
        ("Elm", "a b\n\nelm tree", True),
        ("elm", "a b\n\n\"Elm's tree", True),
        ("elm", "a b\n\n'\"Elm!", True),
        ("elm", "a b\n\n\"'elm", False),
        ("elm", "a b\n\n**elm** tree", False),
        ("elm", "a b\n\nelms", False),
        ("elm", "a b\n\nelm tree\n\nc", False),
        ("elm", "a b", False),
        ("elm", "\n\na b\n\nelm tree", False),
        ("a", "\n\na b\n\nelm tree", True),
        ("elm", "a b\n\n \n\nelm", False),
        ("ΛΌΓΟΣ", "a\n\nΛΌΓΟΣ", False),
    ],
)
def test_the_nth_paragraph_is_found_where_the_official_code_finds_it(
    first_word: str, text: str, followed: bool
) -> None:
    kwargs = {"num_paragraphs": 2, "nth_paragraph": 2, "first_word": first_word}
    assert is_right(NTH, kwargs, text) is followed


@given(st.text(alphabet="aA' \"!.ßİΣ\n\u00a0", max_size=30))
def test_the_first_word_is_compared_letter_by_letter(text: str) -> None:
    found = text.split()
    if not found or "\n\n" in text:
        return
    word = ""
    for letter in found[0].lstrip("'").lstrip('"'):
        if letter in ".,?!'\"":
            break
        word += letter.lower()
    assert not word or words.nth_paragraph_first_word(text, 1, 1, word) is (word == word.lower())


@given(st.text(alphabet="ab *\n\t\u00a0", max_size=30), st.integers(0, 5))
def test_paragraphs_are_counted_as_the_official_code_counts(text: str, wanted: int) -> None:
    pieces = re.split(r"\s?\*\*\*\s?", text)
    count, is_empty_inside = len(pieces), False
    for place, piece in enumerate(pieces):
        if not piece.strip():
            count -= 1
            is_empty_inside |= 0 < place < len(pieces) - 1
    assert words.number_paragraphs(text, wanted) is (count == wanted and not is_empty_inside)


@needs_eval
@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("One. Two! Three?", 3),
        ("Dr. Li met Mr. Wu at 5 p.m. in St. Louis. They left.", 2),
        ("It costs 3.5 in the U.S. today", 1),
        ("He left... and came back. Yes.", 2),
        ("He asked (Why?) and left. (This is one.) Two.", 4),
        ("no end\n\n- a list\n- of lines", 1),
        ("“Go.” They went.", 1),
        ("中文。第二句。", 1),
        ("Mr." + " " * 5_000 + "Wu left. He did.", 2),
    ],
)
def test_sentences_are_punkts(text: str, count: int) -> None:
    assert is_right(SENTENCES, {"num_sentences": count, "relation": "at least"}, text)
    assert is_right(SENTENCES, {"num_sentences": count + 1, "relation": "less than"}, text)
    assert not is_right(SENTENCES, {"num_sentences": count, "relation": "less than"}, text)


@needs_eval
@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("DON'T", 2),
        ("STATE-OF-THE-ART", 1),
        ("I am A MAN of NASA.", 4),
        ("The U.S. is big", 1),
        ("12 ABC3 ?! É", 2),
        ("nothing here", 0),
    ],
)
def test_words_in_capitals_are_nltks(text: str, count: int) -> None:
    assert is_right(CAPITALS, {"capital_frequency": count, "capital_relation": "at least"}, text)
    assert not is_right(CAPITALS, {"capital_frequency": count, "capital_relation": "less than"}, text)
    assert not is_right(CAPITALS, {"capital_frequency": count + 1, "capital_relation": "at least"}, text)


GERMAN = "Das Wetter ist heute schön und wir gehen in den Wald."
ENGLISH = "The weather is fine and we walk along the river for an hour."


@needs_eval
@pytest.mark.parametrize(
    ("name", "kwargs", "text", "followed"),
    [
        (LANGUAGE, {"language": "de"}, GERMAN, True),
        (LANGUAGE, {"language": "de"}, ENGLISH, False),
        (LANGUAGE, {"language": "hi"}, "आज मौसम अच्छा है।", True),
        (LANGUAGE, {"language": "hi"}, "1, 2, 3! 🙂", True),
        (LANGUAGE, {"language": "en"}, f"{ENGLISH} {ENGLISH} Guten Tag.", True),
        (UPPER, {}, ENGLISH.upper(), True),
        (UPPER, {}, ENGLISH, False),
        (UPPER, {}, GERMAN.upper(), False),
        (UPPER, {}, "123", False),
        (LOWER, {}, ENGLISH.lower(), True),
        (LOWER, {}, ENGLISH, False),
        (LOWER, {}, GERMAN.lower(), False),
    ],
)
def test_languages_are_langdetects(name: str, kwargs: dict[str, Any], text: str, followed: bool) -> None:
    assert is_right(name, kwargs, text) is followed


@needs_eval
def test_a_language_is_the_same_each_time_and_langdetects_own_seed_is_left_alone() -> None:
    from langdetect import DetectorFactory

    verdicts = {is_right(LANGUAGE, {"language": "vi"}, "NO, THANK YOU.") for _ in range(30)}
    assert len(verdicts) == 1
    assert DetectorFactory.seed is None


@needs_eval
@settings(max_examples=30)
@given(st.text(max_size=60))
def test_any_text_has_sentences_words_and_a_language(text: str) -> None:
    for name, kwargs in (
        (SENTENCES, {"num_sentences": 2, "relation": "at least"}),
        (CAPITALS, {"capital_frequency": 1, "capital_relation": "at least"}),
        (LANGUAGE, {"language": "en"}),
    ):
        assert is_right(name, kwargs, text) is is_right(name, kwargs, text)
