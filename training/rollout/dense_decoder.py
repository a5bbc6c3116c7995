"""A fast forward pass for dense decoders of the Llama family (Llama, Qwen2, Qwen3), with about fifteen calls per layer.

On a small model transformers spends most of its time per token in Python and in tiny kernels. Here projections of the
same input are fused into one matrix. The model's parameters become views of that matrix, so a weight sync that writes
into the parameters updates the matrix. B rows, P positions, H hidden size, D head size, V vocabulary.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch.nn import functional as F
from transformers import PreTrainedModel

from openqwq.training.rollout.kv_cache import Part, gathered, left_padding

FAMILY = {"llama", "qwen2", "qwen3"}
STATIC_ROPE = {"default", "linear", "llama3", "yarn"}
"""Rotary embeddings whose angles do not depend on the length of the text."""


@dataclass(frozen=True)
class FusedLayer:
    """A layer and its fused weights: query, key and value projections, and the MLP's gate and up projections."""

    layer: Any
    qkv: torch.Tensor
    qkv_bias: torch.Tensor | None
    gate_up: torch.Tensor


@dataclass(frozen=True)
class FusedModel:
    """A model with its fused layers."""

    model: Any
    layers: Sequence[FusedLayer]


def fuse_projections(model: PreTrainedModel) -> FusedModel | None:
    """Fuse the model's projections, once per model; None when this forward pass does not support the model."""
    known: FusedModel | None = getattr(model, "_openqwq_fused", None)
    if known is None and _fits(model):
        known = FusedModel(model, [_fuse(layer) for layer in model.model.layers])
        model._openqwq_fused = known  # type: ignore[assignment]
    return known


def _fits(model: Any) -> bool:
    config = model.config
    return (
        config.model_type in FAMILY
        and config.hidden_act == "silu"
        and config.rope_parameters["rope_type"] in STATIC_ROPE
        and not any(linear.bias is not None for linear in _plain_projections(model))
        and not any(hasattr(model, name) for name in ("hf_quantizer", "peft_config"))
    )


def _plain_projections(model: Any) -> Iterator[Any]:
    """The projections that are computed without a bias here."""
    yield model.lm_head
    for layer in model.model.layers:
        yield from (layer.self_attn.o_proj, layer.mlp.gate_proj, layer.mlp.up_proj, layer.mlp.down_proj)


def _fuse(layer: Any) -> FusedLayer:
    attention, mlp = layer.self_attn, layer.mlp
    inputs = [attention.q_proj, attention.k_proj, attention.v_proj]
    biases = [linear.bias for linear in inputs]
    bias = None if biases[0] is None else _joined(biases)
    gate_up = _joined([mlp.gate_proj.weight, mlp.up_proj.weight])
    return FusedLayer(layer, _joined([linear.weight for linear in inputs]), bias, gate_up)


def _joined(parameters: Sequence[torch.nn.Parameter]) -> torch.Tensor:
    """Stack the parameters in one tensor; each parameter becomes a view of its part."""
    whole = torch.cat([parameter.data for parameter in parameters])
    for i, part in enumerate(whole.split([len(parameter) for parameter in parameters])):
        parameters[i].data = part
    return whole


def prefill_mask(valid_BP: torch.Tensor) -> torch.Tensor:
    """[B, 1, P, P]: causal among real tokens. Padding attends to itself, so that no row of the softmax is empty."""
    width = valid_BP.shape[1]
    ones = torch.ones(width, width, dtype=torch.bool, device=valid_BP.device)
    own = torch.eye(width, dtype=torch.bool, device=valid_BP.device)
    return ((ones.tril() & valid_BP[:, None, :]) | own)[:, None]


def prefill_positions(valid_BP: torch.Tensor) -> torch.Tensor:
    """[B, P]: the position of each real token in its context; 0 for padding."""
    return (valid_BP.cumsum(1) - 1).clamp(min=0)


