"""Rule verifiers: format, instructions, language, refusal, repetition, length."""

import time
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openqwq.verifiers import Verdict, get_verifier
from openqwq.verifiers.rules.instructions import CHECKS

ROWS: dict[str, Mapping[str, Any]] = {
    "think_format": {},
    "role_leak": {},
    "refusal": {"reference": {"should_refuse": True}},
    "repetition": {},
    "length": {},
    "language": {"reference": {"language": "en"}},
}


def instruct(response: str, instruction: str, **kwargs: Any) -> Verdict:
    reference = {"instruction_id_list": [instruction], "kwargs": [kwargs]}
    return get_verifier("instructions").verify(response, {"reference": reference})


CASES: list[tuple[str, dict[str, Any], str, str]] = [
    ("keywords:existence", {"keywords": ["node.js"]}, "I like Node.js a lot", "nodeXjs"),
    ("keywords:existence", {"keywords": ["C++"]}, "use C++ here", "use C here"),
    ("keywords:frequency", {"keyword": "cat", "frequency": 2, "relation": "exactly"}, "cat, Cat", "cat concatenate"),
    ("keywords:forbidden_words", {"forbidden_words": ["art"]}, "party", "fine art!"),
    ("keywords:letter_frequency", {"letter": "#", "let_frequency": 2, "let_relation": "at least"}, "# #", "#"),
    ("language:response_language", {"language": "zh-cn"}, "猫坐在垫子上。", "The cat sat on the mat."),
    ("length_constraints:number_sentences", {"num_sentences": 2, "relation": "exactly"}, "Dr. Li ran. He won!", "One."),
    ("length_constraints:number_paragraphs", {"num_paragraphs": 2}, "a\n***\nb ***bold***", "a ***b*** c"),
    ("length_constraints:number_words", {"num_words": 3, "relation": "less than"}, "don't stop", "do not stop"),
    (
        "length_constraints:nth_paragraph_first_word",
        {"num_paragraphs": 2, "nth_paragraph": 2, "first_word": "then"},
        "\n\nFirst.\n\n**Then** more.",
        "Then.\n\nFirst.",
    ),
    ("detectable_content:number_placeholders", {"num_placeholders": 1}, "Dear [name]", "- [ ] task and [a](b)"),
    ("detectable_content:postscript", {"postscript_marker": "P.S."}, "Bye.\n\nP.S. Call.", "Use temp.s. files"),
    ("detectable_format:number_bullet_lists", {"num_bullets": 2}, "* a\n- b\n---", "* a\n-5 degrees"),
    ("detectable_format:constrained_response", {}, "My answer is maybe.", "My answer is yes. My answer is no."),
    ("detectable_format:number_highlighted_sections", {"num_highlights": 1}, "a **b c** d", "5 * 3 * 2"),
    (
        "detectable_format:multiple_sections",
        {"section_spliter": "Part", "num_sections": 2},
        "Part 1\na\n# Part 2\nb",
        "Part 1",
    ),
    ("detectable_format:json_format", {}, '```json\n{"a": 1}\n```', '{"a": NaN}'),
    ("detectable_format:title", {}, "<<Title>>\ntext", "cout << x; cin >> y"),
    ("combination:two_responses", {}, "tea\n******\ncoffee", "tea\n******\ntea"),
    ("combination:repeat_prompt", {"prompt_to_repeat": "Name one."}, "Name one. Blue.", "Name one."),
    ("startend:end_checker", {"end_phrase": "Done."}, "All is done.", "All is undone."),
    ("startend:quotation", {}, '"All of it."', '"Yes" and "no"'),
    ("startend:first_word", {"first_word": "Dear"}, "**Dear** Ann", "Ann, dear"),
    ("startend:start_checker", {"start_phrase": "Once upon"}, "Once upon a time", "Once upontime"),
    ("last_word:last_word_answer", {"last_word": "end"}, "the end.", "the ending"),
    ("count:exact_repetitions", {"word": "red", "times": 3}, "red red red", "red red red red"),
    ("count:word_count_range", {"min_words": 2, "max_words": 3}, "one two", "one"),
    ("count:unique_word_count", {"num_words": 2}, "one two one", "one One one"),
    ("answer_form:json", {"answer": "fox"}, '{"answer": "fox"}', '{"answer": "cat"}'),
    ("answer_form:tags", {"answer": "fox"}, "<answer>fox</answer>", "<a>fox</b>"),
    ("answer_form:bold", {"answer": "fox"}, "**fox**", "fox"),
    ("answer_form:quotes", {"answer": "fox"}, '"fox"', "**fox**"),
    (
        "change_case:capital_word_frequency",
        {"capital_frequency": 1, "capital_relation": "exactly"},
        "DON'T go",
        "NO WAY",
    ),
    ("change_case:english_capital", {}, "THE GATE IS OPEN AND THE GARDEN IS QUIET TODAY.", "The gate"),
    ("change_case:english_lowercase", {}, "the gate is open and the garden is quiet today.", "The gate"),
    ("punctuation:no_comma", {}, "one; two", "一，二"),
]


@pytest.mark.parametrize(("instruction", "kwargs", "good", "bad"), CASES)
def test_an_instruction_is_read_by_its_plain_meaning(
    instruction: str, kwargs: dict[str, Any], good: str, bad: str
) -> None:
    assert instruct(good, instruction, **kwargs).score == 1.0
    assert instruct(bad, instruction, **kwargs).score == 0.0


