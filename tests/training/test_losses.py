"""The clipped policy loss and the KL estimate on token log-probabilities. N sequences, T tokens."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from openqwq.training.algorithms.losses import LossOutput, clipped_policy_loss, k3_penalty

LOGPROBS = st.lists(st.floats(-8.0, 0.0), min_size=4, max_size=4)


def loss_of(
    ratios: list[list[float]],
    advantages: list[float],
    mask: list[list[int]] | None = None,
    mismatch: list[list[float]] | None = None,
    normaliser: float = 1.0,
    truncated_importance: float | None = None,
    high: float = 0.28,
) -> LossOutput:
    """The loss at these probability ratios to the old policy; `mismatch` is pi_old / mu."""
    old = torch.full((len(ratios), len(ratios[0])), -2.0, dtype=torch.float64)
    new = old + torch.log(torch.tensor(ratios, dtype=torch.float64))
    sampled = old if mismatch is None else old - torch.log(torch.tensor(mismatch, dtype=torch.float64))
    shown = torch.ones_like(old) if mask is None else torch.tensor(mask)
    signs = torch.tensor(advantages, dtype=torch.float64)
    return clipped_policy_loss(new, old, sampled, signs, shown, normaliser, 0.2, high, truncated_importance)


def test_the_clipped_loss_is_the_hand_computed_one() -> None:
    output = loss_of([[1.5, 1.1], [0.5, 1.5]], advantages=[1.0, -2.0], normaliser=4.0)
    # A = +1: min(1.5, 1.28) + min(1.1, 1.1); A = -2: min(-1, -1.6) + min(-3, -2.56)
    assert float(output.loss) == pytest.approx(-(1.28 + 1.1 - 1.6 - 3.0) / 4.0)
    assert float(output.metrics["clip_fraction"]) == 2.0
    assert float(output.metrics["ratio/mean"]) == pytest.approx(1.5 + 1.1 + 0.5 + 1.5)


def test_tokens_outside_the_mask_change_nothing() -> None:
    output = loss_of([[1.1, 9.0, 1.2]], advantages=[1.0], mask=[[1, 0, 1]])
    assert float(output.loss) == pytest.approx(-(1.1 + 1.2))
    assert float(output.metrics["clip_fraction"]) == 0.0


def test_importance_weights_are_truncated_above_only() -> None:
    output = loss_of([[1.0, 1.0, 1.0]], advantages=[1.0], mismatch=[[0.5, 1.5, 7.0]], truncated_importance=2.0)
    assert float(output.loss) == pytest.approx(-(0.5 + 1.5 + 2.0))


def test_importance_weights_can_be_switched_off() -> None:
    output = loss_of([[1.0, 1.0]], advantages=[1.0], mismatch=[[0.5, 7.0]], truncated_importance=None)
    assert float(output.loss) == pytest.approx(-2.0)
    assert float(output.metrics["mismatch/mean_abs_log_ratio"]) == pytest.approx(math.log(2.0) + math.log(7.0))


def test_the_gradient_on_policy_is_the_policy_gradient() -> None:
    logprobs = torch.tensor([[-1.0, -2.0]], dtype=torch.float64, requires_grad=True)
    old = logprobs.detach()
    output = clipped_policy_loss(
        logprobs, old, old, torch.tensor([3.0]), torch.ones(1, 2), normaliser=2.0, clip_low=0.2, clip_high=0.2,
        truncated_importance=2.0,
    )  # fmt: skip
    output.loss.backward()
    assert logprobs.grad is not None
    assert logprobs.grad.tolist() == [[-1.5, -1.5]]


def test_a_clipped_token_has_no_gradient() -> None:
    logprobs = torch.tensor([[-1.0, -1.0]], requires_grad=True)
    old = torch.tensor([[-2.0, -1.0]])  # the first ratio, e, is far above the clip range
    clipped_policy_loss(logprobs, old, old, torch.tensor([1.0]), torch.ones(1, 2), 1.0, 0.2, 0.28, None).loss.backward()
    assert logprobs.grad is not None
    assert logprobs.grad.tolist() == [[0.0, -1.0]]


@given(policy=LOGPROBS, reference=LOGPROBS)
def test_the_kl_estimate_is_never_negative(policy: list[float], reference: list[float]) -> None:
    ours, theirs = torch.tensor([policy], dtype=torch.float64), torch.tensor([reference], dtype=torch.float64)
    assert float(k3_penalty(ours, theirs, torch.ones(1, 4))) >= 0.0


def test_the_kl_estimate_is_zero_for_equal_policies_and_hand_computed_otherwise() -> None:
    ours, mask = torch.tensor([[-1.0, -1.0]], dtype=torch.float64), torch.ones(1, 2)
    assert float(k3_penalty(ours, ours, mask)) == 0.0
    apart = ours + torch.tensor([[math.log(2.0), 5.0]], dtype=torch.float64)
    assert float(k3_penalty(ours, apart, torch.tensor([[1, 0]]))) == pytest.approx(2.0 - math.log(2.0) - 1.0)


def test_the_kl_estimate_is_unbiased() -> None:
    policy, reference = torch.tensor([0.7, 0.2, 0.1]), torch.tensor([0.3, 0.3, 0.4])
    kl = float((policy * (policy / reference).log()).sum())
    per_token = [float(k3_penalty(policy.log()[None, i : i + 1], reference.log()[None, i : i + 1], torch.ones(1, 1)))
                 for i in range(3)]  # fmt: skip
    assert float((policy * torch.tensor(per_token)).sum()) == pytest.approx(kl, abs=1e-6)
