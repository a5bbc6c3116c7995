"""One group of the first trainer rank and every worker of every engine, over which buckets are broadcast: NCCL between
GPUs, gloo between CPUs. Beside torch's default group, which trainer ranks use for themselves.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import torch
import torch.distributed as dist

from openqwq.training.weight_sync.buckets import Bucket


@dataclass(frozen=True)
class Rendezvous:
    """Where a group meets. Rank 0 sends. Example: `Meeting("10.0.0.4", 29501, world_size=9, seconds=600)`"""

    host: str
    port: int
    world_size: int
    seconds: float
    """Deadline of joining and of each broadcast."""


def join(rendezvous: Rendezvous, rank: int, device: torch.device) -> Any:
    """The group; blocks until all have come."""
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
    """From rank 0 to all, in place."""
    options = dist.BroadcastOptions()
    options.rootRank, options.rootTensor = 0, 0
    group.broadcast([tensor], options).wait()


def views(bucket: Bucket, memory: torch.Tensor) -> Iterator[tuple[str, torch.Tensor]]:
    """The arrays of a bucket that lies in `memory`, uint8."""
    for spec, offset in zip(bucket.arrays, bucket.offsets, strict=True):
        flat = memory[offset : offset + spec.nbytes].view(getattr(torch, spec.dtype))
        yield spec.name, flat.view(spec.shape)
