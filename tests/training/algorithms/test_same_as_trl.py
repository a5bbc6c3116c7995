"""Our losses and TRL's for the same log-probabilities, masks and advantages. Skipped without TRL 1.16."""

from __future__ import annotations

from dataclasses import replace
from importlib.metadata import PackageNotFoundError, version
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from openqwq.training.algorithms.catalogue import AlgorithmSpec, resolve
from openqwq.training.algorithms.losses import token_weights
from openqwq.training.algorithms.objective import TokenInputs, token_losses
from openqwq.training.config import Algorithm, Kl

try:
    HAS_ORACLE = version("trl").startswith("1.16.")
except PackageNotFoundError:
    HAS_ORACLE = False
pytestmark = pytest.mark.skipif(not HAS_ORACLE, reason="the oracle is TRL 1.16, whose private loss is called")

N, T, MAX_TOKENS = 4, 7, 11


def example() -> dict[str, torch.Tensor]:
    """Log-probabilities of N answers of up to T tokens: new, old, of a reference, of the engine; a mask; advantages."""
    random = torch.Generator().manual_seed(0)
    new = -torch.rand(N, T, generator=random) * 3
    drift = torch.randn(N, T, generator=random)
    return {
        "new": new,
        "old": new + 0.4 * drift,
        "reference": new + 0.3 * torch.randn(N, T, generator=random),
        "mask": (torch.arange(T) < torch.tensor([7, 3, 5, 1])[:, None]).float(),
        "advantages": torch.tensor([1.3, -0.7, 0.4, -1.0]),
    }


def theirs(loss_type: str, level: str, low: float, high: float, beta: float, importance: torch.Tensor | None) -> tuple[
    float, torch.Tensor
]:  # fmt: skip
    """TRL's loss and its gradient in the log-probabilities."""
    from trl import GRPOTrainer

    data = example()
    logprobs = data["new"].clone().requires_grad_()
    args = SimpleNamespace(
        delta=None, use_bias_correction_kl=False, sapo_temperature_pos=1.0, sapo_temperature_neg=1.0,
        steps_per_generation=1,
    )  # fmt: skip
    trainer: Any = SimpleNamespace(
        args=args, loss_type=loss_type, importance_sampling_level=level, beta=beta, epsilon_low=low, epsilon_high=high,
        top_entropy_quantile=1.0, off_policy_mask_threshold=None, use_vllm=importance is not None,
        vllm_importance_sampling_correction=True, max_completion_length=MAX_TOKENS, num_iterations=1,
        current_gradient_accumulation_steps=1, _entropy_bonus_enabled=False, use_liger_kernel=False,
        model=SimpleNamespace(training=True), tools=None, rollout_func=None, environments=None,
        accelerator=SimpleNamespace(num_processes=1, gather=lambda x: x, reduce=lambda x, **_: x,
                                    gather_for_metrics=lambda x: x, device=torch.device("cpu")),
        _metrics={"train": Recorder()}, aux_loss_enabled=False, aux_loss_coef=0.0,
    )  # fmt: skip
    trainer._get_per_token_logps_and_entropies = lambda *_, **__: (logprobs, torch.zeros(N, T), None)
    inputs = {
        "prompt_ids": torch.zeros(N, 2, dtype=torch.long), "prompt_mask": torch.ones(N, 2),
        "completion_ids": torch.zeros(N, T, dtype=torch.long), "completion_mask": data["mask"],
        "advantages": data["advantages"], "old_per_token_logps": data["old"],
        "ref_per_token_logps": data["reference"], "num_items_in_batch": data["mask"].sum(),
    }  # fmt: skip
    if importance is not None:
        inputs["importance_sampling_ratio"] = importance
    loss = GRPOTrainer._compute_loss(trainer, None, inputs)
    loss.backward()
    assert logprobs.grad is not None
    return float(loss.detach()), logprobs.grad


class Recorder(dict[str, list[float]]):
    """Takes whatever is logged."""

    def __missing__(self, key: str) -> list[float]:
        self[key] = []
        return self[key]


def ours(spec: AlgorithmSpec, importance: torch.Tensor | None) -> tuple[float, torch.Tensor]:
    data = example()
    mask = data["mask"].bool()
    counts = mask.sum(1)
    logprobs = data["new"].clone().requires_grad_()
    sampled = data["old"] if importance is None else data["old"] - torch.log(importance)
    inputs = TokenInputs(
        sampled_logprobs_K=sampled[mask],
        advantages_K=data["advantages"].repeat_interleave(counts),
        weights_K=token_weights(counts, spec.average, MAX_TOKENS),
        old_logprobs_K=data["old"][mask],
        reference_logprobs_K=data["reference"][mask] if spec.needs_reference else None,
    )
    sequence = torch.arange(N).repeat_interleave(counts)
    loss = token_losses(spec, inputs, sequence, logprobs[mask], torch.zeros(int(counts.sum()))).sum()
    loss.backward()
    assert logprobs.grad is not None
    return float(loss.detach()), logprobs.grad


@pytest.mark.parametrize(
    ("name", "loss_type", "level"),
    [("grpo", "dapo", "token"), ("dr_grpo", "dr_grpo", "token"), ("dapo", "dapo", "token"),
     ("gspo", "grpo", "sequence"), ("cispo", "cispo", "token")],
)  # fmt: skip
@pytest.mark.parametrize("beta", [0.0, 0.1])
@pytest.mark.parametrize("has_mismatch", [False, True])
def test_loss_and_gradient_are_trls(name: str, loss_type: str, level: str, beta: float, has_mismatch: bool) -> None:
    spec = resolve(Algorithm(name=name, clip_low=0.2, clip_high=0.3, kl=Kl(coefficient=beta), truncated_importance=2.0))
    random = torch.Generator().manual_seed(1)
    importance = torch.exp(0.5 * torch.randn(N, T, generator=random)).clamp(max=2.0) if has_mismatch else None
    high = 1.3 if name == "cispo" else 0.3  # TRL gives CISPO's cap itself, we the distance from 1
    expected, gradient = theirs(loss_type, level, 0.2, high, beta, importance)
    found, ours_gradient = ours(spec, importance)
    assert found == pytest.approx(expected, rel=1e-5)
    assert torch.allclose(ours_gradient, gradient, atol=1e-6)


def test_the_plain_grpo_average_is_trls_too() -> None:
    spec = replace(resolve(Algorithm(name="grpo", clip_low=0.2, clip_high=0.3)), average="sequence")
    expected, gradient = theirs("grpo", "token", 0.2, 0.3, 0.0, None)
    found, ours_gradient = ours(spec, None)
    assert found == pytest.approx(expected, rel=1e-5)
    assert torch.allclose(ours_gradient, gradient, atol=1e-6)
