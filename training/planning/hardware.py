"""GPUs by name, and the fractions of their peaks that software reaches. All plans use the same constants."""

from dataclasses import dataclass

from openqwq.training.errors import RecipeError


@dataclass(frozen=True)
class Gpu:
    """Peaks from the maker's data sheet, for dense bf16. For example, `gpu_named("h100").memory_bytes` is 80e9."""

    memory_bytes: float
    flops: float
    bandwidth: float
    """Bytes per second of its memory."""
    link: float
    """Bytes per second to another GPU of the node, in one direction."""
    price: float
    """Dollars per hour: a cloud's price per GPU in 2025, an assumption that a recipe may replace."""
    network: float = 50e9
    """Bytes per second to another node, for each GPU: one 400 Gb/s adapter a GPU, the usual server of its kind."""


GPUS: dict[str, Gpu] = {
    "h100": Gpu(80e9, 989e12, 3.35e12, 450e9, 2.5),
    "h200": Gpu(141e9, 989e12, 4.8e12, 450e9, 3.2),
    "h20": Gpu(96e9, 148e12, 4.0e12, 450e9, 1.5, 2.5e10),
    "h800": Gpu(80e9, 989e12, 3.35e12, 200e9, 2.5),
    "a100": Gpu(80e9, 312e12, 2.04e12, 300e9, 1.5, 2.5e10),
    "a800": Gpu(80e9, 312e12, 2.04e12, 200e9, 1.5, 2.5e10),
    "b200": Gpu(180e9, 2250e12, 8.0e12, 900e9, 5.0),
    "l40s": Gpu(48e9, 362e12, 0.864e12, 32e9, 1.0, 1.25e10),
    "rtx4090": Gpu(24e9, 165e12, 1.008e12, 32e9, 0.5, 3e09),
}


@dataclass(frozen=True)
class Constants:
    """Reached fractions of the peaks, and overheads. Estimates from published runs (docs/benchmarks.md), not fitted to
    a recipe."""

    training_mfu: float = 0.35
    """Fraction of peak in forward and backward passes; recomputed work does not count as done."""
    decode_bandwidth: float = 0.75
    """Fraction of the memory bandwidth in decoding."""
    decode_flops: float = 0.60
    """Fraction of the peak flops in decoding and prefill."""
    allreduce_seconds: float = 8e-6
    """Latency of one all-reduce; a tensor-parallel engine has two per layer."""
    iteration_seconds: float = 5e-3
    """Seconds of scheduling and kernel launches for each decoding iteration of a batch."""
    sync_bandwidth: float = 20e9
    """Bytes per second of a bucketed weight sync."""
    offload_bandwidth: float = 20e9
    """Bytes per second between the host and one GPU."""
    disk_bandwidth: float = 2e9
    """Bytes per second of one node to the storage of checkpoints, their hashes included."""
    core_flops: float = 3e10
    """Reached flops of one CPU core, for what judges on CPUs."""
    wake_seconds: float = 5.0
    """Seconds per step to put colocated engines to sleep and wake them."""
    runtime_bytes: float = 3e9
    """CUDA context and communication buffers of a trainer, per GPU."""
    engine_runtime_bytes: float = 4e9
    """CUDA context, buffers, activations and CUDA graphs of an engine, per GPU."""


def gpu_named(name: str) -> Gpu:
    """The GPU of this name. RecipeError when the planner does not know it."""
    key = name.lower().replace("-", "").replace("_", "").replace("80gb", "")
    if key not in GPUS:
        raise RecipeError(f"no GPU {name!r}; the planner knows {', '.join(GPUS)}")
    return GPUS[key]
