"""Verifiers as reward functions of TRL: rows from columns, answers from completions, None for what is no reward."""

from __future__ import annotations

import logging
import pickle
import statistics
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from openqwq.verifiers import Verdict, as_trl_reward, get_verifier
from openqwq.verifiers.base import Row, VerifierError

ROOT = Path(__file__).parents[2]
ASKED = [{"role": "user", "content": "2+2?"}]


def seen(response: str, row: Row, key: str = "reference") -> Verdict:
    return Verdict.scored(1.0) if str(row.get(key)) == response else Verdict.scored(0.0, str(row.get(key)))


def picky(response: str, row: Row) -> float | None:
    return {"right": 1.0, "skip": None}.get(response, 7.0)


@pytest.mark.parametrize("column", ["reference", "answer", "solution"])
def test_the_usual_columns_hold_the_reference(column: str) -> None:
    reward = as_trl_reward("math")
    assert reward(["q", "q"], ["\\boxed{4}", "\\boxed{5}"], **{column: ["4", "4"]}) == [1.0, 0.0]
    assert reward.__name__ == "math"


def test_columns_of_other_names_are_mapped_and_several_make_one_reference() -> None:
    assert as_trl_reward("math", reference="gold")(["q"], ["\\boxed{4}"], gold=["4"], answer=["5"]) == [1.0]
    nested = as_trl_reward(seen, reference={"a": "x", "b": "y"})
    assert nested(["q"], ["{'a': 1, 'b': 2}"], x=[1], y=[2]) == [1.0]
    assert as_trl_reward(seen, columns={"tools": "functions"}, key="tools")(["q"], ["t"], functions=["t"]) == [1.0]


def test_a_column_that_the_data_set_lacks_is_named() -> None:
    with pytest.raises(VerifierError, match="no column 'gold'; it has answer"):
        as_trl_reward("math", reference="gold")(["q"], ["4"], answer=["4"], trainer_state=object())


def test_of_a_conversation_the_last_assistant_message_is_graded_and_all_turns_are_in_the_row() -> None:
    turns = [
        {"role": "assistant", "content": "", "tool_calls": [{"function": {"name": "f", "arguments": {"x": 1}}}]},
        {"role": "tool", "content": "4"},
        {"role": "assistant", "reasoning_content": "hm", "content": [{"type": "text", "text": "\\boxed{4}"}]},
    ]
    rows: list[Row] = []

    def note(response: str, row: Row) -> float:
        rows.append(row)
        return float(response == "<think>\nhm\n</think>\n\n\\boxed{4}")

    assert as_trl_reward(note)([ASKED], [turns], answer=["4"]) == [1.0]
    assert rows[0]["prompt"] == ASKED and rows[0]["reference"] == "4"
    assert rows[0]["turns"][0]["content"] == '\n<tool_call>\n{"name": "f", "arguments": {"x": 1}}\n</tool_call>'


def test_a_template_that_opens_the_thinking_leaves_unfinished_thinking_without_an_answer() -> None:
    cut = ["so \\boxed{4}"]
    assert as_trl_reward("math")(["q"], cut, answer=["4"]) == [1.0]
    assert as_trl_reward("math", opens_think=True)(["q"], cut, answer=["4"]) == [0.0]
    assert as_trl_reward("math", opens_think=True)(["q"], ["so</think>\\boxed{4}"], answer=["4"]) == [1.0]


def test_what_is_no_reward_is_none_and_errors_are_logged(caplog: pytest.LogCaptureFixture) -> None:
    metrics: dict[str, float] = {}
    with caplog.at_level(logging.WARNING):
        rewards = as_trl_reward(picky, name="mine")(
            ["q"] * 4, ["right", "skip", "odd", "right"], log_metric=metrics.__setitem__
        )
    assert rewards == [1.0, None, None, 1.0]
    assert metrics == {"rewards/mine/error_share": 0.25}
    assert "mine: 1 of 4 completions could not be judged (1 verifier_error: a score must be in [0, 1]" in caplog.text


