"""IFTrain's instructions by their words, and the forms in which data sets hold instructions."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openqwq.verifiers import get_verifier
from openqwq.verifiers.rules.instruction_rows import read_instructions
from openqwq.verifiers.rules.instructions import CHECKS, is_followed

CASES: list[tuple[str, dict[str, Any], str, str]] = [
    (
        "copy:repeat_phrase",
        {"phrase": "the old red barn", "small_n": 2},
        "The old blue barn. The new red barn!",
        "the old red barn, the old blue barn",
    ),
    ("copy:repeat_phrase", {"phrase": "the old red barn", "small_n": 1}, "the old big barn", "a old big barn"),
    ("copy:copy", {"prompt_to_repeat": "Say hi.\nNow."}, "say hi. Now.", "Say hi. Now. Hi."),
    ("copy:copying_simple", {"prompt_to_repeat": "Say hi."}, " Say hi. ", "Hi."),
    ("copy:copying_multiple", {"prompt_to_repeat": "Hi.", "N": 3}, "Hi.\n******\nHi.\n******\nhi.", "Hi.******Hi."),
    ("new:copy_span_idx", {"prompt_to_repeat": "one two three", "n_start": 4, "n_end": 6}, "two", "one two"),
    ("detectable_format:sentence_hyphens", {}, "One is here.-Two is there.-Who?", "One is here. - Two is there."),
    ("detectable_format:sentence_hyphens", {}, "A well-known one.-Yes!", "Only one sentence."),
    ("detectable_format:square_brackets", {}, "[One] [two], [three].", "[One] two"),
    ("detectable_format:square_brackets", {}, "[今天]", "[One two]"),
    ("detectable_format:bigram_wrapping", {}, "<<I am>> <<at home>>", "<<I am>> at home"),
    ("detectable_format:bigram_wrapping", {}, "<<I am>> <<home>>", "<<I am at>> <<home now>>"),
    ("keywords:no_adjacent_consecutive", {}, "cat cat and egg", "apple banana"),
    ("keywords:word_once", {"keyword": "moss"}, "Moss grows.", "Moss on moss."),
    (
        "keywords:word_count_different_numbers",
        {"keyword": "moss", "frequency": 2, "relation": "at least"},
        "Moss, moss.",
        "Moss, mossy.",
    ),
    ("keywords:exclude_word_harder", {"keyword": "cold"}, "A scold.", "It is Cold."),
    ("keywords:palindrome", {}, "We saw a level.", "I am a cat."),
    ("keywords:palindrome", {}, "上海自来水来自海上", "今天很冷"),
    (
        "keywords:keyword_specific_position",
        {"keyword": "moss", "n": 2, "m": 3},
        "One. See the moss here.",
        "One. Moss.",
    ),
    ("keywords:start_end", {}, "Peace is peace", "Peace is peace."),
    ("paragraphs:paragraphs", {}, "a\n***\nb", "a\n\nb"),
    ("paragraphs:paragraphs2", {}, "a\n\nb", "a\n\nb\n\nc"),
    ("first_word:first_word_sent", {"first_word": "we"}, "We go. We run!", "We go. They run."),
    ("first_word:first_word_answer", {"first_word": "we"}, "**We** go", "They go"),
    ("last_word:last_word_sent", {"last_word": "now"}, "Go now. Run now!", "Go now. Run."),
    ("last_word:last_word_answer", {"last_word": "now"}, "Run now.", "Now run."),
    ("punctuation:punctuation_dot", {}, "Go! Run", "Wait…"),
    ("punctuation:punctuation_dot", {}, "今天很冷！", "今天很冷。"),
    ("punctuation:punctuation_exclamation", {}, "Go.", "走！"),
    ("count:lowercase_counting", {"N": 1}, "GO there NOW", "go there"),
    ("count:lowercase_counting", {"N": 1}, "ИДИ туда", "今天很冷"),
    (
        "count:counting_composition",
        {"n_sent": 2, "n_words": 2},
        "We go. You go.\n***\nWe run. You run.\n***\nWe sit. You sit!",
        "We go. You go.\n***\nWe run. You run.",
    ),
    ("count:count_unique", {}, "We go, they run.", "We go, we run."),
    ("count:count_increment_word", {"keyword1": "tea", "keyword2": "milk"}, "Tea, milk, milk", "tea, milk"),
    ("count:unique_word_count", {"N": 2}, "one two", "one One"),
    ("letters:letter_counting", {"N": 4, "relation": "less than"}, "a b, 12", "four"),
    ("letters:letter_counting2", {"letter": "o", "let_frequency": 2, "let_relation": "at least"}, "oO", "o"),
]


@pytest.mark.parametrize(("instruction", "kwargs", "good", "bad"), CASES)
def test_an_instruction_of_iftrain_is_read_by_its_words(
    instruction: str, kwargs: dict[str, Any], good: str, bad: str
) -> None:
    verifier, reference = get_verifier("instructions"), {"instruction_id_list": [instruction], "kwargs": [kwargs]}
    assert verifier.verify(good, {"reference": reference}).score == 1.0
    assert verifier.verify(bad, {"reference": reference}).score == 0.0


def test_all_ids_of_iftrain_are_known() -> None:
    of_iftrain = {name for name, *_ in CASES} - {"count:unique_word_count"}
    assert of_iftrain <= set(CHECKS) and len(of_iftrain) == 29


@settings(max_examples=40, deadline=None)
@given(st.text(max_size=120), st.sampled_from(CASES))
def test_any_answer_gets_a_verdict(text: str, case: tuple[str, dict[str, Any], str, str]) -> None:
    assert is_followed(case[0], text, case[1]) in (True, False)


PAIRS = [("punctuation:no_comma", {}), ("keywords:word_once", {"keyword": "moss"})]
PLAIN: dict[str, Any] = {"instruction_id_list": [name for name, _ in PAIRS], "kwargs": [kwargs for _, kwargs in PAIRS]}
TRAINED = {"instruction_id": PLAIN["instruction_id_list"], "kwargs": [None, {"keyword": "moss", "N": None}]}


@pytest.mark.parametrize(
    "reference",
    [
        PLAIN,
        json.dumps(PLAIN),
        PLAIN | {"kwargs": json.dumps(PLAIN["kwargs"])},
        PLAIN | {"kwargs": [json.dumps(kwargs) for kwargs in PLAIN["kwargs"]]},
        PLAIN | {"kwargs": [{"num_words": float("nan")}, {"keyword": "moss", "relation": None}]},
        [TRAINED],
        json.dumps([TRAINED]),
        str([TRAINED]),
        str([json.dumps(TRAINED)]),
    ],
)
def test_instructions_are_read_in_every_form_that_the_hub_has(reference: object) -> None:
    assert read_instructions(reference) == PAIRS
    assert get_verifier("instructions").verify("Green moss.", {"reference": reference}).score == 1.0
    assert get_verifier("instructions").verify("Green, moss.", {"reference": reference}).score == 0.0


@pytest.mark.parametrize(
    ("row", "good", "bad"),
    [
        ({"func_name": "verify_keywords", "keyword_list": ["moss"], "N": None}, "moss", "mossy"),
        ({"func_name": "validate_word_constraint", "N": 20, "quantifier": "around"}, "a " * 22, "a " * 23),
        ({"func_name": "verify_paragraph_count", "N": 2}, "a\n* * *\nb", "a"),
        ({"func_name": "validate_paragraphs", "N": 2, "first_word": "then", "i": 2}, "a\n\nThen b", "then\n\na"),
        ({"func_name": "validate_choice", "options": ["yes", "no"]}, "yes", "maybe"),
        ({"func_name": "validate_sections", "N": 1, "section_splitter": "Part"}, "Part 1\na", "a Part 1"),
        ({"func_name": "validate_lowercase"}, "we go there", "We go there"),
    ],
)
def test_a_function_of_rlvr_is_the_instruction_that_it_checks(row: dict[str, Any], good: str, bad: str) -> None:
    for reference in (row, json.dumps(row)):
        assert get_verifier("instructions").verify(good, {"reference": reference}).score == 1.0
        assert get_verifier("instructions").verify(bad, {"reference": reference}).score == 0.0


def _one(instruction: str, kwargs: object) -> dict[str, Any]:
    return {"instruction_id_list": [instruction], "kwargs": [kwargs]}


WORDS = "length_constraints:number_words"


@pytest.mark.parametrize(
    ("reference", "problem"),
    [
        (_one(WORDS, {"num_words": float("nan")}), "needs num_words"),
        (_one(WORDS, {"num_words": float("inf")}), "whole number"),
        (_one(WORDS, {"num_words": -3}), "at least 0"),
        (_one(WORDS, {"num_words": True}), "whole number"),
        (_one(WORDS, {"num_words": "3"}), "whole number"),
        (
            _one(WORDS, {"num_words": 3, "relations": "less than"}),
            "unknown argument 'relations'; did you mean relation",
        ),
        (_one(WORDS, {"num_words": 3, "relation": 5}), "must be one of"),
        (_one(WORDS, 5), "are a mapping, got 5"),
        (_one(WORDS, "num_words=3"), "is a text that is no JSON"),
        (_one(WORDS, "[3]"), "are a mapping"),
        (_one("keywords:existence", {"keywords": [None]}), "list of texts"),
        (_one("keywords:exist", {}), "did you mean keywords:existence"),
        (
            _one(
                "length_constraints:nth_paragraph_first_word",
                {"num_paragraphs": 2, "nth_paragraph": 3, "first_word": "a"},
            ),
            "have no 3-th",
        ),
        ({"instruction_id_list": [WORDS], "kwargs": "3"}, "kwargs must hold one entry"),
        ({"instruction_id_list": 5}, "no list of ids"),
        ({"func_name": "validate_joy"}, "unknown function"),
        ({"func_name": "verify_keywords"}, "needs keywords"),
        ("{", "is a text that is no JSON"),
        (5, "a reference is"),
        (None, "a reference is"),
        ([[5]], "a reference is"),
    ],
)
def test_a_row_that_cannot_be_used_is_refused_in_one_line(reference: object, problem: str) -> None:
    verifier = get_verifier("instructions")
    said = verifier.check_reference({"reference": reference})
    assert said is not None and problem in said and "\n" not in said
    assert verifier.verify("anything", {"reference": reference}).status == "verifier_error"
