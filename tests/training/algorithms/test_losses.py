"""Policy and value losses per token, KL estimates, and how they are averaged. K tokens."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from openqwq.training.algorithms.kl import kl_estimate
from openqwq.training.algorithms.losses import (
    Average,
    cispo_surrogate,
    clipped_surrogate,
    clipped_value_loss,
    sequence_ratio,
    token_weights,
    truncated_importance,
)

LOGPROBS = st.lists(st.floats(-8.0, 0.0), min_size=4, max_size=4)
COUNTS = st.lists(st.integers(1, 30), min_size=1, max_size=8)


def tensor(*values: float) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float64)


def test_the_clipped_surrogate_is_the_hand_computed_one() -> None:
    losses = clipped_surrogate(tensor(1.5, 1.1, 0.5, 1.5), tensor(1.0, 1.0, -2.0, -2.0), 0.2, 0.28)
    # A = +1: min(1.5, 1.28), min(1.1, 1.1); A = -2: min(-1, -1.6), min(-3, -2.56)
    assert losses.tolist() == pytest.approx([-1.28, -1.1, 1.6, 3.0])


@pytest.mark.parametrize("advantage", [1.5, -1.5])
@pytest.mark.parametrize("ratio", [0.3, 0.69, 0.71, 1.0, 1.39, 1.41, 2.5])
def test_the_clipped_surrogate_is_the_lesser_of_two_products(ratio: float, advantage: float) -> None:
    clipped = min(max(ratio, 1 - 0.3), 1 + 0.4)
    (found,) = clipped_surrogate(tensor(ratio), tensor(advantage), 0.3, 0.4).tolist()
    assert found == pytest.approx(-min(ratio * advantage, clipped * advantage))


def test_a_clipped_token_has_no_gradient() -> None:
    logprobs = tensor(-1.0, -1.0).requires_grad_()
    ratio = torch.exp(logprobs - tensor(-2.0, -1.0))  # the first ratio, e, is far above the clip range
    clipped_surrogate(ratio, tensor(1.0, 1.0), 0.2, 0.28).sum().backward()
    assert logprobs.grad is not None
    assert logprobs.grad.tolist() == [0.0, -1.0]


def test_the_gradient_on_policy_is_the_policy_gradient() -> None:
    logprobs = tensor(-1.0, -2.0).requires_grad_()
    clipped_surrogate(torch.exp(logprobs - logprobs.detach()), tensor(3.0, 3.0), 0.2, 0.2).sum().backward()
    assert logprobs.grad is not None
    assert logprobs.grad.tolist() == [-3.0, -3.0]


def test_cispo_clips_the_weight_and_keeps_the_gradient() -> None:
    logprobs = tensor(-1.0, -1.0).requires_grad_()
    ratio = torch.exp(logprobs - tensor(-3.0, -1.0))
    cispo_surrogate(logprobs, ratio, tensor(1.0, 2.0), clip_high=0.5).sum().backward()
    assert logprobs.grad is not None
    assert logprobs.grad.tolist() == pytest.approx([-1.5, -2.0])


def test_cispo_has_a_cap_and_no_floor() -> None:
    losses = cispo_surrogate(tensor(-1.0, -2.0, -3.0), tensor(0.01, 1.4, 9.0), tensor(2.0, -1.0, 1.0), clip_high=0.5)
    assert losses.tolist() == pytest.approx([0.01 * 2 * 1.0, 1.4 * -1.0 * 2.0, 1.5 * 1.0 * 3.0])


def test_the_ratio_of_a_sequence_is_the_geometric_mean_of_its_tokens() -> None:
    logprobs, old = tensor(-1.0, -2.0, -3.0), tensor(-1.5, -2.5, -2.0)
    ratio = sequence_ratio(logprobs, old, torch.tensor([0, 0, 1]))
    assert ratio.tolist() == pytest.approx([math.exp(0.5), math.exp(0.5), math.exp(-1.0)])


def test_the_gradient_of_a_sequence_ratio_is_gspos() -> None:
    """d/d logp_t of s_i A_i, averaged over the tokens, is s_i A_i / |o_i| at each token."""
    logprobs, old = tensor(-1.0, -2.0, -3.0).requires_grad_(), tensor(-1.1, -2.1, -2.9)
    sequence, weights = torch.tensor([0, 0, 1]), tensor(0.5, 0.5, 1.0)
    ratio = sequence_ratio(logprobs, old, sequence)
    (weights * clipped_surrogate(ratio, tensor(2.0, 2.0, -1.0), 0.5, 0.5)).sum().backward()
    first, second = math.exp(0.1), math.exp(-0.1)
    assert logprobs.grad is not None
    assert logprobs.grad.tolist() == pytest.approx([-first * 2 / 2, -first * 2 / 2, second])


def test_importance_weights_are_truncated_above_only() -> None:
    mismatch = torch.log(tensor(0.5, 1.5, 7.0))
    assert truncated_importance(mismatch, tensor(0, 0, 0), 2.0).tolist() == pytest.approx([0.5, 1.5, 2.0])
    assert truncated_importance(mismatch, tensor(0, 0, 0), None).tolist() == [1.0, 1.0, 1.0]


def test_importance_weights_carry_no_gradient() -> None:
    old = tensor(-1.0).requires_grad_()
    assert not truncated_importance(old, tensor(-1.5), 5.0).requires_grad


def test_the_value_loss_is_the_hand_computed_one() -> None:
    values, old = tensor(0.5, 0.1, -0.9, 0.9, -0.3, 0.9), tensor(0.0, 0.0, -0.5, 0.5, 0.1, 1.5)
    losses = clipped_value_loss(values, old, tensor(0.4, 1.0, -0.8, 2.0, -1.0, 0.7), clip=0.2)
    # clipped to 0.2: max(0.01, 0.04); not clipped: 0.81; clipped below to -0.7: max(0.01, 0.01);
    # clipped to 0.7: max(1.21, 1.69); clipped below to -0.1: max(0.49, 0.81); to 1.3: max(0.04, 0.36); all halved
    assert losses.tolist() == pytest.approx([0.02, 0.405, 0.005, 0.845, 0.405, 0.18])


@given(counts=COUNTS)
def test_token_and_sequence_weights_sum_to_one(counts: list[int]) -> None:
    for average in ("token", "sequence"):
        assert float(token_weights(torch.tensor(counts), average, 64).sum()) == pytest.approx(1.0)  # type: ignore[arg-type]


def test_each_average_weights_tokens_as_in_its_paper() -> None:
    counts = torch.tensor([1, 3])
    assert token_weights(counts, "token", 8).tolist() == pytest.approx([0.25] * 4)
    assert token_weights(counts, "sequence", 8).tolist() == pytest.approx([1 / 2, 1 / 6, 1 / 6, 1 / 6])
    assert token_weights(counts, "constant", 8).tolist() == pytest.approx([1 / 16] * 4)


@pytest.mark.parametrize("average", ["token", "sequence", "constant"])
def test_the_weights_of_one_token_or_none_are_finite(average: Average) -> None:
    expected = 1 / 8 if average == "constant" else 1.0
    assert token_weights(torch.tensor([1]), average, 8).tolist() == pytest.approx([expected])
    assert token_weights(torch.tensor([], dtype=torch.long), average, 8).tolist() == []
    assert token_weights(torch.tensor([2, 0]), average, 8).shape == (2,)  # a sequence without counted tokens


@given(policy=LOGPROBS, reference=LOGPROBS)
def test_k2_and_k3_are_never_negative_and_k1_is_the_log_ratio(policy: list[float], reference: list[float]) -> None:
    ours, theirs = tensor(*policy), tensor(*reference)
    assert float(kl_estimate(ours, theirs, "k3").min()) >= 0.0
    assert float(kl_estimate(ours, theirs, "k2").min()) >= 0.0
    assert torch.equal(kl_estimate(ours, theirs, "k1"), ours - theirs)


def test_the_kl_estimates_are_hand_computed() -> None:
    ours, theirs = tensor(-1.0), tensor(-1.0 + math.log(2.0))
    assert float(kl_estimate(ours, theirs, "k1")) == pytest.approx(-math.log(2.0))
    assert float(kl_estimate(ours, theirs, "k2")) == pytest.approx(math.log(2.0) ** 2 / 2)
    assert float(kl_estimate(ours, theirs, "k3")) == pytest.approx(2.0 - math.log(2.0) - 1.0)


def test_k1_and_k3_are_unbiased_and_the_gradient_of_k2_is_that_of_the_kl() -> None:
    logits = tensor(0.9, -0.2, -0.6).requires_grad_()
    reference = torch.log(tensor(0.3, 0.3, 0.4))
    logprobs = torch.log_softmax(logits, 0)
    probs = logprobs.exp().detach()
    exact = (logprobs.exp() * (logprobs - reference)).sum()
    for estimator in ("k1", "k3"):
        mean = (probs * kl_estimate(logprobs, reference, estimator)).sum()  # type: ignore[arg-type]
        assert float(mean.detach()) == pytest.approx(float(exact.detach()))
    (expected,) = torch.autograd.grad(exact, logits, retain_graph=True)
    (found,) = torch.autograd.grad((probs * kl_estimate(logprobs, reference, "k2")).sum(), logits)
    assert torch.allclose(found, expected)
