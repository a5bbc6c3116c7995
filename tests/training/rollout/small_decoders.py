"""Random models of a dozen tokens, one for each way of decoding, and what is exactly known of their samples."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from transformers import (
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    Olmo2Config,
    Olmo2ForCausalLM,
    PreTrainedModel,
    Qwen2Config,
    Qwen2ForCausalLM,
    Qwen3Config,
    Qwen3ForCausalLM,
)

VOCABULARY = 12
_SIZES: dict[str, Any] = dict(
    vocab_size=VOCABULARY, hidden_size=24, intermediate_size=40, num_hidden_layers=2, num_attention_heads=6,
    num_key_value_heads=2, max_position_embeddings=128, initializer_range=0.4, rms_norm_eps=0.05,
    bos_token_id=None, eos_token_id=None, pad_token_id=None,
)  # fmt: skip
_LLAMA3 = {
    "rope_type": "llama3", "rope_theta": 100.0, "factor": 4.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
    "original_max_position_embeddings": 16,
}  # fmt: skip
_YARN = {"rope_type": "yarn", "rope_theta": 100.0, "factor": 4.0, "original_max_position_embeddings": 32}


def llama(**options: Any) -> PreTrainedModel:
    return LlamaForCausalLM(LlamaConfig(**{**_SIZES, **options}))


def _qwen3(**options: Any) -> PreTrainedModel:
    return Qwen3ForCausalLM(Qwen3Config(**{**_SIZES, "head_dim": 10, **options}))


def _gpt2() -> PreTrainedModel:
    sizes: dict[str, Any] = dict(vocab_size=VOCABULARY, n_positions=64, n_embd=24, n_layer=2, n_head=3)
    ends: dict[str, Any] = dict(bos_token_id=None, eos_token_id=None)
    return GPT2LMHeadModel(GPT2Config(**sizes, **ends, initializer_range=0.4))


FAST = {
    "qwen2": lambda: Qwen2ForCausalLM(Qwen2Config(**_SIZES)),
    "qwen3": _qwen3,
    "llama": lambda: llama(rope_parameters=_LLAMA3, tie_word_embeddings=True),
    "llama yarn": lambda: llama(rope_parameters=_YARN),
    "llama linear": lambda: llama(rope_parameters={"rope_type": "linear", "rope_theta": 100.0, "factor": 3.0}),
}
"""Models that the dense decoder takes."""
OTHERS = {
    "olmo2": lambda: Olmo2ForCausalLM(Olmo2Config(**_SIZES)),
    "gpt2": _gpt2,
    "llama with biases": lambda: llama(attention_bias=True),
    "llama with a biased MLP": lambda: llama(mlp_bias=True),
    "qwen3 with biases": lambda: _qwen3(attention_bias=True),
    "llama with gelu": lambda: llama(hidden_act="gelu"),
    "llama dynamic": lambda: llama(rope_parameters={"rope_type": "dynamic", "rope_theta": 100.0, "factor": 2.0}),
}
"""Models that only transformers decodes."""


def make_model(kind: str, seed: int = 0) -> PreTrainedModel:
    """One of `FAST` or `OTHERS`; biases, and norms, are random too."""
    torch.manual_seed(seed)
    model = {**FAST, **OTHERS}[kind]()
    generator = torch.Generator().manual_seed(seed + 1)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith("bias"):
                parameter.copy_(torch.randn(parameter.shape, generator=generator) * 0.3)
            elif "norm" in name or "ln_" in name:
                parameter.copy_(1 + torch.randn(parameter.shape, generator=generator) * 0.2)
    return model.eval()


def logits_after(model: PreTrainedModel, tokens: Sequence[int]) -> np.ndarray:
    """Logits [P, V] after each token, by transformers' plain forward pass, in double precision."""
    with torch.no_grad():
        return model(input_ids=torch.tensor([list(tokens)]), use_cache=False).logits[0].double().numpy()


def softmax(logits: np.ndarray) -> np.ndarray:
    shifted = np.exp(logits - logits.max(-1, keepdims=True))
    return shifted / shifted.sum(-1, keepdims=True)


def chosen_from(  # neutral: what a request without truncation means
    logits: np.ndarray, temperature: float, top_k: int = 0, top_p: float = 1.0
) -> np.ndarray:
    """The probabilities that a token is drawn with, [V], by the definitions: softmax(logits / T); the k likeliest
    tokens; of these, scaled to 1, the smallest set of the likeliest that holds at least top_p; scaled to 1 again."""
    probabilities = softmax(logits / temperature)
    ranked = np.argsort(-probabilities)
    kept = list(ranked[: top_k or len(ranked)])
    within = probabilities / probabilities[kept].sum()
    nucleus: list[int] = []
    for token in kept:
        nucleus.append(token)
        if within[nucleus].sum() >= top_p:
            break
    chosen = np.zeros_like(probabilities)
    chosen[nucleus] = probabilities[nucleus]
    return chosen / chosen.sum()


def pairs_from(  # neutral: what a request without truncation means
    model: PreTrainedModel, context: Sequence[int], temperature: float, top_k: int = 0, top_p: float = 1.0
) -> dict[tuple[int, int], float]:
    """The probability of every pair of next tokens."""
    first = chosen_from(logits_after(model, context)[-1], temperature, top_k, top_p)
    pairs = {}
    for a in range(len(first)):
        second = chosen_from(logits_after(model, [*context, a])[-1], temperature, top_k, top_p)
        pairs |= {(a, b): float(first[a] * second[b]) for b in range(len(second))}
    return pairs


def deviation(drawn: Iterable[Hashable], expected: Mapping[Any, float]) -> float:
    """How far the frequencies of `drawn` are from `expected`, as a normal deviate: Pearson's chi-squared by Wilson and
    Hilferty's cube root. Cells with fewer than five expected draws are one cell. Infinite if anything impossible was
    drawn."""
    counts = Counter(drawn)
    total = counts.total()
    if any(expected.get(cell, 0.0) == 0.0 for cell in counts):
        return float("inf")
    large = {cell: p for cell, p in expected.items() if p * total >= 5}
    cells = [(counts[cell], p * total) for cell, p in large.items()]
    rest = 1.0 - sum(large.values())
    if rest * total >= 5:
        cells.append((total - sum(counts[cell] for cell in large), rest * total))
    degrees = len(cells) - 1
    assert degrees >= 1, "only one cell has five expected draws"
    chi_squared = sum((seen - wanted) ** 2 / wanted for seen, wanted in cells)
    spread = 2 / (9 * degrees)
    return float(((chi_squared / degrees) ** (1 / 3) - (1 - spread)) / spread**0.5)
