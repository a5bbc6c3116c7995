"""The default engine: a transformers model with a decoding loop of our own, which needs no GPU and no further package.

Samples of one prompt share its prefill, and finished rows leave the batch. Each row has its own stream of uniform
random numbers, so a sample depends on its seed and not on the other rows of its batch (up to floating point).
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from transformers import PreTrainedModel

from openqwq.training.errors import EngineError, RecipeError
from openqwq.training.models import context_held_by
from openqwq.training.rollout.decoder import make_decoder
from openqwq.training.rollout.drawing import Drawing
from openqwq.training.rollout.engine import EndReason, Generated, GenerationRequest
from openqwq.training.weight_sync.arrays import copy_into
from openqwq.training.weight_sync.broadcast import Rendezvous, broadcast, join, views
from openqwq.training.weight_sync.buckets import Bucket

COMPACT_FRACTION = 0.125
"""Ended rows are dropped from the batch once they are this fraction of it, because each drop copies the KV cache."""


def check_layers(config: Any) -> None:
    """Can this engine decode a model of this configuration?

    Raises:
        RecipeError: it has layers that do not see everything before a token.
    """
    config = config.get_text_config()
    kinds = set(getattr(config, "layer_types", None) or ())
    window = getattr(config, "sliding_window", None) if getattr(config, "use_sliding_window", True) else None
    if kinds - {"full_attention"} or (not kinds and window is not None):
        found = ", ".join(sorted(kinds)) or f"a sliding window of {window}"
        raise RecipeError(f"the hf engine decodes full attention only, the model has {found}; use rollout.engine=vllm")


class HFEngine:
    """Decodes with `model` on its own device. Implements RolloutEngine."""

    def __init__(self, model: PreTrainedModel, stop_tokens: Sequence[int], max_batch: int = 256) -> None:
        check_layers(model.config)
        self.model = model.eval()
        self.stop_tokens = torch.tensor(sorted(stop_tokens), device=model.device)
        self.max_batch = max_batch
        self.max_context = context_held_by(model.config)
        self.weights_version = 0
        self._kept: set[int] = set()
        """The keys that the last abort spares; every abort makes another object."""

    def generate(self, requests: Sequence[GenerationRequest]) -> Iterator[Generated]:
        """Yield each completion as soon as it ends. Batches hold at most `max_batch` requests, with contexts of similar
        length.

        Raises:
            EngineError: a context leaves no room for a token.
        """
        kept_before = self._kept
        longest = max((len(request.tokens) for request in requests), default=0)
        if self.max_context is not None and longest >= self.max_context:
            raise EngineError(
                f"a context has {longest} tokens and no room for another, the model holds {self.max_context}"
            )
        waiting = sorted(requests, key=lambda r: (len(r.tokens), r.key))
        for start in range(0, len(waiting), self.max_batch):
            batch = waiting[start : start + self.max_batch]
            if self._kept is not kept_before:
                yield from (Generated(r.key, (), (), "abort") for r in batch if r.key not in self._kept)
                batch = [request for request in batch if request.key in self._kept]
            if batch:
                yield from self._decode(batch)

    def abort(self, keep: Collection[int] = ()) -> None:
        """Make `generate` yield the unfinished completions as `abort`, except for the keys in `keep`."""
        self._kept = set(keep)

    @torch.inference_mode()
    def _decode(self, requests: Sequence[GenerationRequest]) -> Iterator[Generated]:
        batch = _DecodingBatch(self.model, self.stop_tokens, requests, self.max_context)
        logits = batch.prefill()
        kept_before = self._kept
        while True:
            yield from batch.sample(logits)
            if self._kept is not kept_before:
                kept_before = self._kept
                yield from batch.release(kept_before)
            if not batch.alive:
                return
            logits = batch.decoder.forward_one(batch.last)

    def load_weights(self, version: int, arrays: Mapping[str, np.ndarray]) -> None:
        """Replace the weights in place."""
        copy_into(self.model, arrays)
        self.weights_version = version

    def join_broadcast(self, rendezvous: Rendezvous, first_rank: int) -> None:
        """Join the group that receives the trainer's broadcasts."""
        self._group = join(rendezvous, first_rank, self.model.device)

    @torch.no_grad()
    def receive_weights(self, version: int, buckets: Sequence[Bucket]) -> None:
        """Replace the weights by those that the trainer broadcasts."""
        parameters = dict(self.model.named_parameters())
        for bucket in buckets:
            memory = torch.empty(bucket.size, dtype=torch.uint8, device=self.model.device)
            broadcast(self._group, memory)
            for name, tensor in views(bucket, memory):
                parameters[name].copy_(tensor)
        self.weights_version = version

    @torch.inference_mode()
    def logprobs(self, tokens: Sequence[int]) -> list[float]:
        """log p of tokens[1:] at temperature 1."""
        ids = torch.tensor([list(tokens)], device=self.model.device)
        logits = self.model(input_ids=ids).logits[0, :-1].float()
        picked = torch.log_softmax(logits, 1).gather(1, ids[0, 1:, None])
        return [float(x) for x in picked[:, 0]]

    def sleep(self, keeps_weights: bool) -> None:
        """Frees nothing: the KV cache is freed at the end of each call, and the weights stay."""

    def close(self) -> None:
        """Has no processes to end."""


