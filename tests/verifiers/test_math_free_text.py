"""Answers without a box: found by the structure of sentences, never inside a formula, a doubt or a cut-off text."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openqwq.verifiers.math_answer.clause import finished, is_list, is_sum, unit_of
from openqwq.verifiers.math_answer.extract import extract_answer
from openqwq.verifiers.math_answer.prose import Prose, Token, breaks_off, is_whole

NUMBER = st.integers(2, 99_999).map(str)
STATED = [
    "The answer is {}.",
    "Answer: {}",
    "**Answer:** {}",
    "Thus the final answer is ${}$.",
    "### Answer\n\n{}",
    "答案是{}。",
]
LAST = ["So there are {} of them.", "Hence $x = {}$.", "{}", "$${}$$", "\\[{}\\]", "It costs ${}.", "因此 x = {}。"]
INSIDE = [
    r"It is ${}\sqrt{{7}}$.",
    "f(x) = x^2 + {}",
    "It lies in ({}, 7).",
    "2^{}",
    "x_{} = 1",
    "x > {}",
    "sin {}",
    r"\sqrt{{{}}}",
    "{} : 7",
    "7/{}",
    "{}!",
    "\u221a{}",
    "\u00b1{}",
    "|{}",
    "({}",
]
DOUBTED = [
    "Maybe {}.",
    "It is probably {}.",
    "I considered {}, but I do not know.",
    "The answer is not {}.",
    "Is it {}?",
    "x \u2260 {}",
    "The answer is {} or 7.",
    "It is either {} or 7.",
    "The answer is {}. No, it is 7.",
    "Suppose the answer is {}.",
    "at most {}",
    "The answer is more than {}.",
    "不选{}",
    "答案不是{}",
    "The answer is {}, but I'm not sure.",
    "{} is too small.",
]
CUT_OFF = [
    "The answer is {} and",
    "It is {} +",
    "7 * 9 = {}. Then we have to",
    "So {},",
    "The answer is {}...",
    "It is {} =",
]


@given(number=NUMBER, template=st.sampled_from(STATED + LAST))
def test_a_number_that_a_text_ends_up_with_is_its_answer(number: str, template: str) -> None:
    assert extract_answer("We try 1 and 2.\n" + template.replace("{}", number), "any") in (number, f"x = {number}")


@given(number=NUMBER, template=st.sampled_from(INSIDE))
def test_a_number_inside_a_formula_is_no_answer(number: str, template: str) -> None:
    assert extract_answer(template.replace("{}", number).replace("{{", "{").replace("}}", "}"), "any") != number


@given(number=NUMBER.filter(lambda number: number != "7"), template=st.sampled_from(DOUBTED))
def test_a_number_that_is_doubted_denied_bounded_or_taken_back_is_no_answer(number: str, template: str) -> None:
    assert extract_answer(template.replace("{}", number), "any") not in (number, f"x = {number}")


@given(number=NUMBER, template=st.sampled_from(CUT_OFF))
def test_a_text_that_breaks_off_has_no_answer(number: str, template: str) -> None:
    assert extract_answer(template.replace("{}", number), "any") is None


def test_a_stated_formula_keeps_its_condition_and_a_quantity_both_its_units() -> None:
    condition = r"3k \text{ where } k \text{ is } \text{ an } \text{ integer }"
    assert extract_answer("The answer is $3k$, where $k$ is an integer.", "any") == condition
    assert extract_answer("The answer is 8 hours and 20 minutes.", "any") == "8 hours and 20 minutes"
    assert extract_answer("The answer is 8 hours then 20 minutes.", "any") is None


@given(number=NUMBER, template=st.sampled_from(STATED), remark=st.sampled_from([
    ", which is the total", " because 3 is odd", " (since 3 is odd)", ", where 3 comes from above", " as required",
]))  # fmt: skip
def test_a_remark_behind_a_stated_answer_does_not_hide_it(number: str, template: str, remark: str) -> None:
    text = template.replace("{}", number)
    end = text.rstrip(".。$")
    assert extract_answer(end + text[len(end) :].rstrip(".。") + remark + ".", "any") == number


@pytest.mark.parametrize(
    ("sentence", "tokens"),
    [
        ("So x = 5 works.", [("word", "So"), ("value", "x = 5"), ("word", "works")]),
        ("It is 1 1/2, then", [("word", "It"), ("word", "is"), ("value", "1 1/2"), ("comma", ","), ("word", "then")]),
        ("up by 28 %", [("word", "up"), ("word", "by"), ("value", "28 %")]),
        ("is minus 5", [("word", "is"), ("value", "-5")]),
        ("is (2, 3).", [("word", "is"), ("value", "(2, 3)")]),
        ("log 5 is", [("value", "log 5"), ("word", "is")]),
        ("runs 5km", [("word", "runs"), ("value", "5"), ("word", "km")]),
        ("is $x,y$ so", [("word", "is"), ("value", "x,y"), ("word", "so")]),
        ("一共有6个", [("word", "一共有"), ("value", "6"), ("word", "个")]),
        ("150 000 men", [("value", "150 000"), ("word", "men")]),
        ("the 5th of 7", [("word", "the"), ("word", "5th"), ("word", "of"), ("value", "7")]),
        ("5!", [("value", "5!")]),
        ("Yes, 5!", [("word", "Yes"), ("comma", ","), ("value", "5")]),
        ("a $5 pen", [("word", "a"), ("value", "$5"), ("word", "pen")]),
        ("$5 pen or $7", [("value", "$5"), ("word", "pen"), ("word", "or"), ("value", "$7")]),
        ("有6，得7", [("word", "有"), ("value", "6"), ("comma", ","), ("word", "得"), ("value", "7")]),
        ("(3 pens) so", [("value", "(3"), ("word", "pens)"), ("word", "so")]),
        ("(B) wins", [("word", "(B)"), ("word", "wins")]),
    ],
)
def test_a_sentence_is_words_commas_and_whole_values(sentence: str, tokens: list[tuple[str, str]]) -> None:
    prose = Prose(sentence)
    assert prose.tokens(prose.text) == [Token(kind, text) for kind, text in tokens]  # type: ignore[arg-type]


def test_sentences_end_where_a_reader_stops() -> None:
    text = "Mr. Lee has $1.5$ kg. It is\n5.\n- Next: **done**!\n> 好。是6。"
    prose = Prose(text)
    assert [prose.shown(one) for one in prose.sentences()] == [
        "Mr. Lee has 1.5 kg.", "It is 5.", "Next: done!", "好。", "是6。",
    ]  # fmt: skip


@pytest.mark.parametrize("text", ["so the", "is", "x =", "5 +", "and", "(", "如下：", "a,", "and so on..."])
def test_an_unfinished_sentence_is_known_by_its_last_word_or_sign(text: str) -> None:
    assert breaks_off(text)
    assert not breaks_off(text + " 5")
    assert not breaks_off("")


def test_values_are_whole_when_their_brackets_close_and_no_sign_is_last() -> None:
    assert all(map(is_whole, ["5", "(1,2]", "x^2", r"\frac{1}{2}", "5!", "|x|"]))
    assert not any(map(is_whole, ["", "(1", "5)", "5 +", "x =", "{", "2^", "log"]))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("9 * 2 = $18", "18"),
        ("x = 5", "x = 5"),
        ("x = 2 + 3 = 5", "5"),
        ("f(2) = y + 1", "f(2) = y + 1"),
        ("+ 5", None),
        ("2 +", None),
        ("$5", "5"),
        ("-$5", "-5"),
        ("x = 1, y = 2", "x = 1, y = 2"),
    ],
)
def test_the_last_side_of_a_sum_that_was_worked_out_is_its_value(text: str, value: str | None) -> None:
    assert finished(text) == value


def test_a_sum_is_numbers_and_signs() -> None:
    assert all(map(is_sum, ["2 + 3", "2*3", "(9+1)", r"5 \times 7", "5 x 7", "$2 + $3"]))
    assert not any(map(is_sum, ["-5", "5", "x + 3", "1, 2", "2/3", r"\frac{1}{2}"]))


def test_a_list_has_a_comma_outside_its_brackets() -> None:
    assert is_list("1, 2")
    assert not any(map(is_list, ["(1, 2)", "1,000", "{1, 2}", "5"]))


def test_the_word_behind_a_value_is_its_unit_where_it_is_one() -> None:
    assert unit_of(["cm", "long"]) == r"\text{ cm}"
    assert unit_of(["m²"]) == r"\text{ m}^2"
    assert unit_of(["m³"]) == r"\text{ m}^3"
    assert unit_of(["km/h"]) == r"\text{ km/h}"
    assert unit_of(["million", "people"]) == r"\text{ million}"
    assert unit_of(["apples"]) == unit_of(["in", "all"]) == unit_of([]) == ""


@given(st.sampled_from(["The answer is {}.", "答案：{}", "答案选{}"]), st.lists(st.sampled_from(
    ["（", "）", "B", "（B）", "3", "或", "，", "、",
     "。", "：", "不", "or", "(", ")", "$", "if", " ", "\\boxed", "^", "~"]
), max_size=6))  # fmt: skip
def test_no_statement_breaks_the_search_for_its_value(statement: str, pieces: list[str]) -> None:
    answer = extract_answer(statement.format("".join(pieces)), "any")
    assert answer is None or answer.strip()
