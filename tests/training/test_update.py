"""From groups to an update: collation, masks, micro-batches, and that neither padding nor splitting changes it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from small_records import make_group, make_rollout

from openqwq.training.algorithms.catalogue import CATALOGUE, AlgorithmSpec
from openqwq.training.backends.accelerate_backend import AccelerateTrainer, TrainerSettings
from openqwq.training.collate import Batch, collate, make_batch
from openqwq.training.config import Optimizer
from openqwq.training.errors import BackendError

GRPO = CATALOGUE["grpo"]


def mixed_batch(seed: int = 0) -> Batch:
    """Seven samples of very different lengths; some hold tokens of an environment."""
    random = torch.Generator().manual_seed(seed)
    samples = []
    for i, (prompt, answer) in enumerate([(3, 4), (9, 21), (2, 1), (5, 13), (12, 2), (4, 30), (3, 7)]):
        drawn = torch.randint(3, 600, (prompt + answer,), generator=random).tolist()
        mask = [0 if 3 <= t < 6 and answer > 8 else 1 for t in range(answer)]
        logprobs = [-6.5 * m for m in mask]
        rollout = make_rollout(0, i, prompt_tokens=drawn[:prompt], tokens=drawn[prompt:], mask=mask, logprobs=logprobs)
        samples.append((rollout, (-1.0) ** i * (0.5 + i)))
    return collate(samples, num_groups=1)


def trainer_of(folder: str, algorithm: AlgorithmSpec = GRPO, **changes: object) -> AccelerateTrainer:
    settings = TrainerSettings(
        model=folder,
        dtype="float32",
        algorithm=algorithm,
        optimizer=Optimizer(learning_rate=1e-2, max_grad_norm=1e9),
        temperature=1.0,
        max_new_tokens=32,
        micro_batch_tokens=100_000,
        minibatches=1,
        seed=0,
        threads=1,
    )
    return AccelerateTrainer(replace(settings, **changes))  # type: ignore[arg-type]


def gradient_after(trainer: AccelerateTrainer, batch: Batch) -> tuple[dict[str, float], torch.Tensor]:
    """Metrics of an update and the gradient it used."""
    metrics = dict(trainer.update(batch).metrics)
    return metrics, torch.cat([p.grad.flatten() for p in trainer.model.parameters() if p.grad is not None])


def test_the_mask_of_a_batch_counts_sampled_tokens_only() -> None:
    rollout = make_rollout(prompt_tokens=(1, 2, 3), tokens=(4, 5, 6, 7), mask=(1, 0, 0, 1), logprobs=(-1, 0, 0, -2))
    batch = collate([(rollout, 1.0), (make_rollout(prompt_tokens=(9,), tokens=(8,)), 1.0)], num_groups=1)
    assert batch.loss_mask_NT.tolist() == [[False] * 3 + [True, False, False, True], [False, True] + [False] * 5]
    assert batch.sampled_logprobs_NT[0].tolist() == [0, 0, 0, -1, 0, 0, -2]
    assert batch.tokens_NT[1].tolist() == [9, 8, 0, 0, 0, 0, 0]
    assert (batch.num_loss_tokens, len(batch)) == (3, 2)


def test_groups_without_a_signal_and_samples_without_a_verdict_are_left_out() -> None:
    groups = [make_group([1.0, 1.0], 0), make_group([1.0, None, 0.0], 1), make_group([None, None], 2)]
    batch = make_batch(groups, GRPO)
    assert (len(batch), batch.num_groups) == (2, 1)
    assert batch.advantages_N.tolist() == pytest.approx([1.0, -1.0])


def test_a_step_without_any_signal_gives_an_empty_batch() -> None:
    batch = make_batch([make_group([0.0, 0.0])], GRPO)
    assert (len(batch), batch.num_loss_tokens) == (0, 0)


@pytest.mark.parametrize("limit", [1, 20, 60, 10_000])
def test_micro_batches_hold_every_sequence_once_within_the_token_limit(limit: int) -> None:
    batch = mixed_batch()
    rows = []
    for micro, index in batch.micro_batches(limit):
        rows += index.tolist()
        assert micro.tokens_NT.numel() <= limit or len(micro) == 1
        for k, row in enumerate(index.tolist()):
            length = int(batch.lengths_N[row])
            assert torch.equal(micro.tokens_NT[k, :length], batch.tokens_NT[row, :length])
            assert micro.loss_mask_NT[k].sum() == batch.loss_mask_NT[row].sum()
    assert sorted(rows) == list(range(len(batch)))


@pytest.mark.parametrize("name", ["grpo", "dr_grpo"])
def test_micro_batches_change_neither_loss_nor_gradient(tiny_folder: str, name: str) -> None:
    algorithm = replace(CATALOGUE[name], kl_coefficient=0.1)
    whole, expected = gradient_after(trainer_of(tiny_folder, algorithm), mixed_batch())
    split, gradient = gradient_after(trainer_of(tiny_folder, algorithm, micro_batch_tokens=40), mixed_batch())
    assert split["loss"] == pytest.approx(whole["loss"], rel=1e-6)
    assert float((gradient - expected).norm() / expected.norm()) < 1e-6
    for key in ("entropy", "mismatch/mean_abs_log_ratio", "ratio/mean", "clip_fraction"):
        assert split[key] == pytest.approx(whole[key], rel=1e-5)


def test_padding_changes_neither_loss_nor_gradient(tiny_folder: str) -> None:
    batch = mixed_batch()
    pad = torch.nn.functional.pad
    wide = replace(
        batch,
        tokens_NT=pad(batch.tokens_NT, (0, 17), value=3),
        loss_mask_NT=pad(batch.loss_mask_NT, (0, 17)),
        sampled_logprobs_NT=pad(batch.sampled_logprobs_NT, (0, 17)),
    )
    whole, expected = gradient_after(trainer_of(tiny_folder), batch)
    padded, gradient = gradient_after(trainer_of(tiny_folder), wide)
    assert padded["loss"] == pytest.approx(whole["loss"], rel=1e-6)
    assert float((gradient - expected).norm() / expected.norm()) < 1e-6


def test_the_loss_of_the_trainer_is_that_of_a_plain_forward_pass(tiny_folder: str) -> None:
    batch = mixed_batch()
    trainer = trainer_of(tiny_folder)
    total = count = 0.0
    with torch.no_grad():
        for n in range(len(batch)):
            ids = batch.tokens_NT[n : n + 1, : int(batch.lengths_N[n])]
            logprobs = torch.log_softmax(trainer.model(input_ids=ids).logits[0, :-1], -1)
            picked = logprobs.gather(-1, ids[0, 1:, None])[:, 0]
            mask = batch.loss_mask_NT[n, 1 : len(ids[0])]
            weight = torch.exp(picked - batch.sampled_logprobs_NT[n, 1 : len(ids[0])]).clamp(max=2.0)
            total += float((weight * batch.advantages_N[n])[mask].sum())  # on policy the ratio is 1
            count += int(mask.sum())
    assert trainer.update(batch).metrics["loss"] == pytest.approx(-total / count, rel=1e-5)


def test_minibatches_use_the_probabilities_from_before_the_update(tiny_folder: str) -> None:
    trainer = trainer_of(tiny_folder, minibatches=3)
    metrics = trainer.update(mixed_batch()).metrics
    assert metrics["ratio/mean"] != pytest.approx(1.0, abs=1e-4)  # later minibatches are off policy
    assert trainer.num_updates == 1


def test_an_update_raises_the_probability_of_the_better_sample(tiny_folder: str) -> None:
    trainer = trainer_of(tiny_folder, optimizer=Optimizer(learning_rate=1e-4))
    good = make_rollout(index=0, prompt_tokens=(10, 11), tokens=(12, 13, 14))
    bad = make_rollout(index=1, prompt_tokens=(10, 11), tokens=(15, 16, 17))
    before = sum(trainer.probe((10, 11, 12, 13, 14))), sum(trainer.probe((10, 11, 15, 16, 17)))
    for _ in range(3):
        trainer.update(collate([(good, 1.0), (bad, -1.0)], num_groups=1))
    after = sum(trainer.probe((10, 11, 12, 13, 14))), sum(trainer.probe((10, 11, 15, 16, 17)))
    assert after[0] > before[0] and after[1] < before[1]


def test_a_gradient_that_is_not_finite_stops_with_the_weights_unchanged(tiny_folder: str) -> None:
    trainer = trainer_of(tiny_folder)
    before = {name: p.detach().clone() for name, p in trainer.model.named_parameters()}
    rollout = make_rollout(logprobs=(-1.0, float("nan"), -1.0))
    with pytest.raises(BackendError, match="learning_rate"):
        trainer.update(collate([(rollout, 1.0)], num_groups=1))
    assert all(torch.equal(p, before[name]) for name, p in trainer.model.named_parameters())


def test_a_saved_trainer_goes_on_bit_for_bit(tiny_folder: str, tmp_path: Path) -> None:
    folder = tmp_path / "saved"
    folder.mkdir()
    straight = trainer_of(tiny_folder, optimizer=Optimizer(learning_rate=1e-3, warmup_steps=3))
    straight.update(mixed_batch(1))
    straight.save(folder)
    expected = straight.update(mixed_batch(2)).metrics
    resumed = trainer_of(tiny_folder, optimizer=Optimizer(learning_rate=1e-3, warmup_steps=3))
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
