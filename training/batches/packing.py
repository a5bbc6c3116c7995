"""Packs a batch into rows of micro-batches: several sequences per row, and one copy of a prompt for its answers. Pure.

A row consists of blocks; a block is one prompt and one or more of its answers. An answer attends to its prompt and to
itself only, and its positions continue those of the prompt, so every token has the same hidden state as in a sequence
of its own. R rows, W columns of a row, K counted tokens.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch.nn.functional import pad

from openqwq.training.batches.collate import Batch
from openqwq.training.batches.segments import Segment, SegmentLayout

ROW_TOKENS = 256
"""Least width of a row where sequences are short. Narrower rows leave gaps and share prompts between fewer answers,
wider rows cost more attention; measured on the lengths of the quickstart."""


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


@dataclass(frozen=True)
class Block:
    """A prompt and one or more answers to it."""

    sequences: tuple[int, ...]
    """Numbers of the sequences in the batch, one for each answer."""
    length: int
    """Number of tokens, the prompt counted once."""


def plan_micro_batches(
    batch: Batch, max_tokens: int, row_tokens: int = ROW_TOKENS, share_prompts: bool = True, ranks: int = 1
) -> list[list[MicroBatch]]:
    """The micro-batches of each of `ranks` trainer ranks, of at most `max_tokens` tokens (but at least one row) each.

    Rows are as wide as the longest sequence, or `row_tokens` where that is more and fits, filled longest block first.
    With `share_prompts=False` every block has one answer. Every rank gets equally many micro-batches; the last ones may
    hold no rows.
    """
    lengths = batch.lengths_N.tolist()
    width = max(*lengths, min(row_tokens, max_tokens))
    rows = fill_rows(_blocks(batch, width, share_prompts), width)
    per_micro = max(1, max_tokens // width)
    shards = _deal(rows, ranks)
    count = max(-(-len(shard) // per_micro) for shard in shards)
    return [[lay_out(batch, shard[k * per_micro : (k + 1) * per_micro]) for k in range(count)] for shard in shards]


def fill_rows(blocks: Sequence[Block], width: int) -> list[list[Block]]:
    """Put each block into the first row with room for it, the longest block first."""
    rows: list[list[Block]] = []
    room: list[int] = []
    for block in sorted(blocks, key=lambda b: (-b.length, b.sequences)):
        index = next((i for i, free in enumerate(room) if free >= block.length), None)
        if index is None:
            rows.append([])
            room.append(width)
            index = len(rows) - 1
        rows[index].append(block)
        room[index] -= block.length
    return rows


def _deal(rows: Sequence[list[Block]], ranks: int) -> list[list[list[Block]]]:
    """Deal the rows to the ranks in equal numbers: the fullest row first, and the order of ranks reversed in every
    other turn, so that the tokens without padding are balanced as well."""
    order = sorted(rows, key=lambda row: -sum(block.length for block in row))
    shards: list[list[list[Block]]] = [[] for _ in range(ranks)]
    for i, row in enumerate(order):
        turn, index = divmod(i, ranks)
        shards[index if turn % 2 == 0 else ranks - 1 - index].append(row)
    return shards


def _blocks(batch: Batch, width: int, share_prompts: bool) -> list[Block]:
    lengths, prompts = batch.lengths_N.tolist(), batch.prompt_lengths_N.tolist()
    starts, tokens = batch.starts_N.tolist(), batch.tokens_S.tolist()
    by_prompt: defaultdict[tuple[int, ...], list[int]] = defaultdict(list)
    for n, start in enumerate(starts):
        # an environment may give samples of one group different prompts, so blocks are formed by tokens, not by group
        key = tuple(tokens[start : start + prompts[n]]) if share_prompts else (n,)
        by_prompt[key].append(n)
    blocks = []
    for sequences in by_prompt.values():
        prompt = prompts[sequences[0]]
        answers = [Block((n,), lengths[n] - prompt) for n in sequences]
        for row in fill_rows(answers, width - prompt):
            members = tuple(n for block in row for n in block.sequences)
            blocks.append(Block(members, prompt + sum(block.length for block in row)))
    return blocks


def lay_out(batch: Batch, rows: Sequence[Sequence[Block]]) -> MicroBatch:
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
    segments, sources, indices, sequences = [], [], [], []
    counted_before_S = batch.loss_mask_S.long().cumsum(0) - batch.loss_mask_S.long()
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
                indices.append(counted_before_S[start + prompt + counted])
                sequences.append(torch.full_like(counted, n))
                column = stop
            assert column - block_start == block.length
    empty = torch.zeros(0, dtype=torch.long)
    indices_K = torch.cat(indices) if indices else empty
    return MicroBatch(
        tokens_RW=tokens,
        positions_RW=positions,
        segments=tuple(segments),
        source_K=torch.cat(sources) if sources else empty,
        targets_K=batch.tokens_S[batch.loss_mask_S][indices_K],
        indices_K=indices_K,
        sequence_K=torch.cat(sequences) if sequences else empty,
    )
