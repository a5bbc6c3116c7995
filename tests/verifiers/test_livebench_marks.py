"""Where LiveBench's code looks for answers: our searches find what its regular expressions find, in linear time."""

from __future__ import annotations

import re
from difflib import get_close_matches

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openqwq.verifiers.livebench.language import _likest, plot_unscrambling
from openqwq.verifiers.livebench.marks import NoAnswer, answer_of, bold, edit_distance, enclosed, last_box, solutions

PIECES = st.lists(st.sampled_from(["<solution>", "</solution>", "</SOLUTION>", "**", "*", "\n", "a", " ", "```", "b"]))


@settings(max_examples=300, deadline=None)
@given(PIECES)
def test_what_is_enclosed_is_what_the_lazy_pattern_finds(pieces: list[str]) -> None:
    text = "".join(pieces)
    assert solutions(text) == re.findall(r"<solution>(.*?)</solution>", text)
    assert solutions(text, across_lines=True) == re.findall(r"<solution>(.*?)</solution>", text, re.DOTALL)
    found = solutions(text, across_lines=True, ignore_case=True)
    assert found == re.findall(r"<solution>(.*?)</solution>", text, re.DOTALL | re.IGNORECASE)
    assert bold(text) == re.findall(r"\*\*(.*?)\*\*", text)
    assert enclosed(text, "</solution>", "</solution>") == re.findall("</solution>(.*?)</solution>", text)
    assert enclosed(text, "```b", "```") == re.findall("```b(.*?)```", text)


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (r"\boxed{a} and \boxed{b{c}}", "b{c}"),
        (r"\fbox{a}", "a"),
        (r"\boxed{$3$}", "3"),
        (r"\boxed{a} but \boxed 5$ so", "5"),  # a blank behind the command wins
        (r"\boxed{a", None),
        ("no box", None),
        (r"}\boxed{\text{x}}", r"\text{x}"),
    ],
)
def test_the_last_box_is_found_as_in_the_official_code(text: str, wanted: str | None) -> None:
    assert last_box(text) == wanted


def test_a_box_on_which_the_official_code_fails_is_no_answer() -> None:
    with pytest.raises(NoAnswer, match="the last box begins"):
        last_box(r"\boxedx{5}")


@given(st.lists(st.integers(0, 3), max_size=8), st.lists(st.integers(0, 3), max_size=8))
def test_the_edit_distance_is_a_distance(left: list[int], right: list[int]) -> None:
    distance = edit_distance(left, right)
    assert distance == edit_distance(right, left)
    assert abs(len(left) - len(right)) <= distance <= max(len(left), len(right))
    assert (distance == 0) == (left == right)


def test_the_edit_distance_of_worked_examples() -> None:
    assert edit_distance("kitten", "sitting") == 3
    assert edit_distance([1, 2, 3, 4], [1, 3, 2, 4]) == 2
    assert (edit_distance([], [1, 2]), edit_distance([1, 2], [])) == (2, 2)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.text("abcd ", min_size=1, max_size=12), min_size=1, max_size=4),
    st.lists(st.text("abcd ", min_size=1, max_size=12), max_size=6),
)
def test_the_likest_sentence_is_that_of_difflib(wanted: list[str], said: list[str]) -> None:
    official = [get_close_matches(sentence, said, n=1, cutoff=0.0) for sentence in wanted]
    assert _likest(wanted, said) == [match[0] for match in official if match]


def test_a_plot_that_is_too_long_to_be_compared_is_no_answer() -> None:
    with pytest.raises(NoAnswer, match="too long to be compared"):
        plot_unscrambling("One. Two. Three.", "ab " * 2_000_000)
    with pytest.raises(NoAnswer, match="too long to be compared"):
        plot_unscrambling("ab" * 2_000 + ".", "ba" * 5_000)


def test_an_answer_without_its_thinking_keeps_the_blanks_that_count() -> None:
    assert answer_of("a\n</think>\n\n b\n</think>\n\nc ", None, "whole") == " b\n</think>\n\nc "
    assert answer_of("a</think> b ", None, "whole") == "a</think> b "
    assert answer_of("a</think> b ", None, "strict") == "b"
