"""BM25 ranks as the formula says, computed here from its definition for each document by itself."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openqwq.training.environments.bm25 import Bm25, words

WORDS = st.sampled_from(["a", "b", "c", "dd", "ee"])
TEXTS = st.lists(st.lists(WORDS, max_size=12).map(" ".join), min_size=1, max_size=6)


def by_definition(texts: list[str], query: str, index: int, k1: float = 1.2, b: float = 0.75) -> float:
    split = [text.split() for text in texts]
    mean = sum(map(len, split)) / len(split)
    score = 0.0
    for word in query.split():
        holding = sum(word in text for text in split)
        idf = math.log((len(texts) + 1) / (holding + 0.5))
        frequency = split[index].count(word)
        if frequency:
            length = len(split[index]) / mean
            score += idf * frequency * (k1 + 1) / (frequency + k1 * (1 - b + b * length))
    return score


@given(texts=TEXTS, query=st.lists(st.sampled_from(["a", "b", "c", "dd", "ee", "ff"]), max_size=5).map(" ".join))
def test_scores_are_those_of_the_formula_and_come_best_first(texts: list[str], query: str) -> None:
    expected = [(index, by_definition(texts, query, index)) for index in range(len(texts))]
    expected = [(index, score) for index, score in expected if score > 0]
    found = Bm25(texts).search(query, limit=len(texts))
    assert sorted(found) == [(index, pytest.approx(score)) for index, score in expected]
    assert [score for _, score in found] == sorted((score for _, score in found), reverse=True)
    assert Bm25(texts).search(query, limit=2) == found[:2]


def test_a_known_value_by_hand() -> None:
    # two documents of 2 words each: idf = ln(1 + 1.5 / 1.5), the frequency part 1 * 2.2 / (1 + 1.2)
    assert Bm25(["red fox", "grey fox"]).search("red", 5) == [(0, pytest.approx(math.log(2)))]


def test_equals_come_in_the_order_of_the_documents_and_empty_ones_are_never_found() -> None:
    assert [index for index, _ in Bm25(["", "fox", "fox", ""]).search("fox", 9)] == [1, 2]
    assert Bm25([]).search("fox", 9) == Bm25(["", ""]).search("fox", 9) == []


def test_words_have_no_case_and_scripts_without_blanks_go_by_sign() -> None:
    assert words("The FOX's 2nd_den, STRASSE straße") == ["the", "fox", "s", "2nd", "den", "strasse", "strasse"]
    assert words("鸟在睡觉 birdは") == ["鸟", "在", "睡", "觉", "bird", "は"]
