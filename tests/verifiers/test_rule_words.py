"""Words, sentences, counts and lengths: both sides of every bound, and spellings that change nothing."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openqwq.verifiers.rules import words_and_lengths as rules
from openqwq.verifiers.rules.text import RELATIONS, bare, count_phrase, holds, paragraphs, sentences, words


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("One. Two! Three? Four… Five", ["One.", "Two!", "Three?", "Four…", "Five"]),
        ("Wait... what?! Yes.", ["Wait...", "what?!", "Yes."]),
        ("Dr. Li met Mr. Wu. They left.", ["Dr. Li met Mr. Wu.", "They left."]),
        ("He saw (Dr. Li) there.", ["He saw (Dr. Li) there."]),
        ("J. S. Bach wrote it, e.g. here etc. and so on.", ["J. S. Bach wrote it, e.g. here etc. and so on."]),
        ("So did I. He left.", ["So did I.", "He left."]),
        ("Mr! Wu", ["Mr!", "Wu"]),
        ("See Mr.. Wu", ["See Mr..", "Wu"]),
        ("1. First item. 2. Second one.", ["1. First item.", "2. Second one."]),
        ("It was in 1999. Then it ended.", ["It was in 1999.", "Then it ended."]),
        ("It costs 3.5 in all.", ["It costs 3.5 in all."]),
        ('He said "Go." Then he left.', ['He said "Go."', "Then he left."]),
        ("你好。再见！好", ["你好。", "再见！", "好"]),
        ("Title\n\nText", ["Title", "Text"]),
        ("Line\nagain", ["Line\nagain"]),
        ("List:\n- a\n* b\n2) c", ["List:", "- a", "* b", "2) c"]),
        ("!!! ok", ["ok"]),
        ("... ___", []),
        ("", []),
    ],
)
def test_sentences_end_where_a_reader_ends_them(text: str, found: list[str]) -> None:
    assert sentences(text) == found


def test_words_hold_a_letter_or_a_digit_and_are_bare_without_their_marks() -> None:
    assert words("don't -- state-of-the-art 5 *** __ a_b é 好") == ["don't", "state-of-the-art", "5", "a_b", "é", "好"]
    assert len(words("one,two one—two one--two one…two one...two one;two 3,000 3:45 and/or")) == 15
    assert [bare(word) for word in ("**Then**,", "«Ça»", "`X`", "(a)", "don't", "v1.5.")] == [
        "then", "ça", "x", "a", "don't", "v1.5",
    ]  # fmt: skip


def test_paragraphs_are_divided_by_blank_lines() -> None:
    assert paragraphs("\n\na\nb\n \t\nc\n\n\n\nd\n") == ["a\nb", "c", "d"]
    assert paragraphs(" \n\n ") == []


@pytest.mark.parametrize(
    ("phrase", "text", "count"),
    [
        ("cat", "cat, Cat; concat cats cat_ CAT", 3),
        ("C++", "C++ xC++ C++x (c++)", 2),
        ("a.b", "a.b axb", 1),
        ("new york", "New York, newyork", 1),
        ("x", "", 0),
    ],
)
def test_a_phrase_is_counted_as_whole_words_in_any_case(phrase: str, text: str, count: int) -> None:
    assert count_phrase(text, phrase) == count
    assert rules.has_keywords(text, [phrase]) is (count > 0)
    assert rules.no_forbidden_words(text, ["other", phrase]) is (count == 0)
    assert rules.keyword_frequency(text, phrase, count) and not rules.keyword_frequency(text, phrase, count + 1)


@pytest.mark.parametrize(
    "hidden",
    ["c\u200bat", "c\u00adat", "ca\u2060t", "c\u200dat", "ｃａｔ", "𝐜𝐚𝐭", "*c*at", "c**a**t", "CA\u200bT"],
)  # fmt: skip
def test_a_word_is_what_a_reader_sees(hidden: str) -> None:
    assert not rules.no_forbidden_words(f"The {hidden} sat.", ["cat"]) and rules.has_keywords(f"The {hidden}", ["cat"])


@pytest.mark.parametrize("longer", ["**cat**s", "con*cat*", "*con*cat", "cat\u200bs", "ｃａｔs", "***cat***s"])
def test_a_word_that_is_marked_within_a_longer_one_is_not_said(longer: str) -> None:
    assert rules.no_forbidden_words(f"The {longer} sat.", ["cat"])


def test_all_keywords_must_be_there_and_no_forbidden_one() -> None:
    assert rules.has_keywords("one two", ["two", "one"]) and not rules.has_keywords("one two", ["one", "three"])
    assert rules.no_forbidden_words("one", ["two", "three"]) and not rules.no_forbidden_words("one", ["one", "two"])


@pytest.mark.parametrize(
    ("relation", "allowed"),
    [
        ("less than", [True, False, False]),
        ("at least", [False, True, True]),
        ("at most", [True, True, False]),
        ("more than", [False, False, True]),
        ("exactly", [False, True, False]),
    ],
)
def test_a_relation_is_read_on_both_sides_of_its_limit(relation: str, allowed: list[bool]) -> None:
    assert [holds(count, relation, 3) for count in (2, 3, 4)] == allowed
    texts = {count: " ".join("w" * count) for count in (2, 3, 4)}
    for rule, argument in (
        (rules.number_words, {"num_words": 3}),
        (rules.keyword_frequency, {"keyword": "w", "frequency": 3}),
    ):
        assert [rule(text, relation=relation, **argument) for text in texts.values()] == allowed
    assert [rules.letter_frequency(t, "W", 3, relation) for t in texts.values()] == allowed
    assert [rules.number_sentences("Go. " * n, 3, relation) for n in texts] == allowed
    assert [rules.unique_words(t, 3, relation) for t in ("a b A b.", "a b C c", "a b c d")] == allowed
    assert [rules.capital_word_frequency("AB " * n + "Ab a", 3, relation) for n in texts] == allowed
    assert relation in RELATIONS


def test_a_relation_is_at_least_unless_it_is_given_and_an_unknown_one_is_refused() -> None:
    for count, is_followed in ((2, False), (3, True), (4, True)):
        text = " ".join("w" * count)
        assert rules.number_words(text, 3) is is_followed
        assert rules.letter_frequency(text, "w", 3) is is_followed
        assert rules.number_sentences("Go. " * count, 3) is is_followed
        assert rules.unique_words(" ".join("abcd"[:count]), 3) is is_followed
        assert rules.capital_word_frequency("AB " * count, 3) is is_followed
    with pytest.raises(ValueError, match="relation is one of less than"):
        holds(1, "about", 1)


@pytest.mark.parametrize(("count", "is_followed"), [(1, False), (2, True), (3, True), (4, False)])
def test_a_range_of_words_holds_its_ends(count: int, is_followed: bool) -> None:
    assert rules.word_count_range(" ".join("w" * count), 2, 3) is is_followed


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("a", 1),
        ("a\n***\nb", 2),
        ("***\na\n***\nb\n***\n", 2),
        ("a\n *** \nb\n\t***\nc", 3),
        ("a *** b\n****\nc", 1),
        ("a\n***\n \n***\nb", None),
        ("***\n***\na", None),
    ],
)
def test_paragraphs_between_stars_may_be_empty_at_the_ends_only(text: str, count: int | None) -> None:
    assert [number for number in range(5) if rules.number_paragraphs(text, number)] == (
        [] if count is None else [count]
    )


@pytest.mark.parametrize(
    ("nth", "first_word", "total", "is_followed"),
    [
        (1, "alpha", 3, True),
        (2, "beta", 3, True),
        (3, "GAMMA,", 3, True),
        (3, "beta", 3, False),
        (1, "beta", 3, False),
        (0, "gamma", 3, False),
        (4, "gamma", 3, False),
        (1, "alpha", 2, False),
        (1, "alpha", 4, False),
    ],
)
def test_the_first_word_of_the_nth_paragraph(nth: int, first_word: str, total: int, is_followed: bool) -> None:
    text = "Alpha one\n\n**Beta** two\n\nGamma. three"
    assert rules.nth_paragraph_first_word(text, total, nth, first_word) is is_followed


def test_first_and_last_words() -> None:
    assert rules.first_word_is("-- **Dear** Ann", "dear") and not rules.first_word_is("Ann, dear", "dear")
    assert rules.last_word_is("the End. --", "end") and not rules.last_word_is("end it", "end")
    assert not rules.first_word_is("", "") and not rules.last_word_is("...", "")


@pytest.mark.parametrize(
    ("text", "word", "times", "is_followed"),
    [
        ("red, Red. RED!", "red", 3, True),
        ("red red", "red", 3, False),
        ("red red red red", "red", 3, False),
        ("red red blue", "red", 3, False),
        ("Go on, go on", "go on", 2, True),
        ("go go on on", "go on", 2, False),
    ],
)
def test_an_exact_repetition_is_the_word_so_many_times_and_nothing_else(
    text: str, word: str, times: int, is_followed: bool
) -> None:
    assert rules.exact_repetitions(text, word, times) is is_followed


@pytest.mark.parametrize(
    ("text", "count"),
    [("DON'T go", 1), ("A NASA's I-O", 2), ("AB1 _AB ABc", 0), ("ÄÖ O’NEILL", 2), ("WELL-KNOWN Well-KNOWN", 1)],
)
def test_a_word_in_capitals_is_counted_with_its_apostrophes_and_hyphens(text: str, count: int) -> None:
    assert rules.capital_word_frequency(text, count, "exactly")


@pytest.mark.parametrize("mark", [",", "，", "、", "،"])
def test_a_comma_of_any_script_is_one(mark: str) -> None:
    assert not rules.no_comma(f"a{mark} b")
    assert rules.no_comma("a; b. c")


NAMES = st.sampled_from(["red", "Blue", "don't", "état", "x1"])
TEXTS = st.lists(NAMES, min_size=1, max_size=6)
MARKS = st.sampled_from(["", "*", "**", '"', ".", ","])


@settings(max_examples=25)
@given(TEXTS, st.data())
def test_spacing_marks_and_case_change_no_count(names: list[str], data: st.DataObject) -> None:
    other = ""
    for name in names:
        cased = name.upper() if data.draw(st.booleans()) else name
        other += data.draw(MARKS) + cased + data.draw(MARKS) + data.draw(st.sampled_from([" ", "\n", " \t "]))
    plain, unique = " ".join(names), len({name.casefold() for name in names})
    for text in (plain, other):
        assert rules.number_words(text, len(names), "exactly")
        assert rules.unique_words(text, unique, "exactly")
        assert rules.keyword_frequency(text, "red", names.count("red"), "exactly")
        assert rules.first_word_is(text, names[0]) and rules.last_word_is(text, names[-1])


@settings(max_examples=25)
@given(TEXTS, st.data())
def test_counts_ignore_the_order_and_notice_a_word_more_or_less(names: list[str], data: st.DataObject) -> None:
    text = " ".join(data.draw(st.permutations(names)))
    assert rules.number_words(text, len(names), "exactly")
    assert not rules.number_words(f"{text} more", len(names), "exactly")
    assert not rules.number_words(" ".join(names[1:]), len(names), "exactly")
    assert rules.unique_words(f"{text} {names[0]}", len({name.casefold() for name in names}), "exactly")
    assert rules.exact_repetitions(f"{text} {text}", text, 2)
