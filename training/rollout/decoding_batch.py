"""A batch of the `hf` engine while it is decoded: its rows, what they have sampled, and what they still may. Which
requests share a batch, and when, is decided in `hf_engine.py` and `joining.py`."""

from collections.abc import Collection, Iterator, Sequence

import numpy as np
import torch
from torch.nn import functional as F
from transformers import PreTrainedModel

from openqwq.training.rollout.decoder import Decoder, make_decoder
from openqwq.training.rollout.drawing import Drawing
from openqwq.training.rollout.engine import EndReason, Generated, GenerationRequest

COMPACT_FRACTION = 0.125
"""Ended rows are dropped from the batch once they are this fraction of it, because each drop copies the KV cache."""
LEAST_ROOM = 128
"""Tokens for which an open batch has room beyond its longest conversation: these, or a quarter of the conversation if
that is more. Its cache is copied when it is full. A closed batch has room for the longest turn beyond the longest
conversation, which no row of it may need."""


class DecodingBatch:
    """The requests of one batch while they are decoded. A request that ends leaves the batch's rows. B rows, N
    requests, S tokens that may be sampled, V vocabulary."""

    last: torch.Tensor
    """The newest token of each row, [B]. It is not in the KV cache yet."""

    def __init__(
        self,
        model: PreTrainedModel,
        stop_tokens: torch.Tensor,
        requests: Sequence[GenerationRequest],
        max_context: int | None,
        is_open: bool = False,
    ) -> None:
        """`is_open`: others may join it, or it them, so room for new tokens is made as it is needed."""
        self.requests, self.stop_tokens, self.device = requests, stop_tokens, model.device
        limits = [_limit(request, max_context) for request in requests]
        width = max(len(r.tokens) for r in requests)
        self.decoder = make_decoder(model, width if is_open else width + max(limits))
        self.room = 0 if is_open else max(limits)
        """Tokens that the KV cache still takes."""
        self.uniforms_NS = torch.from_numpy(_uniforms(requests, max(limits))).to(self.device)
        self.limits = torch.tensor(limits, device=self.device)
        self.drawing = Drawing(requests, self.device)
        self.rows = torch.arange(len(requests), device=self.device)  # index of each row's request in `requests`
        self.num_sampled = torch.zeros(len(requests), dtype=torch.long, device=self.device)  # by each row
        self.tokens_SN = torch.zeros(max(limits), len(requests), dtype=torch.long, device=self.device)
        self.logprobs_SN = torch.zeros(max(limits), len(requests), device=self.device)
        self.is_done = torch.zeros(len(requests), dtype=torch.bool, device=self.device)
        self.num_done = 0

    @property
    def num_alive(self) -> int:
        """Requests that have not ended."""
        return len(self.rows) - self.num_done

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

    def forward_one(self) -> torch.Tensor:
        """Logits after the newest token of each row, [B, V]."""
        if self.room == 0:
            self._gather([(self.decoder, self._keep_alive())])
        self.room -= 1
        return self.decoder.forward_one(self.last)

    def sample(self, logits: torch.Tensor) -> Iterator[Generated]:
        """Sample one token per row at the row's own uniform number. Yields the completions that end with it; drops
        ended rows when they are COMPACT_FRACTION of the batch."""
        place = self.num_sampled.clamp(max=len(self.tokens_SN) - 1)  # an ended row goes on until it is dropped
        tokens, logprobs = self.drawing.draw(logits, self.uniforms_NS[self.rows, place], self.rows)
        self.tokens_SN[place, self.rows] = tokens
        self.logprobs_SN[place, self.rows] = logprobs
        self.last = tokens
        self.num_sampled += 1
        ended = torch.isin(tokens, self.stop_tokens)
        fresh = (ended | (self.limits[self.rows] <= self.num_sampled)) & ~self.is_done
        yield from self._finish(fresh, ended)

    def _finish(self, fresh: torch.Tensor, ended: torch.Tensor) -> Iterator[Generated]:
        """Yield the rows that are `fresh`, which ended with this token; those in `ended` ended with a stop token."""
        indices = fresh.nonzero()[:, 0].tolist()
        for i in indices:
            yield self._generated(i, "stop" if bool(ended[i]) else "length")
        self.is_done |= fresh
        self.num_done += len(indices)
        if self.num_done >= COMPACT_FRACTION * len(self.rows):
            self._compact()

    def release(self, keep: Collection[int]) -> Iterator[Generated]:
        """Yield every unfinished row whose key is not in `keep` as aborted, and drop it."""
        for i in (~self.is_done).nonzero()[:, 0].tolist():
            if self.requests[int(self.rows[i])].key not in keep:
                yield self._generated(i, "abort")
                self.is_done[i] = True
        self._compact()

    def _generated(self, row: int, reason: EndReason) -> Generated:
        request, count = int(self.rows[row]), int(self.num_sampled[row])
        return Generated(
            key=self.requests[request].key,
            tokens=tuple(self.tokens_SN[:count, request].tolist()),
            logprobs=tuple(self.logprobs_SN[:count, request].tolist()),
            finish_reason=reason,
        )

    def _compact(self) -> None:
        keep = self._keep_alive()
        if len(keep):
            self.decoder.keep_rows(keep)

    def _keep_alive(self) -> torch.Tensor:
        """Drop the ended rows everywhere but in the decoder. Returns the indices of the others."""
        keep = (~self.is_done).nonzero()[:, 0]
        self.rows, self.last, self.num_sampled = self.rows[keep], self.last[keep], self.num_sampled[keep]
        self.is_done, self.num_done = self.is_done[keep], 0
        return keep

    def join(self, other: "DecodingBatch") -> None:
        """Take over the unfinished requests of another open batch. Both have sampled their newest token."""
        kept, joined = self._keep_alive(), other._keep_alive()
        both = ((self, self.rows), (other, other.rows))
        self.requests = [batch.requests[i] for batch, rows in both for i in rows.tolist()]
        self.limits = torch.cat([batch.limits[rows] for batch, rows in both])
        most = int(self.limits.max())
        self.uniforms_NS = torch.cat([_padded(batch.uniforms_NS[rows].T, most) for batch, rows in both], 1).T
        self.tokens_SN = torch.cat([_padded(batch.tokens_SN[:, rows], most) for batch, rows in both], 1)
        self.logprobs_SN = torch.cat([_padded(batch.logprobs_SN[:, rows], most) for batch, rows in both], 1)
        self.last = torch.cat([self.last, other.last])
        self.num_sampled = torch.cat([self.num_sampled, other.num_sampled])
        self.is_done = torch.cat([self.is_done, other.is_done])
        self.drawing = Drawing(self.requests, self.device)
        self.rows = torch.arange(len(self.requests), device=self.device)
        self._gather([(self.decoder, kept), (other.decoder, joined)])

    def _gather(self, parts: Sequence[tuple[Decoder, torch.Tensor]]) -> None:
        """Make the KV cache hold these rows of these decoders, and room for further tokens."""
        longest = max(int(decoder.positions[rows].max()) for decoder, rows in parts if len(rows))
        most_left = int((self.limits[self.rows] - self.num_sampled).max())
        self.room = min(most_left, max(LEAST_ROOM, longest // 4))
        self.decoder.gather(parts, longest, longest + self.room)


def _padded(states_SN: torch.Tensor, size: int) -> torch.Tensor:
    """The first `size` rows; zeros where there are fewer."""
    return F.pad(states_SN[:size], (0, 0, 0, max(0, size - len(states_SN))))


def _limit(request: GenerationRequest, max_context: int | None) -> int:
    """Number of tokens that may still be sampled."""
    left = request.max_new_tokens - request.num_sampled
    return left if max_context is None else min(left, max_context - len(request.tokens))


def _uniforms(requests: Sequence[GenerationRequest], count: int) -> np.ndarray:
    """Uniform numbers in [0, 1) for the next `count` positions of each sample, [N, count]; a sample that goes on after
    an abort skips the numbers that it used before."""
    streams = [
        np.random.Generator(np.random.Philox(key=r.seed)).random(r.num_sampled + count)[r.num_sampled :]
        for r in requests
    ]
    return np.stack(streams)
