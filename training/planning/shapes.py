"""Sizes of a dense decoder-only transformer, from its config.json: parameters, bytes of KV cache, flops."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from openqwq.training.config.context_budget import YARN_ORIGINAL, held_tokens, scaled_by_yarn
from openqwq.training.config.files import resolve_path
from openqwq.training.config.recipe import Yarn
from openqwq.training.errors import RecipeError


@dataclass(frozen=True)
class ModelShape:
    """Sizes of a model. For example, `KNOWN["Qwen/Qwen2.5-32B"].num_parameters` is 32_763_876_352."""

    layers: int
    hidden: int
    heads: int
    kv_heads: int
    intermediate: int
    vocabulary: int
    is_tied: bool = False
    """Whether the output head is the embedding's matrix."""
    head_size: int = 0
    """Width of an attention head; 0 stands for hidden / heads."""
    has_qkv_bias: bool = True
    has_qk_norm: bool = False
    held_tokens: int | None = None
    """Tokens of context that it holds; None where no config.json says it."""

    @property
    def head_width(self) -> int:
        """Width of one attention head."""
        return self.head_size or self.hidden // self.heads

    @property
    def layer_matrix_parameters(self) -> int:
        """Number of parameters in the matrices of a layer, with which each token is multiplied."""
        attention = self.hidden * self.head_width * (2 * self.heads + 2 * self.kv_heads)
        return attention + 3 * self.hidden * self.intermediate

    @property
    def layer_parameters(self) -> int:
        """Number of all parameters of a layer."""
        bias = self.head_width * (self.heads + 2 * self.kv_heads) if self.has_qkv_bias else 0
        norms = 2 * self.hidden + (2 * self.head_width if self.has_qk_norm else 0)
        return self.layer_matrix_parameters + bias + norms

    @property
    def num_parameters(self) -> int:
        """Number of all parameters, tied ones counted once."""
        embeddings = self.vocabulary * self.hidden * (1 if self.is_tied else 2)
        return self.layers * self.layer_parameters + embeddings + self.hidden

    @property
    def matrix_parameters(self) -> int:
        """Number of parameters with which each token is multiplied: in layers and head, without the embedding."""
        return self.layers * self.layer_matrix_parameters + self.vocabulary * self.hidden

    @property
    def kv_bytes(self) -> int:
        """Bytes of KV cache per token, in 16 bits: 2 (K and V) x 2 bytes x layers x KV heads x width."""
        return 2 * 2 * self.layers * self.kv_heads * self.head_width

    def forward_flops(self, tokens: float, mean_square_over_mean: float) -> float:
        """Flops of a forward pass over T tokens: 2 per matrix parameter and token, and for causal attention
        2 L A d T E[n^2] / E[n] over sequences of n tokens (L layers, A heads of width d)."""
        attention = 2 * self.layers * self.heads * self.head_width * tokens * mean_square_over_mean
        return 2 * self.matrix_parameters * tokens + attention

    def config(self) -> dict[str, Any]:
        """A Qwen2 config of transformers with these sizes."""
        return {
            "architectures": ["Qwen2ForCausalLM"],
            "model_type": "qwen2",
            "num_hidden_layers": self.layers,
            "hidden_size": self.hidden,
            "num_attention_heads": self.heads,
            "num_key_value_heads": self.kv_heads,
            "intermediate_size": self.intermediate,
            "vocab_size": self.vocabulary,
            "tie_word_embeddings": self.is_tied,
        }


