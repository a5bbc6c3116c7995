"""Collects a trainer's weights bucket by bucket, shard-wise: each rank sends the part that it holds to the ranks that
collect the bucket, and nobody else gets it. A rank never holds more than its own shard and one bucket.

Every call is a collective: all ranks make it, with the same buckets.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed as dist
from torch import nn

from openqwq.training.backends.scored_policy import plain_parameters
from openqwq.training.weight_sync.broadcast import parts
from openqwq.training.weight_sync.buckets import ArraySpec, Bucket


@dataclass(frozen=True)
class Share:
    """A bucket and the ranks that collect it. Example: `Share(bucket, ranks=(0,))`"""

    bucket: Bucket
    ranks: tuple[int, ...]


class WeightGatherer:
    """The weights of a policy by bucket. `gathered` makes the parameters whole that a low-rank layer needs to be
    merged."""

    def __init__(
        self,
        model: Any,
        rank: int = 0,
        gathered: Callable[[list[nn.Parameter]], AbstractContextManager[Any]] = lambda _: nullcontext(),
    ) -> None:
        self._rank, self._gathered = rank, gathered
        self._places = {name: (parameter, layer) for name, parameter, layer in plain_parameters(model)}

    def is_here(self, spec: ArraySpec) -> bool:
        """Whether this rank holds the whole parameter, and nothing has to be merged into it."""
        parameter, layer = self._places[spec.name]
        return layer is None and not hasattr(parameter, "ds_tensor")

    def rows(self, spec: ArraySpec) -> torch.Tensor:
        """The rows of a parameter that is here, where it is and as it is."""
        values: torch.Tensor = self._places[spec.name][0].detach()
        return values[spec.rows] if spec.shape else values

    def collected(self, bucket: Bucket, ranks: Collection[int], device: torch.device) -> list[torch.Tensor]:
        """The arrays of a bucket on the ranks that collect it, nothing on the others. What this rank holds as a whole
        is not copied."""
        if all(self.is_here(spec) for spec in bucket.arrays):
            return [self.rows(spec) for spec in bucket.arrays] if self._rank in ranks else []
        memory = torch.empty(bucket.size, dtype=torch.uint8, device=device) if self._rank in ranks else None
        self.gather([Share(bucket, tuple(ranks))], memory)
        return [] if memory is None else [values for _, values in parts(bucket, memory)]

    def gather_on_first(self, bucket: Bucket, memory: torch.Tensor | None) -> None:
        """Collect a bucket on the first rank alone."""
        self.gather([Share(bucket, (0,))], memory)

    def gather(self, shares: Sequence[Share], memory: torch.Tensor | None) -> None:
        """Fill `memory` (uint8, at least the size of the bucket) on the ranks that collect one; a rank collects at most
        one of them. The memory's device is the trainer's."""
        transfers: list[Any] = []
        kept: list[torch.Tensor] = []  # what is being sent stays alive until it is sent
        for share in shares:
            mine = memory if self._rank in share.ranks else None
            targets = dict(enumerate(values for _, values in parts(share.bucket, mine))) if mine is not None else {}
            for index, spec in enumerate(share.bucket.arrays):
                parameter, layer = self._places[spec.name]
                if layer is not None:
                    self._merge(spec, parameter, layer, targets.get(index))
                elif not hasattr(parameter, "ds_tensor"):
                    if mine is not None:
                        targets[index].copy_(self.rows(spec))
                else:
                    transfers += self._shards(spec, parameter, share.ranks, targets.get(index), kept)
        if transfers:
            for work in dist.batch_isend_irecv(transfers):
                work.wait()

    @torch.no_grad()
    def _merge(self, spec: ArraySpec, parameter: nn.Parameter, layer: Any, target: torch.Tensor | None) -> None:
        with self._gathered(list(layer.parameters())):
            if target is None:
                return
            value: torch.Tensor = parameter.detach()
            if spec.name.endswith(".weight"):
                value = value + layer.get_delta_weight("default").to(value.dtype)
            target.copy_(value[spec.rows])

    def _shards(
        self,
        spec: ArraySpec,
        parameter: Any,
        ranks: Sequence[int],
        target: torch.Tensor | None,
        kept: list[torch.Tensor],
    ) -> Iterator[Any]:
        """The sends and receipts of one array that ZeRO-3 divides flat and evenly among the ranks."""
        shard: torch.Tensor = parameter.ds_tensor.detach()
        size = shard.numel()
        first, end = spec.elements
        flat = None if target is None else target.view(-1)
        for owner in range(first // size, (end - 1) // size + 1 if end > first else 0):
            start, stop = max(first, owner * size), min(end, (owner + 1) * size)
            held = shard[start - owner * size : stop - owner * size] if owner == self._rank else None
            place = None if flat is None else flat[start - first : stop - first]
            if held is not None and place is not None:
                place.copy_(held)
            if held is not None and (others := [rank for rank in ranks if rank != owner]):
                sent = held.to(getattr(torch, spec.dtype)).contiguous()
                kept.append(sent)
                yield from (dist.P2POp(dist.isend, sent, rank) for rank in others)
            elif held is None and place is not None:
                yield dist.P2POp(dist.irecv, place, owner)
