"""Lays a batch out in rows of micro-batches: several sequences per row, and one copy of a prompt for its answers. Pure;
`rows.py` plans which sequences stand where.

An answer attends to its prompt and to itself only, and its positions continue those of the prompt, so every token has
the same hidden state as in a sequence of its own. R rows, W columns of a row, K counted tokens.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b

import torch
from torch.nn.functional import pad

from openqwq.training.batches.collate import Batch
from openqwq.training.batches.rows import ROW_TOKENS, Row, Rows, Sizes, plan_rows
from openqwq.training.batches.segments import Segment, SegmentLayout


@dataclass(frozen=True)
class MicroBatch:
    """Rows for one forward and backward pass. `lay_out` shows an example row."""

    tokens_RW: torch.Tensor
    """Whole rows, or the columns of them that one rank of a sequence group computes."""
    positions_RW: torch.Tensor
    """Position of each token in its own sequence; the same columns as `tokens_RW`."""
    segments: tuple[Segment, ...]
    """Which of a row's tokens see which. Always of whole rows."""
    source_K: torch.Tensor
    """Flat index (row * W + column) of the hidden state that predicts each counted token."""
    targets_K: torch.Tensor
    """The counted tokens."""
    indices_K: torch.Tensor
    """Their indices among the counted tokens of the batch."""
    sequence_K: torch.Tensor
    """The numbers of their sequences in the batch."""

    @property
    def num_computed(self) -> int:
        """Number of tokens that are computed, padding included."""
        return self.tokens_RW.numel()

    def uncounted(self) -> "MicroBatch":
        """The same rows without counted tokens, for a rank that has no rows left while other ranks still compute."""
        none = self.indices_K[:0]
        return replace(self, source_K=none, targets_K=none, indices_K=none, sequence_K=none)

    def columns(self, index: int, parts: int) -> "MicroBatch":
        """The shard of rank `index` among `parts` ranks that share the rows: an equal number of columns each (the rows
        are padded on the right), and the counted tokens that these columns predict."""
        width = -(-self.tokens_RW.shape[1] // parts)
        missing = width * parts - self.tokens_RW.shape[1]
        mine = slice(index * width, (index + 1) * width)
        row_K, column_K = self.source_K // self.tokens_RW.shape[1], self.source_K % self.tokens_RW.shape[1]
        is_mine = (column_K >= mine.start) & (column_K < mine.stop)
        return MicroBatch(
            tokens_RW=pad(self.tokens_RW, (0, missing))[:, mine],
            positions_RW=pad(self.positions_RW, (0, missing))[:, mine],
            segments=self.segments,
            source_K=(row_K * width + column_K - mine.start)[is_mine],
            targets_K=self.targets_K[is_mine],
            indices_K=self.indices_K[is_mine],
            sequence_K=self.sequence_K[is_mine],
        )

    def layout(self, parts: int, device: torch.device) -> SegmentLayout:
        """The segments for attention kernels, where `parts` ranks share the rows."""
        rows, columns = self.tokens_RW.shape
        return SegmentLayout(self.segments, rows, columns * parts, device)


def plan_micro_batches(
    batch: Batch,
    max_tokens: int,
    row_tokens: int = ROW_TOKENS,
    share_prompts: bool = True,
    ranks: int = 1,
    pair_work: float = 0.0,
) -> list[list[Rows]]:
    """The rows of each micro-batch of each of `ranks` trainer ranks, by `plan_rows`; `lay_out` makes a micro-batch of
    them. `pair_work` is that of `Sizes`. With `share_prompts=False` every block has one answer."""
    sizes = Sizes(
        lengths=batch.lengths_N.tolist(),
        prompt_lengths=batch.prompt_lengths_N.tolist(),
        prompts=_prompts(batch) if share_prompts else range(len(batch)),
        pair_work=pair_work,
    )
    return plan_rows(sizes, max_tokens, row_tokens, ranks)


def _prompts(batch: Batch) -> list[int]:
    """The first sequence with the same prompt, for each sequence. By tokens and not by group, because an environment
    may give samples of one group different prompts; compared by digests, so that long prompts are not held twice."""
    tokens, first_with = batch.tokens_S.numpy(), dict[bytes, int]()
    bounds = zip(batch.starts_N.tolist(), batch.prompt_lengths_N.tolist(), strict=True)
    digests = (blake2b(tokens[start : start + length].data, digest_size=16).digest() for start, length in bounds)
    return [first_with.setdefault(digest, n) for n, digest in enumerate(digests)]


def lay_out(batch: Batch, rows: Sequence[Row]) -> MicroBatch:
    """A micro-batch of these rows, as wide as the fullest of them.

    Example: a row of two blocks. The prompt p has the answers a and b, the prompt q has the answer c:

        column      0   1   2   3   4   5   6   7   8   9
        token       p0  p1  p2  a0  a1  b0  b1  b2  q0  c0
        position    0   1   2   3   4   3   4   5   0   1    each answer continues the positions of its prompt
        segment     0   0   0   0   0   1   1   1   2   2    the second one sees columns 0 to 2 as well
        source                  2   3   2   5   6       8    the column before; for a first token, the prompt's last one
    """
    width = max((sum(block.length for block in row) for row in rows), default=0)
    shape = (len(rows), width)
    tokens, positions = torch.zeros(shape, dtype=torch.long), torch.zeros(shape, dtype=torch.long)
    segments, sources, targets, indices, sequences = [], [], [], [], []
    for r, row in enumerate(rows):
        column = 0
        for block in row:
            prompt = int(batch.prompt_lengths_N[block.sequences[0]])
            block_start, last_of_prompt = column, column + prompt - 1
            for a, n in enumerate(block.sequences):
                start, length = int(batch.starts_N[n]), int(batch.lengths_N[n])
                taken = slice(start if a == 0 else start + prompt, start + length)
                stop = column + taken.stop - taken.start
                tokens[r, column:stop] = batch.tokens_S[taken]
                first = stop - (length - prompt)  # column of the answer's first token
                positions[r, column:stop] = torch.arange(length)[-(stop - column) :]
                seen = () if a == 0 else (block_start, block_start + prompt)
                segments.append(Segment(r, column, stop, *seen))
                counted = batch.loss_mask_S[start + prompt : start + length].nonzero()[:, 0]  # offsets in the answer
                columns = first + counted
                before = torch.where(counted == 0, last_of_prompt, columns - 1)
                sources.append(r * width + before)
                indices.append(int(batch.loss_starts_N[n]) + torch.arange(len(counted)))
                targets.append(batch.tokens_S[start + prompt + counted])
                sequences.append(torch.full_like(counted, n))
                column = stop
            assert column - block_start == block.length
    empty = torch.zeros(0, dtype=torch.long)
    return MicroBatch(
        tokens_RW=tokens,
        positions_RW=positions,
        segments=tuple(segments),
        source_K=torch.cat(sources) if sources else empty,
        targets_K=torch.cat(targets) if targets else empty,
        indices_K=torch.cat(indices) if indices else empty,
        sequence_K=torch.cat(sequences) if sequences else empty,
    )
