"""The log-prob head against plain softmax, and its gradients. K tokens, H hidden, V vocabulary."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from openqwq.training.algorithms import head
from openqwq.training.algorithms.head import fused_head_loss, head_logprobs

Tensors = tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]


def example(seed: int = 0, tokens: int = 7, hidden: int = 5, vocabulary: int = 11) -> Tensors:
    """Hidden states, weight, bias and targets in double precision."""
    random = torch.Generator().manual_seed(seed)
    tensors = [torch.randn(*shape, generator=random, dtype=torch.float64) for shape in
             [(tokens, hidden), (vocabulary, hidden), (vocabulary,)]]  # fmt: skip
    targets = torch.randint(0, vocabulary, (tokens,), generator=random)
    edges = torch.tensor([0, vocabulary - 1, vocabulary // 2, max(vocabulary // 2 - 1, 0)])[:tokens]
    targets[: len(edges)] = edges
    return tensors[0].requires_grad_(), tensors[1].requires_grad_(), tensors[2].requires_grad_(), targets


def plain(hidden: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor | None, targets: torch.Tensor,
          temperature: float, cap: float | None = None) -> tuple[torch.Tensor, torch.Tensor]:  # fmt: skip
    logits = (hidden @ weight.T + (0.0 if bias is None else bias)) / temperature
    log_softmax = torch.log_softmax(logits if cap is None else cap * torch.tanh(logits / cap), -1)
    return log_softmax.gather(-1, targets[:, None])[:, 0], -(log_softmax.exp() * log_softmax).sum(-1)


def curved(logprobs: torch.Tensor, entropies: torch.Tensor) -> torch.Tensor:
    """A loss that is linear in neither."""
    return torch.arange(len(logprobs)) * logprobs.exp() - 0.3 * entropies.square()


def test_a_head_of_two_words_is_hand_computed() -> None:
    hidden, weight = torch.tensor([[1.0]]), torch.tensor([[0.0], [0.6931471805599453]])
    logprobs, entropies = head_logprobs(hidden, weight, torch.tensor([1]))
    assert float(logprobs) == pytest.approx(-0.4054651)  # log 2/3
    assert float(entropies) == pytest.approx(0.6365142)


@pytest.mark.parametrize("block_elements", [1, 21, 64 * 5, 10**6])
@pytest.mark.parametrize("temperature", [1.0, 0.7, 2.0])
@pytest.mark.parametrize("has_bias", [True, False])
@pytest.mark.parametrize("is_fused", [False, True])
@pytest.mark.parametrize("cap", [None, 1.5])
def test_loss_and_gradients_are_those_of_the_whole_softmax(
    block_elements: int,
    temperature: float,
    has_bias: bool,
    is_fused: bool,
    cap: float | None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if is_fused:  # a GPU's way, here not compiled
        monkeypatch.setitem(head.FUSED_ON, "cpu", lambda function: function)
    hidden, weight, bias, targets = example()
    leaves = [hidden, weight, bias] if has_bias else [hidden, weight]
    used = bias if has_bias else None
    logprobs, entropies = plain(hidden, weight, used, targets, temperature, cap)
    loss = curved(logprobs, entropies).sum()
    expected = torch.autograd.grad(loss, leaves)
    out = fused_head_loss(hidden, weight, targets, curved, temperature, used, block_elements, cap)
    assert torch.allclose(out.loss, loss) and torch.allclose(out.logprobs_K, logprobs)
    assert torch.allclose(out.entropies_K, entropies)
    scores = head_logprobs(hidden, weight, targets, temperature, used, block_elements, cap)
    assert torch.allclose(scores[0], logprobs) and torch.allclose(scores[1], entropies)
    for found, wanted in zip(torch.autograd.grad(3 * out.loss, leaves), expected, strict=True):
        assert torch.allclose(found, 3 * wanted)


@pytest.mark.parametrize("block_elements", [2, 6, 10**6])
@pytest.mark.parametrize("logits", [[90.0, -20.0, 190.0, 185.0, -300.0], [200.0, -300.0, 195.0, 40.0, 198.0]])
@pytest.mark.parametrize("is_fused", [False, True])
def test_logits_whose_exponentials_overflow_are_scored(
    logits: list[float], block_elements: int, is_fused: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if is_fused:
        monkeypatch.setitem(head.FUSED_ON, "cpu", lambda function: function)
    weight, targets = torch.tensor(logits)[:, None], torch.tensor([3, 2])
    found, entropies = head_logprobs(torch.ones(2, 1), weight, targets, block_elements=block_elements)
    expected = torch.log_softmax(weight.double()[:, 0], 0)
    assert found.tolist() == pytest.approx([float(expected[3]), float(expected[2])], abs=1e-4)
    assert entropies.tolist() == pytest.approx([-float((expected.exp() * expected).sum())] * 2, abs=1e-4)


@pytest.mark.parametrize("block_elements", [14, 10**6])
def test_the_gradient_passes_gradcheck(block_elements: int) -> None:
    hidden, weight, bias, targets = example(tokens=4, hidden=3, vocabulary=6)

    def loss(hidden: torch.Tensor, weight: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
        return fused_head_loss(hidden, weight, targets, curved, 1.3, bias, block_elements).loss

    assert torch.autograd.gradcheck(loss, (hidden, weight, bias))


@settings(max_examples=30, deadline=None)
@given(tokens=st.integers(0, 9), vocabulary=st.integers(1, 30), block_elements=st.integers(1, 300))
def test_the_size_of_the_blocks_changes_nothing(tokens: int, vocabulary: int, block_elements: int) -> None:
    hidden, weight, bias, targets = example(1, tokens, 4, vocabulary)
    whole = fused_head_loss(hidden, weight, targets, curved, 1.0, bias)
    split = fused_head_loss(hidden, weight, targets, curved, 1.0, bias, block_elements)
    assert torch.allclose(split.loss, whole.loss) and torch.allclose(split.logprobs_K, whole.logprobs_K)
    for a, b in zip(torch.autograd.grad(split.loss, [hidden, weight]),
                    torch.autograd.grad(whole.loss, [hidden, weight]), strict=True):  # fmt: skip
        assert torch.allclose(a, b)


def test_a_frozen_weight_gets_no_gradient_and_hidden_states_do() -> None:
    hidden, weight, _, targets = example()
    out = fused_head_loss(hidden, weight.detach(), targets, curved)
    out.loss.backward()  # type: ignore[no-untyped-call]
    assert hidden.grad is not None and weight.grad is None


def test_a_weight_that_is_also_the_embedding_gets_both_gradients() -> None:
    _, weight, _, targets = example()
    tied = weight.detach().clone().requires_grad_()
    fused_head_loss(tied[:7], tied, targets, curved).loss.backward()  # type: ignore[no-untyped-call]
    again = weight.detach().clone().requires_grad_()
    curved(*plain(again[:7], again, None, targets, 1.0)).sum().backward()
    assert tied.grad is not None and again.grad is not None and torch.allclose(tied.grad, again.grad)


def test_without_gradients_the_loss_is_the_same() -> None:
    hidden, weight, _, targets = example()
    expected = fused_head_loss(hidden, weight, targets, curved).loss
    with torch.no_grad():
        out = fused_head_loss(hidden, weight, targets, curved)
    assert torch.equal(out.loss, expected) and not out.loss.requires_grad


def test_log_probabilities_of_bfloat16_states_are_not_rounded_to_bfloat16() -> None:
    random = torch.Generator().manual_seed(0)
    hidden = torch.randn(32, 64, generator=random).bfloat16()
    weight = torch.randn(5000, 64, generator=random).bfloat16()
    targets = torch.randint(0, 5000, (32,), generator=random)
    exact, _ = plain(hidden.double(), weight.double(), None, targets, 1.0)
    logprobs, _ = head_logprobs(hidden, weight, targets)
    assert float((logprobs - exact).abs().max()) < 1e-4
    assert torch.backends.mkldnn.matmul.fp32_precision == "none"  # type: ignore[attr-defined]


@pytest.mark.parametrize("temperature", [1.0, 0.7])
def test_gradients_of_bfloat16_states_are_those_of_float64_up_to_their_own_rounding(temperature: float) -> None:
    """Also for nearly certain tokens, whose gradient is the small difference of 1 and their probability."""
    random = torch.Generator().manual_seed(0)
    weight = torch.randn(3000, 64, generator=random).bfloat16()
    targets = torch.randint(0, 3000, (48,), generator=random)
    spread = torch.linspace(0.0, 0.35, 48)[:, None]  # the later the token, the surer its target
    hidden = (torch.randn(48, 64, generator=random) * 0.3 + spread * weight[targets].float()).bfloat16()
    leaves = [hidden.double().requires_grad_(), weight.double().requires_grad_()]
    curved(*plain(*leaves, None, targets, temperature)).sum().backward()
    hidden, weight = hidden.requires_grad_(), weight.requires_grad_()
    fused_head_loss(hidden, weight, targets, curved, temperature, None, 40_000).loss.backward()  # type: ignore[no-untyped-call]
    for found, exact in ((hidden.grad, leaves[0].grad), (weight.grad, leaves[1].grad)):
        assert found is not None and exact is not None
        assert (
            float((found.double() - exact).norm() / exact.norm()) < 0.006
        )  # bfloat16 rounds each factor by up to 0.002


def test_a_backward_pass_in_bfloat16_gives_bfloat16() -> None:
    hidden, weight, _, targets = (x.detach().bfloat16() if x.is_floating_point() else x for x in example())
    out = fused_head_loss(hidden.requires_grad_(), weight.requires_grad_(), targets, curved)
    out.loss.backward()  # type: ignore[no-untyped-call]
    assert hidden.grad is not None and hidden.grad.dtype == torch.bfloat16
