"""The loss of a micro-batch's tokens and what is logged of them, against the formulas in plain Python."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
import torch

from openqwq.training.algorithms.catalogue import AlgorithmSpec, resolve
from openqwq.training.algorithms.objective import HISTOGRAM_EDGES, TokenInputs, token_losses, token_sums
from openqwq.training.config import Algorithm, Kl

NEW = [-1.0, -0.4, -2.0, -0.7, -3.0, -1.2]
OLD = [-1.6, -0.5, -1.2, -0.9, -3.1, -1.2]
SAMPLED = [-1.5, -1.9, -1.0, -1.0, -3.2, -0.7]
REFERENCE = [-0.8, -1.0, -2.2, -0.6, -2.5, -1.3]
ADVANTAGES = [1.5, 1.5, -0.6, -0.6, -0.6, 0.0]
WEIGHTS = [0.3, 0.3, 0.05, 0.05, 0.05, 0.25]
ENTROPIES = [1.1, 0.2, 2.0, 0.9, 1.7, 0.4]
SEQUENCES = [0, 0, 1, 1, 1, 2]
CAP, LOW, HIGH = 1.8, 0.2, 0.5


def tensor(values: list[float]) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float64)


def inputs(has_old: bool = True, has_reference: bool = True) -> TokenInputs:
    return TokenInputs(
        sampled_logprobs_K=tensor(SAMPLED),
        advantages_K=tensor(ADVANTAGES),
        weights_K=tensor(WEIGHTS),
        old_logprobs_K=tensor(OLD) if has_old else None,
        reference_logprobs_K=tensor(REFERENCE) if has_reference else None,
    )


def spec_of(name: str = "grpo", **changes: Any) -> AlgorithmSpec:
    return resolve(
        Algorithm(**{"name": name, "clip_low": LOW, "clip_high": HIGH, "truncated_importance": CAP, **changes})
    )


def ratios(old: list[float], is_of_sequence: bool) -> list[float]:
    log = [n - o for n, o in zip(NEW, old, strict=True)]
    if not is_of_sequence:
        return [math.exp(x) for x in log]
    return [math.exp(sum(log[:2]) / 2)] * 2 + [math.exp(sum(log[2:5]) / 3)] * 3 + [math.exp(log[5])]


def kl(estimator: str) -> list[float]:
    d = [r - n for r, n in zip(REFERENCE, NEW, strict=True)]
    formulas = {"k1": lambda x: -x, "k2": lambda x: x * x / 2, "k3": lambda x: math.exp(x) - x - 1}
    return [formulas[estimator](x) for x in d]


def by_hand(
    name: str, old: list[float], cap: float | None, coefficient: float, estimator: str, bonus: float
) -> list[float]:
    found = []
    for k, rho in enumerate(ratios(old, name == "gspo")):
        if name == "cispo":
            surrogate = -min(rho, 1 + HIGH) * ADVANTAGES[k] * NEW[k]
        else:
            surrogate = -min(rho * ADVANTAGES[k], min(max(rho, 1 - LOW), 1 + HIGH) * ADVANTAGES[k])
        importance = 1.0 if cap is None else min(math.exp(old[k] - SAMPLED[k]), cap)
        penalty = coefficient * kl(estimator)[k]
        found.append(WEIGHTS[k] * (importance * surrogate + penalty - bonus * ENTROPIES[k]))
    return found


@pytest.mark.parametrize("name", ["grpo", "gspo", "cispo"])
@pytest.mark.parametrize("has_old", [True, False])
@pytest.mark.parametrize("cap", [CAP, None])
@pytest.mark.parametrize(("estimator", "bonus"), [("k1", 0.0), ("k2", 0.07), ("k3", 0.2)])
def test_a_tokens_loss_is_the_formula(
    name: str, has_old: bool, cap: float | None, estimator: str, bonus: float
) -> None:
    spec = spec_of(name, kl=Kl(coefficient=0.3, estimator=estimator), entropy_coefficient=bonus,
                   truncated_importance=cap)  # fmt: skip
    found = token_losses(spec, inputs(has_old), torch.tensor(SEQUENCES), tensor(NEW), tensor(ENTROPIES))
    expected = by_hand(name, OLD if has_old else NEW, cap, 0.3, estimator, bonus)
    assert found.tolist() == pytest.approx(expected)


def test_a_kl_in_the_reward_is_not_added_to_the_loss_as_well() -> None:
    spec = spec_of(kl=Kl(coefficient=0.3, place="reward"))
    found = token_losses(spec, inputs(), torch.tensor(SEQUENCES), tensor(NEW), tensor(ENTROPIES))
    assert found.tolist() == pytest.approx(by_hand("grpo", OLD, CAP, 0.0, "k3", 0.0))
    alone = token_losses(spec, inputs(has_reference=False), torch.tensor(SEQUENCES), tensor(NEW), tensor(ENTROPIES))
    assert torch.equal(found, alone)


def test_the_entropy_bonus_raises_entropy() -> None:
    """Descent on the loss moves logits towards the uniform distribution."""
    logits = tensor([2.0, 0.0, -1.0]).requires_grad_()
    logprobs = torch.log_softmax(logits, 0)
    entropy = -(logprobs.exp() * logprobs).sum()
    one = torch.tensor([0])
    nothing = TokenInputs(tensor([-1.0]), tensor([0.0]), tensor([1.0]))
    token_losses(spec_of(entropy_coefficient=0.5), nothing, one, logprobs[:1], entropy[None]).sum().backward()
    assert logits.grad is not None
    after = torch.log_softmax(logits.detach() - logits.grad, 0)
    assert float(-(after.exp() * after).sum()) > float(entropy.detach())


def test_on_policy_the_gradient_is_the_policy_gradient_times_the_importance_weight() -> None:
    """Through the ratio only: neither the old log-probabilities nor the importance weight carry a gradient."""
    logprobs = tensor(NEW).requires_grad_()
    for name in ("grpo", "cispo"):
        loss = token_losses(spec_of(name), inputs(False, False), torch.tensor(SEQUENCES), logprobs, tensor(ENTROPIES))
        (gradient,) = torch.autograd.grad(loss.sum(), logprobs)
        importance = [min(math.exp(n - s), CAP) for n, s in zip(NEW, SAMPLED, strict=True)]
        expected = [-w * i * a for w, i, a in zip(WEIGHTS, importance, ADVANTAGES, strict=True)]
        assert gradient.tolist() == pytest.approx(expected)


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [
        # ratios 1.82, 1.11, 0.45, 1.22, 1.11, 1 with advantages +, +, -, -, -, 0
        ("grpo", 1, 1),
        # the sequences' ratios: 1.42 (+), 0.85 (-), 1
        ("gspo", 0, 0),
        ("cispo", 0, 1),
    ],
)
def test_what_is_logged_is_summed_over_the_tokens(name: str, low: int, high: int) -> None:
    spec = spec_of(name, kl=Kl(coefficient=0.3, estimator="k1"))
    found = token_sums(spec, inputs(), torch.tensor(SEQUENCES), tensor(NEW), tensor(ENTROPIES))
    histogram = {key: found.pop(key) for key in list(found) if key.startswith("mismatch/histogram_")}
    mismatch = [o - s for o, s in zip(OLD, SAMPLED, strict=True)]  # -.1, 1.4, -.2, .1, .1, -.5
    assert found == pytest.approx({
        "entropy": 6.3,
        "clip_fraction_low": low,
        "clip_fraction_high": high,
        "ratio/mean": sum(ratios(OLD, name == "gspo")),
        "mismatch/mean_abs_log_ratio": 2.4,
        "mismatch/kl": -sum(mismatch),
        "mismatch/truncated_fraction": 1,
        "kl": sum(kl("k3")),
    })  # fmt: skip
    assert sum(histogram.values()) == 6 and histogram["mismatch/histogram_10"] == 1
    assert all(type(value) is float for value in found.values())


def test_without_cap_or_reference_their_metrics_are_left_out() -> None:
    spec = spec_of(truncated_importance=None)
    found = token_sums(spec, inputs(has_reference=False), torch.tensor(SEQUENCES), tensor(NEW), tensor(ENTROPIES))
    assert "kl" not in found and "mismatch/truncated_fraction" not in found


@pytest.mark.parametrize(
    ("surrogate", "ratio", "advantage", "low", "high"),
    [
        ("clip", 0.25, -1.0, 1, 0), ("clip", 0.25, 1.0, 0, 0), ("clip", 0.25, 0.0, 0, 0), ("clip", 0.5, -1.0, 0, 0),
        ("clip", 4.0, 1.0, 0, 1), ("clip", 4.0, -1.0, 0, 0), ("clip", 4.0, 0.0, 0, 0), ("clip", 2.0, 1.0, 0, 0),
        ("sequence_clip", 0.25, -1.0, 1, 0), ("sequence_clip", 4.0, 1.0, 0, 1), ("sequence_clip", 4.0, -1.0, 0, 0),
        ("cispo", 0.25, -1.0, 0, 0), ("cispo", 4.0, 1.0, 0, 1), ("cispo", 4.0, -1.0, 0, 1), ("cispo", 2.0, 1.0, 0, 0),
    ],
)  # fmt: skip
def test_a_token_counts_as_clipped_where_clipping_takes_its_gradient(
    surrogate: Any, ratio: float, advantage: float, low: int, high: int
) -> None:
    """Bounds 0.5 and 2, which a float holds exactly; a ratio at the bound is not clipped."""
    spec = replace(spec_of(), surrogate=surrogate, clip_low=0.5, clip_high=1.0)
    one = TokenInputs(tensor([0.0]), tensor([advantage]), tensor([1.0]), old_logprobs_K=tensor([0.0]))
    found = token_sums(spec, one, torch.tensor([0]), tensor([math.log(ratio)]), tensor([0.0]))
    assert (found["clip_fraction_low"], found["clip_fraction_high"]) == (low, high)


def test_a_mismatch_at_the_cap_is_not_truncated() -> None:
    old = tensor([math.log(2.0), math.log(2.1), 0.0, -5.0])
    four = TokenInputs(tensor([0.0] * 4), tensor([1.0] * 4), tensor([1.0] * 4), old_logprobs_K=old)
    found = token_sums(spec_of(truncated_importance=2.0), four, torch.tensor([0] * 4), old, tensor([0.0] * 4))
    assert found["mismatch/truncated_fraction"] == 1


def test_each_bin_of_the_mismatch_counts_its_own() -> None:
    assert HISTOGRAM_EDGES == (-1.0, -0.3, -0.1, -0.03, -0.01, 0.01, 0.03, 0.1, 0.3, 1.0)
    inside = [-3.0, -0.5, -0.2, -0.05, -0.02, 0.0, 0.02, 0.05, 0.2, 0.5, 3.0]
    for number, value in enumerate(inside):
        old = tensor([value] * 2)
        two = TokenInputs(tensor([0.0] * 2), tensor([1.0] * 2), tensor([1.0] * 2), old_logprobs_K=old)
        found = token_sums(spec_of(), two, torch.tensor([0, 0]), old, tensor([0.0] * 2))
        counts = [found[f"mismatch/histogram_{i}"] for i in range(11)]
        assert counts == [2.0 if i == number else 0.0 for i in range(11)]
    assert "mismatch/histogram_11" not in found


def test_what_is_logged_carries_no_gradient() -> None:
    logprobs = tensor(NEW).requires_grad_()
    found = token_sums(spec_of(), inputs(), torch.tensor(SEQUENCES), logprobs, tensor(ENTROPIES))
    assert found["ratio/mean"] == pytest.approx(sum(ratios(OLD, False)))


def test_the_inputs_at_some_indices_are_those_of_their_tokens() -> None:
    found = inputs().at(torch.tensor([4, 1]))
    pairs = [(found.sampled_logprobs_K, SAMPLED), (found.advantages_K, ADVANTAGES), (found.weights_K, WEIGHTS),
             (found.old_logprobs_K, OLD), (found.reference_logprobs_K, REFERENCE)]  # fmt: skip
    for values, whole in pairs:
        assert values is not None and values.tolist() == [whole[4], whole[1]]
    assert inputs(has_old=False).at(torch.tensor([0])).old_logprobs_K is None
    moved = inputs(has_reference=False).to(torch.device("meta"))
    assert moved.weights_K.device.type == "meta" and moved.reference_logprobs_K is None
