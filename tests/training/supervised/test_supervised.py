"""Supervised training through TRL: it learns exactly the assistant's tokens, those that are sampled later, and a
stopped training goes on bit for bit."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import AutoModelForSequenceClassification

from openqwq.training.config import Optimizer
from openqwq.training.environments.calculator import CalculatorEnvironment
from openqwq.training.errors import DataError, Interrupted
from openqwq.training.models import load_model, load_tokenizer
from openqwq.training.records import SampleRequest
from openqwq.training.rollout.conversation import ChatCodec
from openqwq.training.rollout.engine import Generated
from openqwq.training.supervised.cold_start import train_sft
from openqwq.training.supervised.encoding import batch_order, encode_demonstration, encode_pair
from openqwq.training.supervised.jobs import STOP_FILE
from openqwq.training.supervised.reward_model import train_reward_model
from openqwq.training.supervised.trl_trainer import last_checkpoint
from tests.training.rollout.small_talks import PatientConversation
from tests.training.small_records import make_prompt
from tests.training.supervised.small_jobs import DEMONSTRATIONS, PAIRS, reward_job, sft_job

FIELDS = ("prompt", "chosen", "rejected")


def encode(codec: ChatCodec, row: Mapping[str, Any]) -> tuple[list[int], list[int]]:
    return encode_demonstration(codec, row)


def test_exactly_the_assistants_tokens_are_learned(codec: ChatCodec) -> None:
    for row in DEMONSTRATIONS:
        tokens, labels = encode(codec, row)
        assert len(tokens) == len(labels)
        assert all(label in (-100, token) for token, label in zip(tokens, labels, strict=True))
        learned = codec.tokenizer.decode([label for label in labels if label != -100])
        turns = [m["content"] for m in row["messages"] if m["role"] == "assistant"]
        assert learned == "".join(turn + "<|im_end|>" for turn in turns)
        rendered = codec.tokenizer.apply_chat_template(row["messages"], tools=row.get("tools"), tokenize=False)
        assert codec.tokenizer.decode(tokens) == rendered.rstrip("\n")


def test_a_demonstration_is_token_by_token_what_a_rollout_of_it_would_be(codec: ChatCodec) -> None:
    with_tools = [row for row in DEMONSTRATIONS if row["task"] == "tools" and row["right"]]
    assert with_tools
    for row in [*with_tools[:10], *DEMONSTRATIONS[:20]]:
        prompt = replace(make_prompt(), messages=tuple(row["messages"][:1]), tools=tuple(row.get("tools") or ()))
        environment = CalculatorEnvironment() if prompt.tools else None  # else its tools would stand in the prompt
        conversation = PatientConversation(SampleRequest(prompt, 0, 0, 1), codec, environment, max_turns=9)
        rollout = None
        for message in row["messages"][1:]:
            if message["role"] == "assistant":
                sampled = codec.tokenizer(message["content"], add_special_tokens=False)["input_ids"]
                sampled = (*sampled, codec.tokenizer.eos_token_id)
                rollout = conversation.add(Generated(0, sampled, (0.0,) * len(sampled), "stop"), 0)
        tokens, labels = encode(codec, row)
        assert list(conversation.context) == tokens
        assert [*[0] * len(conversation.prompt_tokens), *conversation.mask] == [int(x != -100) for x in labels]
        assert rollout is not None


@pytest.mark.parametrize(
    ("messages", "words"),
    [
        ([{"role": "user", "content": "q"}], "no assistant turn"),
        ([{"role": "user", "content": "q"}, {"role": "system", "content": "s"}], "got 'system'"),
    ],
)
def test_a_demonstration_without_a_lesson_is_refused(codec: ChatCodec, messages: Any, words: str) -> None:
    with pytest.raises(DataError, match=words):
        encode(codec, {"messages": messages})


def test_a_completion_may_be_messages_as_in_trl(codec: ChatCodec) -> None:
    chat = [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]
    expected = encode(codec, {"messages": chat})
    assert encode(codec, {"prompt": chat[:1], "completion": chat[1:]}) == expected
    assert encode(codec, {"prompt": "q", "completion": "a"}) == expected


def test_earlier_turns_of_a_long_chat_are_context(codec: ChatCodec) -> None:
    messages = (("user", "a"), ("assistant", "b"), ("user", "c"), ("assistant", "d"))
    chat = [{"role": role, "content": content} for role, content in messages]
    _, labels = encode(codec, {"messages": chat})
    assert codec.tokenizer.decode([label for label in labels if label != -100]) == "d<|im_end|>"


def parameters(folder: Path) -> dict[str, torch.Tensor]:
    return dict(load_model(str(folder)).named_parameters())


class StoppingRows(list[Any]):
    """Demonstrations that ask for a stop as soon as they are read, as a signal would."""

    def __init__(self, rows: list[Any], stop_file: Path) -> None:
        super().__init__(rows)
        self.stop_file = stop_file

    def __iter__(self) -> Any:
        self.stop_file.touch()
        return super().__iter__()


def test_a_stopped_training_goes_on_to_the_same_weights(base: str, tmp_path: Path) -> None:
    train_sft(sft_job(base, tmp_path / "straight"))
    expected = parameters(tmp_path / "straight" / "model")
    job = sft_job(base, tmp_path / "stopped")
    with pytest.raises(Interrupted, match="stopped at step 1 of 3"):
        train_sft(replace(job, rows=StoppingRows(DEMONSTRATIONS, job.work / STOP_FILE)))
    assert not job.output.exists()
    (job.work / STOP_FILE).unlink()
    train_sft(job)
    resumed = parameters(job.output)
    assert all(torch.equal(resumed[name], expected[name]) for name in expected)
    start = parameters(Path(base))
    assert any(not torch.equal(expected[name], start[name]) for name in expected)
    steps = [json.loads(line)["step"] for line in (job.work / "progress.jsonl").read_text().splitlines()]
    assert sorted(set(steps)) == [1, 2, 3]


def test_a_half_written_checkpoint_of_a_killed_training_is_passed_over(base: str, tmp_path: Path) -> None:
    job = sft_job(base, tmp_path)
    train_sft(job)
    expected = parameters(job.output)
    newest = max(job.work.glob("checkpoint-*"))
    for name in ("trainer_state.json", "optimizer.pt"):
        (newest / name).unlink()
    train_sft(job)
    again = parameters(job.output)
    assert all(torch.equal(again[name], expected[name]) for name in expected)


def test_a_reward_model_is_trained_and_measured_by_class(base: str, tmp_path: Path) -> None:
    job = reward_job(base, tmp_path)
    quality = train_reward_model(job)
    accuracy = quality.accuracy
    classes = {row["class"] for row in PAIRS[40:]}
    assert set(accuracy) == {"all", *classes}
    assert all(0.0 <= value <= 1.0 for value in accuracy.values())
    model = AutoModelForSequenceClassification.from_pretrained(job.output)
    assert model.config.num_labels == 1


def test_accuracy_counts_every_held_out_pair_once_in_as_many_chunks_as_there_are(base: str, tmp_path: Path) -> None:
    """Of pairs whose sides are the other way round in the second half, exactly one half is right."""
    turned = [{**row, "chosen": row["rejected"], "rejected": row["chosen"], "class": "turned"} for row in PAIRS]
    job = reward_job(base, tmp_path, rows=PAIRS, held_out=[*PAIRS, *turned], steps=1)
    accuracy = train_reward_model(job).accuracy
    assert accuracy["all"] == 0.5
    classes = [accuracy[name] for name in sorted({row["class"] for row in PAIRS})]
    assert accuracy["turned"] == pytest.approx(1 - sum(classes) / len(classes), abs=0.02)


def test_a_reward_model_learns_by_bradley_terry_with_scores_around_zero(
    base: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The first loss is that of the scores at the start, by hand: 0.01 of the squared sum beside the comparison."""
    still = Optimizer(learning_rate=1e-12)
    train_reward_model(reward_job(base, tmp_path, rows=PAIRS[:4], steps=1, optimizer=still))
    assert "loss" not in capsys.readouterr().out
    assert not list((tmp_path / "work").glob("checkpoint-*"))
    model = AutoModelForSequenceClassification.from_pretrained(tmp_path / "model").eval()
    tokenizer = load_tokenizer(base)
    model.config.pad_token_id = tokenizer.pad_token_id
    sides = [encode_pair(tokenizer, row) for row in PAIRS[:4]]
    with torch.no_grad():
        chosen, rejected = (
            torch.stack([model(input_ids=torch.tensor([pair[name]])).logits[0, 0] for pair in sides])
            for name in ("chosen_ids", "rejected_ids")
        )
    by_hand = (-(chosen - rejected).sigmoid().log() + 0.01 * (chosen + rejected).square()).mean()
    first = json.loads((tmp_path / "work" / "progress.jsonl").read_text().splitlines()[0])
    assert first["loss"] == pytest.approx(float(by_hand), abs=1e-5)


