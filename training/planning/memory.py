"""Bytes per GPU of each role. Formulas: ZeRO (Rajbhandari et al., arXiv 1910.02054), activations (Korthikanti et al.,
arXiv 2205.05198). Gigabytes are decimal, as in the names of GPUs."""

from collections.abc import Mapping
from dataclasses import dataclass

from openqwq.training.planning.hardware import Constants, Gpu
from openqwq.training.planning.shapes import ModelShape

HEAD_CHUNK = 256
"""Number of tokens whose logits are in memory at once (training/algorithms/head.py)."""
LOGIT_BYTES = 10
"""Bytes per logit: in bf16, in float32, and its float32 gradient."""
GATHERED_LAYERS = 2
"""Number of layers whose weights and gradients ZeRO-3 holds whole at once."""


@dataclass(frozen=True)
class Training:
    """The layout of an update. `tokens`: of one micro-batch, before it is divided over `sequence_parallel` ranks."""

    ranks: int
    zero_stage: int
    tokens: int
    offload: str = "none"
    sequence_parallel: int = 1
    recompute: bool = True
    weight_bytes: int = 2
    """2: bf16 with float32 master weights; 4: float32."""
    gradient_bytes: int = 2
    """2: bf16; 4: float32; 6: whole bf16 gradients beside their float32 sum."""
    trained: float | None = None
    """Number of trained parameters; None is all of them."""


def trainer_memory(shape: ModelShape, layout: Training, constants: Constants) -> dict[str, float]:
    """Bytes on one GPU by part, for P parameters on n ranks, t tokens per rank, L layers of width H, MLP width I.

    W = 2P/n (ZeRO-3), G = 4P/n (ZeRO-2, 3, summed in float32), O = 12P/n (all stages: float32 weights and Adam's two
    moments), activations with recomputation 2 L t H + t (34 H + 6 I), without it L t (26 H + 8 I): per layer two
    float32 norms with their outputs (16 H), q, repeated k and v, attention's output twice (10 H), and the gated MLP's
    four intermediates (8 I).
    """
    parameters, ranks, stage = shape.num_parameters, layout.ranks, layout.zero_stage
    trained = parameters if layout.trained is None else layout.trained
    tokens = layout.tokens / layout.sequence_parallel
    one_layer = tokens * (34 * shape.hidden + 6 * shape.intermediate)
    whole_layer = tokens * (26 * shape.hidden + 8 * shape.intermediate)
    kept = 2 * shape.layers * tokens * shape.hidden
    gathered = GATHERED_LAYERS * shape.layer_parameters * (2 + layout.gradient_bytes)
    states = 12 if layout.weight_bytes == 2 else 8
    return {
        "weights": layout.weight_bytes * parameters / (ranks if stage == 3 else 1),
        "gradients": layout.gradient_bytes * trained / (ranks if stage >= 2 else 1),
        "optimizer": 0.0 if layout.offload == "optimizer" else states * trained / (ranks if stage >= 1 else 1),
        "gathered layers": float(gathered if stage == 3 else 0),
        "activations": kept + one_layer if layout.recompute else shape.layers * whole_layer,
        "logits": float(min(HEAD_CHUNK, tokens) * shape.vocabulary * LOGIT_BYTES),
        "runtime": constants.runtime_bytes,
    }


def resident(parts: Mapping[str, float]) -> float:
    """Bytes that a trainer keeps on the GPU between updates."""
    return parts["weights"] + parts["optimizer"] + parts["runtime"]


def host_bytes(shape: ModelShape, layout: Training, nodes: int) -> float:
    """Bytes of host memory per node that offloaded optimizer states need."""
    return 12 * shape.num_parameters / nodes if layout.offload == "optimizer" else 0.0


def cache_tokens(
    shape: ModelShape, gpu: Gpu, tensor_parallel: int, gpu_memory_utilization: float, constants: Constants
) -> float:
    """Number of tokens in the KV cache of one engine; negative if the weights alone do not fit."""
    usable = tensor_parallel * (gpu.memory_bytes * gpu_memory_utilization - constants.engine_runtime_bytes)
    return (usable - 2 * shape.num_parameters) / shape.kv_bytes


def lora_parameters(shape: ModelShape, rank: int) -> float:
    """Number of trained parameters with factors at every linear layer, each of rank x (inputs + outputs)."""
    queries, keys = shape.heads * shape.head_width, shape.kv_heads * shape.head_width
    attention = 2 * (shape.hidden + queries) + 2 * (shape.hidden + keys)
    return float(shape.layers * rank * (attention + 3 * (shape.hidden + shape.intermediate)))
