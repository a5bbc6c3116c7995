"""The default engine: a transformers model decoded by a sampler of ours that starts everywhere.

Samples of one prompt share its prefill; finished rows leave the batch; each row draws from its own stream of uniform
numbers, so what a sample is depends on its seed and not on who shares the batch (up to floating point).
"""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import torch
from transformers import PreTrainedModel

from openqwq.training.errors import EngineError
from openqwq.training.rollout.engine import Generated, GenerationRequest
from openqwq.training.rollout.kv_cache import PreallocatedCache
from openqwq.training.weights import copy_into

COMPACT_SHARE = 0.125
"""Rows are dropped from the batch when this share of it has ended: each drop copies the cache once."""


class HFEngine:
    """Decodes with `model` on its own device. Implements RolloutEngine."""

    def __init__(self, model: PreTrainedModel, stop_tokens: Sequence[int], max_batch: int = 256) -> None:
        kinds = set(getattr(model.config, "layer_types", None) or ["full_attention"])
        if kinds != {"full_attention"}:
            raise EngineError(f"the hf engine decodes full attention only, the model has {sorted(kinds)}; use vllm")
        self.model = model.eval()
        self.stop_tokens = torch.tensor(sorted(stop_tokens), device=model.device)
        self.max_batch = max_batch
        self.weights_version = 0

    def generate(self, requests: Sequence[GenerationRequest]) -> Iterator[Generated]:
        """Yield each completion as soon as it ends; waves of `max_batch`, prompts of like length together."""
        waiting = sorted(requests, key=lambda r: (len(r.tokens), r.key))
        for start in range(0, len(waiting), self.max_batch):
            yield from self._wave(waiting[start : start + self.max_batch])

    @torch.inference_mode()
    def _wave(self, requests: Sequence[GenerationRequest]) -> Iterator[Generated]:
        batch = _Batch(self.model, requests)
        logits = batch.prefill()
        while True:
            tokens = batch.draw(logits)
            ended = torch.isin(tokens, self.stop_tokens)
            yield from batch.take(tokens, ended)
            if not batch.alive:
                return
            logits = batch.forward_one()

    def load_weights(self, version: int, arrays: Mapping[str, np.ndarray]) -> None:
        """Replace the weights in place."""
        copy_into(self.model, arrays)
        self.weights_version = version

    @torch.inference_mode()
    def logprobs(self, tokens: Sequence[int]) -> list[float]:
        """log p of tokens[1:], temperature 1."""
        ids = torch.tensor([list(tokens)], device=self.model.device)
        logits = self.model(input_ids=ids, use_cache=False).logits[0, :-1].float()
        picked = torch.log_softmax(logits, -1).gather(-1, ids[0, 1:, None])
        return [float(x) for x in picked[:, 0]]


