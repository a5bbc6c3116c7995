"""From groups to an update: collation, packing, masks, and that neither layout nor splitting changes it."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from transformers import AutoModelForCausalLM

from openqwq.training.algorithms.catalogue import CATALOGUE, resolve
from openqwq.training.backends.accelerate_trainer import AccelerateTrainer
from openqwq.training.batches.collate import Batch, Sample, collate, make_batch
from openqwq.training.config import Algorithm, Critic, Kl, Lora, Optimizer
from tests.training.small_records import make_group, make_rollout
from tests.training.small_updates import mixed_batch, trainer_of

GRPO = CATALOGUE["grpo"]


def gradient_after(trainer: AccelerateTrainer, batch: Batch) -> tuple[dict[str, float], torch.Tensor]:
    """Metrics of an update and the gradient it used."""
    metrics = dict(trainer.update(batch).metrics)
    return metrics, torch.cat([p.grad.flatten() for p in trainer.model.parameters() if p.grad is not None])


@pytest.mark.parametrize("name", list(CATALOGUE))
def test_micro_batches_change_neither_loss_nor_gradient(tiny_folder: str, name: str) -> None:
    kl_place = "reward" if name in ("reinforce_pp", "ppo") else "loss"
    algorithm = resolve(
        Algorithm(
            name=name, kl=Kl(coefficient=0.1, place=kl_place), entropy_coefficient=0.01, critic=Critic(warmup_updates=0)
        )
    )
    whole, expected = gradient_after(trainer_of(tiny_folder, algorithm), mixed_batch())
    split, gradient = gradient_after(trainer_of(tiny_folder, algorithm, micro_batch_tokens=40), mixed_batch())
    assert float((gradient - expected).norm() / expected.norm()) < 1e-5
    for key in whole:
        if key != "tokens_computed" and not key.startswith("mismatch/histogram"):
            assert split[key] == pytest.approx(whole[key], rel=1e-4, abs=1e-6), key


def test_the_loss_of_the_trainer_is_that_of_a_plain_forward_pass(tiny_folder: str) -> None:
    batch = mixed_batch()
    trainer = trainer_of(tiny_folder)
    total = 0.0
    with torch.no_grad():
        for n in range(len(batch)):
            start, length = int(batch.starts_N[n]), int(batch.lengths_N[n])
            ids = batch.tokens_S[start : start + length][None]
            logprobs = torch.log_softmax(trainer.model(input_ids=ids).logits[0, :-1] / 0.7, -1)
            picked = logprobs.gather(-1, ids[0, 1:, None])[:, 0]
            mask = batch.loss_mask_S[start + 1 : start + length]
            weight = torch.exp(picked + 6.5).clamp(max=2.0)
            total += float((weight * batch.advantages_N[n])[mask].sum())  # on policy the ratio is 1
    assert trainer.update(batch).metrics["loss"] == pytest.approx(-total / batch.num_loss_tokens, rel=1e-5)


def test_minibatches_use_the_probabilities_from_before_the_update(tiny_folder: str) -> None:
    groups = [make_group([1.0, 0.0], n, tokens=(7 + n, 8, 9)) for n in range(3)]
    for name in ("grpo", "gspo"):
        trainer = trainer_of(tiny_folder, CATALOGUE[name], minibatches=3)
        metrics = trainer.update(make_batch(groups, CATALOGUE[name], 32)).metrics
        assert metrics["ratio/mean"] != pytest.approx(1.0, abs=1e-6)  # later minibatches are off policy
        assert trainer.num_updates == 1


def test_an_update_raises_the_probability_of_the_better_sample(tiny_folder: str) -> None:
    trainer = trainer_of(tiny_folder, optimizer=Optimizer(learning_rate=1e-4))
    good = make_rollout(index=0, prompt_tokens=(10, 11), tokens=(12, 13, 14))
    bad = make_rollout(index=1, prompt_tokens=(10, 11), tokens=(15, 16, 17))
    before = sum(trainer.logprobs((10, 11, 12, 13, 14))), sum(trainer.logprobs((10, 11, 15, 16, 17)))
    for _ in range(3):
        trainer.update(collate([Sample(good, 0, 1.0, 1.0), Sample(bad, 0, -1.0, 0.0)], num_groups=1))
    after = sum(trainer.logprobs((10, 11, 12, 13, 14))), sum(trainer.logprobs((10, 11, 15, 16, 17)))
    assert after[0] > before[0] and after[1] < before[1]


def test_a_gradient_that_is_not_finite_is_counted_and_leaves_the_weights_alone(tiny_folder: str) -> None:
    trainer = trainer_of(tiny_folder)
    before = {name: p.detach().clone() for name, p in trainer.model.named_parameters()}
    rollout = make_rollout(logprobs=(-1.0, float("nan"), -1.0))
    metrics = trainer.update(collate([Sample(rollout, 0, 1.0, 1.0)], num_groups=1)).metrics
    assert metrics["non_finite_steps"] == 1
    assert all(torch.equal(p, before[name]) for name, p in trainer.model.named_parameters())


def test_the_critic_learns_alone_at_first_and_then_with_the_policy(tiny_folder: str) -> None:
    algorithm = resolve(Algorithm(name="ppo", critic=Critic(warmup_updates=2)))
    trainer = trainer_of(tiny_folder, algorithm)
    before = trainer.logprobs((10, 11, 12))
    first = trainer.update(mixed_batch()).metrics
    second = trainer.update(mixed_batch()).metrics
    assert trainer.logprobs((10, 11, 12)) == before
    assert second["critic/loss"] < first["critic/loss"] and first["critic/value_mean"] == 0.0
    trainer.update(mixed_batch())
    assert trainer.logprobs((10, 11, 12)) != before


def test_the_critics_warm_up_leaves_the_policys_schedule_alone(tiny_folder: str) -> None:
    algorithm = resolve(Algorithm(name="ppo", critic=Critic(warmup_updates=2, gamma=0.9, value_lambda=0.9)))
    optimizer = Optimizer(learning_rate=0.004, warmup_steps=4, weight_decay=0.01)
    trainer = trainer_of(tiny_folder, algorithm, optimizer=optimizer)
    rates = [trainer.update(mixed_batch(n)).metrics["learning_rate"] for n in range(7)]
    assert rates == pytest.approx([0.0, 0.0, 0.001, 0.002, 0.003, 0.004, 0.004])


def test_a_learning_rate_falls_to_nothing_over_its_decay_steps(tiny_folder: str) -> None:
    trainer = trainer_of(tiny_folder, optimizer=Optimizer(learning_rate=0.004, warmup_steps=2, decay_steps=6))
    rates = [trainer.update(mixed_batch(n)).metrics["learning_rate"] for n in range(7)]
    assert rates == pytest.approx([0.002, 0.004, 0.004, 0.003, 0.002, 0.001, 0.0])


def test_gradient_checkpointing_changes_no_gradient(tiny_folder: str) -> None:
    _, expected = gradient_after(trainer_of(tiny_folder), mixed_batch())
    _, gradient = gradient_after(trainer_of(tiny_folder, gradient_checkpointing=True), mixed_batch())
    assert torch.allclose(gradient, expected, atol=1e-6)


def test_bfloat16_keeps_the_weights_in_float32_and_hands_out_bfloat16(tiny_folder: str) -> None:
    trainer = trainer_of(tiny_folder, dtype="bfloat16", optimizer=Optimizer(learning_rate=1e-6))
    exact = trainer_of(tiny_folder).update(mixed_batch()).metrics
    metrics = trainer.update(mixed_batch()).metrics
    assert metrics["loss"] == pytest.approx(exact["loss"], rel=0.05)
    assert {p.dtype for p in trainer.optimizer.masters.parameters} == {torch.float32}
    assert {str(array.dtype) for array in trainer.weights().values()} == {"uint16"}


def test_lora_trains_factors_only_and_hands_out_merged_weights(tiny_folder: str, tmp_path: Path) -> None:
    lora = Lora(rank=4, alpha=8)
    algorithm = resolve(Algorithm(name="grpo", kl=Kl(coefficient=0.1)))
    trainer = trainer_of(tiny_folder, algorithm, lora=lora, optimizer=Optimizer(learning_rate=1e-2))
    plain = trainer_of(tiny_folder)
    assert trainer.weights().keys() == plain.weights().keys()
    first = trainer.update(mixed_batch()).metrics
    assert first["kl"] == pytest.approx(0.0, abs=1e-6)  # the factors start at zero: the policy is its reference
    assert trainer.update(mixed_batch()).metrics["kl"] > 1e-4
    trainer.save(tmp_path)
    merged = AutoModelForCausalLM.from_pretrained(tmp_path / "model")
    ids = torch.tensor([[10, 11, 12, 13]])
    with torch.no_grad():
        logprobs = torch.log_softmax(merged(input_ids=ids).logits[0, :-1], -1)
    found = logprobs.gather(-1, ids[0, 1:, None])[:, 0].tolist()
    assert found == pytest.approx(trainer.logprobs((10, 11, 12, 13)), abs=1e-5)
    resumed = trainer_of(tiny_folder, algorithm, lora=lora, optimizer=Optimizer(learning_rate=1e-2))
    resumed.load(tmp_path)
    assert resumed.update(mixed_batch(2)).metrics == trainer.update(mixed_batch(2)).metrics


@pytest.mark.parametrize("changes", [{}, {"dtype": "bfloat16"}, {"algorithm": CATALOGUE["ppo"]}])
def test_a_saved_trainer_goes_on_bit_for_bit(tiny_folder: str, tmp_path: Path, changes: dict[str, object]) -> None:
    folder = tmp_path / "saved"
    folder.mkdir()
    optimizer = Optimizer(learning_rate=1e-3, warmup_steps=3)
    straight = trainer_of(tiny_folder, optimizer=optimizer, **changes)  # type: ignore[arg-type]
    straight.update(mixed_batch(1))
    straight.save(folder)
    expected = straight.update(mixed_batch(2)).metrics
    resumed = trainer_of(tiny_folder, optimizer=optimizer, **changes)  # type: ignore[arg-type]
    resumed.load(folder)
    assert resumed.update(mixed_batch(2)).metrics == expected
    ours, theirs = resumed.weights(), straight.weights()
    assert all((ours[name] == theirs[name]).all() for name in theirs)


def test_the_precision_of_another_trainer_in_the_process_is_not_ours(
    tiny_folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    AcceleratorState._reset_state()
    monkeypatch.setenv("ACCELERATE_MIXED_PRECISION", "bf16")
    assert Accelerator(cpu=True).mixed_precision == "bf16"  # as TRL's trainers leave it
    assert trainer_of(tiny_folder).accelerator.mixed_precision == "no"
