"""The trainer's side of a broadcast (weight_sync/broadcast.py): copies parameters into buckets and broadcasts these."""

from collections.abc import Iterator, Sequence
from typing import Any

import torch

from openqwq.training.weight_sync.broadcast import broadcast, views
from openqwq.training.weight_sync.buckets import ArraySpec, plan_buckets


def send(
    parameters: Iterator[tuple[str, torch.Tensor]], specs: Sequence[ArraySpec], group: Any, device: torch.device
) -> None:
    """Broadcast the parameters in buckets. Every rank reads the parameters to the end, because gathering them is a
    collective; only the rank that has a `group` sends."""
    for bucket in plan_buckets(specs):
        memory = torch.empty(bucket.size if group else 0, dtype=torch.uint8, device=device)
        targets = dict(views(bucket, memory)) if group else {}
        for spec in bucket.arrays:
            name, value = next(parameters)
            assert name == spec.name, (name, spec.name)
            if group:
                targets[name].copy_(value)
        if group:
            broadcast(group, memory)
    assert next(parameters, None) is None
