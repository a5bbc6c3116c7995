"""Other architectures in the supervised stages: the loss is that of their own forward, or they are refused."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification, Qwen2ForSequenceClassification

from openqwq.training.backends import number_format
from openqwq.training.backends.logit_transform import LogitTransform
from openqwq.training.config import Optimizer
from openqwq.training.errors import RecipeError
from openqwq.training.models import load_model
from openqwq.training.rollout.conversation import ChatCodec
from openqwq.training.supervised import cold_start
from openqwq.training.supervised.cold_start import train_sft
from openqwq.training.supervised.encoding import batch_order, encode_demonstration, encode_pair
from openqwq.training.supervised.load_check import _refuse_beyond_rounding
from openqwq.training.supervised.reward_model import train_reward_model
from openqwq.training.supervised.trl_trainer import common_arguments
from tests.training.backends.architectures import TRAINED, small_model
from tests.training.supervised.small_jobs import PAIRS, reward_job, sft_job

STILL = Optimizer(learning_rate=1e-12)
"""So small that the losses of all steps are those of the model at the start."""


def folder_of(name: str, tokenizer: Any, folder: Path) -> str:
    small_model(name, TRAINED[name]).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return str(folder)


@pytest.mark.parametrize("name", ["Qwen2", "Gemma2", "Granite", "Cohere", "GptOss", "SeedOss", "GPTNeoX"])
def test_a_cold_start_learns_from_the_models_own_log_probabilities(name: str, codec: ChatCodec, tmp_path: Path) -> None:
    job = sft_job(folder_of(name, codec.tokenizer, tmp_path / "start"), tmp_path, optimizer=STILL, steps=2)
    train_sft(job)
    encoded = [encode_demonstration(codec, row) for row in job.rows]
    order = batch_order([len(tokens) for tokens, _ in encoded], job.batch_size, job.steps, job.seed)
    model = AutoModelForCausalLM.from_pretrained(job.model, attn_implementation="eager").eval()
    for line in (job.work / "progress.jsonl").read_text().splitlines()[:2]:
        step = json.loads(line)["step"]
        losses = [own_losses(model, *encoded[i]) for i in order[(step - 1) * job.batch_size : step * job.batch_size]]
        assert json.loads(line)["loss"] == pytest.approx(float(torch.cat(losses).mean()), abs=1e-4)


@torch.no_grad()
def own_losses(model: Any, tokens: list[int], labels: list[int]) -> torch.Tensor:
    logits = model(input_ids=torch.tensor([tokens])).logits[0, :-1]
    return torch.nn.functional.cross_entropy(logits, torch.tensor(labels[1:]), reduction="none")[
        torch.tensor(labels[1:]) != -100
    ]


def test_a_cold_start_whose_loss_is_not_the_models_is_refused(
    tokenizer: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cold_start, "measure", lambda _: LogitTransform())
    job = sft_job(folder_of("Granite", tokenizer, tmp_path / "start"), tmp_path)
    with pytest.raises(RecipeError, match=r"GraniteForCausalLM: training computes a padded batch [\d.]+ away"):
        train_sft(job)
    assert not job.output.exists()


@pytest.mark.parametrize(("is_bfloat16", "gap"), [(True, 0.15), (False, 5e-5)])
def test_a_gap_within_rounding_passes_by_the_precision_of_the_passes(
    is_bfloat16: bool, gap: float, capsys: pytest.CaptureFixture[str]
) -> None:
    model = torch.nn.Linear(1, 1)
    accelerator = SimpleNamespace(unwrap_model=lambda found: found)
    trainer = SimpleNamespace(
        model=model,
        accelerator=accelerator,
        args=SimpleNamespace(bf16=is_bfloat16),
        compute_loss_context_manager=contextlib.nullcontext,
    )
    _refuse_beyond_rounding(trainer, lambda _: gap)
    assert not model.training
    for beyond in (4 * gap, float("nan")):
        with pytest.raises(RecipeError, match="Linear: training computes a padded batch"):
            _refuse_beyond_rounding(trainer, lambda _, beyond=beyond: beyond)


@pytest.mark.parametrize(("dtype", "is_there"), [("bfloat16", True), ("bfloat16", False), ("float32", True)])
def test_passes_are_in_bfloat16_where_a_gpu_computes_them(
    dtype: str, is_there: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: is_there)
    monkeypatch.setattr(number_format, "bfloat16_gain", lambda: 0.3)
    arguments = common_arguments(sft_job("m", tmp_path, dtype=dtype))
    assert (arguments["bf16"], arguments["use_cpu"]) == (dtype == "bfloat16" and is_there, not is_there)


def test_a_processor_that_multiplies_bfloat16_trains_float32_weights_in_it(
    base: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained = {}
    for gain in (0.3, 2.0):
        monkeypatch.setattr(number_format, "bfloat16_gain", lambda gain=gain: gain)
        job = sft_job(base, tmp_path / str(gain), dtype="bfloat16")
        train_sft(job)
        trained[gain] = dict(load_model(str(job.output), "float32").named_parameters())
    change = max(float((trained[2.0][name] - value).detach().abs().max()) for name, value in trained[0.3].items())
    assert 0.0 < change < 0.01


@pytest.mark.parametrize("name", ["Qwen2", "Gemma2", "SmolLM3", "GPTNeoX"])
def test_a_reward_model_learns_from_the_scores_of_each_text_alone(name: str, tokenizer: Any, tmp_path: Path) -> None:
    job = reward_job(folder_of(name, tokenizer, tmp_path / "start"), tmp_path, optimizer=STILL, steps=1, batch_size=40)
    accuracy = train_reward_model(job).accuracy
    model = AutoModelForSequenceClassification.from_pretrained(job.output).eval()
    pairs = [encode_pair(tokenizer, row) for row in PAIRS[40:]]
    scores = [[score_alone(model, pair[f"{side}_ids"]) for side in ("chosen", "rejected")] for pair in pairs]
    assert accuracy["all"] == sum(chosen > rejected for chosen, rejected in scores) / len(scores)


@torch.no_grad()
def score_alone(model: Any, tokens: list[int]) -> float:
    return float(model(input_ids=torch.tensor([tokens])).logits[0, 0])


def test_a_reward_model_that_looks_at_padding_is_refused(
    tokenizer: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def forward(self: Any, input_ids: torch.Tensor, **inputs: Any) -> Any:
        outputs = stock(self, input_ids=input_ids, **inputs)
        outputs.logits = outputs.logits + 0.1 * input_ids.shape[1]
        return outputs

    stock = Qwen2ForSequenceClassification.forward
    monkeypatch.setattr(Qwen2ForSequenceClassification, "forward", forward)
    with pytest.raises(RecipeError, match="Qwen2ForSequenceClassification: training computes a padded batch"):
        train_reward_model(reward_job(folder_of("Qwen2", tokenizer, tmp_path / "start"), tmp_path))
