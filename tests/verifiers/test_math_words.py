"""Answers in words and by letters: each phrase, each way to choose, and what says another thing."""

import pytest

from openqwq.verifiers.math_answer.normalise import clean, plain_words
from openqwq.verifiers.math_answer.words import (
    _MEANINGS,
    canonical,
    chooses,
    gold_letter,
    letters,
    number_in_words,
    same_letters,
    same_words,
    split_label,
    without_lead,
)

NUMBERS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen twenty"
)


@pytest.mark.parametrize(
    ("meaning", "phrases"),
    [
        (r"\emptyset", "No real solutions; there is no solution; the empty set; 无解; 空集"),
        (r"\R", "all real numbers; Every real number; the set of all real numbers; 全体实数; 任意实数"),
        ("undefined", "Does not exist; DNE; it diverges; 不存在; 发散"),
        (r"\infty", "Positive infinity; 正无穷"),
        ("infinitely many", "An infinite number of solutions; 无数个; 有无穷多解"),
        ("yes", "Yes; 是"),
        ("no", "No; 不是"),
        ("true", "Correct; 对"),
        ("false", "Not correct; wrong; 错"),
    ],
)
def test_a_phrase_has_its_meaning(meaning: str, phrases: str) -> None:
    for phrase in phrases.split("; "):
        assert canonical(phrase) == meaning


def test_a_phrase_is_known_in_any_case_and_wrapper_but_not_as_a_part() -> None:
    for phrase, meaning in _MEANINGS.items():
        assert canonical(phrase) == canonical(rf"\text{{{phrase.title()}.}}") == meaning
        assert canonical(f"{phrase} 5") == f"{phrase} 5"


def test_numbers_in_words_are_numbers_to_twenty() -> None:
    for number, word in enumerate(NUMBERS.split()):
        assert canonical(word) == canonical(rf"\text{{The {word.upper()}}}") == str(number)
    assert canonical("none" + " " * 76) == r"\emptyset"
    assert canonical("none" + " " * 77) == "none" + " " * 77
    for text in ("x", "5", "b"):
        assert canonical(text) == text
    for article in ("an", "a", "the", "it is", "it's"):
        assert canonical(f"{article} none") == r"\emptyset"


@pytest.mark.parametrize(
    ("gold", "answer", "equal"),
    [
        ("even", "Even.", True),
        ("the ellipse", "an ellipse", True),
        ("red, blue", "Blue and Red", True),
        ("红和蓝", "蓝、红", True),
        ("red, red", "red", False),
        ("red", "red, blue", False),
        ("red, , blue", "red, blue", True),
        ("red, blue", "red", False),
        ("non-negative", "nonnegative", True),
        ("co-prime", "coprime", True),
        ("x-axis", "x-axis", True),
        ("abc", "ab-c", False),
        ("north-east", "north-west", False),
        ("even", "odd", False),
        ("none", "no solution", True),
        ("n+1x", "n1x", False),
        ("a=bc", "abc", False),
        ("a/bc", "abc", False),
        ("increasing", "not increasing", False),
    ],
)
def test_words_are_the_same_without_case_order_and_articles(gold: str, answer: str, equal: bool) -> None:
    gold, answer = clean(gold), clean(answer)
    assert same_words(gold, answer) is same_words(answer, gold) is equal


LEADS = r"""
The answer is 42; answer: 42; so, the final answer is 42; Solution = 42; the value is: 42; result is 42
答案是42; 答案:42; 结果为 42
\text{The answer is } 42; \text{The answer is 42}; Hence the correct result: 42; thus answer is 42
therefore, answer = 42; then result: 42
"""


@pytest.mark.parametrize("text", LEADS.strip().replace("\n", "; ").split("; "))
def test_what_leads_to_an_answer_is_taken_off(text: str) -> None:
    assert without_lead(clean(text)) == "42"


@pytest.mark.parametrize("text", ["42", "my answer is 42", "answer is", "the answers 42", "value 42", "x is 42"])
def test_what_leads_nowhere_stays(text: str) -> None:
    assert without_lead(text) == text


CHOICES = "B, (B), b, B., (B)., (B) 12, B. 12, B) 12, B: 12, B.12, Option B, choice: b, 选项 B, 故选B, (b) x"
OTHERS = "(B) or (C), B and C, not B, (B) not, B. x or y, B. (C), B. C) 5, C, AB, 8, B 12, B.x, Bx, K"


