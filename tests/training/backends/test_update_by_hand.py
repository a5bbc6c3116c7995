"""Updates of the real trainer against the same updates written out: away from every neutral value, in several
minibatches of several micro-batches."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch

from openqwq.training.algorithms.catalogue import AlgorithmSpec, resolve
from openqwq.training.batches.collate import Batch
from openqwq.training.config import Algorithm, Critic, Kl, Optimizer
from openqwq.training.models import load_model
from tests.training.backends.plain_updates import PlainTrainer, frozen_scores
from tests.training.small_updates import grouped_batch, trainer_of

TEMPERATURE = 0.7
SETTINGS = {
    "temperature": TEMPERATURE,
    "minibatches": 2,
    "micro_batch_tokens": 45,
    "max_new_tokens": 29,
    "optimizer": Optimizer(
        learning_rate=3e-3, betas=(0.8, 0.9), weight_decay=0.3, warmup_steps=2, max_grad_norm=0.05
    ),
}  # fmt: skip
CRITIC = Critic(learning_rate=2e-3, warmup_updates=1, epochs=2, clip_value=0.02, gamma=0.9, policy_lambda=0.5,
                value_lambda=0.8)  # fmt: skip


def spec(name: str, coefficient: float, estimator: Any, place: Any, bonus: float, **changes: Any) -> AlgorithmSpec:
    kl = Kl(coefficient=coefficient, estimator=estimator, place=place)
    return resolve(Algorithm.model_validate({"name": name, "kl": kl, "entropy_coefficient": bonus, **changes}))


CASES = {
    "grpo": spec("grpo", 0.3, "k3", "loss", 0.05, clip_low=0.1, clip_high=0.15),
    "grpo without correction": spec("grpo", 0.3, "k2", "loss", 0.0, truncated_importance=None, clip_low=0.1),
    "grpo, masked": spec("grpo", 0.3, "k3", "loss", 0.02, masked_importance={"low": 0.7, "high": 1.6}, clip_low=0.1),
    "grpo, masked samples": spec(
        "grpo",
        0.0,
        "k3",
        "loss",
        0.02,
        clip_low=0.1,
        clip_high=0.15,
        masked_importance={"low": 0.1, "high": 3.0, "level": "sequence"},
    ),
    "grpo, KL in the reward": spec("grpo", 0.4, "k2", "reward", 0.02, clip_low=0.1),
    "dr_grpo": spec("dr_grpo", 0.3, "k1", "loss", 0.03, clip_low=0.1, clip_high=0.1),
    "gspo": spec("gspo", 0.2, "k3", "loss", 0.05, clip_low=0.01, clip_high=0.02),
    "cispo": spec("cispo", 0.0, "k3", "loss", 0.05, clip_high=0.1),
    "reinforce_pp": spec("reinforce_pp", 0.3, "k1", "reward", 0.05, clip_low=0.1),
    "ppo": spec("ppo", 0.3, "k1", "reward", 0.05, critic=CRITIC, clip_low=0.1),
}


def sampled_from(folder: str, batch: Batch) -> Batch:
    """The batch with log-probabilities as an engine would log them: the model's own, a little off."""
    random = torch.Generator().manual_seed(5)
    own = torch.tensor([x for row in frozen_scores(load_model(folder), batch, TEMPERATURE) for x in row])
    return replace(batch, sampled_logprobs_K=own + 0.6 * torch.randn(len(own), generator=random))


def moved(model: torch.nn.Module, start: torch.nn.Module) -> torch.Tensor:
    pairs = zip(model.parameters(), start.parameters(), strict=True)
    return torch.cat([(p - q).detach().flatten() for p, q in pairs])


@pytest.mark.parametrize("name", list(CASES))
def test_updates_are_those_of_the_formulas(tiny_folder: str, name: str) -> None:
    trainer = trainer_of(tiny_folder, CASES[name], **SETTINGS)
    plain = PlainTrainer(trainer.settings)
    batches = [sampled_from(tiny_folder, grouped_batch(seed)) for seed in range(3 if name == "grpo" else 2)]
    assert max(len(trainer.ranks.own_shard(part, 45)) for part, _ in batches[0].minibatches(2)) > 2
    clipped = 0.0
    for batch in batches:
        expected, found = plain.update(batch), dict(trainer.update(batch).metrics)
        for key, value in expected.items():
            assert found[key] == pytest.approx(value, rel=2e-3, abs=2e-4), key
        clipped += found.get("clip_fraction_high", 0.0) + found.get("clip_fraction_low", 0.0)
    assert clipped > 0
    start = load_model(tiny_folder)
    gap = moved(trainer.model, start) - moved(plain.model, start)
    assert float(gap.norm() / moved(plain.model, start).norm()) < 5e-3
