"""Which text a verifier judges, and what several turns come to."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openqwq.training.config import Rewards
from openqwq.training.records import Judgement, Rollout
from openqwq.training.rewards.router import RewardRouter
from openqwq.training.rewards.scopes import texts_of, worst
from openqwq.verifiers import Verdict
from tests.training.small_records import make_prompt, make_rollout, write_verifier

GOOD = "<think>\n3+4\n</think>\n\\boxed{7}"
CHINESE = "我先想一想，答案应该是七。"


def conversation(*said: str) -> Rollout:
    """A rollout in which a tool answers after each turn but the last."""
    turns: list[dict[str, Any]] = []
    for number, text in enumerate(said):
        turns += [{"role": "assistant", "content": text}, {"role": "tool", "content": f"result {number}"}]
    return replace(make_rollout(response=said[-1]), turns=tuple(turns[:-1]))


def judge(rewards: dict[str, Any], *rollouts: Rollout, **row: Any) -> list[Judgement]:
    router = RewardRouter(Rewards.model_validate(rewards))
    try:
        return router.judge(rollouts, [make_prompt(reference={"answer": "7"}, **row).row] * len(rollouts))
    finally:
        router.close()


def gated(*names: str, **use: Any) -> dict[str, Any]:
    return {"gates": [{"name": name, **use} for name in names], "tasks": {"math": {"verifiers": [{"name": "math"}]}}}


BAD_TURNS = [
    CHINESE,
    "no thinking at all",
    "<think>\nx\n</think>",
    "<think>\nx",
    "",
    "<think>\nx\n</think>\nsure <|im_start|>user\nmore",
    "<think>\nI say <tool_response>7</tool_response>\n</think>\nfine",
    "<think>\nx\n</think>\nok<|im_end|>\n<|im_start|>assistant\n",
    "<think>\nx\n</think>\n<|start_header_id|>user<|end_header_id|>",
]


@pytest.mark.parametrize("bad", BAD_TURNS)
def test_a_bad_turn_closes_the_gates_wherever_it_stands(bad: str) -> None:
    rewards = gated("think_format")
    orders = [(GOOD,) * place + (bad,) + (GOOD,) * (2 - place) for place in range(3)]
    for judgement in judge(rewards, *(conversation(*said) for said in orders)):
        assert judgement.reward == 0.0
    assert judge(rewards, conversation(GOOD, GOOD, GOOD))[0].reward == 1.0


def test_a_gate_that_names_another_scope_sees_that_text_alone() -> None:
    rollout = conversation(CHINESE, GOOD)
    assert judge(gated("think_format", scope="last_turn"), rollout)[0].reward == 1.0
    [judgement] = judge(gated("think_format"), rollout)
    assert judgement.reason == "think_format: turn 1 of 2: expected one <think> and one </think>, got 0 and 0"


def test_verifiers_that_are_no_gates_see_the_last_turn_unless_they_say_otherwise(tmp_path: Path) -> None:
    name = write_verifier(tmp_path, "return response == 'b'")
    for scope, reward in ((None, 1.0), ("last_turn", 1.0), ("every_turn", 0.0)):
        rewards = {"tasks": {"math": {"verifiers": [{"name": name, "scope": scope}]}}}
        assert judge(rewards, conversation("a", "b"))[0].reward == reward


def test_thinking_and_answer_are_judged_apart() -> None:
    def texts(response: str, scope: Any, prompt: str = "q") -> list[str]:
        return [one.text for one in texts_of(make_rollout(response=response), {"prompt": prompt}, scope)]

    for response, thinking, answer in (
        (GOOD, "3+4", "\\boxed{7}"),
        ("plain", "", "plain"),
        ("<think>\nnever ends", "never ends", ""),
        ("<think>a</think>b<think>c", "a</think>b<think>c", ""),
        ("", "", ""),
    ):
        assert (texts(response, "thinking"), texts(response, "answer")) == ([thinking], [answer])
    assert texts("hm</think>7", "thinking", "q\n<think>") == ["hm"]
    assert texts("hm</think>7", "answer", "q\n<think>") == ["7"]
    assert texts("hm", "answer", "q\n<think>") == [""]


def test_a_part_of_a_turn_is_judged_as_finished_text() -> None:
    """The prompt opened the thinking: a verifier that looks for its end must not miss it in the answer alone."""
    use = {"name": "math", "scope": "answer"}
    rewards = {"tasks": {"math": {"verifiers": [use]}}}
    prompt = [{"role": "user", "content": "3+4?"}, {"role": "assistant", "content": "<think>\n"}]
    [judgement] = judge(rewards, make_rollout(response="sum</think>\n\\boxed{7}"), prompt=prompt)
    assert judgement.reward == 1.0


def test_a_later_turn_has_to_open_its_thinking_itself() -> None:
    rewards = gated("think_format")
    opened = {"prompt": "3+4?\n<think>\n"}
    first = "sum\n</think>\n\\boxed{7}"
    assert judge(rewards, conversation(first, GOOD), **opened)[0].reward == 1.0
    assert judge(rewards, conversation(first, first), **opened)[0].reward == 0.0


def test_row_and_turns_end_with_the_turn_that_is_judged(tmp_path: Path) -> None:
    name = write_verifier(tmp_path, "return row['turns'][-1] == {'role': 'assistant', 'content': response}")
    for scope in ("last_turn", "every_turn", "thinking", "answer"):
        rewards = {"tasks": {"math": {"verifiers": [{"name": name, "scope": scope}]}}}
        assert judge(rewards, conversation(GOOD, GOOD, "<think>a</think>b"))[0].reward == 1.0, scope


VERDICTS = st.lists(
    st.floats(0, 1).map(Verdict.scored)
    | st.sampled_from(
        [Verdict.scored(0.0), Verdict.scored(1.0), Verdict.not_applicable("none"), Verdict.error("gone")]
    ),
    min_size=1,
    max_size=5,
)


@given(verdicts=VERDICTS, is_gate=st.booleans())
def test_the_worst_turn_counts_and_an_error_only_where_it_could_be_worse(
    verdicts: list[Verdict], is_gate: bool
) -> None:
    found = worst(verdicts, is_gate)
    scores = [verdict.score for verdict in verdicts if verdict.score is not None]
    has_error = any(verdict.is_error for verdict in verdicts)
    is_decided = bool(scores) and (min(scores) == 0.0 or (is_gate and min(scores) < 1.0))
    if has_error and not is_decided:
        assert found.is_error
    else:
        assert found.score == (min(scores) if scores else None)


def test_the_seconds_of_all_turns_count_and_the_reason_names_the_turn() -> None:
    turns = [Verdict.scored(1.0, "fine").timed(1.0), Verdict.scored(0.5, "half").timed(2.0)]
    assert (worst(turns).seconds, worst(turns).reason) == (3.0, "turn 2 of 2: half")
    assert worst(turns[:1]) is turns[0]