def test_every_instruction_has_a_case() -> None:
    of_iftrain = [name for name in CHECKS if CHECKS[name].__module__.endswith("iftrain")]
    others = {"first_word:first_word_answer", "keywords:word_count_different_numbers", "letters:letter_counting2"}
    assert set(CHECKS) - {case[0] for case in CASES} == {*of_iftrain, *others}  # test_rule_iftrain.py has theirs


def test_all_instructions_must_be_followed_unless_partial_is_asked_for() -> None:
    reference = {
        "instruction_id_list": ["punctuation:no_comma", "keywords:existence"],
        "kwargs": [{"keywords": None}, {"keywords": ["gate"], "num_words": None}],
    }
    assert get_verifier("instructions").verify("An open door.", {"reference": reference}).score == 0.0
    assert get_verifier("instructions", partial=True).verify("An open door.", {"reference": reference}).score == 0.5
    assert get_verifier("instructions").verify("An open gate.", {"reference": reference}).score == 1.0


@pytest.mark.parametrize(
    "reference",
    [
        {"instruction_id_list": ["keywords:exist"], "kwargs": [{}]},
        {"instruction_id_list": ["keywords:existence"], "kwargs": [{}]},
        {"instruction_id_list": ["keywords:existence"], "kwargs": [{"keywords": "a"}]},
        {"instruction_id_list": ["count:exact_repetitions"], "kwargs": [{"word": "a", "times": "3"}]},
        {"instruction_id_list": ["language:response_language"], "kwargs": [{"language": "tlh"}]},
        {"instruction_id_list": ["punctuation:no_comma"], "kwargs": []},
        {"instruction_id_list": []},
    ],
)
def test_an_unusable_row_is_refused_and_never_pays(reference: dict[str, Any]) -> None:
    verifier = get_verifier("instructions")
    assert verifier.check_reference({"reference": reference})
    assert verifier.verify("anything", {"reference": reference}).status == "verifier_error"


@pytest.mark.parametrize(
    ("response", "language", "score"),
    [
        ("The cat sat on the mat because it was warm.", "en", 1.0),
        ("The cat sat on the mat, 因为那里很暖和。", "en", 0.0),
        ("Die Katze sitzt auf der Matte, weil es dort warm ist.", "en", 0.0),
        ("Die Katze sitzt auf der Matte, weil es dort warm ist.", "de", 1.0),
        ("用 Docker 部署 API 服务，然后检查日志是否正常。", "zh", 1.0),
        ("So $\\alpha + \\beta$ is 3. Run `печать` now.", "en", 1.0),
    ],
)
def test_every_sentence_must_be_in_the_target_language(response: str, language: str, score: float) -> None:
    assert get_verifier("language", target=language).verify(response, {}).score == score


@pytest.mark.parametrize(
    ("response", "did_refuse"),
    [
        ("Sorry, I can't help with that.", True),
        ("I’m unable to assist with this request.", True),
        ("很抱歉，我无法提供帮助。", True),
        ("I must decline.", True),
        ("Use a whetstone and keep the angle steady.", False),
        ('She said "I cannot help with that" and left.', False),
        ("I can't help with that. But here is how: take a rope.", False),
        ("To open a door, take your time and go step by step.", False),
    ],
)
def test_a_refusal_is_told_from_an_answer(response: str, did_refuse: bool) -> None:
    verifier = get_verifier("refusal")
    assert verifier.verify(response, {"reference": {"should_refuse": True}}).score == float(did_refuse)
    assert verifier.verify(response, {"reference": {"should_refuse": False}}).score == float(not did_refuse)


@pytest.mark.parametrize(
    "loop",
    [
        "Let me see. " * 60,
        "好的，我再想一想。" * 30,
        "".join(f"Step {i}: check the value {i + 1}. " for i in range(80)),
        "so " + "a" * 200,
        "\n" * 300,
    ],
)
def test_loops_are_found(loop: str) -> None:
    assert get_verifier("repetition").verify(f"A start. {loop}", {}).score == 0.0


def test_short_or_varied_text_is_no_loop() -> None:
    assert get_verifier("repetition").verify("One step. Two steps. Three steps. Then rest.", {}).score == 1.0
    assert (
        get_verifier("repetition")
        .verify(" ".join(f"{i * i:b}x{i}".translate({48: "a", 49: "b"}) for i in range(300)), {})
        .score
        == 1.0
    )


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=400))
def test_any_text_gets_a_verdict_and_the_same_one_again(text: str) -> None:
    for name, row in ROWS.items():
        verifier = get_verifier(name)
        first, second = verifier.verify(text, row), verifier.verify(text, row)
        assert first.status in ("scored", "not_applicable")
        assert (first.status, first.score) == (second.status, second.score)
    for instruction, kwargs, _, _ in CASES:
        assert instruct(text, instruction, **kwargs).is_scored


@pytest.mark.parametrize(
    "piece", ["a", "a ", ". ", "*", "* ", "\n", '"', "[", "<<", "```\n", "$", "\\(", "sorry ", "我"]
)
def test_a_long_text_takes_linear_time(piece: str) -> None:
    text = piece * (40_000 // len(piece))
    start = time.monotonic()
    for name, row in ROWS.items():
        get_verifier(name).verify(text, row)
    for instruction, kwargs, _, _ in CASES:
        instruct(text, instruction, **kwargs)
    assert time.monotonic() - start < 20.0  # about 0.5 s; a quadratic check takes minutes
