"""The thinking format, and what an instruction's arguments may be."""

from __future__ import annotations

from typing import Any

import pytest

from openqwq.verifiers.rules.instructions import InstructionsVerifier, instruction_problem, is_followed
from openqwq.verifiers.rules.think_format import ThinkFormatVerifier, format_problem


@pytest.mark.parametrize(
    ("response", "opens", "needs_answer", "problem"),
    [
        ("<think>a</think>b", False, True, ""),
        (" \n<think>a</think>b", False, True, ""),
        ("<think>1</think>\n.", False, True, ""),
        ("<think>a</think>", False, True, "no answer after </think>"),
        ("<think>a</think>\u200b\u2060", False, True, "no answer after </think>"),
        ("<think>a</think> <|im_end|>\n</s><|endoftext|>", False, True, "no answer after </think>"),
        ("<think>a</think>b<|im_end|>", False, True, ""),
        ("<think>a</think>", False, False, ""),
        ("<think>.</think>b", False, True, "empty thinking"),
        ("<think>.</think>", False, False, "empty thinking"),
        ("a<think>a</think>b", False, True, "text before <think>"),
        ("</think>a<think>b", False, True, "</think> comes before <think>"),
        ("b", False, True, "expected one <think> and one </think>, got 0 and 0"),
        ("<think>b", False, True, "expected one <think> and one </think>, got 1 and 0"),
        ("a</think>b", False, True, "expected one <think> and one </think>, got 0 and 1"),
        ("<think><think>a</think>b", False, True, "expected one <think> and one </think>, got 2 and 1"),
        ("<think>a</think>b</think>", False, True, "expected one <think> and one </think>, got 1 and 2"),
        ("a</think>b", True, True, ""),
        ("<think>a</think>b", True, True, ""),
        ("\n <think>a</think>b", True, True, ""),
        ("a<think>b</think>c", True, True, "expected one <think> and one </think>, got 2 and 1"),
        ("a", True, True, "expected one <think> and one </think>, got 1 and 0"),
        ("</think>b", True, True, "empty thinking"),
    ],
)
def test_the_thinking_format_and_the_words_for_what_breaks_it(
    response: str, opens: bool, needs_answer: bool, problem: str
) -> None:
    assert format_problem(response, opens, needs_answer) == problem
    verdict = ThinkFormatVerifier(opens, needs_answer).grade(response, {"prompt": "x <think>"})
    assert (verdict.score, verdict.reason) == (float(not problem), problem)
    if needs_answer and not opens:
        assert format_problem(response) == problem


@pytest.mark.parametrize(
    ("prompt", "score"),
    [("Why? <think>\n", 1.0), ("Why?", 0.0), ("<think> Why?", 0.0), (None, 0.0), ([{"role": "user"}], 0.0)],
)
def test_a_text_prompt_may_open_the_thinking(prompt: object, score: float) -> None:
    assert ThinkFormatVerifier().grade("a</think>b", {"prompt": prompt}).score == score
    assert ThinkFormatVerifier(True).grade("a</think>b", {"prompt": prompt}).score == 1.0
    assert ThinkFormatVerifier(False).grade("a</think>b", {"prompt": prompt}).score == 0.0


NTH = {"num_paragraphs": 1, "nth_paragraph": 1, "first_word": "a"}


