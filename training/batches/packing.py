"""Lays a batch out in rows of a micro-batch: several sequences a row, a prompt once for the answers that share it.

A row is made of blocks; a block is one prompt and one or more of its answers. An answer sees its prompt and itself,
nothing else, and its positions go on from the prompt's, so every token has the hidden state it has alone. Pure.

R rows, W positions in a row, K counted tokens.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch.nn.functional import pad

from openqwq.training.batches.collate import Batch

ROW_TOKENS = 256
"""Least width of a row where sequences are short: narrower rows leave gaps and share prompts between fewer answers,
wider ones cost more attention. Measured on the quickstart's lengths."""


@dataclass(frozen=True)
class MicroBatch:
    """Rows for one forward and backward pass."""

    tokens_RW: torch.Tensor
    """Whole rows, or the columns of them that one rank of a sequence group computes."""
    positions_RW: torch.Tensor
    block_RW: torch.Tensor
    """Number of the block in its row, always of whole rows; -1 is padding."""
    part_RW: torch.Tensor
    """0 in a prompt, 1 and up in its answers."""
    source_K: torch.Tensor
    """Flat place (row * W + column) whose hidden state predicts each counted token."""
    targets_K: torch.Tensor
    """The counted tokens."""
    indices_K: torch.Tensor
    """Their places among the counted tokens of the batch."""
    sequence_K: torch.Tensor
    """Their sequences in the batch."""

    @property
    def num_computed(self) -> int:
        """Positions computed, padding included."""
        return self.tokens_RW.numel()

    def uncounted(self) -> "MicroBatch":
        """The same rows with no token that counts: for a rank that has none left while others compute."""
        none = self.indices_K[:0]
        return replace(self, source_K=none, targets_K=none, indices_K=none, sequence_K=none)

    def columns(self, index: int, parts: int) -> "MicroBatch":
        """The share of one of `parts` ranks that have the rows in common: equal numbers of columns (the rows are padded
        on the right) and the counted tokens that these columns predict."""
        width = -(-self.tokens_RW.shape[1] // parts)
        missing = width * parts - self.tokens_RW.shape[1]
        mine = slice(index * width, (index + 1) * width)
        row_K, column_K = self.source_K // self.tokens_RW.shape[1], self.source_K % self.tokens_RW.shape[1]
        is_mine = (column_K >= mine.start) & (column_K < mine.stop)
        return MicroBatch(
            tokens_RW=pad(self.tokens_RW, (0, missing))[:, mine],
            positions_RW=pad(self.positions_RW, (0, missing))[:, mine],
            block_RW=pad(self.block_RW, (0, missing), value=-1),
            part_RW=pad(self.part_RW, (0, missing)),
            source_K=(row_K * width + column_K - mine.start)[is_mine],
            targets_K=self.targets_K[is_mine],
            indices_K=self.indices_K[is_mine],
            sequence_K=self.sequence_K[is_mine],
        )

    def attention_mask(self) -> torch.Tensor | None:
        """[R, 1, W, W], True where a position is seen; None when plain causal attention does the same: one sequence a
        row, padded on the right."""
        if int(self.part_RW.max()) <= 1 and int(self.block_RW.max()) <= 0:
            return None
        same_block = self.block_RW[:, :, None] == self.block_RW[:, None, :]
        key_part = self.part_RW[:, None, :]
        visible = same_block & ((key_part == 0) | (key_part == self.part_RW[:, :, None]))
        return visible.tril()[:, None]


@dataclass(frozen=True)
class Block:
    """A prompt and answers to it, by sequence number."""

    sequences: tuple[int, ...]
    length: int


def plan_micro_batches(
    batch: Batch, max_tokens: int, row_tokens: int = ROW_TOKENS, share_prompts: bool = True, ranks: int = 1
) -> list[list[MicroBatch]]:
    """The batch as micro-batches of at most `max_tokens` positions (one row at least), dealt to `ranks` trainers.

    Rows are as wide as the longest sequence, or `row_tokens` where that is more and fits, filled longest block first.
    With `share_prompts=False` every block has one answer. Every rank gets equally many micro-batches; the last ones may
    hold no rows.
    """
    if len(batch) == 0:
        return [[] for _ in range(ranks)]
    lengths = batch.lengths_N.tolist()
    width = max(*lengths, min(row_tokens, max_tokens))
    rows = fill_rows(_blocks(batch, width, share_prompts), width)
    per_micro = max(1, max_tokens // width)
    shares = _deal(rows, ranks)
    count = max(-(-len(share) // per_micro) for share in shares)
    return [[lay_out(batch, share[k * per_micro : (k + 1) * per_micro]) for k in range(count)] for share in shares]


def fill_rows(blocks: Sequence[Block], width: int) -> list[list[Block]]:
    """First fit, longest first: each block into the first row with room for it."""
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
    """Rows to ranks in equal numbers, the fullest first and back and forth, so that real tokens are balanced too."""
    order = sorted(rows, key=lambda row: -sum(block.length for block in row))
    shares: list[list[list[Block]]] = [[] for _ in range(ranks)]
    for i, row in enumerate(order):
        turn, index = divmod(i, ranks)
        shares[index if turn % 2 == 0 else ranks - 1 - index].append(row)
    return shares


def _blocks(batch: Batch, width: int, share_prompts: bool) -> list[Block]:
    lengths, prompts = batch.lengths_N.tolist(), batch.prompt_lengths_N.tolist()
    starts, tokens = batch.starts_N.tolist(), batch.tokens_S.tolist()
    by_prompt: defaultdict[tuple[int, ...], list[int]] = defaultdict(list)
    for n, (start, prompt) in enumerate(zip(starts, prompts, strict=True)):
        # an environment may open samples of one group differently, so the tokens decide, not the group
        key = tuple(tokens[start : start + prompt]) if share_prompts else (-1, n)
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
    """A micro-batch of these rows, as wide as the fullest of them."""
    width = max((sum(block.length for block in row) for row in rows), default=0)
    shape = (len(rows), width)
    tokens, positions = torch.zeros(shape, dtype=torch.long), torch.zeros(shape, dtype=torch.long)
    block_id, part = torch.full(shape, -1), torch.zeros(shape, dtype=torch.long)
    sources, indices, sequences = [], [], []
    counted_before_S = batch.loss_mask_S.long().cumsum(0) - batch.loss_mask_S.long()
    for r, row in enumerate(rows):
        column = 0
        for b, block in enumerate(row):
            prompt = int(batch.prompt_lengths_N[block.sequences[0]])
            block_start, last_of_prompt = column, column + prompt - 1
            block_id[r, column : column + block.length] = b
            for a, n in enumerate(block.sequences):
                start, length = int(batch.starts_N[n]), int(batch.lengths_N[n])
                taken = slice(start if a == 0 else start + prompt, start + length)
                stop = column + taken.stop - taken.start
                tokens[r, column:stop] = batch.tokens_S[taken]
                first = stop - (length - prompt)  # column of the answer's first token
                positions[r, column:stop] = torch.arange(length)[-(stop - column) :]
                part[r, first:stop] = a + 1
                is_counted = batch.loss_mask_S[start + prompt : start + length].nonzero()[:, 0]
                columns = first + is_counted
                before = torch.where(is_counted == 0, last_of_prompt, columns - 1)
                sources.append(r * width + before)
                indices.append(counted_before_S[start + prompt + is_counted])
                sequences.append(torch.full_like(is_counted, n))
                column = stop
            assert column - block_start == block.length
    empty = torch.zeros(0, dtype=torch.long)
    indices_K = torch.cat(indices) if indices else empty
    return MicroBatch(
        tokens_RW=tokens,
        positions_RW=positions,
        block_RW=block_id,
        part_RW=part,
        source_K=torch.cat(sources) if sources else empty,
        targets_K=batch.tokens_S[batch.loss_mask_S][indices_K],
        indices_K=indices_K,
        sequence_K=torch.cat(sequences) if sequences else empty,
    )
