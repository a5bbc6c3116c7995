"""A KV cache that is allocated once per batch, so that decoding writes in place instead of concatenating at each
step."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from transformers.cache_utils import Cache, DynamicLayer


@dataclass(frozen=True)
class Part:
    """Rows of a batch's keys or values, [rows, kv_heads, positions, head_dim]; the first `length` positions are in
    use."""

    states: torch.Tensor
    rows: torch.Tensor
    length: int


def gathered(parts: Sequence[Part], width: int, capacity: int) -> torch.Tensor:
    """The rows of all parts, each with its last states before column `width`, in a tensor with room for `capacity`. A
    column for which a part has no states is zero: it is masked, and what is masked is still multiplied by zero."""
    first = parts[0].states
    count = sum(len(part.rows) for part in parts)
    whole = first.new_empty((count, first.shape[1], capacity, first.shape[3]))
    start = 0
    for part in parts:
        end, used = start + len(part.rows), min(part.length, width)
        whole[start:end, :, : width - used] = 0
        whole[start:end, :, width - used : width] = part.states[part.rows, :, part.length - used : part.length]
        start = end
    return whole


def left_padding(positions_B: torch.Tensor, width: int, capacity: int) -> torch.Tensor:
    """[B, capacity]: whether a column lies before the tokens of its row, the last of which is in column `width` - 1."""
    return torch.arange(capacity, device=positions_B.device) < (width - positions_B)[:, None]


class PreallocatedLayer(DynamicLayer):
    """One layer's keys and values, [rows, kv_heads, capacity, head_dim], of which the first `length` are in use."""

    def __init__(self, capacity: int) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.capacity = capacity
        self.length = 0

    def lazy_initialization(self, key_states: torch.Tensor, value_states: torch.Tensor) -> None:
        rows, heads, _, size = key_states.shape
        self.keys = key_states.new_empty((rows, heads, self.capacity, size))
        self.values = value_states.new_empty((rows, heads, self.capacity, value_states.shape[3]))
        self.is_initialized = True

    def update(
        self, key_states: torch.Tensor, value_states: torch.Tensor, *args: object, **kwargs: object
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Write the new states after the old ones; returns views of all states so far."""
        if not self.is_initialized:
            self.lazy_initialization(key_states, value_states)
        end = self.length + key_states.shape[2]
        assert self.keys is not None and self.values is not None
        self.keys[:, :, self.length : end] = key_states
        self.values[:, :, self.length : end] = value_states
        self.length = end
        return self.keys[:, :, :end], self.values[:, :, :end]

    def get_seq_length(self) -> int:
        return self.length

    def batch_select_indices(self, indices: torch.Tensor) -> None:
        """Make the batch consist of these rows; a row may be repeated."""
        assert self.keys is not None and self.values is not None
        self.keys = self._rows(self.keys, indices)
        self.values = self._rows(self.values, indices)

    def _rows(self, states: torch.Tensor, indices: torch.Tensor) -> torch.Tensor:
        kept = states.new_empty((len(indices), *states.shape[1:]))
        kept[:, :, : self.length] = states[indices, :, : self.length]
        return kept


class PreallocatedCache(Cache):
    """A cache of `num_layers` preallocated layers with room for `capacity` positions."""

    def __init__(self, num_layers: int, capacity: int) -> None:
        self.own_layers = [PreallocatedLayer(capacity) for _ in range(num_layers)]
        super().__init__(layers=list(self.own_layers))

    def keep_rows(self, indices: torch.Tensor) -> None:
        """Make the batch consist of these rows in every layer; a row may be repeated."""
        for layer in self.own_layers:
            layer.batch_select_indices(indices)

    def gather(self, parts: Sequence[tuple["PreallocatedCache", torch.Tensor]], width: int, capacity: int) -> None:
        """Make the batch consist of these rows of these caches. None of the rows has more than `width` tokens."""
        for i, layer in enumerate(self.own_layers):
            others = [(cache.own_layers[i], rows) for cache, rows in parts]
            keys = [Part(other.keys, rows, other.length) for other, rows in others if other.keys is not None]
            values = [Part(other.values, rows, other.length) for other, rows in others if other.values is not None]
            layer.keys = gathered(keys, width, capacity)
            layer.values = gathered(values, width, capacity)
            layer.length, layer.capacity = width, capacity
