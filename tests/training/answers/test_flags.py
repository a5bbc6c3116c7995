"""Marks of answers that are worth a look."""

from __future__ import annotations

from dataclasses import replace

import pytest

from openqwq.training.answers.flags import flags_of
from openqwq.training.records import FinishReason
from openqwq.verifiers.rules.repetition import ends_in_loop
from tests.training.small_records import make_prompt, make_rollout

SENTENCE = "So we try the next case, and it does not work either. "


@pytest.mark.parametrize(
    ("response", "finish", "flags"),
    [
        ("<think>2 + 2</think>4", "stop", ()),
        ("4", "stop", ()),
        ("<think>\n\n</think>\n4", "stop", ("empty_thinking",)),
        ("<think>so", "length", ("truncated", "unclosed_thinking")),
        ("<think>so", "stop", ("unclosed_thinking",)),
        ("<think>" + SENTENCE * 9, "length", ("truncated", "unclosed_thinking", "loop")),
        ("so 答案是四个苹果 then", "stop", ("mixed_scripts",)),
        ("let α and β be given", "stop", ()),
        ("答案是四个苹果", "stop", ()),
        ("`答案是四` is the variable", "stop", ()),
        ("four", "turns", ("truncated",)),
    ],
)
def test_flags_of_an_answer(response: str, finish: FinishReason, flags: tuple[str, ...]) -> None:
    assert flags_of(make_prompt(), make_rollout(response=response, finish=finish)) == flags


def test_an_answer_in_the_language_of_its_prompt_mixes_nothing() -> None:
    prompt = make_prompt()
    asked = replace(prompt, messages=({"role": "user", "content": "二加二等于几?"},))
    assert flags_of(asked, make_rollout(response="the answer 是四个 now")) == ()


@pytest.mark.parametrize(
    ("text", "is_loop"),
    [
        (SENTENCE * 4, False),  # too short to be one
        (SENTENCE * 6, True),
        ("We begin. " * 3 + SENTENCE * 6, True),
        (SENTENCE * 6 + "Therefore the answer is 4.", False),
        (", ".join(map(str, range(300))), False),
        ("ha " * 80, True),
        ("", False),
        ("是" * 80, True),
    ],
)
def test_a_loop_reaches_the_end_of_the_text(text: str, is_loop: bool) -> None:
    assert ends_in_loop(text) is is_loop


def test_the_end_of_a_long_text_is_searched_in_linear_time() -> None:
    assert not ends_in_loop("ab " * 5_000 + "c " * 3 + "ab " * 4_000 + "d")