@pytest.mark.parametrize(
    ("name", "kwargs", "words"),
    [
        ("count:exact_repetitions", {"word": "a", "times": 3}, None),
        ("count:exact_repetitions", {"word": "a", "times": 3.0}, None),
        ("count:exact_repetitions", {"word": "a", "times": 0}, None),
        ("count:exact_repetitions", {"word": "a", "times": 3, "other": object()}, None),
        ("count:exact_repetitions", {"word": "a", "times": 2.5}, "times must be a whole number, got 2.5"),
        ("count:exact_repetitions", {"word": "a", "times": True}, "times must be a whole number, got True"),
        ("count:exact_repetitions", {"word": "a", "times": "3"}, "times must be a whole number, got '3'"),
        ("count:exact_repetitions", {"word": "a", "times": None}, "count:exact_repetitions needs times"),
        ("count:exact_repetitions", {"times": 3}, "count:exact_repetitions needs word"),
        ("count:exact_repetitions", {"word": " ", "times": 3}, "word must be a text, got ' '"),
        ("count:exact_repetitions", {"word": 5, "times": 3}, "word must be a text, got 5"),
        ("length_constraints:nth_paragraph_first_word", NTH, None),
        ("length_constraints:nth_paragraph_first_word", {**NTH, "nth_paragraph": "1"}, "nth_paragraph must be"),
        ("length_constraints:number_words", {"num_words": 3}, None),
        ("length_constraints:number_words", {"num_words": 3, "relation": None}, None),
        ("length_constraints:number_words", {"num_words": 3, "relation": "at most"}, None),
        ("length_constraints:number_words", {"num_words": 3, "relation": "about"}, "relation must be one of less than"),
        ("keywords:letter_frequency", {"letter": "a", "let_frequency": 1, "let_relation": "x"}, "let_relation must be"),
        ("keywords:existence", {"keywords": ["a", "b"]}, None),
        ("keywords:existence", {"keywords": ("a",)}, None),
        ("keywords:existence", {"keywords": []}, "keywords must be a list of texts, got []"),
        ("keywords:existence", {"keywords": "a"}, "keywords must be a list of texts, got 'a'"),
        ("keywords:existence", {"keywords": ["a", " "]}, "keywords must be a list of texts"),
        ("keywords:existence", {"keywords": ["a", 5]}, "keywords must be a list of texts"),
        ("language:response_language", {"language": "zh-cn"}, None),
        ("language:response_language", {"language": "tlh"}, "language is not a known language, got 'tlh'"),
        ("language:response_language", {"language": 5}, "language is not a known language, got 5"),
        ("punctuation:no_comma", {}, None),
        ("punctuation:no_colon", {}, "unknown instruction 'punctuation:no_colon'"),
        (5, {}, "unknown instruction 5"),
        (["punctuation:no_comma"], {}, "unknown instruction ['punctuation:no_comma']"),
        ("punctuation:no_comma", "x", "the arguments of punctuation:no_comma are a mapping, got 'x'"),
    ],
)
def test_the_arguments_of_an_instruction_are_checked_by_their_kind(name: Any, kwargs: Any, words: str | None) -> None:
    problem = instruction_problem(name, kwargs)
    assert problem is None if words is None else words in str(problem)
    checked = InstructionsVerifier().check_reference({"reference": {"instruction_id_list": [name], "kwargs": [kwargs]}})
    assert checked == problem


def test_arguments_of_other_instructions_are_left_out() -> None:
    kwargs = {"num_words": 2, "relation": None, "keywords": ["x"], "frequency": 9}
    assert is_followed("length_constraints:number_words", "a b", kwargs)
    assert not is_followed("length_constraints:number_words", "a", kwargs)


THREE = {
    "instruction_id_list": ["punctuation:no_comma", "keywords:existence", "length_constraints:number_words"],
    "kwargs": [None, {"keywords": ["gate"]}, {"num_words": 3}],
}


@pytest.mark.parametrize(
    ("response", "share", "reason"),
    [
        ("an open gate", 1.0, "all followed"),
        ("<think>well, gate</think>an open gate", 1.0, "all followed"),
        ("an, open gate", 2 / 3, "not followed: punctuation:no_comma"),
        ("open, now", 0.0, "not followed: punctuation:no_comma, keywords:existence, length_constraints:number_words"),
        ("gate", 2 / 3, "not followed: length_constraints:number_words"),
        ("gate,", 1 / 3, "not followed: punctuation:no_comma, length_constraints:number_words"),
    ],
)
def test_every_instruction_counts_by_its_place(response: str, share: float, reason: str) -> None:
    for partial in (False, True):
        verdict = InstructionsVerifier(partial).verify(response, {"reference": THREE})
        assert (verdict.reason, verdict.parts) == (reason, {"followed_share": pytest.approx(share)})
        assert verdict.score == pytest.approx(share if partial else float(share == 1.0))
    assert InstructionsVerifier().partial is False


@pytest.mark.parametrize(
    ("reference", "words"),
    [
        (None, "got NoneType"),
        ("punctuation:no_comma", "got str"),
        ({}, "instruction_id_list is empty"),
        ({"instruction_id_list": []}, "instruction_id_list is empty"),
        ({"instruction_id_list": "punctuation:no_comma"}, "instruction_id_list is empty"),
        ({"instruction_id_list": 5}, "instruction_id_list is empty"),
        ({"instruction_id_list": ["punctuation:no_comma"], "kwargs": []}, "one entry for each"),
        ({"instruction_id_list": ["punctuation:no_comma"], "kwargs": [{}, {}]}, "one entry for each"),
        ({"instruction_id_list": ["punctuation:no_comma"], "kwargs": {}}, "one entry for each"),
        ({"instruction_id_list": ["punctuation:no_comma", "x"]}, "unknown instruction 'x'"),
    ],
)
def test_a_reference_that_holds_no_instructions_is_refused(reference: object, words: str) -> None:
    assert words in str(InstructionsVerifier().check_reference({"reference": reference}))
    verdict = InstructionsVerifier().verify("a", {"reference": reference})
    assert verdict.status == "verifier_error" and words in verdict.reason


def test_a_reference_without_arguments_is_usable_and_unfinished_thinking_follows_nothing() -> None:
    row = {"reference": {"instruction_id_list": ["punctuation:no_comma"]}}
    assert InstructionsVerifier(True).verify("a", row).score == 1.0
    assert InstructionsVerifier(True).verify("<think>a", row).score == 0.0
    assert InstructionsVerifier(True).verify("<think>a", row).reason == "unclosed thinking"
