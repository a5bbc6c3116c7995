"""How the log-prob head goes through the vocabulary: sizes of blocks, what is computed once and what not at all, sums
in full precision, losses that ignore one of their inputs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from openqwq.training.algorithms import head, head_kernels
from openqwq.training.algorithms.head import fused_head_loss, head_logprobs

K, H, V = 6, 4, 300


def example(dtype: torch.dtype = torch.float64) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    random = torch.Generator().manual_seed(3)
    hidden, weight, bias = (torch.randn(*shape, generator=random).to(dtype) for shape in ((K, H), (V, H), (V,)))
    return hidden.requires_grad_(), weight.requires_grad_(), bias.requires_grad_(), torch.randint(0, V, (K,))


def size(block_elements: int | None, tokens: int = K, vocabulary: int = V) -> int:
    hidden, weight = torch.zeros(tokens, H), torch.zeros(vocabulary, H)
    return head._Logits(hidden, weight, None, 1.0, block_elements).size


@pytest.mark.parametrize(
    ("elements", "columns"),
    [(1, 1), (K, 1), (6 * K, 6), (64 * K, 64), (65 * K, 64), (127 * K, 64), (200 * K, 192), (300 * K, 256),
     (319 * K, 256), (320 * K, 300), (10**6, 300)],
)  # fmt: skip
def test_a_block_has_as_many_columns_as_fit_aligned_where_that_is_possible(elements: int, columns: int) -> None:
    assert size(elements) == columns


def test_a_block_holds_16_mebibytes_of_float32_on_a_cpu_and_256_elsewhere() -> None:
    assert head.ALIGNMENT == 64
    assert 4 * head.BLOCK_ELEMENTS["cpu"] == 16 * 1024**2 and 4 * head.OTHER_BLOCK_ELEMENTS == 256 * 1024**2
    assert size(None, tokens=4096, vocabulary=2000) == 2**22 // 4096
    elsewhere = torch.zeros(2**16, H, device="meta")
    assert head._Logits(elsewhere, torch.zeros(2000, H, device="meta"), None, 1.0, None).size == 1024
    assert size(100, tokens=0) == 64


class Counted:
    """Counts the products with the weight, through the real function."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.blocks, self.gradients = 0, 0
        block, dlogits = head._Logits._block, head._Logits._dlogits

        def counted(logits: Any, part: slice) -> torch.Tensor:
            self.blocks += 1
            return block(logits, part)

        def counted_gradients(*arguments: Any) -> Any:
            self.gradients += 1
            return dlogits(*arguments)

        monkeypatch.setattr(head._Logits, "_block", counted)
        monkeypatch.setattr(head._Logits, "_dlogits", counted_gradients)


def linear(logprobs: torch.Tensor, entropies: torch.Tensor) -> torch.Tensor:
    return 2.0 * logprobs - 0.1 * entropies


