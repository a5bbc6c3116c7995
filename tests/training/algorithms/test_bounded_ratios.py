"""Ratios and k3 of log-probabilities that lie far apart: finite, bounded, counted."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch

from openqwq.training.algorithms.catalogue import AlgorithmSpec, resolve
from openqwq.training.algorithms.kl import kl_estimate
from openqwq.training.algorithms.objective import TokenInputs, token_losses, token_sums
from openqwq.training.algorithms.ratios import LOG_RATIO_LIMIT, bounded_ratio, is_bounded, sequence_mean, sequence_sum
from openqwq.training.config import Algorithm, Kl

FAR = 90.0
"""exp of it overflows float32."""


def tensor(*values: float) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float32)


def losses(spec: AlgorithmSpec, logprobs: torch.Tensor, old: float, sampled: float, reference: float | None = None,
           advantage: float = -1.5) -> tuple[torch.Tensor, dict[str, float]]:  # fmt: skip
    """Losses and sums of the tokens of one sequence, whose other inputs are the same for all."""
    count = len(logprobs)
    inputs = TokenInputs(
        sampled_logprobs_K=tensor(*[sampled] * count),
        advantages_K=tensor(*[advantage] * count),
        weights_K=tensor(*[0.5] * count),
        old_logprobs_K=tensor(*[old] * count),
        reference_logprobs_K=None if reference is None else tensor(*[reference] * count),
    )
    one, entropies = torch.zeros(count, dtype=torch.long), tensor(*[0.3] * count)
    return token_losses(spec, inputs, one, logprobs, entropies), token_sums(spec, inputs, one, logprobs, entropies)


def spec_of(name: str = "grpo", **changes: Any) -> AlgorithmSpec:
    return resolve(Algorithm.model_validate({"name": name, **changes}))


def test_a_ratio_is_exact_up_to_the_bound_and_stays_there() -> None:
    assert LOG_RATIO_LIMIT == 20.0
    found = bounded_ratio(tensor(-FAR, -1.0, 0.0, 19.5, 20.0, 20.5, FAR, math.inf))
    assert found.tolist() == pytest.approx(
        [0.0, math.exp(-1), 1.0, math.exp(19.5), *[math.exp(20)] * 4], rel=1e-5, abs=1e-30
    )
    assert is_bounded(tensor(-FAR, 20.0, 20.5, math.inf)).tolist() == [False, False, True, True]


def test_means_and_sums_of_sequences_stand_at_each_of_their_tokens() -> None:
    values, sequence = tensor(1.0, 2.0, 6.0, -4.0), torch.tensor([0, 1, 1, 0])
    assert sequence_sum(values, sequence).tolist() == [-3.0, 8.0, 8.0, -3.0]
    assert sequence_mean(values, sequence).tolist() == [-1.5, 4.0, 4.0, -1.5]


@pytest.mark.parametrize("name", ["grpo", "gspo", "cispo"])
@pytest.mark.parametrize("advantage", [1.5, 0.0, -1.5])
@pytest.mark.parametrize(("new", "old", "sampled"), [(0.0, -FAR, -1.0), (-1.0, -1.0, -FAR), (-FAR, 0.0, 0.0)])
def test_loss_and_gradient_are_finite_however_far_apart_the_policies_are(
    name: str, advantage: float, new: float, old: float, sampled: float
) -> None:
    logprobs = tensor(new, new).requires_grad_()
    found, _ = losses(spec_of(name, truncated_importance=5.0), logprobs, old, sampled, advantage=advantage)
    (gradient,) = torch.autograd.grad(found.sum(), logprobs)
    assert bool(torch.isfinite(found).all()) and bool(torch.isfinite(gradient).all())


def test_a_bounded_ratio_multiplies_a_bad_answer_by_the_bound() -> None:
    found, sums = losses(spec_of(), tensor(0.0), -FAR, -FAR)
    assert found.item() == pytest.approx(0.5 * 1.5 * math.exp(20), rel=1e-5)
    assert sums["bounded_tokens"] == 1.0 and sums["ratio/mean"] == pytest.approx(math.exp(20), rel=1e-5)


@pytest.mark.parametrize(("d", "expected"), [
    (-FAR, FAR - 1), (1.0, math.e - 2), (20.0, math.exp(20) - 21),
    (25.0, math.exp(20) - 21 + 5 * (math.exp(20) - 1)), (FAR, math.exp(20) - 21 + 70 * (math.exp(20) - 1)),
])  # fmt: skip
def test_k3_goes_on_as_its_tangent(d: float, expected: float) -> None:
    logprobs = tensor(-d).requires_grad_()
    found = kl_estimate(logprobs, tensor(0.0), "k3")
    (slope,) = torch.autograd.grad(found.sum(), logprobs)
    assert found.item() == pytest.approx(expected, rel=1e-5)
    assert slope.item() == pytest.approx(-math.expm1(min(d, 20.0)), rel=1e-5)  # it pulls the policy back to the end


@pytest.mark.parametrize(("new", "old", "sampled", "reference", "expected"), [
    (-1.0, -1.2, -0.9, -1.1, None), (0.0, -20.5, -20.5, None, 2.0), (-1.0, -1.0, -21.5, None, 2.0),
    (-30.0, -30.0, -30.0, -9.5, 2.0), (0.0, -20.5, -41.5, 20.5, 2.0),  # a token with three counts once
    (-41.0, -20.5, 0.0, -41.0, None),  # ratios near 0 are not bounded
])  # fmt: skip
def test_tokens_with_a_bounded_ratio_are_counted(
    new: float, old: float, sampled: float, reference: float | None, expected: float | None
) -> None:
    spec = spec_of(kl=Kl(coefficient=0.1))
    _, sums = losses(spec, tensor(new, new), old, sampled, reference)
    assert sums.get("bounded_tokens") == expected


def test_a_ratio_that_is_not_used_is_not_counted() -> None:
    _, sums = losses(spec_of(truncated_importance=None), tensor(-1.0), -1.0, -FAR)
    assert "bounded_tokens" not in sums
    half = tensor(0.0, -40.5)  # one token far above and one far below: the sequence's mean is within the bound
    assert "bounded_tokens" not in losses(spec_of("gspo"), half, -20.25, -20.25)[1]
    assert losses(spec_of("grpo"), half, -20.25, -20.25)[1]["bounded_tokens"] == 1.0
