"""The verifier `ifeval`: strict and loose, by prompt and by instruction, thinking, refused rows, missing packages."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openqwq.verifiers import Verdict, VerifierError, get_verifier
from openqwq.verifiers.ifeval import packages
from openqwq.verifiers.ifeval.instructions import CHECKS, read_arguments
from openqwq.verifiers.ifeval.readings import Followed, judge, variants

COMMA = ("punctuation:no_comma", {})
TITLE = ("detectable_format:title", {})
TWO_BULLETS = ("detectable_format:number_bullet_lists", {"num_bullets": 2})
QUOTED = ("startend:quotation", {})
UNUSED = {"num_words": None, "relation": None, "keywords": None}


def row(*instructions: tuple[str, Any], prompt: Any = "Write.") -> dict[str, Any]:
    """As the hub has it: every mapping holds all names, most of them None."""
    return {
        "prompt": prompt,
        "reference": {
            "instruction_id_list": [name for name, _ in instructions],
            "kwargs": [UNUSED | kwargs for _, kwargs in instructions],
        },
    }


def verify(response: str, given: dict[str, Any], **options: Any) -> Verdict:
    return get_verifier("ifeval", **options).verify(response, given)


def test_a_prompt_is_followed_when_all_its_instructions_are() -> None:
    both = row(COMMA, TITLE)
    assert verify("<<Rain>> falls.", both).score == 1.0
    missed = verify("<<Rain>>, it falls.", both)
    assert (missed.score, missed.reason) == (0.0, "not followed: punctuation:no_comma")
    assert missed.parts == {
        "prompt_strict": 0.0,
        "prompt_loose": 0.0,
        "instruction_strict": 0.5,
        "instruction_loose": 0.5,
        "num_instructions": 2.0,
    }


@pytest.mark.parametrize(
    ("reading", "level", "score", "without_bullets"),
    [
        ("strict", "prompt", 0.0, 0.0),
        ("strict", "instruction", 1 / 4, 1 / 3),
        ("loose", "prompt", 0.0, 1.0),
        ("loose", "instruction", 3 / 4, 1.0),
    ],
)
def test_the_score_is_of_the_reading_and_the_level_that_are_asked_for(
    reading: str, level: str, score: float, without_bullets: float
) -> None:
    response = 'Sure, <<this>> is it:\n"It rains"'
    options = {"reading": reading, "level": level}
    assert verify(response, row(COMMA, TITLE, QUOTED, TWO_BULLETS), **options).score == score
    assert verify(response, row(COMMA, TITLE, QUOTED), **options).score == without_bullets


def test_an_instruction_that_stands_twice_is_judged_twice() -> None:
    twice = row(TWO_BULLETS, ("detectable_format:number_bullet_lists", {"num_bullets": 1}))
    assert verify("* a\n* b", twice, level="instruction").score == 0.5


def test_the_loose_reading_knows_eight_texts() -> None:
    assert variants("a*\n b\nc* ") == ["a*\n b\nc* ", "b\nc*", "a*\n b", "b", "a\n b\nc ", "b\nc", "a\n b"]
    assert variants("one") == ["one", ""]


@pytest.mark.parametrize(
    ("instruction", "answer", "followed"),
    [
        (QUOTED, '"Yes"', Followed(True, True)),
        (QUOTED, 'Here:\n\n"Yes"', Followed(False, True)),
        (QUOTED, '"Yes"\nBye.', Followed(False, True)),
        (QUOTED, 'Here:\n"Yes"\nBye.', Followed(False, True)),
        (QUOTED, '**"Yes"**', Followed(False, True)),
        (QUOTED, 'Here:\n**"Yes"**\nBye.', Followed(False, True)),
        (QUOTED, 'Here:\n:\n"Yes"', Followed(False, False)),
        (QUOTED, "", Followed(False, False)),
        (COMMA, " \n ", Followed(False, False)),
        (COMMA, "One, two", Followed(False, False)),
    ],
)
def test_an_instruction_is_followed_by_one_reading_or_both(
    instruction: tuple[str, Any], answer: str, followed: Followed
) -> None:
    name, kwargs = instruction
    assert judge(name, answer, read_arguments(name, kwargs)) == followed


@pytest.mark.parametrize("letter", ["#", "!", "é"])
def test_a_letter_outside_a_to_z_has_the_verdict_of_most_letters(letter: str) -> None:
    name = "keywords:letter_frequency"
    arguments = read_arguments(name, {"letter": letter, "let_frequency": 1, "let_relation": "at least"})
    assert judge(name, f"abcdefghijklmn {letter}", arguments) == Followed(True, True)
    assert judge(name, f"abcdefghijklm {letter * 9}", arguments) == Followed(False, False)


@pytest.mark.parametrize(
    ("response", "prompt", "strict", "whole"),
    [
        ("<think>\nOne, two\n</think>\n\nThree", "", 1, 1),
        ("One, two\n</think>\n\nThree", "<think>\n", 1, 1),
        ("Three", "", 1, 1),
        ("<think>\nThree", "", 0, 1),
        ("Three", "Write.<think>\n", 0, 1),
        ("<think>\nOne, two</think>Three", "", 1, 0),
        ("<think>\na\n</think>\n\nb, c\n</think>\n\nThree", "", 1, 0),
        ("<think>\nOne\n</think>\n\n", "", 0, 0),
        ("\u200b\u2060", "", 0, 1),
    ],
)
def test_what_is_judged_behind_thinking(response: str, prompt: str, strict: int, whole: int) -> None:
    given = row(COMMA, prompt=prompt)
    assert verify(response, given).score == strict
    assert verify(response, given, thinking="whole").score == whole


def test_unclosed_thinking_is_said() -> None:
    verdict = verify("<think> so", row(COMMA))
    assert (verdict.score, verdict.reason, set(verdict.parts.values())) == (0.0, "unclosed thinking", {0.0, 1.0})
    assert verdict.parts["num_instructions"] == 1.0


def test_an_answer_without_thinking_keeps_the_blanks_that_the_official_code_sees() -> None:
    second = ("length_constraints:nth_paragraph_first_word",
              {"num_paragraphs": 2, "nth_paragraph": 2, "first_word": "b"})  # fmt: skip
    assert verify("a\n\nb", row(second)).score == 1.0
    assert verify("\n\na\n\nb", row(second)).score == 0.0
    assert verify("<think>x</think>\n\na\n\nb", row(second)).score == 1.0


@pytest.mark.parametrize(
    ("instruction", "words"),
    [
        (("punctuation:no_commas", {}), "unknown instruction 'punctuation:no_commas'; did you mean .*:no_comma"),
        ((7, {}), "unknown instruction '7'"),
        ((TITLE[0], []), "its kwargs are a mapping, got list"),
        (("punctuation:no_comma", {"num_words": 3}), "takes none, got num_words"),
        (("length_constraints:number_words", {"num_words": 3}), "takes num_words, relation, got num_words"),
        (("length_constraints:number_words", {"num_words": "3", "relation": "at least"}), "whole number"),
        (("length_constraints:number_words", {"num_words": -1, "relation": "at least"}), "whole number"),
        (("length_constraints:number_words", {"num_words": 2.5, "relation": "at least"}), "whole number"),
        (("length_constraints:number_words", {"num_words": True, "relation": "at least"}), "whole number"),
        (("length_constraints:number_words", {"num_words": 3, "relation": "at most"}), "one of less than, at least"),
        (("keywords:existence", {"keywords": "cat"}), "a list of texts, got 'cat'"),
        (("keywords:existence", {"keywords": []}), "a list of texts"),
        (("keywords:existence", {"keywords": ["a", 3]}), "is a text, got 3"),
        (("keywords:existence", {"keywords": ["a", "(b"]}), "is a regular expression"),
        (("keywords:frequency", {"keyword": "*", "frequency": 1, "relation": "at least"}), "is a regular expression"),
        (("keywords:frequency", {"keyword": " ", "frequency": 1, "relation": "at least"}), "is a text"),
        (("keywords:forbidden_words", {"forbidden_words": ["a{9999999999}"]}), "is a regular expression"),
        (("detectable_format:multiple_sections", {"section_spliter": ")", "num_sections": 1}), "is a regular expr"),
        (("detectable_content:postscript", {"postscript_marker": "(?i)p"}), "is a regular expression"),
        (("language:response_language", {"language": "zh"}), "is one of ar, bg, .*, got 'zh'"),
        (("keywords:letter_frequency", {"letter": "ab", "let_frequency": 1, "let_relation": "at least"}), "character"),
        (("keywords:letter_frequency", {"letter": "İ", "let_frequency": 1, "let_relation": "at least"}), "character"),
        (("length_constraints:nth_paragraph_first_word",
          {"num_paragraphs": 2, "nth_paragraph": 3, "first_word": "a"}), "2 paragraphs have no 3-th"),
        (("length_constraints:nth_paragraph_first_word",
          {"num_paragraphs": 2, "nth_paragraph": 0, "first_word": "a"}), "2 paragraphs have no 0-th"),
    ],
)  # fmt: skip
def test_an_instruction_that_cannot_be_judged_is_refused_in_one_line(instruction: Any, words: str) -> None:
    name, kwargs = instruction
    given = {"reference": {"instruction_id_list": [name], "kwargs": [kwargs]}}
    problem = get_verifier("ifeval").check_reference(given)
    assert problem is not None and "\n" not in problem
    with pytest.raises(ValueError, match=words):
        read_arguments(name, kwargs)
    verdict = verify("a", given)
    assert (verdict.status, verdict.score) == ("verifier_error", None)
    assert verdict.reason == f"unusable instructions: {problem}"


@pytest.mark.parametrize(
    "reference",
    [None, "x", {}, {"instruction_id_list": []}, {"instruction_id_list": "punctuation:no_comma"},
     {"instruction_id_list": ["punctuation:no_comma"], "kwargs": []},
     {"instruction_id_list": ["punctuation:no_comma"], "kwargs": "x"},
     {"instruction_id_list": ["punctuation:no_comma"], "kwargs": {"a": 1}}],
)  # fmt: skip
def test_a_reference_that_is_none_is_refused(reference: object) -> None:
    problem = get_verifier("ifeval").check_reference({"reference": reference})
    assert problem and "\n" not in problem


def test_numbers_of_columns_with_gaps_and_absent_arguments_are_read() -> None:
    assert read_arguments(*TWO_BULLETS) == read_arguments(TWO_BULLETS[0], {"num_bullets": 2.0}) == {"num_bullets": 2}
    assert verify("No.", {"reference": {"instruction_id_list": [COMMA[0]]}}).score == 1.0
    assert verify("No.", {"reference": {"instruction_id_list": [COMMA[0]], "kwargs": [None]}}).score == 1.0


@pytest.mark.parametrize("option", ["reading", "level", "thinking"])
def test_an_unknown_option_is_refused(option: str) -> None:
    with pytest.raises(VerifierError, match=rf"{option} is one of .*, got 'odd'"):
        get_verifier("ifeval", **{option: "odd"})


VERIFIERS = {thinking: get_verifier("ifeval", thinking=thinking) for thinking in ("strict", "whole")}
SEVERAL = row(COMMA, TITLE, TWO_BULLETS, QUOTED, ("detectable_format:json_format", {}))


@given(st.text(max_size=80), st.sampled_from(["strict", "whole"]))
def test_loose_is_never_stricter_than_strict_and_verdicts_repeat(response: str, thinking: str) -> None:
    verdict, again = (VERIFIERS[thinking].verify(response, SEVERAL) for _ in range(2))
    parts = verdict.parts
    assert (verdict.score, parts) == (again.score, again.parts)
    assert parts["instruction_strict"] <= parts["instruction_loose"] <= 1.0
    assert parts["prompt_strict"] <= parts["prompt_loose"]
    assert (parts["prompt_strict"] == 1.0) == (parts["instruction_strict"] == 1.0)


@pytest.fixture
def without_packages(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """This process cannot import the packages of the extra `eval`."""
    found = {name for name in sys.modules if name.partition(".")[0] in ("langdetect", "nltk", "punkt")}
    for name in {*found, "langdetect", "nltk", "punkt"}:
        monkeypatch.setitem(sys.modules, name, None)
    caches = (packages._detector, packages._sentences, packages._words)
    for cached in caches:
        cached.cache_clear()
    yield
    for cached in caches:
        cached.cache_clear()


@pytest.mark.parametrize(
    ("name", "kwargs", "package"),
    [
        ("language:response_language", {"language": "de"}, "langdetect"),
        ("change_case:english_capital", {}, "langdetect"),
        ("change_case:english_lowercase", {}, "langdetect"),
        ("length_constraints:number_sentences", {"num_sentences": 1, "relation": "at least"}, "nltk"),
        ("change_case:capital_word_frequency", {"capital_frequency": 1, "capital_relation": "at least"}, "nltk"),
    ],
)
@pytest.mark.usefixtures("without_packages")
def test_a_verdict_without_its_package_is_an_error_that_names_it(name: str, kwargs: Any, package: str) -> None:
    response = "hello" if name.endswith("lowercase") else "HELLO"
    verdict = verify(response, row((name, kwargs)))
    assert (verdict.status, verdict.score) == ("verifier_error", None)
    assert f"by {package}, which is not installed; pip install 'openqwq[eval]'" in verdict.reason
    assert get_verifier("ifeval").check_reference(row((name, kwargs))) is None  # the row is not at fault
    assert verify("", row((name, kwargs))).score == 0.0


def test_nltk_of_another_version_judges_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    nltk = pytest.importorskip("nltk", reason="the extra `eval` is not installed")
    monkeypatch.setattr(nltk, "__version__", "3.10.4")
    with pytest.raises(packages.MissingPackage, match=r"nltk 3\.10\.4 divides text otherwise than 3\.9"):
        packages._require_nltk()


def test_types_that_need_no_package_load_none() -> None:
    program = (
        "import sys; from openqwq.verifiers import get_verifier\n"
        "row = {'reference': {'instruction_id_list': ['punctuation:no_comma'], 'kwargs': [{}]}}\n"
        "assert get_verifier('ifeval').verify('No.', row).score == 1.0\n"
        "sys.exit(str({'nltk', 'langdetect', 'punkt', 'numpy'} & set(sys.modules) or ''))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert done.stderr.strip() == ""


def test_all_25_types_are_there() -> None:
    assert len(CHECKS) == 25
