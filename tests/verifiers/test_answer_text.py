"""Which part of a response is graded."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openqwq.verifiers.answers import graded_text, last_boxed, last_code_block


@pytest.mark.parametrize(
    ("response", "text", "problem"),
    [
        ("<think>hm</think> 9", "9", ""),
        ("9", "9", ""),
        ("hm</think>9", "9", ""),
        ("<think>9", "", "unclosed thinking"),
        ("<think>a</think>8<think>9", "", "unclosed thinking"),
        ("<think>a</think>  ", "", "empty answer"),
    ],
)
def test_only_what_follows_the_closed_thinking_is_graded(response: str, text: str, problem: str) -> None:
    graded = graded_text(response)
    assert (graded.text, graded.problem) == (text, problem)


def test_a_prompt_that_opened_the_thinking_makes_an_unclosed_response_empty() -> None:
    assert graded_text("9", "Question <think>\n").problem == "unclosed thinking"
    assert graded_text("hm</think>9", "Question <think>\n").text == "9"


@pytest.mark.parametrize(
    ("text", "box"),
    [
        (r"\boxed{\frac{1}{2}}", r"\frac{1}{2}"),
        (r"\boxed{1} then \boxed{2}", "2"),
        (r"\boxed{1} and \boxed{2}", "1, 2"),
        (r"\boxed{1}, \boxed{2} or \boxed{3}.", "1, 2, 3"),
        (r"\boxed{\{1, 2\}}", r"\{1, 2\}"),
        (r"\boxed 7", "7"),
        (r"\boxed{6", None),
        ("6", None),
    ],
)
def test_the_last_balanced_box_is_the_answer(text: str, box: str | None) -> None:
    assert last_boxed(text) == box


def test_the_last_python_block_wins_over_other_blocks() -> None:
    text = "```python\na = 1\n```\nthen\n```python\nb = 2\n```\noutput\n```\n2\n```"
    assert last_code_block(text) == "b = 2\n"
    assert last_code_block("```\nc\n```") == "c\n"
    assert last_code_block("no code") is None


@given(st.text(alphabet="\\boxed{}<think>/ `1a\n", max_size=200))
def test_no_text_breaks_the_search_for_an_answer(text: str) -> None:
    graded = graded_text(text)
    assert (last_boxed(graded.text), last_code_block(text)) == (last_boxed(graded.text), last_code_block(text))
