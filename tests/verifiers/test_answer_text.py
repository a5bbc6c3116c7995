"""Which part of a response is graded."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openqwq.verifiers.answers import (
    Graded,
    boxes,
    closing_brace,
    graded_text,
    is_blank,
    last_boxed,
)


@pytest.mark.parametrize(
    ("response", "text", "problem"),
    [
        ("<think>hm</think> 9\n", "9", ""),
        ("9", "9", ""),
        ("hm</think>9", "9", ""),
        ("<think>a</think>b<think>c</think>d", "d", ""),
        ("<think>9", "", "unclosed thinking"),
        ("<think>a</think>8<think>9", "", "unclosed thinking"),
        ("<think>a</think>8<think>", "", "unclosed thinking"),
        ("<think>a</think>  ", "", "empty answer"),
        ("<think>a</think>\u200b\n", "", "empty answer"),
        ("", "", "empty answer"),
    ],
)
def test_only_what_follows_the_closed_thinking_is_graded(response: str, text: str, problem: str) -> None:
    assert graded_text(response) == Graded(text, problem)
    assert graded_text(response, "Question") == Graded(text, problem)
    assert graded_text(response, ["<think>"]) == Graded(text, problem)


def test_a_prompt_that_opened_the_thinking_makes_an_unclosed_response_empty() -> None:
    assert graded_text("9", "Question <think>\n").problem == "unclosed thinking"
    assert graded_text("9", "<think> Question").text == "9"
    assert graded_text("hm</think>9", "Question <think>\n").text == "9"


def test_a_text_is_blank_when_nobody_would_see_anything() -> None:
    for text in ("", " ", "\t\n", "\u200b", "\u3000", " \x00", "\u2060"):
        assert is_blank(text)
        assert not is_blank(f"{text}.{text}")


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("{a}", 0, 2),
        ("{a{b}}", 0, 5),
        ("{a{b}}", 2, 4),
        ("{}{}", 0, 1),
        ("{a", 0, -1),
        ("{{a}", 0, -1),
        (r"{a\}b}", 0, 5),
        (r"{a\{b}", 0, 5),
        (r"{\\}", 0, 3),
        ("{a\\", 0, -1),
    ],
)
def test_a_brace_is_closed_by_its_own(text: str, start: int, end: int) -> None:
    assert closing_brace(text, start) == end


@pytest.mark.parametrize(
    ("text", "box", "every"),
    [
        (r"\boxed{\frac{1}{2}}", r"\frac{1}{2}", [r"\frac{1}{2}"]),
        (r"\boxed{ 5 }", "5", [" 5 "]),
        (r"\fbox{5}", "5", ["5"]),
        (r"\boxed{\{1, 2\}}", r"\{1, 2\}", [r"\{1, 2\}"]),
        (r"\boxed{a\}b}", r"a\}b", [r"a\}b"]),
        (r"\boxed{\boxed{5}}", r"\boxed{5}", [r"\boxed{5}"]),
        (r"\boxed 7", "7", ["7"]),
        (r"\boxed78", "7", ["7"]),
        (r"\boxed{}", "", [""]),
        (r"\boxed{1}\boxed{2}", "2", ["1", "2"]),
        (r"\boxed{1} then \boxed{2}", "2", ["1", "2"]),
        (r"\boxed{1}. \boxed{2}", "2", ["1", "2"]),
        (r"\boxed{1}; \boxed{2}", "2", ["1", "2"]),
        (r"\boxed{1} and then \boxed{2}", "2", ["1", "2"]),
        (r"\boxed{1} and \boxed{2}", "1, 2", ["1", "2"]),
        (r"\boxed{1} AND \boxed{2}", "1, 2", ["1", "2"]),
        (r"\boxed{1}, \fbox{2} or \boxed{3}.", "1, 2, 3", ["1", "2", "3"]),
        (r"\fbox{1}, \boxed{2}", "1, 2", ["1", "2"]),
        (r"$\boxed{1}$ \text{ and } $\boxed{2}$", "1, 2", ["1", "2"]),
        (r"\boxed{1}, \quad x_2 = \boxed{2}", "1, 2", ["1", "2"]),
        (r"\boxed{1} then \boxed{2}, \boxed{3}", "2, 3", ["1", "2", "3"]),
        (r"\boxed{1}, \boxed{2} then \boxed{3}", "3", ["1", "2", "3"]),
        (r"\boxed{1}" + " " * 57 + r"and \boxed{2}", "2", ["1", "2"]),
        (r"\boxed{1}" + " " * 56 + r"and \boxed{2}", "1, 2", ["1", "2"]),
        (r"\boxed{6", None, []),
        (r"\boxed{6} \boxed{7", None, []),
        (r"\boxed{6} and \boxed", "6", ["6"]),
        (r"\boxed{6} \boxed{}", "6", ["6", ""]),
        (r"\boxed{6} \boxed{\text{your answer}}", "6", ["6", r"\text{your answer}"]),
        (r"\boxed{6}, not \boxed{7}", "6", ["6", "7"]),
        (r"\boxed{6}, per knot \boxed{7}", "7", ["6", "7"]),
        (r"\boxed{6}, no: `\boxed{7}`", "7", ["6", "7"]),
        (r"\boxed{6}, in the form `\boxed{7}`", "6", ["6", "7"]),
        ("\\boxed\n6", None, []),
        (r"\boxed", None, []),
        (r"\boxedx{5}", None, []),
        ("6", None, []),
    ],
)
def test_the_last_balanced_box_is_the_answer(text: str, box: str | None, every: list[str]) -> None:
    assert last_boxed(text) == box
    found = boxes(text)
    assert [content for _, _, content in found] == every
    for start, end, content in found:
        assert text[start:].startswith((r"\boxed", r"\fbox"))
        assert text[start:end].removesuffix("}").endswith(content)


def test_boxes_of_one_list_stand_close_together() -> None:
    far, near = "{1}" + "," * 19_900 + " ", "{1}, "
    assert last_boxed(rf"\boxed{far}\boxed{{2}}") == "2"
    assert last_boxed("x" * 30_000 + rf"\boxed{near}\boxed{{2}}") == "1, 2"
    cut = r"\boxed{" + "x" * 20_000  # it opens before what is looked at and never closes
    assert last_boxed(cut + r"\boxed{2}") == "2"
    assert last_boxed(cut[1:] + r"\boxed{2}") == "2"


@given(st.text(alphabet="\\boxed{}<think>/ `1a\n", max_size=200))
def test_no_text_breaks_the_search_for_an_answer(text: str) -> None:
    graded = graded_text(text)
    assert bool(graded.text) != bool(graded.problem)
    assert last_boxed(graded.text) == last_boxed(graded.text)


@given(st.text(alphabet="{}\\ab", max_size=30), st.text(alphabet="abc \n.", max_size=30))
def test_a_box_is_found_whatever_stands_around_it(inside: str, around: str) -> None:
    if closing_brace(f"{{{inside}}}", 0) == len(inside) + 1 and re.search("[ab]", inside) and "boxed" not in inside:
        assert last_boxed(rf"{around}\boxed{{{inside}}}{around}") == inside.strip()


@pytest.mark.parametrize("delimiters", ["%", "$%$", r"\(%\)", r"\( % \)", "\\[%\\]", "\n\\[\n%\n\\]"])
@pytest.mark.parametrize("lead", ["It is 7 and not", "The result isn't", "It is 7 rather than", "7, instead of"])
def test_a_denied_box_does_not_count_in_any_delimiters(lead: str, delimiters: str) -> None:
    box = delimiters.replace("%", r"\boxed{5}")
    assert last_boxed(f"{lead} {box}.") == ""
    assert last_boxed(f"We ask whether it does or not {box}.") == "5"
