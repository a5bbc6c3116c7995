"""Small models with random weights of the architectures that people bring."""

from __future__ import annotations

from typing import Any

import torch
import transformers
from transformers import PreTrainedModel

SHAPE = {
    "vocab_size": 640,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 512,
    "pad_token_id": 0,
}
EXPERTS = {"num_experts_per_tok": 2, "moe_intermediate_size": 16}
TRAINED: dict[str, dict[str, Any]] = {
    "Qwen2": {"use_sliding_window": True, "sliding_window": 7, "max_window_layers": 2},
    "Qwen3": {"head_dim": 16},
    "Qwen3Moe": {"head_dim": 8, "num_experts": 4, **EXPERTS},
    "Llama": {"attention_dropout": 0.3},
    "Mistral": {"sliding_window": 7},
    "Gemma2": {"head_dim": 8, "sliding_window": 7, "query_pre_attn_scalar": 8, "final_logit_softcapping": 20.0},
    "Gemma3": {"head_dim": 8, "sliding_window": 7, "query_pre_attn_scalar": 8},
    "Granite": {"logits_scaling": 8.0, "attention_multiplier": 0.3, "embedding_multiplier": 12.0},
    "Cohere": {"logit_scale": 0.0625},
    "Phi3": {},
    "SmolLM3": {},
    "Olmo2": {},
    "GptOss": {"head_dim": 8, "num_local_experts": 4, "sliding_window": 7, **EXPERTS},
    "SeedOss": {"head_dim": 8, "residual_dropout": 0.2},
    "GPTNeoX": {"hidden_dropout": 0.1},
}
"""Name of an architecture -> what its configuration has beside SHAPE. Windows are shorter than the tests' sequences."""
LONG_ROPE = {
    "rope_type": "longrope",
    "rope_theta": 10_000.0,
    "short_factor": [1.0] * 4,
    "long_factor": [2.0] * 4,
    "original_max_position_embeddings": 64,
}
REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "Falcon": ({}, r"called the attention of training 0 times"),
    "Bloom": ({}, r"called the attention of training 0 times"),
    "Mamba": ({}, r"layers of the types linear_attention"),
    "Qwen3Next": (
        {"head_dim": 8, "num_experts": 4, "shared_expert_intermediate_size": 16, **EXPERTS},
        r"packed sequences would see each other",
    ),
    "Llama4": ({"head_dim": 8, "num_local_experts": 2, "attention_chunk_size": 8}, r"choose another model"),
    "OPT": ({"word_embed_proj_dim": 32}, r"changes its logits in a way"),
    "Phi3": ({"rope_parameters": LONG_ROPE}, r"frequencies are of type 'longrope'"),
}
"""Name -> what its configuration has beside SHAPE, and the reason."""


def small_model(name: str, changes: dict[str, Any], dtype: torch.dtype = torch.float32) -> PreTrainedModel:
    """With weights three times as large as at the start of training, so that attention is not flat."""
    config_name = {"Gemma3": "Gemma3Text", "Llama4": "Llama4Text"}.get(name, name)
    torch.manual_seed(0)
    config = getattr(transformers, config_name + "Config")(**(SHAPE | changes))
    model: PreTrainedModel = getattr(transformers, name + "ForCausalLM")(config)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() > 1:
                parameter.mul_(3)
    return model.to(dtype)
