"""The trainer's side of a broadcast (weight_sync/broadcast.py): gathers one bucket after another and broadcasts it."""

from collections.abc import Callable, Sequence
from typing import Any

import torch

from openqwq.training.weight_sync.broadcast import broadcast
from openqwq.training.weight_sync.buckets import Bucket


def send(
    buckets: Sequence[Bucket],
    gather: Callable[[Bucket, torch.Tensor | None], None],
    group: Any,
    device: torch.device,
) -> None:
    """Broadcast the buckets. `gather` fills memory, uint8 on `device`, with a bucket. Every rank calls it for every
    bucket, because it is a collective; only the rank that has a `group` collects and sends."""
    largest = max((bucket.size for bucket in buckets), default=0)
    memory = torch.empty(largest, dtype=torch.uint8, device=device) if group else None
    for bucket in buckets:
        gather(bucket, memory)
        if memory is not None:
            broadcast(group, memory[: bucket.size])
