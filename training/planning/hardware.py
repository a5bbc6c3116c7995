"""GPUs by name, and the shares of their peaks that software reaches. One set of constants for every plan."""

from dataclasses import dataclass

from openqwq.training.errors import RecipeError


@dataclass(frozen=True)
class Gpu:
    """Peaks from the maker's data sheet; dense bf16. Example: `gpu_named("h100").memory_bytes == 80e9`"""

    memory_bytes: float
    flops: float
    bandwidth: float
    """Bytes a second of its memory."""
    link: float
    """Bytes a second to a neighbour in the node, one direction."""
    price: float
    """Dollars an hour: what clouds asked per GPU in 2025, an assumption that a recipe may replace."""


GPUS: dict[str, Gpu] = {
    "h100": Gpu(80e9, 989e12, 3.35e12, 450e9, 2.5),
    "h200": Gpu(141e9, 989e12, 4.8e12, 450e9, 3.2),
    "h20": Gpu(96e9, 148e12, 4.0e12, 450e9, 1.5),
    "h800": Gpu(80e9, 989e12, 3.35e12, 200e9, 2.5),
    "a100": Gpu(80e9, 312e12, 2.04e12, 300e9, 1.5),
    "a800": Gpu(80e9, 312e12, 2.04e12, 200e9, 1.5),
    "b200": Gpu(180e9, 2250e12, 8.0e12, 900e9, 5.0),
    "l40s": Gpu(48e9, 362e12, 0.864e12, 32e9, 1.0),
    "rtx4090": Gpu(24e9, 165e12, 1.008e12, 32e9, 0.5),
}


@dataclass(frozen=True)
class Constants:
    """What of the peaks is reached. Guesses from published runs (docs/benchmarks.md), not fitted to a recipe."""

    training_mfu: float = 0.35
    """Share of peak in forward and backward; recomputed work is not counted as done."""
    decode_bandwidth: float = 0.75
    decode_flops: float = 0.60
    allreduce_seconds: float = 8e-6
    """Latency of one all-reduce; two a layer when tensor-parallel."""
    iteration_seconds: float = 5e-3
    """Scheduling and launching, per decoded token of a batch."""
    sync_bandwidth: float = 20e9
    """Bytes a second of a bucketed weight sync."""
    offload_bandwidth: float = 20e9
    """Bytes a second between host and one GPU."""
    wake_seconds: float = 5.0
    """Putting colocated engines to sleep and waking them, per step."""
    runtime_bytes: float = 3e9
    """CUDA context and communication buffers of a trainer."""
    engine_runtime_bytes: float = 4e9
    """The same of an engine, per GPU, with its activations and graphs."""


def gpu_named(name: str) -> Gpu:
    """Raises RecipeError when the planner does not know it."""
    key = name.lower().replace("-", "").replace("_", "").replace("80gb", "")
    if key not in GPUS:
        raise RecipeError(f"no GPU {name!r}; the planner knows {', '.join(GPUS)}")
    return GPUS[key]
