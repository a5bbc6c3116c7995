"""What the trainer spends, by formula: bytes of memory, of traffic between ranks, of a checkpoint. Pure; the planner
adds the terms up, and tests/training/planning/test_terms.py holds them to runs.

L layers of width H, A query and K key heads of width d, MLP width I, vocabulary V; t tokens of one rank, P ranks that
share a row, b bytes of a number of the model, N parameters.
"""

import math
from typing import Protocol

LIVE_PARAMETERS = 1e9
"""Most parameters that ZeRO-3 keeps gathered, and most in one group of its optimizer step (DeepSpeed's defaults of
`stage3_max_live_parameters` and `sub_group_size`)."""


class Decoder(Protocol):
    """Sizes of a dense decoder."""

    @property
    def layers(self) -> int: ...
    @property
    def hidden(self) -> int: ...
    @property
    def heads(self) -> int: ...
    @property
    def kv_heads(self) -> int: ...
    @property
    def intermediate(self) -> int: ...
    @property
    def vocabulary(self) -> int: ...
    @property
    def head_width(self) -> int: ...


def saved_bytes(shape: Decoder, tokens: float, item_bytes: int = 2) -> float:
    """What one layer saves for its backward pass: b t (c H + 3 A d + 2 K d + 4 I). Of the MLP gate, up, silu(gate) and
    their product (4 I); of attention query, key, value, output and its product's input (3 A d + 2 K d); of two norms
    their inputs and outputs (c = 6), and for b = 2 the inputs in float32 (c = 8)."""
    attention = shape.head_width * (3 * shape.heads + 2 * shape.kv_heads)
    norms = 8 if item_bytes == 2 else 6
    return item_bytes * tokens * (norms * shape.hidden + attention + 4 * shape.intermediate)


def layer_bytes(shape: Decoder, tokens: float, item_bytes: int = 2) -> float:
    """Activations of one recomputed layer at work: what it saves but for its own input and output, and the gradients
    within the MLP, 2 I."""
    return saved_bytes(shape, tokens, item_bytes) + 2 * item_bytes * tokens * (shape.intermediate - shape.hidden)


def kept_bytes(shape: Decoder, tokens: float, item_bytes: int = 2) -> float:
    """What stays of a forward pass that is recomputed: the input of each layer, the last state and its float32 copy,
    and the rotary angles: t H (b L + b + 4) + 2 b t d."""
    states = shape.hidden * (item_bytes * (shape.layers + 1) + 4)
    return tokens * (states + 2 * item_bytes * shape.head_width)


def whole_bytes(shape: Decoder, tokens: float, item_bytes: int = 2) -> float:
    """What stays without recomputation: `saved_bytes` of every layer, the last state and the rotary angles."""
    ends = tokens * (shape.hidden * (item_bytes + 4) + 2 * item_bytes * shape.head_width)
    return shape.layers * saved_bytes(shape, tokens, item_bytes) + ends


def activation_bytes(shape: Decoder, tokens: float, recompute: bool, item_bytes: int = 2) -> float:
    """Activations of a forward and backward pass at their most, in the last layer."""
    if recompute:
        return kept_bytes(shape, tokens, item_bytes) + layer_bytes(shape, tokens, item_bytes)
    gradients = 2 * item_bytes * tokens * (shape.hidden + shape.intermediate)
    return whole_bytes(shape, tokens, item_bytes) + gradients


def head_bytes(shape: Decoder, counted: float, item_bytes: int = 2, device: str = "cuda") -> float:
    """The log-prob head of K tokens beyond weights and their gradients: the logits of a block and what becomes of them
    (on a GPU float32 and the gradient in the model's numbers, on a CPU with a copy of each), and the hidden states with
    their gradients, K H (2 b + 8)."""
    block, each = (2**22, 11) if device == "cpu" else (2**26, 6)
    return each * min(counted * shape.vocabulary, block) + counted * shape.hidden * (2 * item_bytes + 8)


def head_weight_bytes(shape: Decoder, item_bytes: int = 2) -> float:
    """The gradient of the head's weight, which the forward pass computes, b V H; and as many for the weight itself
    where ZeRO-3 gathers it."""
    return float(item_bytes * shape.vocabulary * shape.hidden)


def shared_heads(shape: Decoder, ranks: int) -> int:
    """Query heads and output, key and value heads that P ranks exchange: 2 A + 2 lcm(K, P)."""
    return 2 * shape.heads + 2 * math.lcm(shape.kv_heads, ranks)


def exchange_bytes(shape: Decoder, tokens: float, ranks: int, recompute: bool, item_bytes: int = 2) -> float:
    """What one rank sends for attention in a forward and backward pass, t tokens being its own: (2 or 3) b L t d
    (2 A + 2 lcm(K, P)) (P - 1) / P."""
    passes = (3 if recompute else 2) if ranks > 1 else 0
    each = item_bytes * tokens * shape.head_width * shared_heads(shape, ranks)
    return passes * shape.layers * each * (ranks - 1) / ranks


def exchanged_bytes(shape: Decoder, tokens: float, ranks: int, item_bytes: int = 2) -> float:
    """Copies of what a layer exchanges, before and after: 2 b t d (2 A + 2 lcm(K, P)). None on one rank."""
    return 2 * item_bytes * tokens * shape.head_width * shared_heads(shape, ranks) if ranks > 1 else 0.0


def gathered_bytes(layer_parameters: float, gradient_bytes: int, item_bytes: int = 2) -> float:
    """What ZeRO-3 holds whole at once: two layers, their weights and gradients."""
    return 2 * layer_parameters * (item_bytes + gradient_bytes)


def optimizer_step_bytes(parameters: float, ranks: int) -> float:
    """Beside the states in a step of ZeRO-3: the gradient of a group in float32 and its rounded weights, 6 min(1e9,
    N / n)."""
    return 6 * min(LIVE_PARAMETERS, parameters / ranks)


def gather_traffic(parameters: float, ranks: int, passes: float, item_bytes: int = 2) -> float:
    """What ZeRO-3 sends to one rank for `passes` forward or backward passes of a micro-batch: b N (n - 1) / n each."""
    return passes * item_bytes * parameters * (ranks - 1) / ranks


def checkpoint_bytes(parameters: float, trained: float | None = None, item_bytes: int = 2) -> float:
    """A checkpoint on the disk: b N of the model, 8 of Adam's moments for each trained parameter, and its float32
    master weight where the model's own is rounded."""
    of_trained = 8 + (4 if item_bytes < 4 or trained is not None else 0)
    return item_bytes * parameters + of_trained * (parameters if trained is None else trained)
