"""What is kept of every token of an update for the report: the gap to the engine, and advantages of single tokens."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from openqwq.training.algorithms.catalogue import CATALOGUE, resolve
from openqwq.training.backends.accelerate_trainer import AccelerateTrainer
from openqwq.training.batches.collate import Batch
from openqwq.training.config import Algorithm, Critic
from tests.training.small_updates import grouped_batch, mixed_batch, trainer_of

ENGINE = -6.5
"""Log-probability that the engine of `small_updates` reports of every sampled token."""


def plain_logprobs(trainer: AccelerateTrainer, batch: Batch) -> list[float]:
    """log p of every counted token at the trainer's temperature, each sequence by itself."""
    found: list[float] = []
    with torch.no_grad():
        for n in range(len(batch)):
            start, length = int(batch.starts_N[n]), int(batch.lengths_N[n])
            ids = batch.tokens_S[start : start + length][None]
            logprobs = torch.log_softmax(trainer.model(input_ids=ids).logits[0, :-1] / 0.7, -1)
            picked = logprobs.gather(-1, ids[0, 1:, None])[:, 0]
            found += picked[batch.loss_mask_S[start + 1 : start + length]].tolist()
    return found


@pytest.mark.parametrize("minibatches", [1, 3])
def test_the_gap_is_that_of_before_the_update_and_keeping_it_changes_nothing(
    tiny_folder: str, minibatches: int
) -> None:
    batch, how = grouped_batch(), {"minibatches": minibatches, "micro_batch_tokens": 60}
    trainer = trainer_of(tiny_folder, keeps_tokens=True, **how)
    expected = np.array(plain_logprobs(trainer, batch)) - ENGINE
    report, other = trainer.update(batch), trainer_of(tiny_folder, **how).update(batch)
    assert report.per_token_K["gap"] == pytest.approx(expected, abs=1e-4)
    assert np.ptp(expected) > 0.5 and list(report.per_token_K) == ["gap"]
    assert report.metrics == other.metrics and other.per_token_K == {}


def test_every_rollout_gets_its_own_tokens(tiny_folder: str) -> None:
    batch = grouped_batch()
    parts = batch.of_rollouts({"place": np.arange(batch.num_loss_tokens)})
    assert list(parts) == list(batch.rollouts_N)
    assert [len(part["place"]) for part in parts.values()] == batch.num_loss_tokens_N.tolist()
    assert [place for part in parts.values() for place in part["place"]] == list(range(batch.num_loss_tokens))
    assert batch.of_rollouts({}) == {key: {} for key in batch.rollouts_N}


def test_advantages_are_kept_where_they_differ_within_a_sequence(tiny_folder: str) -> None:
    spec = resolve(Algorithm(name="ppo", critic=Critic(warmup_updates=1)))
    trainer, batch = trainer_of(tiny_folder, spec, keeps_tokens=True), mixed_batch()
    warming = trainer.update(batch).per_token_K
    assert list(warming) == ["advantage"]  # the policy was not asked
    kept = trainer.update(batch).per_token_K
    assert {name: len(values) for name, values in kept.items()} == dict.fromkeys(
        ("gap", "advantage"), batch.num_loss_tokens
    )
    first = batch.of_rollouts(kept)[batch.rollouts_N[1]]["advantage"]
    assert len(set(first)) > 1
    assert "advantage" not in trainer_of(tiny_folder, CATALOGUE["grpo"], keeps_tokens=True).update(batch).per_token_K
