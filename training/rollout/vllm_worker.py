"""Runs inside vLLM's worker processes and loads the buckets of a weight sync.

vLLM imports this module there through the name of `WorkerExtension`; `vllm_start.py` reads its names, nothing else may
import it.
"""

import mmap
from collections.abc import Iterable, Iterator
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

from openqwq.training.weight_sync.arrays import copy_rows
from openqwq.training.weight_sync.broadcast import Rendezvous, broadcast, join, parts
from openqwq.training.weight_sync.buckets import ArraySpec, bucket_of

BACKEND = "openqwq"


@dataclass
class TransportInfo(WeightTransferInitInfo):  # type: ignore[misc]
    """How buckets are sent: in a file that every worker of the machine maps (`path`), or broadcast in a group
    (`rendezvous`)."""

    path: str | None = None
    rendezvous: dict[str, Any] | None = None
    first_rank: int = 0
    """Rank of this engine's first worker in the group."""


@dataclass
class BucketsInfo(WeightTransferUpdateInfo):  # type: ignore[misc]
    """Buckets (weight_sync/buckets.py): the one that is in the file now, or all that are broadcast one after
    another."""

    buckets: list[dict[str, Any]]
    is_broadcast: bool


class BucketTransfer(WeightTransferEngine):  # type: ignore[misc]
    """Implements vLLM's steps of a weight sync (start, any number of buckets, finish) over a mapped file or a group."""

    init_info_cls = TransportInfo
    update_info_cls = BucketsInfo
    _memory: mmap.mmap | None = None
    _group: Any = None

    def init_transfer_engine(self, init_info: TransportInfo) -> None:
        if init_info.rendezvous is not None:
            rank = init_info.first_rank + self.parallel_config.rank
            self._group = join(Rendezvous(**init_info.rendezvous), rank, self.device)
        else:
            assert init_info.path is not None
            with Path(init_info.path).open("r+b") as file:
                self._memory = mmap.mmap(file.fileno(), 0)

    def start_weight_update(self) -> None:
        self._parts: dict[str, torch.Tensor] = {}
        from vllm.model_executor.model_loader.reload import initialize_layerwise_reload

        initialize_layerwise_reload(self.model)

    def update_weights(self, update_info: dict[str, Any]) -> None:
        self.receive_weights(self.parse_update_info(update_info))
        if self.device.type != "cpu":
            torch.accelerator.synchronize()

    def receive_weights(self, update_info: BucketsInfo) -> None:
        for fields in update_info.buckets:
            bucket = bucket_of(fields)
            if update_info.is_broadcast:
                memory = torch.empty(bucket.size, dtype=torch.uint8, device=self.device)
                broadcast(self._group, memory)
                self.model.load_weights(self._whole(parts(bucket, memory)))
            else:
                memory = torch.frombuffer(self._memory, dtype=torch.uint8)
                # copied, because a layer may span two buckets: when it is loaded, the file holds the second one already
                copies = ((spec, x.to(self.device, copy=True)) for spec, x in parts(bucket, memory))
                self.model.load_weights(self._whole(copies))

    def _whole(self, arrays: Iterable[tuple[ArraySpec, torch.Tensor]]) -> Iterator[tuple[str, torch.Tensor]]:
        """Whole arrays by name: the parts of one that several buckets hold are put together, as they come in order."""
        for spec, values in arrays:
            if spec.num_rows is None:
                yield spec.name, values
                continue
            if spec.first_row == 0:
                self._parts[spec.name] = torch.empty(spec.whole_shape, dtype=values.dtype, device=self.device)
            copy_rows(self._parts[spec.name], spec, values)
            if spec.first_row + spec.shape[0] == spec.num_rows:
                yield spec.name, self._parts.pop(spec.name)

    def finish_weight_update(self) -> None:
        from vllm.model_executor.model_loader.reload import finalize_layerwise_reload

        finalize_layerwise_reload(self.model, self.model_config)
        if self.device.type == "cpu":
            repack_tied_embeddings(self.model)

    def shutdown(self) -> None:
        self._memory = self._group = None  # the file is closed with the last tensor that is a view of it


def repack_tied_embeddings(model: torch.nn.Module) -> None:
    """Pack again the embedding that is also the output head. On a CPU vLLM multiplies by packed copies of weights, and
    a reload renews them for linear layers only, so the head would keep the weights of the start."""
    from vllm.model_executor.layers.utils import dispatch_cpu_unquantized_gemm

    for module in model.modules():
        weight = getattr(module, "weight", None)
        if hasattr(module, "cpu_linear") and weight is not None and weight.numel():
            dispatch_cpu_unquantized_gemm(module, remove_weight=False)


WeightTransferEngineFactory.register_engine(BACKEND, BucketTransfer)


class WorkerExtension:
    """Its name, given to vLLM, makes the workers import this module; it adds nothing itself."""
