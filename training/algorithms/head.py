"""The log-prob head: log-probabilities, entropies and the loss's gradient from hidden states, without the logits.

The full logits [K, V] of a step would be the largest tensor of the whole update. Here they are computed one vocabulary
block at a time, twice: for the log-normaliser, and for the gradient, which is computed in the forward pass because the
loss is known there (the idea of Liger Kernel's fused losses). One product per block contracts over all tokens, so the
gradient of the weight needs no accumulator. Sums and logits are float32 even for bfloat16 inputs, because logits that
are rounded to bfloat16 cause errors of 0.06 in log-probabilities.

K counted tokens, H hidden size, V vocabulary, B vocabulary block.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch

from openqwq.training.algorithms.head_kernels import block_dlogits, block_statistics, compiled

TokenLoss = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
"""(log-probabilities [K], entropies [K]) -> loss per token [K], differentiable in both."""

BLOCK_ELEMENTS = {"cpu": 2**22}
"""Largest number of logits in memory at once: on a CPU 16 MiB in float32, for its caches; on other devices 256 MiB
(OTHER_BLOCK_ELEMENTS), for their many cores."""
OTHER_BLOCK_ELEMENTS = 2**26
ALIGNMENT = 64
"""Sizes are padded to multiples of it. A GPU's fast half-precision products need multiples of 8; with other sizes the
head took twice as long."""
FUSED_ON = {"cuda": compiled}
"""Device type -> the function that compiles the passes over a block into one kernel."""


@dataclass(frozen=True)
class HeadOutput:
    """Example: `HeadOutput(loss=tensor(0.1), logprobs_K=tensor([-1.2]), entropies_K=tensor([2.0]))`"""

    loss: torch.Tensor
    """Sum of the token losses; differentiable in hidden states, weight and bias."""
    logprobs_K: torch.Tensor
    """log softmax(hidden W^T / temperature)[target], float32, detached."""
    entropies_K: torch.Tensor
    """Entropy of the same distribution, float32, detached."""


def fused_head_loss(
    hidden_KH: torch.Tensor,
    weight_VH: torch.Tensor,
    targets_K: torch.Tensor,
    token_loss: TokenLoss,
    temperature: float = 1.0,
    bias_V: torch.Tensor | None = None,
    block_elements: int | None = None,
    cap: float | None = None,
) -> HeadOutput:
    r"""Loss and its gradient. With z = (h W^T + b) / T, p = softmax(z), H = -\sum p log p and the token loss l(lp, H):

    dl/dz_v = dl/dlp (1[v = target] - p_v) - dl/dH p_v (log p_v + H)

    `cap`: c where the model caps its logits, z = c tanh((h W^T + b) / (T c)).
    """
    count = len(targets_K)
    hidden, targets = _aligned(hidden_KH.detach(), targets_K)
    logits = _Logits(
        hidden, weight_VH.detach(), None if bias_V is None else bias_V.detach(), temperature, block_elements, cap
    )
    with torch.no_grad():
        logprobs, entropies, normaliser = logits.statistics(targets)
    with torch.enable_grad():
        leaves = [logprobs.clone().requires_grad_(), entropies.clone().requires_grad_()]
        loss = token_loss(leaves[0][:count], leaves[1][:count]).sum()
        by = torch.autograd.grad(loss, leaves, allow_unused=True) if loss.requires_grad else (None, None)
    by_logprob, by_entropy = torch.zeros_like(logprobs) if by[0] is None else by[0], by[1]
    inputs = (hidden_KH, weight_VH, bias_V)
    needs = [torch.is_grad_enabled() and tensor is not None and tensor.requires_grad for tensor in inputs]
    with torch.no_grad():
        of_hidden, *others = logits.gradients(targets, normaliser, entropies, by_logprob, by_entropy, *needs)
    gradients = (None if of_hidden is None else of_hidden[:count], *others)
    scalar: torch.Tensor = _WithGradients.apply(loss.detach(), gradients, *inputs)  # type: ignore[no-untyped-call]
    return HeadOutput(scalar, logprobs[:count], entropies[:count])


@torch.no_grad()
def head_logprobs(
    hidden_KH: torch.Tensor,
    weight_VH: torch.Tensor,
    targets_K: torch.Tensor,
    temperature: float = 1.0,
    bias_V: torch.Tensor | None = None,
    block_elements: int | None = None,
    cap: float | None = None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Log-probabilities and entropies, [K] each, float32, without gradient."""
    count = len(targets_K)
    hidden_KH, targets_K = _aligned(hidden_KH, targets_K)
    logits = _Logits(hidden_KH, weight_VH, bias_V, temperature, block_elements, cap)
    logprobs, entropies, _ = logits.statistics(targets_K)
    return logprobs[:count], entropies[:count]


