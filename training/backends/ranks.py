"""This process among the ranks that train together: its share of a batch, and what the ranks put together.

Every method is a collective where there are several ranks: all of them call it, in the same order.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch

from openqwq.training.backends.sequence_parallel import make_sequence_group
from openqwq.training.batches.collate import Batch
from openqwq.training.batches.packing import MicroBatch, plan_micro_batches


@dataclass(frozen=True)
class Rank:
    """One process of a group. Example: `Rank(0, 2, "10.0.0.4", 29500, zero_stage=3)`"""

    rank: int
    world_size: int
    master_address: str
    master_port: int
    zero_stage: int
    offload: str = "none"
    sequence_parallel: int = 1


class Ranks:
    """The ranks as one of them sees them; `rank` None is alone."""

    def __init__(self, rank: Rank | None, device: torch.device) -> None:
        self.index, self.size = (rank.rank, rank.world_size) if rank else (0, 1)
        self.group = make_sequence_group(rank.rank, rank.world_size, rank.sequence_parallel) if rank else None
        self._device = device

    def own_shard(self, batch: Batch, max_tokens: int) -> list[MicroBatch]:
        """This rank's micro-batches, or its columns of those of its sequence group; as many as every other rank's, for
        each pass is a collective."""
        columns = self.group.size if self.group else 1
        shards = plan_micro_batches(batch, max_tokens, ranks=self.size // columns)
        mine = shards[self.index // columns]
        micros = [micro if micro.num_computed else shards[0][0].uncounted() for micro in mine]
        return [micro.columns(self.group.index, columns) for micro in micros] if self.group else micros

    def total(self, sums: Mapping[str, float]) -> dict[str, float]:
        """Sums over the ranks."""
        if self.size == 1:
            return dict(sums)
        gathered: list[Any] = [None] * self.size
        torch.distributed.all_gather_object(gathered, dict(sums))
        names = dict.fromkeys(name for part in gathered for name in part)
        return {name: sum(part.get(name, 0.0) for part in gathered) for name in names}

    def merged(self, part: torch.Tensor) -> torch.Tensor:
        """The sum of a tensor over the ranks, each of which filled its own places; on the CPU."""
        if self.size == 1:
            return part
        whole = part.to(self._device)
        torch.distributed.all_reduce(whole)
        return whole.cpu()


def said_by_first(rank: Rank | None, word: bool) -> bool:
    """What the first rank says: all of them have to do the same."""
    if rank is None:
        return word
    words = [word]
    torch.distributed.broadcast_object_list(words, src=0)
    return words[0]
