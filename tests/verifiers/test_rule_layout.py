"""The form of an answer: placeholders, bullets, sections, quotes, JSON, phrases at its ends."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openqwq.verifiers.rules import layout


@pytest.mark.parametrize(
    ("rule", "text", "count"),
    [
        (layout.number_placeholders, "Dear [name], at [ city ] on [x] [X] [ ] [a](b) []", 2),
        (layout.number_placeholders, "[[a]] [b\nc] [d]", 2),
        (layout.number_highlights, "*a* **b c** ***d***", 3),
        (layout.number_highlights, "* a* *b * 5*3*2 *c\nd* ** x*y*", 0),
        (layout.number_highlights, "(*a*), *b*!", 2),
    ],
)
def test_at_least_so_many_are_asked_for(rule: Callable[..., bool], text: str, count: int) -> None:
    assert [rule(text, number) for number in (count - 1, count, count + 1)] == [True, True, False]


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("* a\n- b\n  * c\n\t- d", 4),
        ("-5 degrees\n*a*\n-\n* ", 0),
        ("* a\n---\n* * *\n- - -\n***\n- b", 2),
        ("a * b", 0),
    ],
)
def test_exactly_so_many_bullets_are_asked_for(text: str, count: int) -> None:
    assert [layout.number_bullets(text, number) for number in (count - 1, count, count + 1)] == [False, True, False]


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("Part 1\na\n## Part 2\n**Part  3**\n * Part 4", 4),
        ("part 1\nParts 2\nPart two\nPart3\nIn Part 4", 0),
    ],
)
def test_sections_are_headings_with_a_number(text: str, count: int) -> None:
    for spliter in ("Part", " Part "):
        found = [layout.multiple_sections(text, spliter, number) for number in (count, count + 1)]
        assert found == [True, False]


@pytest.mark.parametrize(
    ("text", "is_followed"),
    [
        ("Bye.\n\nP.S. Call.", True),
        ("Bye.\n**p.s.** Call.", True),
        ("Bye.\nP.S. One.\n\nTwo.", True),
        ("Bye.\nP.S. One.\n\nTwo.\n\nThree.", False),
        ("Bye.\nP.S. One.\n\nTwo.\n\nThree.\n\nP.S. Four.", True),
        ("Bye.\nP.S.", False),
        ("Bye.\nP.S. ...", False),
        ("P.S. Call.", False),
        ("Bye. P.S. Call.", False),
        ("Bye.\nPxS. Call.", False),
    ],
)
def test_a_postscript_starts_a_line_at_the_end_and_says_something(text: str, is_followed: bool) -> None:
    assert layout.postscript(text, " P.S. ") is is_followed


FOLLOWED: list[tuple[Callable[..., bool], str, bool]] = [
    (layout.constrained_response, "My answer is yes.", True),
    (layout.constrained_response, ' **"My answer is no."** ', True),
    (layout.constrained_response, "My answer is no", False),
    (layout.constrained_response, "my answer is no.", False),
    (layout.constrained_response, "My answer is no. Really.", False),
    (layout.is_json, ' {"a": [1, null]} ', True),
    (layout.is_json, "```json\n{}\n```", True),
    (layout.is_json, "```\n[1]\n```", True),
    (layout.is_json, "```JSON\n1```", True),
    (layout.is_json, "Here: {}", False),
    (layout.is_json, '{"a": NaN}', False),
    (layout.is_json, "```python\n{}\n```", False),
    (layout.is_json, "{'a': 1}", False),
    (layout.is_json, "", False),
    (layout.is_json, "[" * 100_000, False),
    (layout.has_title, "<<A title>>\ntext", True),
    (layout.has_title, "text\n  << A >>", True),
    (layout.has_title, "text <<A>>", False),
    (layout.has_title, "<<>>", False),
    (layout.has_title, "<< >>", False),
    (layout.has_title, "<<A\nB>>", False),
    (layout.two_responses, "tea\n******\ncoffee", True),
    (layout.two_responses, "tea******coffee", True),
    (layout.two_responses, "tea\n******\n tea ", False),
    (layout.two_responses, "******tea", False),
    (layout.two_responses, "tea******", False),
    (layout.two_responses, "a******b******c", False),
    (layout.two_responses, "tea coffee", False),
    (layout.is_quoted, '"a"', True),
    (layout.is_quoted, ' "a b" ', True),
    (layout.is_quoted, "“a”", True),
    (layout.is_quoted, "«a»", True),
    (layout.is_quoted, "„a“", True),
    (layout.is_quoted, '"say \\"b\\" now"', True),
    (layout.is_quoted, '""', False),
    (layout.is_quoted, '" "', False),
    (layout.is_quoted, '"a', False),
    (layout.is_quoted, 'a"', False),
    (layout.is_quoted, '“a"', False),
    (layout.is_quoted, "“a” b”", False),
    (layout.is_quoted, "“a “b”", False),
    (layout.is_quoted, '"a" and "b"', False),
    (layout.is_quoted, "'a'", False),
]


@pytest.mark.parametrize(("rule", "text", "is_followed"), FOLLOWED)
def test_a_form_is_kept_or_not(rule: Callable[..., bool], text: str, is_followed: bool) -> None:
    assert rule(text) is is_followed


PHRASES: list[tuple[Callable[..., bool], str, str, bool]] = [
    (layout.ends_with, "All is done.", "Done.", True),
    (layout.ends_with, 'All is "done."  ', '"Done."', True),
    (layout.ends_with, "**All is done**", "done", True),
    (layout.ends_with, "All is undone.", "done.", False),
    (layout.ends_with, "All is 5done", "done", False),
    (layout.ends_with, "All is (done", "done", True),
    (layout.ends_with, "wait...", "...", True),
    (layout.ends_with, "done", "done", True),
    (layout.ends_with, "done it", "done", False),
    (layout.ends_with, "one", "done", False),
    (layout.ends_with, "done", " ", False),
    (layout.starts_with, "Once upon a time", "once upon", True),
    (layout.starts_with, '"**Once upon** a time"', '"Once upon"', True),
    (layout.starts_with, "# > Once upon, a", "Once upon", True),
    (layout.starts_with, "Once upontime", "Once upon", False),
    (layout.starts_with, "Once upon5", "Once upon", False),
    (layout.starts_with, "Once upontime, there was", "Once upon", False),
    (layout.starts_with, "Hi!there", "Hi!", True),
    (layout.starts_with, "Once upon", "Once upon", True),
    (layout.starts_with, "At once upon", "Once upon", False),
    (layout.starts_with, "Once", "Once upon", False),
    (layout.starts_with, "Once", "", False),
    (layout.repeats_prompt, "Name one. Blue.", "Name one.", True),
    (layout.repeats_prompt, "  NAME ONE.\n\nBlue.", " Name one. ", True),
    (layout.repeats_prompt, "Name one.", "Name one.", False),
    (layout.repeats_prompt, "Name one. ...", "Name one.", False),
    (layout.repeats_prompt, "Blue. Name one. Blue.", "Name one.", False),
    (layout.answer_as_json, '{"any": " Fox "}', "fox", True),
    (layout.answer_as_json, '```json\n{"answer": 5}\n```', "5", True),
    (layout.answer_as_json, '{"a": "fox", "b": "fox"}', "fox", False),
    (layout.answer_as_json, "{}", "fox", False),
    (layout.answer_as_json, '["fox"]', "fox", False),
    (layout.answer_as_json, '"fox"', "fox", False),
    (layout.answer_as_json, '{"a": "foxes"}', "fox", False),
    (layout.answer_as_json, '{"a": fox}', "fox", False),
    (layout.answer_in_tags, " <b> Fox </b> ", "fox", True),
    (layout.answer_in_tags, "<my-tag>fox</my-tag>", "fox", True),
    (layout.answer_in_tags, "<a>fox</b>", "fox", False),
    (layout.answer_in_tags, "<a><b>fox</b></a>", "fox", False),
    (layout.answer_in_tags, "It is <a>fox</a>", "fox", False),
    (layout.answer_in_tags, "<a>cat</a>", "fox", False),
    (layout.answer_in_bold, " **Fox** ", "fox", True),
    (layout.answer_in_bold, "*fox*", "fox", False),
    (layout.answer_in_bold, "**fox** now", "fox", False),
    (layout.answer_in_bold, "**cat**", "fox", False),
    (layout.answer_in_quotes, ' "Fox" ', "fox", True),
    (layout.answer_in_quotes, "“fox”", "fox", True),
    (layout.answer_in_quotes, "fox", "fox", False),
    (layout.answer_in_quotes, '"cat"', "fox", False),
    (layout.answer_in_quotes, '"fox" "fox"', "fox", False),
]


@pytest.mark.parametrize(("rule", "text", "phrase", "is_followed"), PHRASES)
def test_a_phrase_or_an_answer_stands_where_it_should(
    rule: Callable[..., bool], text: str, phrase: str, is_followed: bool
) -> None:
    assert rule(text, phrase) is is_followed


ANSWER_FORMS: list[tuple[Callable[..., bool], str]] = [
    (layout.answer_as_json, '{{"answer": "{}"}}'),
    (layout.answer_in_tags, "<answer>{}</answer>"),
    (layout.answer_in_bold, "**{}**"),
    (layout.answer_in_quotes, '"{}"'),
]


@settings(max_examples=20)
@given(st.text("abcXYZ é5", min_size=1, max_size=6).filter(str.strip), st.sampled_from(["", " ", "\n"]))
def test_case_and_space_around_an_answer_change_nothing_and_its_letters_do(answer: str, space: str) -> None:
    forms: dict[Any, str] = dict(ANSWER_FORMS)
    for rule, form in forms.items():
        right = space + form.format(answer) + space
        assert rule(right, answer) and rule(right, answer.swapcase()) and rule(right, f" {answer} ")
        assert not rule(right, answer + "q") and not rule(space + form.format("q" + answer), answer)
        assert not rule(right + "q", answer) and not rule(answer, answer)
        assert [other(right, answer) for other in forms].count(True) == 1