def _aligned(hidden: torch.Tensor, targets: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Add rows of zeros up to a multiple of ALIGNMENT, on devices that need it; the loss leaves them out."""
    extra = -len(targets) % ALIGNMENT if hidden.device.type in FUSED_ON else 0
    if not extra:
        return hidden, targets
    pad = torch.nn.functional.pad
    return pad(hidden, (0, 0, 0, extra)), pad(targets, (0, extra))


class _WithGradients(torch.autograd.Function):
    """A loss whose gradients were computed in the forward pass; the backward pass returns them."""

    @staticmethod
    def forward(
        ctx: Any, loss: torch.Tensor, gradients: Sequence[torch.Tensor | None], *inputs: torch.Tensor | None
    ) -> torch.Tensor:
        ctx.save_for_backward(*gradients)
        return loss.clone()

    @staticmethod
    def backward(ctx: Any, *grad_outputs: torch.Tensor) -> tuple[torch.Tensor | None, ...]:
        scale = grad_outputs[0]
        # not multiplied where the scale is 1, because the copy would double the memory of the weight's gradient
        is_one = bool(scale == 1)
        return (None, None, *(g if g is None or is_one else g * scale.to(g.dtype) for g in ctx.saved_tensors))


class _Logits:
    """z = (h W^T + b) / temperature, capped where the model caps it, by vocabulary block. If one block holds all
    logits, it is computed once and kept."""

    def __init__(
        self,
        hidden: torch.Tensor,
        weight: torch.Tensor,
        bias: torch.Tensor | None,
        temperature: float,
        block_elements: int | None,
        cap: float | None = None,
    ) -> None:
        elements = block_elements or BLOCK_ELEMENTS.get(hidden.device.type, OTHER_BLOCK_ELEMENTS)
        self.hidden, self.weight, self.bias, self.temperature, self.cap = hidden, weight, bias, temperature, cap
        is_half = hidden.dtype in (torch.bfloat16, torch.float16)
        self.exact = torch.float32 if is_half else hidden.dtype
        self.has_wide_products = is_half and hidden.device.type == "cuda"
        """Whether one product of half-precision inputs can have a float32 result."""
        self.wide = hidden if self.has_wide_products else hidden.to(self.exact)
        size = elements // max(len(hidden), 1)
        self.size = max(1, min(len(weight), size - size % ALIGNMENT if size > ALIGNMENT else size))
        self._kept: torch.Tensor | None = None

    def _parts(self) -> Iterator[slice]:
        for start in range(0, len(self.weight), self.size):
            yield slice(start, min(start + self.size, len(self.weight)))

    def _block(self, part: slice) -> torch.Tensor:
        """Logits [K, B] of a slice."""
        if self.has_wide_products:
            block = torch.mm(self.hidden, self.weight[part].T, out_dtype=self.exact)
        else:
            with _bfloat16_products(self.hidden.dtype):
                block = self.wide @ self.weight[part].to(self.exact).T
        if self.bias is not None:
            block += self.bias[part].to(self.exact)
        if self.temperature != 1.0:
            block.div_(self.temperature)
        return block if self.cap is None else block.div_(self.cap).tanh_().mul_(self.cap)

    def _slope(self, part: slice, cap: float) -> torch.Tensor:
        """dz / d(uncapped z) of a block: 1 - (z / c)^2."""
        return self._block(part).div_(cap).square_().neg_().add_(1.0)

    def _block_logprobs(self, normaliser: torch.Tensor) -> Iterator[tuple[slice, torch.Tensor]]:
        """Slices with log p = z - log-normaliser, [K, B]; the caller may overwrite them.

        A CPU computes float32 results of bfloat16 inputs at half speed. bfloat16 results are precise enough here if the
        normaliser is subtracted within the product, so that log p is rounded and not z: three more columns hold the
        normaliser as a sum of bfloat16 numbers. The error of p is then at most 2^-9 p |log p| < 0.001 for every token;
        with rounded logits of size 20 it would be 0.06 for the likeliest token.
        """
        is_rounded = self.hidden.dtype == torch.bfloat16 and self.hidden.device.type == "cpu"
        if self._kept is not None or not is_rounded or self.bias is not None or self.cap is not None:
            for part in self._parts():
                block = self._block(part) if self._kept is None else self._kept
                yield part, block.sub_(normaliser[:, None])
            return
        left, columns = (-self.temperature * normaliser)[:, None], []
        for _ in range(3):
            columns.append(left.bfloat16())
            left = left - columns[-1]
        extended = torch.cat([self.hidden, *columns], 1)
        for part in self._parts():
            rows = torch.nn.functional.pad(self.weight[part], (0, 3), value=1.0)
            block = (extended @ rows.T).to(self.exact)
            yield part, block if self.temperature == 1.0 else block.div_(self.temperature)

    def statistics(self, targets: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Log-probability of the targets, entropy, and log-normaliser, [K] each, by an online softmax."""
        shape, device = (len(self.hidden),), self.hidden.device
        top = torch.full(shape, -torch.inf, device=device)
        total, weighted, picked = (torch.zeros(shape, dtype=self.exact, device=device) for _ in range(3))
        fuse = FUSED_ON.get(device.type)
        for part in self._parts():
            block = self._block(part)
            if self.size == len(self.weight):
                self._kept = block
            if fuse is not None:
                state = (top, total, weighted, picked)
                top, total, weighted, picked = fuse(block_statistics)(block, targets - part.start, *state)
                continue
            rows, columns = _inside(targets, part)
            picked[rows] = block[rows, columns]
            highest = torch.maximum(top, block.amax(1))
            shrink = torch.exp(top - highest)
            probs = (block - highest[:, None]).exp_()
            total = total * shrink + probs.sum(1)
            weighted = weighted * shrink + probs.mul_(block).sum(1)
            top = highest
        normaliser = top + total.log()
        return picked - normaliser, normaliser - weighted / total, normaliser

    def _dlogits(
        self,
        targets: torch.Tensor,
        normaliser: torch.Tensor,
        entropies: torch.Tensor,
        by_logprob: torch.Tensor,
        by_entropy: torch.Tensor | None,
    ) -> Iterator[tuple[slice, torch.Tensor]]:
        """Slices with dl/dz, [K, B]."""
        fuse = FUSED_ON.get(self.hidden.device.type)
        if fuse is not None:
            for part in self._parts():
                block = self._block(part) if self._kept is None else self._kept
                dtype = self.hidden.dtype if self.bias is None else self.exact  # the bias's gradient is their sum
                by = (normaliser, entropies, by_logprob, by_entropy)
                yield part, fuse(block_dlogits)(block, targets - part.start, *by, dtype)
            return
        for part, logprobs in self._block_logprobs(normaliser):
            rows, columns = _inside(targets, part)
            if by_entropy is None:
                dlogits = logprobs.exp_().mul_(-by_logprob[:, None])
            else:
                probs = logprobs.exp()
                inner = logprobs.add_(entropies[:, None]).mul_(by_entropy[:, None])
                dlogits = inner.add_(by_logprob[:, None]).mul_(probs).neg_()
            dlogits[rows, columns] += by_logprob[rows]
            yield part, dlogits

    def gradients(
        self,
        targets: torch.Tensor,
        normaliser: torch.Tensor,
        entropies: torch.Tensor,
        by_logprob: torch.Tensor,
        by_entropy: torch.Tensor | None,
        needs_hidden: bool,
        needs_weight: bool,
        needs_bias: bool,
    ) -> tuple[torch.Tensor | None, torch.Tensor | None, torch.Tensor | None]:
        """Gradients of the summed loss in hidden states, weight and bias; None for those that are not needed."""
        hidden_grad = torch.zeros(self.hidden.shape, dtype=self.exact, device=self.hidden.device)
        weight_grad = torch.empty_like(self.weight) if needs_weight else None
        bias_grad = torch.empty_like(self.bias) if needs_bias and self.bias is not None else None
        by_logprob = by_logprob / self.temperature
        if by_entropy is not None:
            by_entropy = by_entropy / self.temperature
        needs_dlogits = needs_hidden or needs_weight or needs_bias
        for part, dlogits in (
            self._dlogits(targets, normaliser, entropies, by_logprob, by_entropy) if needs_dlogits else ()
        ):
            if self.cap is not None:
                dlogits = dlogits * self._slope(part, self.cap)
            if bias_grad is not None:
                bias_grad[part] = dlogits.sum(0)
            dlogits = dlogits.to(self.hidden.dtype)
            if needs_hidden:
                # On a CPU each block's product is rounded once, to the precision of the result. That is accurate: the
                # sum over blocks is float32, and no large terms cancel between blocks, because the derivative of the
                # target is part of its block.
                if self.has_wide_products:
                    hidden_grad += torch.mm(dlogits, self.weight[part], out_dtype=self.exact)
                else:
                    hidden_grad += torch.mm(dlogits, self.weight[part])
            if weight_grad is not None:
                torch.mm(dlogits.T, self.hidden, out=weight_grad[part])
        return hidden_grad.to(self.hidden.dtype) if needs_hidden else None, weight_grad, bias_grad


def _inside(targets: torch.Tensor, part: slice) -> tuple[torch.Tensor, torch.Tensor]:
    rows = ((targets >= part.start) & (targets < part.stop)).nonzero()[:, 0]
    return rows, targets[rows] - part.start


@contextmanager
def _bfloat16_products(dtype: torch.dtype) -> Iterator[None]:
    """Let a CPU's float32 products round their inputs to bfloat16, if `dtype` is bfloat16. The inputs were bfloat16, so
    this loses nothing, and it is the only way to bfloat16 arithmetic with a float32 result."""
    setting: Any = torch.backends.mkldnn.matmul  # type: ignore[attr-defined]
    before = setting.fp32_precision
    if dtype == torch.bfloat16:
        setting.fp32_precision = "bf16"
    try:
        yield
    finally:
        setting.fp32_precision = before
