"""Official checkers of the form of an answer: right, wrong, and their known faults, which are kept."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openqwq.verifiers.ifeval import layout
from openqwq.verifiers.ifeval.instructions import read_arguments
from openqwq.verifiers.ifeval.readings import is_followed

MARKS = st.text(alphabet="ab *-[]<>\n\t\u00a0p.s3", max_size=40)

PLACEHOLDERS = "detectable_content:number_placeholders"
POSTSCRIPT = "detectable_content:postscript"
BULLETS = "detectable_format:number_bullet_lists"
CONSTRAINED = "detectable_format:constrained_response"
HIGHLIGHTS = "detectable_format:number_highlighted_sections"
SECTIONS = "detectable_format:multiple_sections"
JSON = "detectable_format:json_format"
TITLE = "detectable_format:title"
TWO = "combination:two_responses"
REPEAT = "combination:repeat_prompt"
END = "startend:end_checker"
QUOTED = "startend:quotation"


@pytest.mark.parametrize(
    ("name", "kwargs", "text", "followed"),
    [
        (PLACEHOLDERS, {"num_placeholders": 2}, "Dear [name], from [me]", True),
        (PLACEHOLDERS, {"num_placeholders": 2}, "Dear [name], from me", False),
        (PLACEHOLDERS, {"num_placeholders": 3}, "[] [ ] [a](b)", True),
        (PLACEHOLDERS, {"num_placeholders": 1}, "[two\nlines]", False),
        (PLACEHOLDERS, {"num_placeholders": 2}, "[[a]]", False),
        (PLACEHOLDERS, {"num_placeholders": 2}, "[a][b]", True),
        (PLACEHOLDERS, {"num_placeholders": 0}, "none", True),
        (POSTSCRIPT, {"postscript_marker": "P.S."}, "Bye.\nP.S. Call me", True),
        (POSTSCRIPT, {"postscript_marker": "P.S."}, "Bye.\np. s. call me", True),
        (POSTSCRIPT, {"postscript_marker": "P.S."}, "Bye.\nPS call me", False),
        (POSTSCRIPT, {"postscript_marker": "P.S."}, "Bye.\nP.P.S Call me", False),
        (POSTSCRIPT, {"postscript_marker": "P.S."}, "temp.s. rose", True),
        (POSTSCRIPT, {"postscript_marker": "P.P.S"}, "Bye.\nP. P. S and so on", True),
        (POSTSCRIPT, {"postscript_marker": "P.P.S"}, "Bye.\nP.S. Call me", False),
        (POSTSCRIPT, {"postscript_marker": " P.P.S "}, "p.p.s", True),
        (POSTSCRIPT, {"postscript_marker": "P.P.S."}, "pXpXsX", True),
        (POSTSCRIPT, {"postscript_marker": "N.B."}, "No note.", False),
        (POSTSCRIPT, {"postscript_marker": "+"}, "anything", True),
        (BULLETS, {"num_bullets": 2}, "* one\n* two", True),
        (BULLETS, {"num_bullets": 2}, "- one\n  * two", True),
        (BULLETS, {"num_bullets": 2}, "* one\n* two\n* three", False),
        (BULLETS, {"num_bullets": 1}, "**bold** is none\n---", True),
        (BULLETS, {"num_bullets": 3}, "*Note*: cold\n-5 degrees\n\n\n *x", True),
        (BULLETS, {"num_bullets": 1}, "*\n* takes the next line with it", True),
        (BULLETS, {"num_bullets": 0}, "• one\n1. two\nx * y", True),
        (CONSTRAINED, {}, "My answer is maybe.", True),
        (CONSTRAINED, {}, "I cannot say: My answer is yes. My answer is no.", True),
        (CONSTRAINED, {}, "My answer is yes", False),
        (CONSTRAINED, {}, "my answer is yes.", False),
        (HIGHLIGHTS, {"num_highlights": 2}, "*one* and *two*", True),
        (HIGHLIGHTS, {"num_highlights": 2}, "*one* and * *", False),
        (HIGHLIGHTS, {"num_highlights": 1}, "**one**", True),
        (HIGHLIGHTS, {"num_highlights": 2}, "**one**", False),
        (HIGHLIGHTS, {"num_highlights": 1}, "5 * 3 * 2", True),
        (HIGHLIGHTS, {"num_highlights": 1}, "*two\nlines*", False),
        (HIGHLIGHTS, {"num_highlights": 2}, "*one* *** **two**", True),
        (SECTIONS, {"section_spliter": "Day", "num_sections": 2}, "Day 1\nsleep\nDay 2\neat", True),
        (SECTIONS, {"section_spliter": "Day", "num_sections": 2}, "Day 1\nsleep\nday 2\neat", False),
        (SECTIONS, {"section_spliter": " Day ", "num_sections": 2}, "on Day1 and Day 2", True),
        (SECTIONS, {"section_spliter": "Day", "num_sections": 1}, "Day one", False),
        (JSON, {}, '{"a": [1, null]}', True),
        (JSON, {}, '```json\n{"a": 1}\n```', True),
        (JSON, {}, "```JSON\n7```", True),
        (JSON, {}, "``` json\n7\n```", False),
        (JSON, {}, "{'a': 1}", False),
        (JSON, {}, "[NaN, -Infinity]", True),
        (JSON, {}, 'Here it is: {"a": 1}', False),
        (JSON, {}, "[" * 100_000 + "]" * 100_000, False),
        (JSON, {}, "1" * 5_000, False),
        (TITLE, {}, "<<Rain>>\nIt falls.", True),
        (TITLE, {}, "<< >> <<>>", True),
        (TITLE, {}, "<< >>", False),
        (TITLE, {}, "<<>>>", False),
        (TITLE, {}, "<Rain>", False),
        (TITLE, {}, "<<two\nlines>>", False),
        (TITLE, {}, "cout << x; cin >> y", True),
        (TWO, {}, "one\n******\ntwo", True),
        (TWO, {}, "******\none\n******\ntwo\n******", True),
        (TWO, {}, "one\n******\n one", False),
        (TWO, {}, "one\n******\n******\ntwo", False),
        (TWO, {}, "one ****** two ****** three", False),
        (TWO, {}, "one\n*****\ntwo", False),
        (REPEAT, {"prompt_to_repeat": "Say hello. "}, "\n say HELLO. Hello!", True),
        (REPEAT, {"prompt_to_repeat": "Say hello."}, "Say hello.", True),
        (REPEAT, {"prompt_to_repeat": "Say hello."}, 'Sure: "Say hello." Hello!', False),
        (END, {"end_phrase": "Peace! "}, "War and PEACE!\n", True),
        (END, {"end_phrase": "Peace!"}, '"War and peace!"', True),
        (END, {"end_phrase": "done."}, "It is undone.", True),
        (END, {"end_phrase": "Peace!"}, "**Peace!**", False),
        (END, {"end_phrase": '"Peace!"'}, 'he said "Peace!"', False),
        (QUOTED, {}, ' "Yes" and "no"\n', True),
        (QUOTED, {}, "“Yes”", False),
        (QUOTED, {}, '"', False),
        (QUOTED, {}, '""', True),
        (QUOTED, {}, '"Yes" he said', False),
    ],
)
def test_a_form_is_judged_as_the_official_code_judges_it(
    name: str, kwargs: dict[str, Any], text: str, followed: bool
) -> None:
    assert is_followed(name, text, read_arguments(name, kwargs)) is followed


@given(MARKS)
def test_bullets_are_those_of_the_official_patterns(text: str) -> None:
    count = len(re.findall(r"^\s*\*[^\*].*$", text, re.MULTILINE)) + len(re.findall(r"^\s*-.*$", text, re.MULTILINE))
    assert layout.number_bullet_lists(text, count)
    assert not layout.number_bullet_lists(text, count + 1)


@given(MARKS)
def test_placeholders_are_those_of_the_official_pattern(text: str) -> None:
    count = len(re.findall(r"\[.*?\]", text))
    assert layout.number_placeholders(text, count)
    assert not layout.number_placeholders(text, count + 1)


@given(MARKS)
def test_titles_are_those_of_the_official_pattern(text: str) -> None:
    titles = re.findall(r"<<[^\n]+>>", text)
    assert layout.title(text) == any(title.lstrip("<").rstrip(">").strip() for title in titles)


@given(MARKS, st.sampled_from(["P.S.", "P.P.S", "ps", "a|b", "+", "b?"]))
def test_postscripts_are_those_of_the_official_patterns(text: str, marker: str) -> None:
    known = {"P.P.S": r"\s*p\.\s?p\.\s?s.*$", "P.S.": r"\s*p\.\s?s\..*$"}
    pattern = known.get(marker, rf"\s*{marker.lower()}.*$")
    assert layout.postscript(text, marker) == bool(re.findall(pattern, text.lower(), re.MULTILINE))


@pytest.mark.parametrize("unit", ["\n", " ", "[", "<<", "*", "**a", "-", "\n ", "p.", "******", '"', "{", "\u00a0\n"])
def test_a_long_answer_of_one_mark_takes_no_longer_than_any_other(unit: str) -> None:
    text = unit * 200_000 + "x"  # the square of this would take hours
    for name, kwargs in (
        (PLACEHOLDERS, {"num_placeholders": 1}),
        (POSTSCRIPT, {"postscript_marker": "P.S."}),
        (POSTSCRIPT, {"postscript_marker": "Note"}),
        (BULLETS, {"num_bullets": 1}),
        (HIGHLIGHTS, {"num_highlights": 1}),
        (SECTIONS, {"section_spliter": "Day", "num_sections": 1}),
        (JSON, {}),
        (TITLE, {}),
        (TWO, {}),
    ):
        assert is_followed(name, text, read_arguments(name, kwargs)) in (True, False)
