"""The forward passes of the `hf` engine: a contract for decoding one token per row of a batch, and its implementation
for any transformers model with full attention. B rows, P positions, V vocabulary."""

from collections.abc import Sequence
from typing import Any, Protocol

import torch
from transformers import PreTrainedModel

from openqwq.training.models import context_held_by
from openqwq.training.rollout.dense_decoder import DenseDecoder, fuse_projections, prefill_mask, prefill_positions
from openqwq.training.rollout.kv_cache import PreallocatedCache, left_padding


class Decoder(Protocol):
    """Holds the KV cache of a batch. Contexts are padded on the left, so that all rows write to the same column."""

    positions: torch.Tensor
    """Number of tokens of each row in the cache, [B]."""

    def prefill(self, ids_BP: torch.Tensor, valid_BP: torch.Tensor) -> torch.Tensor:
        """Logits [B, V] after each context, float32."""

    def forward_one(self, tokens_B: torch.Tensor) -> torch.Tensor:
        """Logits [B, V] after one more token per row, float32."""

    def keep_rows(self, rows: torch.Tensor) -> None:
        """Make the batch consist of these rows; a row may be repeated."""

    def gather(self, parts: Sequence[tuple[Any, torch.Tensor]], width: int, capacity: int) -> None:
        """Make the batch consist of these rows of these decoders, which are of the same kind and model. None of the
        rows has more than `width` tokens; there is room for `capacity`."""


def make_decoder(model: PreTrainedModel, capacity: int) -> Decoder:
    """A DenseDecoder for dense models of the Llama family, a TransformersDecoder for other models."""
    fused = fuse_projections(model)
    return TransformersDecoder(model, capacity) if fused is None else DenseDecoder(fused, capacity)


class TransformersDecoder:
    """Implements Decoder with the model's own forward pass in transformers."""

    def __init__(self, model: PreTrainedModel, capacity: int) -> None:
        self.model = model
        self.last_position = (context_held_by(model.config) or torch.iinfo(torch.long).max) - 1
        self.cache = PreallocatedCache(model.config.num_hidden_layers, capacity)

    def prefill(self, ids_BP: torch.Tensor, valid_BP: torch.Tensor) -> torch.Tensor:
        self.valid, self.positions = valid_BP, valid_BP.sum(1)
        return self._forward(ids_BP, prefill_mask(valid_BP), prefill_positions(valid_BP))

    def forward_one(self, tokens_B: torch.Tensor) -> torch.Tensor:
        self.valid = torch.cat([self.valid, self.valid.new_ones(len(tokens_B), 1)], dim=1)
        logits = self._forward(tokens_B[:, None], self.valid[:, None, None, :], self.positions[:, None])
        # an ended row is decoded until it is dropped, and a learned embedding has no row for a position beyond
        self.positions = (self.positions + 1).clamp(max=self.last_position)
        return logits

    def keep_rows(self, rows: torch.Tensor) -> None:
        self.cache.keep_rows(rows)
        self.valid, self.positions = self.valid[rows], self.positions[rows]

    def gather(self, parts: Sequence[tuple[Any, torch.Tensor]], width: int, capacity: int) -> None:
        self.positions = torch.cat([decoder.positions[rows] for decoder, rows in parts])
        self.valid = ~left_padding(self.positions, width, width)
        self.cache.gather([(decoder.cache, rows) for decoder, rows in parts], width, capacity)

    def _forward(self, ids: torch.Tensor, mask: torch.Tensor, positions: torch.Tensor) -> torch.Tensor:
        out = self.model(
            input_ids=ids,
            attention_mask=mask,
            position_ids=positions,
            past_key_values=self.cache,
            logits_to_keep=1,
        )
        logits: torch.Tensor = out.logits[:, -1].float()
        return logits