class _Batch:
    """The rows of one wave while they are decoded. B rows, P prompt positions, T tokens so far."""

    def __init__(self, model: PreTrainedModel, requests: Sequence[GenerationRequest]) -> None:
        self.model = model
        self.requests = requests
        self.device = model.device
        limit = max(r.max_new_tokens for r in requests)
        self.uniforms = torch.from_numpy(np.stack([_uniforms(r.seed, limit) for r in requests])).to(self.device)
        self.limits = torch.tensor([r.max_new_tokens for r in requests], device=self.device)
        self.temperatures = torch.tensor([r.temperature for r in requests], device=self.device)
        self.rows = torch.arange(len(requests), device=self.device)  # position in the wave of each row of the batch
        self.tokens = torch.zeros(len(requests), limit, dtype=torch.long)
        self.logprobs = torch.zeros(len(requests), limit)
        self.step = 0
        self.is_done = torch.zeros(len(requests), dtype=torch.bool, device=self.device)
        self.last: torch.Tensor = self.rows

    @property
    def alive(self) -> bool:
        return len(self.rows) > 0

    def prefill(self) -> torch.Tensor:
        """Logits after each prompt, [B, V]. Each distinct prompt is computed once and its cache rows repeated."""
        distinct = list(dict.fromkeys(r.tokens for r in self.requests))
        width = max(map(len, distinct))
        ids = torch.zeros(len(distinct), width, dtype=torch.long)
        valid = torch.zeros(len(distinct), width, dtype=torch.bool)
        for i, tokens in enumerate(distinct):
            ids[i, width - len(tokens) :] = torch.tensor(tokens)
            valid[i, width - len(tokens) :] = True
        ids, valid = ids.to(self.device), valid.to(self.device)
        self.cache = PreallocatedCache(self.model.config.num_hidden_layers, width + self.tokens.shape[1])
        causal = torch.ones(width, width, dtype=torch.bool, device=self.device).tril()
        mask = (causal & valid[:, None, :]) | torch.eye(width, dtype=torch.bool, device=self.device)
        positions = (valid.cumsum(1) - 1).clamp(min=0)
        logits = self._forward(ids, mask[:, None], positions)
        place = {tokens: i for i, tokens in enumerate(distinct)}
        spread = torch.tensor([place[r.tokens] for r in self.requests], device=self.device)
        self.cache.keep_rows(spread)
        self.valid, self.positions = valid[spread], valid.sum(1)[spread]
        return logits[spread]

    def _forward(self, ids: torch.Tensor, mask: torch.Tensor, positions: torch.Tensor) -> torch.Tensor:
        out = self.model(
            input_ids=ids,
            attention_mask=mask,
            position_ids=positions,
            past_key_values=self.cache,
            use_cache=True,
            logits_to_keep=1,
        )
        logits: torch.Tensor = out.logits[:, -1].float()
        return logits

    def forward_one(self) -> torch.Tensor:
        """Logits after the tokens drawn last, [B, V]."""
        self.valid = torch.cat([self.valid, self.valid.new_ones(len(self.rows), 1)], dim=1)
        logits = self._forward(self.last[:, None], self.valid[:, None, None, :], self.positions[:, None])
        self.positions = self.positions + 1
        return logits

    def draw(self, logits: torch.Tensor) -> torch.Tensor:
        """One token per row by inverting the cumulative distribution at the row's own uniform number, [B]."""
        temperature = self.temperatures[self.rows]
        is_greedy = temperature == 0
        logprobs = torch.log_softmax(logits / torch.where(is_greedy, 1.0, temperature)[:, None], -1)
        cumulative = logprobs.double().exp().cumsum(-1)
        target = self.uniforms[self.rows, self.step, None] * cumulative[:, -1:]
        sampled = torch.searchsorted(cumulative, target, right=True)[:, 0].clamp(max=logits.shape[-1] - 1)
        tokens = torch.where(is_greedy, logits.argmax(-1), sampled)
        places = self.rows.cpu()
        self.tokens[places, self.step] = tokens.cpu()
        self.logprobs[places, self.step] = logprobs.gather(-1, tokens[:, None])[:, 0].cpu()
        self.last = tokens
        return tokens

    def take(self, tokens: torch.Tensor, ended: torch.Tensor) -> Iterator[Generated]:
        """Yield rows that end with this token; drop ended rows from the batch now and then."""
        self.step += 1
        is_cut = self.limits[self.rows] <= self.step
        fresh = (ended | is_cut) & ~self.is_done
        for i in fresh.nonzero()[:, 0].tolist():
            row = int(self.rows[i])
            yield Generated(
                key=self.requests[row].key,
                tokens=tuple(self.tokens[row, : self.step].tolist()),
                logprobs=tuple(self.logprobs[row, : self.step].tolist()),
                finish_reason="stop" if bool(ended[i]) else "length",
            )
        self.is_done |= fresh
        done = int(self.is_done.sum())
        if done == len(self.rows) or done >= COMPACT_SHARE * len(self.rows):
            self._compact()

    def _compact(self) -> None:
        keep = (~self.is_done).nonzero()[:, 0]
        self.rows, self.valid, self.positions = self.rows[keep], self.valid[keep], self.positions[keep]
        self.last, self.is_done = self.last[keep], self.is_done[keep]
        if len(keep):
            self.cache.keep_rows(keep)


def _uniforms(seed: int, count: int) -> np.ndarray:
    """The uniform numbers in [0, 1) that decide one sample, whatever batch it is drawn in."""
    return np.random.Generator(np.random.Philox(key=seed)).random(count)
