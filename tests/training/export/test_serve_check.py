"""What counts as a difference between two programs that serve one export, and vLLM where it is installed."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import pytest

from openqwq.training.cli import main
from openqwq.training.export.conversations import CONVERSATIONS
from openqwq.training.export.serve_check import TIE, Answer, differences, split_problem

NONE = Answer(problem="not rendered")


def compared(mine: Answer, other: Answer, tokenizer: Any) -> list[tuple[bool, str]]:
    rest = [NONE] * (len(CONVERSATIONS) - 1)
    return list(differences([mine, *rest], [other, *rest], tokenizer))


def answer(*tokens: int, gap: float = 0.5) -> Answer:
    return Answer((1, 2), tokens, tuple({token: 9.0, token + 1: 9.0 - gap} for token in (*tokens, 40)))


def test_the_same_is_no_difference_and_neither_are_two_refusals(tokenizer: Any) -> None:
    assert compared(answer(5, 6), answer(5, 6), tokenizer) == compared(NONE, NONE, tokenizer) == []


def test_the_first_other_token_is_shown_with_the_distance_of_the_logits(tokenizer: Any) -> None:
    [(is_tie, words)] = compared(answer(5, 6, 7), answer(5, 7, 9), tokenizer)
    assert not is_tie and words.endswith(
        f"token 1 of the answer is {tokenizer.decode([6])!r} by transformers, {tokenizer.decode([7])!r} here; "
        f"logits 0.5 apart"
    )
    [(is_tie, words)] = compared(answer(5, 6), answer(5, 99), tokenizer)
    assert not is_tie and words.endswith("its logit is not among the 2 largest")


def test_a_tie_counts_as_one_and_is_said(tokenizer: Any) -> None:
    [(is_tie, words)] = compared(answer(5, 6, gap=0.9 * TIE), answer(5, 7), tokenizer)
    assert is_tie and words.endswith("apart (a tie)")
    [(is_tie, _)] = compared(answer(5, 6, gap=1.1 * TIE), answer(5, 7), tokenizer)
    assert not is_tie


def test_an_answer_that_ends_earlier_differs_unless_the_end_was_as_likely(tokenizer: Any) -> None:
    end = tokenizer.eos_token_id
    for logit, expected in ((9.0 - 0.5 * TIE, True), (8.0, False)):
        mine = Answer((1,), (5, 6), ({5: 9.0}, {6: 9.0, end: logit}, {7: 9.0}))
        [(is_tie, words)] = compared(mine, Answer((1,), (5,)), tokenizer)
        assert is_tie == expected and "the end here" in words
    [(is_tie, words)] = compared(answer(5), answer(5, 41), tokenizer)
    assert not is_tie and "is the end by transformers" in words


def test_other_prompts_and_one_sided_refusals_differ(tokenizer: Any) -> None:
    [(is_tie, words)] = compared(answer(5), Answer((1, 3), (5,)), tokenizer)
    assert not is_tie and "prompts differ from token 1" in words
    assert compared(answer(5), Answer(problem="no"), tokenizer) == [(False, f"{CONVERSATIONS[0].name}: no")]
    assert not compared(NONE, answer(5), tokenizer)[0][0]


def test_thinking_that_a_parser_leaves_in_an_answer_is_a_fault_and_a_second_tag_of_the_model_is_none() -> None:
    assert split_problem("5", "<think>\n2+3\n</think>5") is None
    assert split_problem("2+3</think>5", "2+3</think>5") == (
        "the reasoning parser leaves </think> in the answer '2+3</think>5'"
    )
    assert split_problem("5</think>", "2+3</think>5</think>") is None


@pytest.mark.skipif(importlib.util.find_spec("vllm") is None, reason="vLLM is not installed")
def test_vllm_serves_the_same_tokens_with_the_options_of_the_card(
    base: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status = main(["export", base, str(tmp_path / "out"), "--serve-check"])
    assert status == 0 and ": 10 of 10 the same\nserve check: the same" in capsys.readouterr().out
