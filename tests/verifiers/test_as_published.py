"""What QwQ's evaluation judges: behind the first close of thinking, or everything."""

from __future__ import annotations

import pickle
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openqwq.training.config import Rewards, VerifierUse
from openqwq.training.errors import DataError
from openqwq.training.rewards.router import fill_in
from openqwq.training.rewards.routing import verifiers_of
from openqwq.verifiers import VerifierError, get_verifier
from openqwq.verifiers.answers import published_text

ROW = {"id": "1", "prompt": [{"role": "user", "content": "What is 4 + 5?\n<think>"}], "reference": {"answer": "9"}}


@pytest.mark.parametrize(
    ("response", "text"),
    [
        ("hm\n</think>\n\n9", "9"),
        ("<think>\nhm\n</think>\n\n9", "9"),
        ("a\n</think>\n\nb\n</think>\n\nc", "b\n</think>\n\nc"),
        ("hm</think>9", "hm</think>9"),
        ("hm\n</think>\n9", "hm\n</think>\n9"),
        ("hm, 9", "hm, 9"),
        ("hm\n</think>\n\n", ""),
        ("", ""),
    ],
)
def test_the_text_is_that_behind_the_first_separator_or_all_of_it(response: str, text: str) -> None:
    assert published_text(response) == text


@given(st.lists(st.sampled_from(["\n</think>\n\n", "</think>", "<think>", "9", "\n"]), max_size=6).map("".join))
def test_the_text_is_that_of_a_split_in_two(response: str) -> None:
    assert published_text(response) == response.split("\n</think>\n\n", 1)[-1]


@pytest.mark.parametrize(
    ("response", "strict", "published"),
    [
        ("<think>\nhm\n</think>\n\n\\boxed{9}", 1.0, 1.0),
        ("<think>\nhm \\boxed{9}", 0.0, 1.0),  # thinking never closes: all of it is judged
        ("hm \\boxed{9}", 0.0, 1.0),  # the prompt opened it
        ("\\boxed{9}\n</think>\n\nI do not know.", 0.0, 0.0),
        ("hm\n</think>\n\n\\boxed{9}\n<think>\nor not", 0.0, 1.0),  # opened again
        ("hm\n</think>\n\n\\boxed{9}\n</think>\nthat is all", 0.0, 1.0),  # closed again
        ("hm\n</think>\n\n\\boxed{8}", 0.0, 0.0),
        ("hm\n</think>\n\n", 0.0, 0.0),
    ],
)
def test_thinking_counts_for_the_strict_column_alone(response: str, strict: float, published: float) -> None:
    with get("math") as (plain, wrapped):
        assert (plain.verify(response, ROW).score, wrapped.verify(response, ROW).score) == (strict, published)
        assert wrapped.verify_many([response] * 2, [ROW] * 2)[1].score == published


class get:
    """A verifier, and the same as published."""

    def __init__(self, name: str) -> None:
        self.both = get_verifier(name), get_verifier("as_published", verifier=name)

    def __enter__(self) -> tuple[Any, Any]:
        return self.both

    def __exit__(self, *_: object) -> None:
        for verifier in self.both:
            verifier.close()


def test_references_and_errors_are_those_of_the_inner_verifier() -> None:
    with get("choice") as (plain, wrapped):
        for row in (ROW, {**ROW, "reference": "C"}, {**ROW, "reference": None}):
            assert wrapped.check_reference(row) == plain.check_reference(row)
            assert wrapped.verify("Answer: C", row).status == plain.verify("</think>Answer: C", row).status


def test_arguments_go_to_the_inner_verifier_and_are_checked_there() -> None:
    boxed = get_verifier("as_published", verifier="math", answer_format="boxed")
    assert boxed.verify("The answer is 9.", ROW).score == 0.0
    assert get_verifier("as_published", answer_format="any").verify("The answer is 9.", ROW).score == 1.0
    assert pickle.loads(pickle.dumps(boxed)).verify("\\boxed{9}", ROW).score == 1.0
    with pytest.raises(
        VerifierError, match="'math' does not take the argument 'answer_formt'; did you mean answer_format"
    ):
        get_verifier("as_published", answer_formt="any")
    with pytest.raises(VerifierError, match="as_published needs another verifier"):
        get_verifier("as_published", verifier="as_published")
    with pytest.raises(VerifierError, match="no verifier is named 'maths'"):
        get_verifier("as_published", verifier="maths")


def test_a_code_verifier_inside_gets_the_runs_sandbox() -> None:  # neutral: addresses are looked at, and no weights
    uses = [{"name": "code"}, {"name": "as_published", "arguments": {"verifier": "code"}}, {"name": "as_published"}]
    rewards = Rewards.model_validate({"tasks": {"code": {"verifiers": uses}}})
    filled = fill_in(rewards, {}, ["http://127.0.0.1:9"]).tasks["code"].verifiers
    assert [use.arguments.get("url") for use in filled] == [["http://127.0.0.1:9"]] * 2 + [None]


def test_a_row_cannot_name_the_inner_verifier() -> None:
    """It may be a path: rows are data, and bring in no code."""
    row = {"id": "1", "verifier": {"name": "as_published", "arguments": {"verifier": "evil.py:run"}}}
    rewards = Rewards(for_rows=(VerifierUse(name="as_published"),))
    with pytest.raises(DataError, match="only a recipe may set the argument 'verifier'"):
        verifiers_of(rewards, "math", row)
