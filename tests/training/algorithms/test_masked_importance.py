"""Masked importance sampling and IcePop beside truncation: hand-computed weights, losses and what is logged."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch

from openqwq.training.algorithms.catalogue import AlgorithmSpec, resolve
from openqwq.training.algorithms.losses import masked_importance
from openqwq.training.algorithms.objective import TokenInputs, token_losses, token_sums
from openqwq.training.config import Algorithm, Kl, MaskedImportance

OLD = [math.log(x) for x in (0.4, 0.5, 0.6, 0.45, 0.3)]
SAMPLED = [math.log(x) for x in (0.1, 0.4, 0.5, 0.9, 0.05)]
RATIOS = [4.0, 1.25, 1.2, 0.5, 6.0]
"""pi_old / mu of each token."""
SEQUENCES = torch.tensor([0, 1, 1, 0, 2])
"""Products: 2, 1.5, 6."""
ADVANTAGES = [1.0, -2.0, -2.0, 1.0, 0.5]


def tensor(values: list[float]) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float64)


def run(spec: AlgorithmSpec, has_reference: bool = False) -> tuple[list[float], dict[str, float]]:
    """Losses of one step on policy, where every clipped surrogate is -A, and the sums."""
    inputs = TokenInputs(
        sampled_logprobs_K=tensor(SAMPLED),
        advantages_K=tensor(ADVANTAGES),
        weights_K=tensor([0.2] * 5),
        old_logprobs_K=tensor(OLD),
        reference_logprobs_K=tensor([x + 0.5 for x in OLD]) if has_reference else None,
    )
    entropies = tensor([0.7] * 5)
    found = token_losses(spec, inputs, SEQUENCES, tensor(OLD), entropies)
    return found.tolist(), token_sums(spec, inputs, SEQUENCES, tensor(OLD), entropies)


def spec_of(name: str = "grpo", **changes: Any) -> AlgorithmSpec:
    return resolve(Algorithm.model_validate({"name": name, **changes}))


@pytest.mark.parametrize(
    ("low", "high", "level", "weights"),
    [
        (0.55, 5.0, "token", [4.0, 1.25, 1.2, 0.0, 0.0]),  # as IcePop: too small and too large
        (0.4, 5.0, "token", [4.0, 1.25, 1.2, 0.5, 0.0]),
        (0.0, 2.0, "token", [0.0, 1.25, 1.2, 0.5, 0.0]),  # masked importance sampling
        (0.0, 2.5, "sequence", [2.0, 1.5, 1.5, 2.0, 0.0]),
        (1.6, 7.0, "sequence", [2.0, 0.0, 0.0, 2.0, 6.0]),
    ],
)
def test_the_surrogate_of_a_token_outside_the_range_is_zero(
    low: float, high: float, level: Any, weights: list[float]
) -> None:
    spec = spec_of(masked_importance=MaskedImportance(low=low, high=high, level=level))
    found, sums = run(spec)
    assert found == pytest.approx([-0.2 * w * a for w, a in zip(weights, ADVANTAGES, strict=True)])
    assert sums["mismatch/masked_fraction"] == weights.count(0.0) and "mismatch/truncated_fraction" not in sums


@pytest.mark.parametrize("name", ["grpo", "gspo", "cispo"])
def test_every_surrogate_is_masked_alike(name: str) -> None:
    found, _ = run(spec_of(name, masked_importance=MaskedImportance(low=0.0, high=2.0)))
    assert [x == 0.0 for x in found] == [True, False, False, False, True]


def test_kl_and_entropy_of_a_masked_token_stay() -> None:
    mask = MaskedImportance(low=0.55, high=5.0)
    spec = spec_of(masked_importance=mask, kl=Kl(coefficient=0.3), entropy_coefficient=0.1)
    found, _ = run(spec, has_reference=True)
    others = 0.3 * (math.exp(0.5) - 1.5) - 0.1 * 0.7
    assert found[3:] == pytest.approx([0.2 * others] * 2)
    assert found[0] == pytest.approx(0.2 * (-4.0 * 1.0 + others))


def test_a_ratio_at_the_border_counts() -> None:
    log = torch.log(tensor([0.5, 0.49, 5.0, 5.01, 1.0])).requires_grad_()
    found = masked_importance(log, low=0.4999999, high=5.0000001)
    assert found.tolist() == pytest.approx([0.5, 0.0, 5.0, 0.0, 1.0]) and not found.requires_grad
    assert masked_importance(tensor([0.0]), 1.0, 2.0).tolist() == [1.0]


def test_a_ratio_that_is_not_a_number_is_not_hidden() -> None:
    assert math.isnan(masked_importance(tensor([math.nan]), 0.5, 5.0).item())
    assert masked_importance(tensor([math.inf, -math.inf]), 0.5, 5.0).tolist() == [0.0, 0.0]


def test_a_long_sample_is_masked_by_its_product() -> None:
    """A thousand tokens, each a hundredth too likely: every ratio is near 1, their product is 22,000."""
    inputs = TokenInputs(tensor([-1.01] * 1000), tensor([1.0] * 1000), tensor([1e-3] * 1000), tensor([-1.0] * 1000))
    one = torch.zeros(1000, dtype=torch.long)
    for level, masked in (("token", 0.0), ("sequence", 1000.0)):
        spec = spec_of(masked_importance=MaskedImportance(level=level))  # type: ignore[arg-type]
        sums = token_sums(spec, inputs, one, tensor([-1.0] * 1000), tensor([0.5] * 1000))
        assert sums["mismatch/masked_fraction"] == masked
