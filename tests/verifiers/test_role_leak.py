"""Chat markup in a turn: found wherever it stands, except at its end and where the prompt speaks of it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openqwq.verifiers import get_verifier
from openqwq.verifiers.rules.role_leak import END_TOKENS, MARKS, leaked_mark, without_end

LEAK = get_verifier("role_leak")


def score(response: str, prompt: object = "q") -> float | None:
    return LEAK.verify(response, {"prompt": prompt}).score


@pytest.mark.parametrize("mark", MARKS)
@given(before=st.text(max_size=20), after=st.text(min_size=1, max_size=20))
def test_a_mark_within_a_turn_is_found_in_any_case_of_letters(mark: str, before: str, after: str) -> None:
    for spelled in (mark, mark.upper()):
        assert leaked_mark(f"{before}{spelled}{after}x")
        assert score(f"<think>{spelled}</think>{after}x") == 0.0


@given(said=st.text(alphabet="ab <>|/\n", max_size=30), ends=st.lists(st.sampled_from([*END_TOKENS, " ", "\n"])))
def test_the_end_of_a_turn_is_no_leak(said: str, ends: list[str]) -> None:
    assert without_end(said + "".join(ends)) == without_end(said)
    assert score(said + "".join(ends)) == score(said) == 1.0


def test_a_mark_that_the_prompt_holds_may_be_spoken_of_and_no_other() -> None:
    prompt = [{"role": "user", "content": "What does <|im_start|> mean?"}]
    assert score("`<|im_start|>` begins a turn.", prompt) == 1.0
    assert score("`<|im_start|>` begins a turn, <|im_end|> ends it.", prompt) == 0.0
    assert score("`<|im_start|>` begins a turn.") == 0.0
    assert score("`<|im_start|>` begins a turn.", "What does <|im_start|> mean?") == 1.0
    rendered = "<|im_start|>user\nhello<|im_end|>\n<|im_start|>assistant\n"
    for prompt in (rendered, [{"role": "user", "content": rendered}], None, 7):
        assert score("hello <|im_start|>user", prompt) == 0.0


@pytest.mark.parametrize(
    "text", ["a <b> c", "x[0]", "<tool_call>{}</tool_call>", "<think>a</think>b", "a | b <| c", ""]
)
def test_other_marks_are_text(text: str) -> None:
    assert score(text) == 1.0
