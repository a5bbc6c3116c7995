"""This process among the ranks that train together: its shard of a batch, and sums over the ranks.

With several ranks every method is a collective: all ranks call it, in the same order.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import torch
from transformers import PretrainedConfig

from openqwq.training.backends.sequence_parallel import make_sequence_group
from openqwq.training.batches.collate import Batch
from openqwq.training.batches.packing import MicroBatch, lay_out, plan_micro_batches


@dataclass(frozen=True)
class Rank:
    """One process of a group of trainer ranks. Example: `Rank(0, 2, "10.0.0.4", 29500, zero_stage=3)`"""

    rank: int
    world_size: int
    master_address: str
    master_port: int
    zero_stage: int
    offload: str = "none"
    sequence_parallel: int = 1
    gradient_dtype: Literal["float32", "bfloat16"] = "float32"
    """Type in which gradients are summed; `bfloat16` makes no difference to a model in float32."""


class Ranks:
    """The group of ranks, seen from one of them; with `rank=None` the process trains alone. `pair_work`: of the model
    whose work is shared (`batches/rows.py`); 0 shares tokens alone."""

    def __init__(self, rank: Rank | None, device: torch.device, pair_work: float = 0.0) -> None:
        self.index, self.size = (rank.rank, rank.world_size) if rank else (0, 1)
        self.sequence_group = make_sequence_group(rank.rank, rank.world_size, rank.sequence_parallel) if rank else None
        self._device, self._pair_work = device, pair_work

    def own_shard(self, batch: Batch, max_tokens: int) -> list[MicroBatch]:
        """This rank's micro-batches, or its columns of the micro-batches of its sequence group. Every rank gets the
        same number of them, because each forward and backward pass is a collective. The sizes of all sequences are
        planned on every rank, which costs seconds for 45M tokens; tokens are laid out for this rank alone."""
        group = self.sequence_group
        columns = group.size if group else 1
        plan = plan_micro_batches(batch, max_tokens, ranks=self.size // columns, pair_work=self._pair_work)
        mine = plan[self.index // columns]
        micros = [lay_out(batch, rows) if rows else lay_out(batch, plan[0][0]).uncounted() for rows in mine]
        return [micro.columns(group.index, columns) for micro in micros] if group else micros

    def total(self, sums: Mapping[str, float]) -> dict[str, float]:
        """Each number summed over the ranks."""
        if self.size == 1:
            return dict(sums)
        gathered: list[Any] = [None] * self.size
        torch.distributed.all_gather_object(gathered, dict(sums))
        names = dict.fromkeys(name for part in gathered for name in part)
        return {name: sum(part.get(name, 0.0) for part in gathered) for name in names}

    def merged(self, part: torch.Tensor) -> torch.Tensor:
        """The sum of a tensor over the ranks, each of which filled its own indices and left zeros elsewhere; on the
        CPU."""
        if self.size == 1:
            return part
        whole = part.to(self._device)
        torch.distributed.all_reduce(whole)
        return whole.cpu()


def pair_work(config: PretrainedConfig) -> float:
    """`Sizes.pair_work` of a decoder, by its configuration: 2 L A d / P with P = L (H d (2 A + 2 K) + 3 H I) + V H, for
    L layers with A query and K key heads of width d, hidden width H, vocabulary V, and I the width of the MLP, or of
    the experts of a token. Windows are not taken into account: it only weighs the shares of ranks."""
    given = config.get_text_config().to_dict()
    layers, hidden = config.get_text_config().num_hidden_layers, config.get_text_config().hidden_size
    heads = config.get_text_config().num_attention_heads
    key_heads, width = given.get("num_key_value_heads") or heads, given.get("head_dim") or hidden // heads
    experts = given.get("num_experts_per_tok") or 1
    inner = given.get("moe_intermediate_size") if experts > 1 else None
    inner = experts * (inner or given.get("intermediate_size") or 4 * hidden)
    layer = hidden * width * (2 * heads + 2 * key_heads) + 3 * hidden * inner
    return float(2 * layers * heads * width / (layers * layer + config.get_text_config().vocab_size * hidden))


def from_first_rank(rank: Rank | None, value: bool) -> bool:
    """The first rank's value, on every rank, so that all ranks take the same decision."""
    if rank is None:
        return value
    values = [value]
    torch.distributed.broadcast_object_list(values, src=0)
    return values[0]
