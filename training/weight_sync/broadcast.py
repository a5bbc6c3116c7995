"""The group over which buckets are broadcast: the first trainer rank and every worker of every engine, with NCCL
between GPUs and gloo between CPUs. It is independent of torch's default group, which the trainer ranks use.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist

from openqwq.training.weight_sync.buckets import ArraySpec, Bucket


@dataclass(frozen=True)
class Rendezvous:
    """The address at which a group forms; rank 0, the sender, listens there.

    Example: `Rendezvous("10.0.0.4", 29501, world_size=9, seconds=600)`
    """

    host: str
    port: int
    world_size: int
    seconds: float
    """Deadline of joining and of each broadcast."""


def join(rendezvous: Rendezvous, rank: int, device: torch.device) -> Any:
    """Join the group; blocks until all of its ranks have joined."""
    timeout = timedelta(seconds=rendezvous.seconds)
    store = dist.TCPStore(  # type: ignore[attr-defined]
        rendezvous.host, rendezvous.port, rendezvous.world_size, is_master=rank == 0, timeout=timeout
    )
    if device.type == "cuda":
        options = dist.ProcessGroupNCCL.Options()
        options._timeout = timeout
        return dist.ProcessGroupNCCL(store, rank, rendezvous.world_size, options)
    return dist.ProcessGroupGloo(store, rank, rendezvous.world_size, timeout)


def broadcast(group: Any, tensor: torch.Tensor) -> None:
    """Broadcast rank 0's tensor into the tensors of all ranks."""
    options = dist.BroadcastOptions()
    options.rootRank, options.rootTensor = 0, 0
    group.broadcast([tensor], options).wait()


def views(bucket: Bucket, memory: torch.Tensor) -> Iterator[tuple[str, torch.Tensor]]:
    """The arrays of a bucket as views of `memory` (uint8), by name."""
    return ((spec.name, values) for spec, values in parts(bucket, memory))


def parts(bucket: Bucket, memory: torch.Tensor) -> Iterator[tuple[ArraySpec, torch.Tensor]]:
    """The arrays of a bucket as views of `memory` (uint8), with their specs: some may be rows of larger arrays."""
    for spec, offset in zip(bucket.arrays, bucket.offsets, strict=True):
        flat = memory[offset : offset + spec.nbytes].view(getattr(torch, spec.dtype))
        yield spec, flat.view(spec.shape)