@given(st.lists(st.integers(1, 50), min_size=1, max_size=20), st.integers(1, 3), st.integers(1, 30), st.integers(0, 9))
def test_batches_hold_each_row_once_an_epoch_and_rows_of_like_length(
    lengths: list[int], batch_size: int, steps: int, seed: int
) -> None:
    order = batch_order(lengths, batch_size, steps, seed)
    assert len(order) == batch_size * steps and order == batch_order(lengths, batch_size, steps, seed)
    counts = [order.count(i) for i in range(len(lengths))]
    assert max(counts) - min(counts) <= 1
    window = 8 * batch_size
    for start in range(0, len(order), window):
        batches = [order[i : i + batch_size] for i in range(start, min(start + window, len(order)), batch_size)]
        ranges = sorted((min(lengths[i] for i in batch), max(lengths[i] for i in batch)) for batch in batches)
        assert all(low[1] <= high[0] for low, high in pairwise(ranges))


def test_the_newest_complete_checkpoint_is_gone_on_from(tmp_path: Path) -> None:
    for step in (9, 10, 100):
        (tmp_path / f"checkpoint-{step}").mkdir()
        (tmp_path / f"checkpoint-{step}" / "trainer_state.json").write_text("{}" if step < 100 else "{")
    assert last_checkpoint(tmp_path) == str(tmp_path / "checkpoint-10")


def test_a_pair_is_encoded_as_it_is_scored_later_without_its_thinking(tokenizer: Any) -> None:
    thinking = {"prompt": "q", "chosen": "<think>\nlong\n</think>\nyes", "rejected": "no"}
    plain = {"prompt": [{"role": "user", "content": "q"}], "chosen": [{"role": "assistant", "content": "yes"}],
             "rejected": [{"role": "assistant", "content": "no"}]}  # fmt: skip
    assert encode_pair(tokenizer, thinking) == encode_pair(tokenizer, plain)
    assert "yes" in tokenizer.decode(encode_pair(tokenizer, plain)["chosen_ids"])


@pytest.mark.parametrize("missing", FIELDS)
def test_a_pair_that_lacks_a_column_is_refused(tokenizer: Any, missing: str) -> None:
    row = {name: "x" for name in FIELDS if name != missing}
    with pytest.raises(DataError, match=f"column '{missing}'"):
        encode_pair(tokenizer, row)