@pytest.mark.parametrize("answer", CHOICES.split(", "))
def test_a_letter_is_chosen_with_or_without_its_value(answer: str) -> None:
    assert chooses(clean(answer), "B")
    assert chooses(rf"\text{{{answer}}}", "B")
    assert not chooses(clean(answer), "C")


@pytest.mark.parametrize("answer", ["", *OTHERS.split(", ")])
def test_another_letter_or_two_are_no_choice_of_it(answer: str) -> None:
    assert not chooses(clean(answer), "B")


def test_a_gold_may_be_one_letter_or_several() -> None:
    for text in ("B", "(B)", "B.", "(B).", r"\text{B}", r"\textbf{(B)}"):
        assert gold_letter(clean(text)) == "B"
    assert [gold_letter(letter) for letter in "AJ"] == ["A", "J"]
    for text in ("K", "b", "AB", "B 12", "8", ""):
        assert gold_letter(text) == ""
    for text in ("A, C", "AC", "CA", "(A) and (C)", "A和C", "A、C", "A;C", r"\text{A and C}"):
        assert letters(clean(text)) == "AC"
    for text in ("AA", "A", "AK", "a,c", "A+C", "A,C,A", ""):
        assert letters(clean(text)) == ""
    assert letters("JIHGFEDCBA") == "ABCDEFGHIJ"


def test_a_letter_and_the_value_behind_it_are_told_apart() -> None:
    labelled = (
        r"\text{(B) } 12",
        r"\text{B. }12",
        "(B) 12",
        r"\text{(B)}12",
        "B. 12",
        "B) 12",
        "(B)12",
        r"\textbf{(B)}\ 12",
    )
    for text in labelled:
        assert split_label(clean(text)) == ("B", "12")
    for value in ("-12", r"\sqrt{3}", r"\text{none of these}", "(2,3)"):
        assert split_label(f"(B) {value}")[0] == "B"
    no_labels = ("(b) 12", r"\text{b. }12", r"\text{(B)}", "12", "(K) 12", "B 12", "(B)x")
    several = ("(B) and (C)", "(B) or 12", "(B) not 12", "(B) 12 or (C) 13")
    operators = ("(B) + 12", "(B) - 12", r"(B) \cdot 12", "(B)^2", r"(A) \cup (B)", "(B) = 12")
    for text in (*no_labels, *several, *operators):
        assert split_label(text) == ("", text)


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("zero", 0),
        ("nineteen", 19),
        ("twenty one", 21),
        ("fifty-six", 56),
        ("one hundred", 100),
        ("one hundred and five", 105),
        ("nine hundred ninety-nine", 999),
        ("one thousand two hundred thirty four", 1234),
        ("two million three thousand", 2_003_000),
        ("one hundred thousand", 100_000),
        ("six billion and one", None),
        ("six fifty", None),
        ("twenty-zero", None),
        ("twenty and five", None),
        ("one one", None),
        ("ten five", None),
        ("hundred", None),
        ("one hundred hundred", None),
        ("one hundred one hundred", None),
        ("two thousand million", None),
        ("three thousand two million", None),
        ("thousand", None),
        ("and", None),
        ("", None),
        ("five apples", None),
    ],
)
def test_a_number_is_read_from_its_words(text: str, number: int | None) -> None:
    assert number_in_words(text) == number


def test_short_groups_of_letters_are_the_same_but_for_a_capital_in_front() -> None:
    for gold, answer in (("red", "Red"), ("AB CD", "ABCD"), ("Red", r"\text{red}")):
        assert same_letters(gold, answer)
    for gold, answer in (("AB", "ab"), ("ab", "Ab"), ("red", "reD"), ("red", "rod"), ("abc", "cab")):
        assert not same_letters(gold, answer)


def test_statements_are_chosen_by_circled_numbers() -> None:
    assert letters(clean("①③")) == letters(clean("③、①")) == letters(clean("①和③")) == "①③"
    assert letters(clean("①①")) == letters(clean("13")) == ""


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (r"\text{Yes.}", "yes"),
        ("  (A)  ", "a"),
        (r"\text{A}  b", "a b"),
        ("Straße", "strasse"),
        (r"'x', \pi!", "x', pi"),
    ],
)
def test_plain_words_have_no_case_wrapper_or_punctuation_around_them(text: str, words: str) -> None:
    assert plain_words(text) == words