class DenseDecoder:
    """Implements Decoder (decoder.py) on the fused weights."""

    bias: torch.Tensor
    """Added to the scores: -inf before the tokens of each row, [B * kv_heads, 1, capacity]."""

    def __init__(self, fused: FusedModel, capacity: int) -> None:
        self.fused, self.capacity, self.length = fused, capacity, 0
        config = fused.model.config
        self.heads, self.kv_heads = config.num_attention_heads, config.num_key_value_heads
        self.head_size = getattr(config, "head_dim", None) or config.hidden_size // self.heads
        self.eps = config.rms_norm_eps
        self.embed = fused.model.get_input_embeddings().weight
        self.lm_head = fused.model.get_output_embeddings().weight
        self._rotate_up_to(capacity)

    def _rotate_up_to(self, capacity: int) -> None:
        positions = torch.arange(capacity, device=self.embed.device)[None]
        cos, sin = self.fused.model.model.rotary_emb(self.embed, positions)
        self.cos, self.sin = cos[0], sin[0]  # [capacity, D]

    def prefill(self, ids_BP: torch.Tensor, valid_BP: torch.Tensor) -> torch.Tensor:
        rows, width = ids_BP.shape
        shape = (rows, self.kv_heads, self.capacity, self.head_size)
        self.keys = [self.embed.new_empty(shape) for _ in self.fused.layers]
        self.values = [self.embed.new_empty(shape) for _ in self.fused.layers]
        self.positions = valid_BP.sum(1)
        self._hide_padding(width)
        hidden = self._forward(ids_BP, prefill_positions(valid_BP), prefill_mask(valid_BP))
        return F.linear(hidden.view(rows, width, -1)[:, -1], self.lm_head).float()

    def forward_one(self, tokens_B: torch.Tensor) -> torch.Tensor:
        hidden = self._forward(tokens_B[:, None], self.positions[:, None], None)
        self.positions += 1
        return F.linear(hidden, self.lm_head).float()

    def keep_rows(self, rows: torch.Tensor) -> None:
        self.keys = [self._rows(states, rows) for states in self.keys]
        self.values = [self._rows(states, rows) for states in self.values]
        self.positions = self.positions[rows]
        self.bias = self.bias.view(-1, self.kv_heads, self.capacity)[rows].view(-1, 1, self.capacity)

    def gather(self, parts: Sequence[tuple["DenseDecoder", torch.Tensor]], width: int, capacity: int) -> None:
        self.positions = torch.cat([decoder.positions[rows] for decoder, rows in parts])
        for i in range(len(self.fused.layers)):  # layer by layer, so that not all of the cache is there twice
            self.keys[i] = gathered([Part(d.keys[i], rows, d.length) for d, rows in parts], width, capacity)
            self.values[i] = gathered([Part(d.values[i], rows, d.length) for d, rows in parts], width, capacity)
        self.length, self.capacity = width, capacity
        if capacity > len(self.cos):
            self._rotate_up_to(capacity)
        self._hide_padding(width)

    def _hide_padding(self, width: int) -> None:
        hidden = left_padding(self.positions, width, self.capacity)[:, None]
        bias = torch.zeros_like(hidden, dtype=self.embed.dtype).masked_fill(hidden, -torch.inf)
        self.bias = bias.repeat_interleave(self.kv_heads, 0)

    def _rows(self, states: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
        kept = states.new_empty((len(rows), *states.shape[1:]))
        kept[:, :, : self.length] = states[rows, :, : self.length]
        return kept

    def _forward(self, ids_BP: torch.Tensor, positions_BP: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
        """Normalised hidden states [B * P, H]. Stores the keys and values of the new positions."""
        rows, width = ids_BP.shape
        start, self.length = self.length, self.length + width
        x = F.embedding(ids_BP.flatten(), self.embed)
        cos = self.cos[positions_BP].view(rows * width, 1, -1)
        sin = self.sin[positions_BP].view(rows * width, 1, -1)
        for i, fused in enumerate(self.fused.layers):
            layer = fused.layer
            h = F.rms_norm(x, x.shape[1:], layer.input_layernorm.weight, self.eps)
            qkv = F.linear(h, fused.qkv, fused.qkv_bias).view(rows * width, -1, self.head_size)
            q, k = self._rotated(layer.self_attn, qkv, cos, sin)
            self.keys[i][:, :, start : self.length] = k.view(rows, width, self.kv_heads, -1).permute(0, 2, 1, 3)
            v = qkv[:, self.heads + self.kv_heads :]
            self.values[i][:, :, start : self.length] = v.view(rows, width, self.kv_heads, -1).permute(0, 2, 1, 3)
            mixed = self._attention(q, self.keys[i], self.values[i], mask, rows, width)
            x = torch.addmm(x, mixed, layer.self_attn.o_proj.weight.T)
            h = F.rms_norm(x, x.shape[1:], layer.post_attention_layernorm.weight, self.eps)
            gate, up = F.linear(h, fused.gate_up).chunk(2, 1)
            x = torch.addmm(x, F.silu(gate).mul_(up), layer.mlp.down_proj.weight.T)
        return F.rms_norm(x, x.shape[1:], self.fused.model.model.norm.weight, self.eps)

    def _rotated(
        self, attention: Any, qkv: torch.Tensor, cos: torch.Tensor, sin: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        qk = qkv[:, : self.heads + self.kv_heads]
        if hasattr(attention, "q_norm"):
            q, k = qk.split([self.heads, self.kv_heads], 1)
            qk = torch.cat([attention.q_norm(q), attention.k_norm(k)], 1)
        first, second = qk.chunk(2, -1)
        turned = torch.addcmul(qk * cos, torch.cat([-second, first], -1), sin)
        return turned[:, : self.heads], turned[:, self.heads :]

    def _attention(
        self,
        q: torch.Tensor,
        keys: torch.Tensor,
        values: torch.Tensor,
        mask: torch.Tensor | None,
        rows: int,
        width: int,
    ) -> torch.Tensor:
        keys, values = keys[:, :, : self.length], values[:, :, : self.length]
        per_kv = self.heads // self.kv_heads
        if width == 1:
            return self._attend_one(q.reshape(-1, per_kv, self.head_size), keys.flatten(0, 1), values.flatten(0, 1))
        q = q.view(rows, width, self.heads, -1).permute(0, 2, 1, 3)
        keys, values = keys.repeat_interleave(per_kv, 1), values.repeat_interleave(per_kv, 1)
        mixed = F.scaled_dot_product_attention(q, keys, values, mask)
        return mixed.permute(0, 2, 1, 3).reshape(rows * width, -1)

    def _attend_one(self, q: torch.Tensor, keys: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
        """Attention of one query position per row. The query heads of one key head form a short block, so no key head
        is repeated; for short blocks two batched products are faster than the fused attention kernel."""
        bias, scale = self.bias[:, :, : self.length], self.head_size**-0.5
        scores = torch.baddbmm(bias, q, keys.mT, alpha=scale)
        return torch.bmm(torch.softmax(scores, 2), values).view(-1, self.heads * self.head_size)
