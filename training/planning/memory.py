"""Bytes per GPU of each role. Formulas: ZeRO (Rajbhandari et al., arXiv 1910.02054), activations (Korthikanti et al.,
arXiv 2205.05198). Gigabytes are decimal, as in the names of GPUs."""

from collections.abc import Mapping
from dataclasses import dataclass

from openqwq.training.backends import costs
from openqwq.training.planning.hardware import Constants, Gpu
from openqwq.training.planning.shapes import ModelShape


@dataclass(frozen=True)
class Training:
    """The layout of an update. `tokens`: of one micro-batch, before it is divided over `sequence_parallel` ranks."""

    ranks: int
    zero_stage: int
    tokens: float
    offload: str = "none"
    sequence_parallel: int = 1
    recompute: bool = True
    weight_bytes: int = 2
    """2: bf16 with float32 master weights; 4: float32."""
    gradient_bytes: int = 2
    """2: bf16; 4: float32; 6: whole bf16 gradients beside their float32 sum."""
    trained: float | None = None
    """Number of trained parameters; None is all of them."""
    has_head: bool = True
    """Whether the loss is one of log-probabilities over the vocabulary; a score's or value's head is small."""


def trainer_memory(shape: ModelShape, layout: Training, constants: Constants) -> dict[str, float]:
    """Bytes on one GPU by part, for P parameters on n ranks.

    W = 2P/n (ZeRO-3), G = 4P/n (ZeRO-2, 3, summed in float32), O = 12P/n (all stages: float32 weights and Adam's two
    moments). Activations: what is kept of a pass; beside it stands the largest of a layer at work, the head, and a
    group of parameters in ZeRO-3's optimizer step (training/backends/costs.py).
    """
    parameters, ranks, stage = shape.num_parameters, layout.ranks, layout.zero_stage
    trained = parameters if layout.trained is None else layout.trained
    tokens, numbers = layout.tokens / layout.sequence_parallel, layout.weight_bytes
    kept = (costs.kept_bytes if layout.recompute else costs.whole_bytes)(shape, tokens, numbers)
    layer = costs.activation_bytes(shape, tokens, layout.recompute, numbers) - kept
    layer += costs.exchanged_bytes(shape, tokens, layout.sequence_parallel, numbers)
    head = costs.head_bytes(shape, tokens, numbers) if layout.has_head else 0.0
    if stage == 3 and layout.has_head:
        head += 2 * costs.head_weight_bytes(shape, numbers)
    step = costs.optimizer_step_bytes(trained, ranks) if stage == 3 else 0.0
    states = 12 if layout.weight_bytes == 2 else 8
    return {
        "weights": layout.weight_bytes * parameters / (ranks if stage == 3 else 1),
        "gradients": layout.gradient_bytes * trained / (ranks if stage >= 2 else 1),
        "optimizer": 0.0 if layout.offload == "optimizer" else states * trained / (ranks if stage >= 1 else 1),
        "gathered layers": costs.gathered_bytes(shape.layer_parameters, layout.gradient_bytes) if stage == 3 else 0.0,
        "activations": kept,
        "at work": max(layer, head, step - kept),
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