def test_arguments_go_to_the_verifier_and_a_built_one_takes_none(tmp_path: Path) -> None:
    assert as_trl_reward("length", max_words=1, name="short")(["q"] * 2, ["one", "one two"]) == [1.0, 0.0]
    with pytest.raises(VerifierError, match="max_word"):
        as_trl_reward("length", max_word=1)
    with pytest.raises(VerifierError, match="built already"):
        as_trl_reward(get_verifier("math"), answer_format="boxed")


def test_a_built_in_verifier_reads_plain_json_and_a_users_function_gets_the_column_as_it_is() -> None:
    columns = {"answer": [Decimal("4"), date(2024, 5, 1)], "image": [object(), object()]}
    assert as_trl_reward("math")(["q"] * 2, ["\\boxed{4}", "\\boxed{5}"], **columns) == [1.0, 0.0]
    rows: list[Row] = []
    as_trl_reward(lambda response, row: rows.append(row))(["q"] * 2, ["4", "5"], **columns)
    assert [row["reference"] for row in rows] == columns["answer"]
    assert [row["image"] for row in rows] == columns["image"]


def test_a_reference_without_a_json_form_costs_its_own_completion_only(caplog: pytest.LogCaptureFixture) -> None:
    answers = ["4", {"answer": object()}, "5"]
    assert as_trl_reward("math")(["q"] * 3, ["\\boxed{4}"] * 3, answer=answers) == [1.0, None, 0.0]
    assert "row['reference']['answer'] has the type object" in caplog.text


def test_it_travels_to_another_process(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("def polite(response, row):\n    return 'please' in response\n")
    copy = pickle.loads(pickle.dumps(as_trl_reward(f"{tmp_path}/mine.py:polite")))
    assert (copy.__name__, copy(["q"], ["please"])) == ("polite", [1.0])


@pytest.mark.parametrize("is_chat", [True, False])
def test_an_unmodified_grpo_trainer_trains_on_it(tmp_path: Path, is_chat: bool) -> None:
    from datasets import Dataset
    from trl import GRPOConfig, GRPOTrainer

    def by_letters(response: str, row: Row) -> float:
        return sum(map(ord, response)) % 10 / 7  # over 1 is no score: an error

    questions = [f"Find {n}+{n}." for n in range(4)]
    prompts: list[Any] = [[{"role": "user", "content": q}] for q in questions] if is_chat else questions
    rewards = [as_trl_reward("math"), as_trl_reward("repetition"), as_trl_reward(by_letters)]
    trainer = GRPOTrainer(
        model=str(ROOT / "data" / "tiny" / "base"),
        reward_funcs=rewards,
        args=GRPOConfig(
            str(tmp_path), max_steps=2, per_device_train_batch_size=4, num_generations=4, max_completion_length=12,
            temperature=2.0, seed=1, logging_steps=1, use_cpu=True, save_strategy="no", report_to="none",
            disable_tqdm=True,
        ),
        train_dataset=Dataset.from_dict({"prompt": prompts, "solution": [str(2 * n) for n in range(4)]}),
    )  # fmt: skip
    before = [parameter.detach().clone() for parameter in trainer.model.parameters()]
    trainer.train()
    assert any(not old.equal(new) for old, new in zip(before, trainer.model.parameters(), strict=True))
    last, completions = trainer.state.log_history[-2], list(trainer._logs["completion"])[-4:]
    texts = [completion[-1]["content"] if is_chat else completion for completion in completions]
    for name in ("repetition", "math"):
        scores = [get_verifier(name).verify(text, {"reference": "-1"}).score or 0.0 for text in texts]
        assert last[f"rewards/{name}/mean"] == pytest.approx(statistics.fmean(scores))
    letters = [value for text in texts if (value := by_letters(text, {})) <= 1]
    assert last["rewards/by_letters/mean"] == pytest.approx(statistics.fmean(letters))
    assert last["rewards/by_letters/error_share"] == 1 - len(letters) / 4