@pytest.mark.parametrize("is_fused", [False, True])
@pytest.mark.parametrize(("elements", "blocks"), [(10**6, 1), (1, 2 * V)])
def test_logits_are_computed_twice_or_once_where_one_block_holds_them_all(
    elements: int, blocks: int, is_fused: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if is_fused:
        monkeypatch.setitem(head.FUSED_ON, "cpu", lambda function: function)
    counted = Counted(monkeypatch)
    hidden, weight, bias, targets = example()
    fused_head_loss(hidden, weight, targets, linear, 0.7, bias, elements)
    assert counted.blocks == blocks


def test_no_gradient_is_computed_that_nobody_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    counted = Counted(monkeypatch)
    hidden, weight, bias, targets = example()
    with torch.no_grad():
        fused_head_loss(hidden, weight, targets, linear, 0.7, bias, K)
    fused_head_loss(hidden.detach(), weight.detach(), targets, linear, 0.7, bias.detach(), K)
    assert (counted.blocks, counted.gradients) == (2 * V, 0)


@pytest.mark.parametrize("needed", [(True, False, False), (False, True, False), (False, False, True)])
def test_each_input_gets_its_gradient_though_the_others_are_frozen(needed: tuple[bool, ...]) -> None:
    *inputs, targets = example()
    used = [x if is_needed else x.detach() for x, is_needed in zip(inputs, needed, strict=True)]
    loss = fused_head_loss(used[0], used[1], targets, linear, 0.7, used[2]).loss
    kept = loss.grad_fn.saved_tensors  # type: ignore[union-attr]
    assert tuple(gradient is not None for gradient in kept) == needed
    loss.backward()
    log_softmax = torch.log_softmax((inputs[0] @ inputs[1].T + inputs[2]) / 0.7, -1)
    entropies = -(log_softmax.exp() * log_softmax).sum(-1)
    loss = linear(log_softmax.gather(-1, targets[:, None])[:, 0], entropies).sum()
    expected = torch.autograd.grad(loss, inputs)
    for x, is_needed, gradient in zip(inputs, needed, expected, strict=True):
        assert (x.grad is not None) == is_needed
        assert x.grad is None or torch.allclose(x.grad, gradient)


def test_a_gradient_is_not_copied_where_its_scale_is_one() -> None:
    hidden, weight, _, targets = example()
    loss = fused_head_loss(hidden, weight, targets, linear).loss
    kept = loss.grad_fn.saved_tensors[1]  # type: ignore[union-attr]
    (same,) = torch.autograd.grad(loss, weight, retain_graph=True)
    (other,) = torch.autograd.grad(2 * loss, weight)
    assert same.data_ptr() == kept.data_ptr() != other.data_ptr()
    assert torch.allclose(other, 2 * same)


@pytest.mark.parametrize("elements", [64, 10**6])
@pytest.mark.parametrize(
    "token_loss",
    [lambda logprobs, _: 3 * logprobs, lambda _, entropies: entropies.square(),
     lambda logprobs, _: torch.ones_like(logprobs)],
)  # fmt: skip
def test_a_loss_may_ignore_log_probabilities_or_entropies_or_both(
    token_loss: Callable[[torch.Tensor, torch.Tensor], torch.Tensor], elements: int
) -> None:
    hidden, weight, _, targets = example()
    out = fused_head_loss(hidden, weight, targets, token_loss, 0.7, None, elements)
    log_softmax = torch.log_softmax(hidden @ weight.T / 0.7, -1)
    picked, entropies = log_softmax.gather(-1, targets[:, None])[:, 0], -(log_softmax.exp() * log_softmax).sum(-1)
    expected = (token_loss(picked, entropies).sum() + 0 * hidden.sum()).double()
    assert torch.allclose(out.loss, expected)
    (found,), (wanted,) = torch.autograd.grad(out.loss, hidden), torch.autograd.grad(expected, hidden)
    assert torch.allclose(found, wanted)


def test_no_tokens_have_no_loss() -> None:
    _, weight, _, targets = example()
    out = fused_head_loss(torch.zeros(0, H, dtype=torch.float64), weight, targets[:0], linear)
    assert float(out.loss.detach()) == 0.0 and out.logprobs_K.shape == out.entropies_K.shape == (0,)
    out.loss.backward()
    assert weight.grad is not None and not weight.grad.any()


def test_on_devices_that_compile_sizes_are_padded_with_rows_that_do_not_count(monkeypatch: pytest.MonkeyPatch) -> None:
    hidden, _, _, targets = example()
    assert head._aligned(hidden, targets)[0] is hidden
    monkeypatch.setitem(head.FUSED_ON, "cpu", lambda function: function)
    wide, wider = head._aligned(hidden, targets)
    assert wide.shape == (64, H) and wider.shape == (64,)
    assert torch.equal(wide[:K], hidden) and not wide[K:].any() and not wider[K:].any()
    whole = torch.zeros(128, H)
    assert head._aligned(whole, torch.zeros(128))[0] is whole


@pytest.mark.parametrize("has_bias", [True, False])
def test_a_kernel_gives_the_precision_that_is_summed(has_bias: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """The bias's gradient is a sum over tokens of what the kernel gives; the other gradients are products of it."""
    given: list[torch.dtype] = []

    def fuse(function: Callable[..., Any]) -> Callable[..., Any]:
        def recording(*arguments: Any) -> Any:
            out = function(*arguments)
            given.extend([out.dtype] if isinstance(out, torch.Tensor) else [])
            return out

        return recording

    monkeypatch.setitem(head.FUSED_ON, "cpu", fuse)
    hidden, weight, bias, targets = example(torch.bfloat16)
    fused_head_loss(hidden, weight, targets, linear, 1.0, bias if has_bias else None)
    assert given == [torch.float32 if has_bias else torch.bfloat16]


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_is_scored_in_float32_and_its_gradients_are_half_again(dtype: torch.dtype) -> None:
    hidden, weight, bias, targets = example(dtype)
    out = fused_head_loss(hidden, weight, targets, linear, 0.7, bias, 40 * K)
    exact = torch.log_softmax((hidden.double() @ weight.double().T + bias.double()) / 0.7, -1)
    assert out.logprobs_K.dtype == out.entropies_K.dtype == torch.float32
    assert torch.allclose(out.logprobs_K.double(), exact.gather(-1, targets[:, None])[:, 0], atol=1e-4)
    assert torch.allclose(out.entropies_K.double(), -(exact.exp() * exact).sum(-1), atol=1e-4)
    again = head_logprobs(hidden, weight, targets, 0.7, bias, 40 * K)
    assert torch.equal(again[0], out.logprobs_K) and torch.equal(again[1], out.entropies_K)
    out.loss.backward()
    leaves = [x.detach().double().requires_grad_() for x in (hidden, weight, bias)]
    exact = torch.log_softmax((leaves[0] @ leaves[1].T + leaves[2]) / 0.7, -1)
    linear(exact.gather(-1, targets[:, None])[:, 0], -(exact.exp() * exact).sum(-1)).sum().backward()
    for found, wanted in zip((hidden.grad, weight.grad, bias.grad), (x.grad for x in leaves), strict=True):
        assert found is not None and wanted is not None and found.dtype == dtype
        assert float((found.double() - wanted).norm() / wanted.norm()) < 0.006


def test_products_are_rounded_to_bfloat16_inside_of_a_block_of_bfloat16_only() -> None:
    setting: Any = torch.backends.mkldnn.matmul  # type: ignore[attr-defined]
    before = setting.fp32_precision
    with head._bfloat16_products(torch.float32):
        assert setting.fp32_precision == before
    with pytest.raises(KeyError), head._bfloat16_products(torch.bfloat16):
        assert setting.fp32_precision == "bf16"
        raise KeyError
    assert setting.fp32_precision == before


def test_a_kernel_is_compiled_once_for_any_number_of_tokens(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[Any, Any]] = []
    monkeypatch.setattr(torch, "compile", lambda function, dynamic=None: asked.append((function, dynamic)) or function)
    head_kernels.compiled.cache_clear()
    try:
        assert head_kernels.compiled(example) is head_kernels.compiled(example) is example
    finally:
        head_kernels.compiled.cache_clear()
    assert asked == [(example, True)]