class _DecodingBatch:
    """The requests of one batch while they are decoded. A request that ends leaves the batch's rows. B rows, V
    vocabulary."""

    last: torch.Tensor
    """The newest token of each row."""

    def __init__(
        self,
        model: PreTrainedModel,
        stop_tokens: torch.Tensor,
        requests: Sequence[GenerationRequest],
        max_context: int | None,
    ) -> None:
        self.requests, self.stop_tokens, self.device = requests, stop_tokens, model.device
        limits = [_limit(request, max_context) for request in requests]
        width = max(len(r.tokens) for r in requests)
        self.decoder = make_decoder(model, width + max(limits))
        self.uniforms = torch.from_numpy(_uniforms(requests, max(limits))).to(self.device)
        self.limits = torch.tensor(limits, device=self.device)
        self.drawing = Drawing(requests, self.device)
        self.rows = torch.arange(len(requests), device=self.device)  # index of each row's request in `requests`
        self.tokens = torch.zeros(max(limits), len(requests), dtype=torch.long, device=self.device)
        self.logprobs = torch.zeros(max(limits), len(requests), device=self.device)
        self.is_done = torch.zeros(len(requests), dtype=torch.bool, device=self.device)
        self.step, self.num_done = 0, 0

    @property
    def alive(self) -> bool:
        return len(self.rows) > 0

    def prefill(self) -> torch.Tensor:
        """Logits after each context, [B, V]. A context of several requests is computed once; its cache row is
        repeated."""
        distinct = list(dict.fromkeys(r.tokens for r in self.requests))
        width = max(map(len, distinct))
        ids = np.zeros((len(distinct), width), np.int64)
        valid = np.zeros((len(distinct), width), np.bool_)
        for i, tokens in enumerate(distinct):
            ids[i, width - len(tokens) :] = tokens
            valid[i, width - len(tokens) :] = True
        logits = self.decoder.prefill(torch.from_numpy(ids).to(self.device), torch.from_numpy(valid).to(self.device))
        index = {tokens: i for i, tokens in enumerate(distinct)}
        spread = torch.tensor([index[r.tokens] for r in self.requests], device=self.device)
        self.decoder.keep_rows(spread)
        return logits[spread]

    def sample(self, logits: torch.Tensor) -> Iterator[Generated]:
        """Sample one token per row at the row's own uniform number. Yields the completions that end with it; drops
        ended rows when they are COMPACT_FRACTION of the batch."""
        tokens, logprobs = self.drawing.draw(logits, self.uniforms[self.rows, self.step], self.rows)
        self.tokens[self.step, self.rows] = tokens
        self.logprobs[self.step, self.rows] = logprobs
        self.last = tokens
        self.step += 1
        ended = torch.isin(tokens, self.stop_tokens)
        fresh = (ended | (self.limits[self.rows] <= self.step)) & ~self.is_done
        yield from self._finish(fresh, ended)

    def _finish(self, fresh: torch.Tensor, ended: torch.Tensor) -> Iterator[Generated]:
        """Yield the rows that are `fresh`, which ended with this token; those in `ended` ended with a stop token."""
        indices = fresh.nonzero()[:, 0].tolist()
        for i in indices:
            yield self._generated(int(self.rows[i]), "stop" if bool(ended[i]) else "length")
        self.is_done |= fresh
        self.num_done += len(indices)
        if self.num_done >= COMPACT_FRACTION * len(self.rows):
            self._compact()

    def release(self, keep: Collection[int]) -> Iterator[Generated]:
        """Yield every unfinished row whose key is not in `keep` as aborted, and drop it."""
        for i in (~self.is_done).nonzero()[:, 0].tolist():
            row = int(self.rows[i])
            if self.requests[row].key not in keep:
                yield self._generated(row, "abort")
                self.is_done[i] = True
        self._compact()

    def _generated(self, row: int, reason: EndReason) -> Generated:
        return Generated(
            key=self.requests[row].key,
            tokens=tuple(self.tokens[: self.step, row].tolist()),
            logprobs=tuple(self.logprobs[: self.step, row].tolist()),
            finish_reason=reason,
        )

    def _compact(self) -> None:
        keep = (~self.is_done).nonzero()[:, 0]
        self.rows, self.last, self.is_done, self.num_done = self.rows[keep], self.last[keep], self.is_done[keep], 0
        if len(keep):
            self.decoder.keep_rows(keep)


def _limit(request: GenerationRequest, max_context: int | None) -> int:
    """Number of tokens that may still be sampled."""
    left = request.max_new_tokens - request.num_sampled
    return left if max_context is None else min(left, max_context - len(request.tokens))


def _uniforms(requests: Sequence[GenerationRequest], count: int) -> np.ndarray:
    """Uniform numbers in [0, 1) for the next `count` positions of each sample, [B, count]; a sample that goes on after
    an abort skips the numbers that it used before."""
    streams = [
        np.random.Generator(np.random.Philox(key=r.seed)).random(r.num_sampled + count)[r.num_sampled :]
        for r in requests
    ]
    return np.stack(streams)
