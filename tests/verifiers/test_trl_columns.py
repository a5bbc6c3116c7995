"""Rows and texts that a verifier gets from TRL's columns and messages."""

from __future__ import annotations

from typing import Any

import pytest

from openqwq.verifiers import Verdict, VerifierError, as_trl_reward
from openqwq.verifiers.base import Row, VerifierBase
from openqwq.verifiers.trl_reward import last_answer, message_text


class Note(VerifierBase):
    """Keeps what it is asked for."""

    name = "path/to/file.py:note"

    def __init__(self, score: float = 1.0) -> None:
        self.score, self.seen = score, list[tuple[str, Row]]()

    def grade(self, response: str, row: Row) -> Verdict:
        self.seen.append((response, row))
        return Verdict.error("no", "sandbox_error") if response == "break" else Verdict.scored(self.score)


CALL = {"function": {"name": "f", "arguments": {"x": "é"}}}
WRITTEN = '<tool_call>\n{"name": "f", "arguments": {"x": "é"}}\n</tool_call>'


@pytest.mark.parametrize(
    ("message", "text"),
    [
        ({"content": "a"}, "a"),
        ({"content": None}, ""),
        ({}, ""),
        ({"content": [{"type": "text", "text": "a"}, {"type": "image"}, {"text": "b"}, {"text": None}]}, "ab"),
        ({"content": "a", "reasoning_content": "r"}, "<think>\nr\n</think>\n\na"),
        ({"content": "a", "thinking": "t"}, "<think>\nt\n</think>\n\na"),
        ({"content": "a", "reasoning_content": "r", "thinking": "t"}, "<think>\nr\n</think>\n\na"),
        ({"content": "a", "reasoning_content": "", "thinking": None}, "a"),
        ({"content": "a", "tool_calls": [CALL]}, f"a\n{WRITTEN}"),
        ({"content": "a", "tool_calls": [CALL["function"], CALL]}, f"a\n{WRITTEN}\n{WRITTEN}"),
        ({"content": "", "thinking": "t", "tool_calls": [CALL]}, f"<think>\nt\n</think>\n\n\n{WRITTEN}"),
        ({"content": "a", "tool_calls": []}, "a"),
        ({"content": "a", "tool_calls": None}, "a"),
    ],
)
def test_a_message_is_text_as_the_model_wrote_it(message: dict[str, Any], text: str) -> None:
    assert message_text(message) == text


def test_the_last_assistant_message_is_the_answer() -> None:
    assistant, tool = {"role": "assistant", "content": "a"}, {"role": "tool", "content": "t"}
    assert last_answer("text") == "text"
    assert last_answer([{"role": "assistant", "content": "old"}, assistant, tool]) == "a"
    assert last_answer([tool]) == last_answer([]) == ""


def test_a_row_holds_the_columns_and_the_prompt_but_nothing_of_the_trainer() -> None:
    note = Note()
    turn = {"role": "assistant", "content": "a", "thinking": "t"}
    reward = as_trl_reward(note)
    given: dict[str, Any] = {"solution": [7, 8], "answer": [3, 4], "id": ["x", "y"]}
    trainers = {name: object() for name in ("completion_ids", "trainer_state", "log_extra", "environments")}
    assert reward(["p", "q"], ["b", [turn]], **given, **trainers) == [1.0, 1.0]
    assert note.seen == [
        ("b", {"solution": 7, "answer": 3, "id": "x", "reference": 3, "prompt": "p"}),
        (
            message_text(turn),
            {
                "solution": 8, "answer": 4, "id": "y", "reference": 4, "prompt": "q",
                "turns": [{**turn, "content": message_text(turn)}],
            },
        ),
    ]  # fmt: skip
    as_trl_reward(note)(["p"], ["b"])
    assert note.seen[-1] == ("b", {"prompt": "p"})
    with pytest.raises(ValueError, match="zip"):
        reward(["p"], ["a", "b"], answer=[1, 2])


@pytest.mark.parametrize(
    ("columns", "reference"),
    [
        ({"reference": [1], "answer": [2], "solution": [3]}, 1),
        ({"answer": [2], "solution": [3]}, 2),
        ({"solution": [3]}, 3),
    ],
)
def test_the_reference_is_looked_for_in_the_usual_columns_in_order(columns: Any, reference: int) -> None:
    note = Note()
    as_trl_reward(note)(["p"], ["a"], **columns)
    assert note.seen[0][1]["reference"] == reference


def test_columns_may_have_other_names() -> None:
    note = Note()
    reward = as_trl_reward(note, reference={"a": "x", "b": "y"}, columns={"tools": "functions", "id": "x"})
    reward(["p", "p"], ["r", "r"], x=[1, 2], y=[3, 4], functions=["f", "g"], answer=[5, 6])
    assert [row["reference"] for _, row in note.seen] == [{"a": 1, "b": 3}, {"a": 2, "b": 4}]
    assert [(row["tools"], row["id"], row["answer"]) for _, row in note.seen] == [("f", 1, 5), ("g", 2, 6)]
    with pytest.raises(VerifierError, match="no column 'y'; it has answer, x"):
        as_trl_reward(note, reference={"a": "x", "b": "y"})(["p"], ["r"], x=[1], answer=[2])
    with pytest.raises(VerifierError, match="no column 'x'; it has none"):
        as_trl_reward(note, reference="x")(["p"], ["r"])


def test_the_name_is_the_end_of_the_verifiers_or_a_given_one() -> None:
    assert as_trl_reward(Note()).__name__ == "note"
    assert as_trl_reward(Note(), name="mine").__name__ == "mine"
    assert as_trl_reward(Note, score=0.5)(["p"], ["a"]) == [0.5]
    assert as_trl_reward(Note).__name__ == "note"


def test_errors_are_none_and_their_share_is_a_metric(caplog: pytest.LogCaptureFixture) -> None:
    metrics: dict[str, float] = {}
    reward = as_trl_reward(Note(0.25))
    assert reward(["p"] * 3, ["a", "break", "a"], log_metric=metrics.__setitem__) == [0.25, None, 0.25]
    assert metrics == {"rewards/note/error_share": pytest.approx(1 / 3)}
    assert "note: 1 of 3 completions could not be judged (1 sandbox_error: no)" in caplog.text
    caplog.clear()
    metrics.clear()
    assert reward(["p"], ["a"], log_metric=metrics.__setitem__) == [0.25]
    assert (metrics, caplog.text) == ({"rewards/note/error_share": 0.0}, "")
    metrics.clear()
    assert reward([], [], log_metric=metrics.__setitem__) == [] and metrics == {}
    assert as_trl_reward(Note())(["p"], ["break"]) == [None]


@pytest.mark.parametrize(("opens", "response"), [(True, "<think>\na"), (False, "a")])
def test_a_template_may_open_the_thinking(opens: bool, response: str) -> None:
    note = Note()
    as_trl_reward(note, opens_think=opens)(["p"], ["a"])
    assert note.seen[0][0] == response
    if not opens:
        as_trl_reward(note)(["p"], ["a"])
        assert note.seen[1][0] == "a"
