"""What runs inside vLLM's worker processes: takes the buckets of a push out of shared memory and loads them.

vLLM imports this module there by the name of `WorkerExtension`; nothing else may import it.
"""

import mmap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from vllm.distributed.weight_transfer.base import (
    WeightTransferEngine,
    WeightTransferInitInfo,
    WeightTransferUpdateInfo,
)
from vllm.distributed.weight_transfer.factory import WeightTransferEngineFactory

SHARED_MEMORY = "openqwq_shared_memory"


@dataclass
class SharedMemoryInfo(WeightTransferInitInfo):  # type: ignore[misc]
    """Where buckets will lie: a file that every worker of the machine maps."""

    path: str


@dataclass
class BucketInfo(WeightTransferUpdateInfo):  # type: ignore[misc]
    """One bucket (rollout/buckets.py) that lies in the file now."""

    names: list[str]
    dtypes: list[str]
    shapes: list[list[int]]
    offsets: list[int]


class SharedMemoryTransfer(WeightTransferEngine):  # type: ignore[misc]
    """vLLM's life cycle of a push (begin, any number of buckets, end) over a mapped file."""

    init_info_cls = SharedMemoryInfo
    update_info_cls = BucketInfo
    _memory: mmap.mmap | None = None

    def init_transfer_engine(self, init_info: SharedMemoryInfo) -> None:
        with Path(init_info.path).open("r+b") as file:
            self._memory = mmap.mmap(file.fileno(), 0)

    def start_weight_update(self) -> None:
        from vllm.model_executor.model_loader.reload import initialize_layerwise_reload

        initialize_layerwise_reload(self.model)

    def update_weights(self, update_info: dict[str, Any]) -> None:
        self.receive_weights(self.parse_update_info(update_info))
        if self.device.type != "cpu":
            torch.accelerator.synchronize()

    def receive_weights(self, update_info: BucketInfo) -> None:
        self.model.load_weights(self._tensors(update_info))

    def _tensors(self, info: BucketInfo) -> Iterator[tuple[str, torch.Tensor]]:
        """Copies: the file holds the next bucket before a layer that is split between two of them is loaded."""
        for name, dtype_name, shape, offset in zip(info.names, info.dtypes, info.shapes, info.offsets, strict=True):
            count, dtype = torch.Size(shape).numel(), getattr(torch, dtype_name)
            flat = torch.frombuffer(self._memory, dtype=dtype, count=count, offset=offset)
            yield name, flat.view(shape).to(self.device, copy=True)

    def finish_weight_update(self) -> None:
        from vllm.model_executor.model_loader.reload import finalize_layerwise_reload

        finalize_layerwise_reload(self.model, self.model_config)
        if self.device.type == "cpu":
            repack_tied_embeddings(self.model)

    def shutdown(self) -> None:
        self._memory = None  # closed with the last tensor that looks into it


def repack_tied_embeddings(model: torch.nn.Module) -> None:
    """On a CPU vLLM multiplies by packed copies of weights. A reload makes them anew for linear layers only; the copy
    of an embedding that is the output head too would stay what it was at the start."""
    from vllm.model_executor.layers.utils import dispatch_cpu_unquantized_gemm

    for module in model.modules():
        weight = getattr(module, "weight", None)
        if hasattr(module, "cpu_linear") and weight is not None and weight.numel():
            dispatch_cpu_unquantized_gemm(module, remove_weight=False)


WeightTransferEngineFactory.register_engine(SHARED_MEMORY, SharedMemoryTransfer)


class WorkerExtension:
    """Named to vLLM so that its workers import this module; adds nothing itself."""
