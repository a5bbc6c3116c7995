"""Draws one token per row from logits: temperature, top-k, top-p, by inverting the cumulative distribution.

A vocabulary of 150,000 words makes the draw as dear as a decoding step of a small model, so nothing here passes over it
in double precision. B rows, V vocabulary, C candidates.
"""

from collections.abc import Sequence

import numpy as np
import torch

from openqwq.training.rollout.engine import GenerationRequest

BLOCK = 256
"""Tokens whose weights are added up before they are searched."""
CANDIDATES = 1024
"""Likeliest tokens in which top-p looks first. Where they do not hold its probability, it looks in all."""


class Drawing:
    """The settings of a batch's requests, and the draw itself."""

    def __init__(self, requests: Sequence[GenerationRequest], device: torch.device) -> None:
        self.is_greedy = torch.tensor([r.temperature == 0 for r in requests], device=device)
        self.scale = torch.tensor([1.0 / (r.temperature or 1.0) for r in requests], device=device)[:, None]
        self.has_greedy = any(r.temperature == 0 for r in requests)
        self.is_scaled = any(r.temperature not in (0, 1) for r in requests)
        self.truncation = Truncation(requests, device)

    def draw(
        self, logits_BV: torch.Tensor, uniforms_B: torch.Tensor, rows_B: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """A token for each row, and its log-probability at the row's temperature in the whole vocabulary.

        logits_BV: float32. uniforms_B: float64 in [0, 1). rows_B: the request of each row.
        """
        scaled = logits_BV * self.scale[rows_B] if self.is_scaled else logits_BV
        largest = scaled.amax(1, keepdim=True)
        weights = (scaled - largest).exp_()
        sums = block_sums(weights)
        totals = sums.sum(1)
        tokens = inverse_cdf(weights, sums, uniforms_B)
        if self.truncation.is_on:
            cut = self.truncation.is_cut[rows_B].nonzero()[:, 0]  # none, where those rows have ended
            tokens[cut] = self.truncation.draw(weights[cut], totals[cut], uniforms_B[cut], rows_B[cut])
        if self.has_greedy:
            tokens = torch.where(self.is_greedy[rows_B], logits_BV.argmax(1), tokens)
        picked = (scaled.gather(1, tokens[:, None]) - largest)[:, 0].double() - totals.log()
        return tokens, picked.float()


def block_sums(weights_BV: torch.Tensor) -> torch.Tensor:
    """The sums of BLOCK weights each, the last of them of what is left, in float64: in single precision a token with a
    weight of 1 would hide all rare ones of its block."""
    size = weights_BV.shape[1]
    whole = size - size % BLOCK
    blocks = weights_BV[:, :whole].unflatten(1, (whole // BLOCK, BLOCK))
    if blocks.is_cpu:  # there torch's sum converts all weights before it adds: seven times the time of numpy's
        sums = torch.from_numpy(np.add.reduce(blocks.numpy(), axis=2, dtype=np.float64))
    else:
        sums = blocks.sum(2, dtype=torch.float64)
    if whole == size:
        return sums
    return torch.cat([sums, weights_BV[:, whole:].sum(1, keepdim=True, dtype=torch.float64)], 1)


def inverse_cdf(weights_BV: torch.Tensor, sums: torch.Tensor, uniforms_B: torch.Tensor) -> torch.Tensor:
    """The first token of each row up to which there is more than the fraction `uniform` of its weights.

    sums: `block_sums` of the weights. The token is looked for among the blocks, then in one.
    """
    size = weights_BV.shape[1]
    up_to = sums.cumsum(1)
    target = uniforms_B[:, None] * up_to[:, -1:]
    block = _first_beyond(up_to, target)
    before = (up_to - sums).gather(1, block)
    tokens = block * BLOCK + torch.arange(BLOCK, device=sums.device)
    inside = weights_BV.gather(1, tokens.clamp(max=size - 1)).double() * (tokens < size)
    place = _first_beyond(before + inside.cumsum(1), target)
    return (block * BLOCK + place)[:, 0].clamp(max=size - 1)  # beyond only where the logits are not numbers


def _first_beyond(up_to: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """The first place of each row that holds more than the target, [B, 1]. A target that rounding has put at the end of
    the row is a little less, so that what is found has a weight."""
    end = up_to[:, -1:]
    less = torch.minimum(target, torch.nextafter(end, torch.zeros_like(end)))
    return torch.searchsorted(up_to, less, right=True).clamp(max=up_to.shape[1] - 1)


class Truncation:
    """Top-k and nucleus sampling, for the rows whose requests set them: top-p is a fraction of what top-k leaves, as in
    vLLM and transformers."""

    def __init__(self, requests: Sequence[GenerationRequest], device: torch.device) -> None:
        self.is_on = any(r.top_p < 1 or r.top_k > 0 for r in requests)
        self.is_cut = torch.tensor([r.top_p < 1 or r.top_k > 0 for r in requests], device=device)
        self.top_p = torch.tensor([r.top_p for r in requests], device=device, dtype=torch.float64)
        self.top_k = torch.tensor([r.top_k for r in requests], device=device)

    def draw(
        self,
        weights_BV: torch.Tensor,
        totals_B: torch.Tensor,
        uniforms_B: torch.Tensor,
        rows_B: torch.Tensor,
        num_candidates: int = CANDIDATES,
    ) -> torch.Tensor:
        """As `inverse_cdf`, of the kept tokens. totals_B: the sum of all weights of each row."""
        if not len(rows_B):
            return rows_B
        tokens, weights, is_short = self.kept(weights_BV, totals_B, rows_B, num_candidates)
        up_to = weights.cumsum(1)
        place = _first_beyond(up_to, uniforms_B[:, None] * up_to[:, -1:])
        drawn = tokens.gather(1, place)[:, 0]
        if bool(is_short.any()):
            short = is_short.nonzero()[:, 0]
            rest = (weights_BV[short], totals_B[short], uniforms_B[short], rows_B[short])
            drawn[short] = self.draw(*rest, num_candidates=weights_BV.shape[1])
        return drawn

    def kept(
        self, weights_BV: torch.Tensor, totals_B: torch.Tensor, rows_B: torch.Tensor, num_candidates: int
    ) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        """Candidates in the order of the vocabulary, [B, C]; their weights in float64, 0 for those outside of the top-k
        and top-p sets; and [B] whether the candidates are too few to hold the top-p set."""
        size = weights_BV.shape[1]
        top_k, top_p = self.top_k[rows_B, None], self.top_p[rows_B, None]
        count = min(size, max(int(top_k.max()), num_candidates if bool((top_k == 0).any()) else 1))
        ordered, tokens = weights_BV.topk(count) if count < size else weights_BV.sort(1, descending=True)
        limit = torch.where(top_k > 0, top_k, size)
        likeliest = ordered.double() * (torch.arange(count, device=weights_BV.device) < limit)
        up_to = likeliest.cumsum(1)
        wanted = top_p * torch.where(top_k > 0, up_to[:, -1:], totals_B[:, None])
        kept = likeliest * (up_to - likeliest < wanted)
        if count == size:
            vocabulary = torch.arange(size, device=weights_BV.device).expand(len(rows_B), -1)
            return vocabulary, torch.zeros_like(kept).scatter(1, tokens, kept), torch.zeros_like(rows_B).bool()
        tokens, order = tokens.sort(1)
        is_short = (top_k == 0) & (up_to[:, -1:] < wanted)
        return tokens, kept.gather(1, order), is_short[:, 0]