_QWEN_32B = ModelShape(64, 5120, 40, 8, 27648, 152064)
KNOWN: dict[str, ModelShape] = {
    "Qwen/Qwen2.5-0.5B": ModelShape(24, 896, 14, 2, 4864, 151936, is_tied=True),
    "Qwen/Qwen2.5-1.5B": ModelShape(28, 1536, 12, 2, 8960, 151936, is_tied=True),
    "Qwen/Qwen2.5-3B": ModelShape(36, 2048, 16, 2, 11008, 151936, is_tied=True),
    "Qwen/Qwen2.5-7B": ModelShape(28, 3584, 28, 4, 18944, 152064),
    "Qwen/Qwen2.5-14B": ModelShape(48, 5120, 40, 8, 13824, 152064),
    "Qwen/Qwen2.5-32B": _QWEN_32B,
    "Qwen/Qwen2.5-72B": ModelShape(80, 8192, 64, 8, 29568, 152064),
    "Qwen/QwQ-32B": _QWEN_32B,
    "Qwen/Qwen3-32B": ModelShape(64, 5120, 64, 8, 25600, 151936, head_size=128, has_qkv_bias=False, has_qk_norm=True),
    "meta-llama/Llama-3.1-8B": ModelShape(32, 4096, 32, 8, 14336, 128256, has_qkv_bias=False),
    "HuggingFaceTB/SmolLM2-135M": ModelShape(30, 576, 9, 3, 1536, 49152, is_tied=True, has_qkv_bias=False),
}
"""Sizes from the published config.json of each model, so that a recipe can be planned without its model."""


def shape_of(model: str) -> ModelShape:
    """The shape of a model, from a local folder, the hub's cache on this machine, or KNOWN (`-Instruct` and `-Math`
    models have the sizes of their base models).

    Raises:
        RecipeError: the model is unknown or not a dense decoder.
    """
    folder = folder_of(model)
    if folder is not None and (folder / "config.json").is_file():
        return shape_from_config(json.loads((folder / "config.json").read_text()), model)
    name = model.removesuffix("-Instruct").replace("Qwen2.5-Math-", "Qwen2.5-")
    if name in KNOWN:
        return KNOWN[name]
    raise RecipeError(
        f"the sizes of model {model!r} are not known here: it is no local folder, not in the hub's cache, and not "
        f"among {', '.join(KNOWN)}; download its config.json and name the folder (model=FOLDER)"
    )


def held_by_yarn(model: str, yarn: Yarn, held: int | None) -> int | None:
    """Tokens that a model holds whose positions a recipe scales. `held`: without it, for a model whose config.json is
    not on this machine.

    Raises:
        RecipeError: they cannot be scaled so.
    """
    folder = folder_of(model)
    if folder is not None and (folder / "config.json").is_file():
        return held_tokens(scaled_by_yarn(json.loads((folder / "config.json").read_text()), yarn, model))
    return int(yarn.factor * (yarn.original or min(held or YARN_ORIGINAL, YARN_ORIGINAL)))


def shape_from_config(config: Mapping[str, Any], where: str) -> ModelShape:
    """The shape that a config.json describes.

    Raises:
        RecipeError: a key is missing, or the model is a mixture of experts.
    """
    if any(key in config for key in ("num_experts", "num_local_experts", "n_routed_experts")):
        raise RecipeError(f"{where}: the planner supports dense models, this one is a mixture of experts")
    kind = config.get("model_type", "")
    try:
        return ModelShape(
            layers=config["num_hidden_layers"],
            hidden=config["hidden_size"],
            heads=config["num_attention_heads"],
            kv_heads=config.get("num_key_value_heads") or config["num_attention_heads"],
            intermediate=config["intermediate_size"],
            vocabulary=config["vocab_size"],
            is_tied=bool(config.get("tie_word_embeddings", False)),
            head_size=config.get("head_dim") or 0,
            has_qkv_bias=bool(config.get("attention_bias", kind == "qwen2")),
            has_qk_norm=kind == "qwen3",
            held_tokens=held_tokens(config),
        )
    except KeyError as error:
        raise RecipeError(f"{where}: config.json has no {error}; the planner supports dense decoders") from error


def folder_of(model: str) -> Path | None:
    """The folder of a model on this machine: the one that is named, or the newest snapshot in the hub's cache."""
    return resolve_path(model) or _cached(model)


def _cached(model: str) -> Path | None:
    """The newest snapshot of the model in the hub's cache."""
    home = Path(os.environ.get("HF_HOME", Path.home() / ".cache" / "huggingface"))
    root = Path(os.environ.get("HF_HUB_CACHE", home / "hub")) / f"models--{model.replace('/', '--')}" / "snapshots"
    found = sorted(root.glob("*/config.json"), key=lambda p: p.stat().st_mtime) if root.is_dir() else []
    return found[-1].parent if found else None
