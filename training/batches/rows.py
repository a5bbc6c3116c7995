"""Which sequences stand in which row of which micro-batch of which rank: a few integers for each sequence, no tokens.
Pure; N sequences are planned in O(N log N).

A row consists of blocks; a block is one prompt and one or more of its answers. Work is counted in that of one token
outside of attention, so a block of n tokens has the work n + `pair_work` x (pairs of a token and a token that it sees).
"""

import heapq
import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

ROW_TOKENS = 256
"""Least width of a row where sequences are short. Narrower rows leave gaps and share prompts between fewer answers;
measured on the lengths of the quickstart."""
SHARES = (1.0, 0.5, 0.25, 0.0)
"""How long a block of several answers may be, as shares of what a micro-batch holds on average. Long blocks share more
prompts, short ones are easier to divide among ranks; 0: every answer is a block."""
MORE_TICKS = (1 / 32, 1 / 16, 1 / 8)
"""How many micro-batches more a rank may get, as shares of their least number, so that blocks fit."""
EVEN = 1.005
"""A plan whose slowest ranks take no longer than this times an equal share is good enough."""


class Block(NamedTuple):
    """A prompt and one or more answers to it. Example: `Block((0, 1), 7, 7.2)`"""

    sequences: tuple[int, ...]
    """Numbers of the sequences in the batch, one for each answer."""
    length: int
    """Number of tokens, the prompt counted once."""
    work: float = 0.0
    """The work of a forward pass over it, in tokens."""


Row = list[Block]
Rows = list[Row]
"""The rows of one micro-batch."""


@dataclass(frozen=True)
class Sizes:
    """What is planned: the sequences of a batch without their tokens. Example: `Sizes([5, 4], [3, 3], [0, 0])`"""

    lengths: Sequence[int]
    """Of each sequence, with its prompt."""
    prompt_lengths: Sequence[int]
    prompts: Sequence[int]
    """Number of each sequence's prompt. Sequences with the same number may share it."""
    pair_work: float = 0.0
    """The work of attention between a token and one that it sees, in the work of a token outside of attention: 2 L A d
    / P for L layers with A heads of width d, and P parameters in matrices. A few 1e-5 in large models."""

    def block(self, sequences: Sequence[int]) -> Block:
        """The block of sequences with one prompt."""
        prompt = self.prompt_lengths[sequences[0]]
        answers = [self.lengths[n] - prompt for n in sequences]
        pairs = triangle(prompt) + sum(prompt * answer + triangle(answer) for answer in answers)
        length = prompt + sum(answers)
        return Block(tuple(sequences), length, length + self.pair_work * pairs)

    def blocks(self, longest: float) -> list[Block]:
        """All sequences in blocks of at most `longest` tokens; one that is longer by itself stands alone. The answers
        to a prompt fill its blocks like rows."""
        answers_to: defaultdict[int, list[int]] = defaultdict(list)
        for n, prompt in enumerate(self.prompts):
            answers_to[prompt].append(n)
        found = []
        for sequences in answers_to.values():
            room = int(longest) - self.prompt_lengths[sequences[0]]
            answers = [Block((n,), self.lengths[n] - self.prompt_lengths[n]) for n in sequences]
            found += [self.block(block.sequences) for block in answers if block.length > room]
            fitting = [block for block in answers if block.length <= room]
            found += [self.block([n for block in row for n in block.sequences]) for row in fill_rows(fitting, room)]
        return found

    def joined(self, row: Row) -> Row:
        """The row with blocks that have the same prompt joined into one, at the place of the first of them."""
        sequences_of: defaultdict[int, list[int]] = defaultdict(list)
        for block in row:
            sequences_of[self.prompts[block.sequences[0]]] += block.sequences
        return [self.block(sequences) for sequences in sequences_of.values()]


def plan_rows(sizes: Sizes, max_tokens: int, row_tokens: int = ROW_TOKENS, ranks: int = 1) -> list[list[Rows]]:
    """The rows of each micro-batch of each of `ranks` ranks. A micro-batch has at most `max_tokens` tokens, or one row
    with the longest sequence. Every rank gets equally many micro-batches; the last ones may hold no rows.

    One rank: rows that are filled longest block first, `row_tokens` wide where all sequences are that short, so that a
    micro-batch has several rows; else a micro-batch is one row. Several ranks: a micro-batch is one row, and rows are
    as even as blocks allow, because the ranks go through their micro-batches together.
    """
    longest = max(sizes.lengths)
    if ranks > 1:
        return deal(even_rows(sizes, max(longest, max_tokens), ranks), ranks)
    width = max(longest, min(row_tokens, max_tokens) if longest <= row_tokens else max_tokens)
    count = max(1, max_tokens // width)
    rows = sorted(fill_rows(sizes.blocks(width), width), key=lambda row: -num_tokens(row))  # like widths together
    return [[rows[i : i + count] for i in range(0, len(rows), count)]]


def fill_rows(blocks: Sequence[Block], width: int) -> list[Row]:
    """Put each block into the first row with room for it, the longest block first. No block is longer than `width`.

    The rows are leaves of a binary tree that holds the most room of any row below a node: O(log N) for a block.
    """
    leaves = 1 << max(0, len(blocks) - 1).bit_length()
    room, rows = [width] * (2 * leaves), [Row() for _ in blocks]
    for block in sorted(blocks, key=_longest_first):
        node = 1
        while node < leaves:
            node = 2 * node if room[2 * node] >= block.length else 2 * node + 1
        rows[node - leaves].append(block)
        room[node] -= block.length
        while node > 1:
            node //= 2
            room[node] = max(room[2 * node], room[2 * node + 1])
    return [row for row in rows if row]


def even_rows(sizes: Sizes, width: int, ranks: int) -> list[Row]:
    """Rows of at most `width` tokens for ranks that go through one row each at a time: of several plans the one that
    takes them least time. Rows filled to the brim are one of them."""
    brim = fill_rows(sizes.blocks(width), width)
    fewest, tokens = math.ceil(len(brim) / ranks), sum(map(num_tokens, brim))
    good = EVEN * math.fsum(map(work_of, brim)) / ranks
    best = brim
    for share in SHARES:
        if slowest(best, ranks) <= good:
            break
        for ticks in sorted({fewest, *(fewest + math.ceil(more * fewest) for more in MORE_TICKS)}):
            blocks = sizes.blocks(min(width, share * tokens / (ticks * ranks)))
            fits = sum(block.length for block in blocks) <= width * ticks * ranks
            if fits and (rows := level_rows(blocks, width, ticks, ranks)) is not None:
                best = min(best, [sizes.joined(row) for row in rows], key=lambda rows: slowest(rows, ranks))
                break
    return best


def level_rows(blocks: Sequence[Block], width: int, ticks: int, ranks: int) -> list[Row] | None:
    """`ticks` x `ranks` rows of at most `width` tokens, `ranks` of them with like work; None where blocks are left.

    The longest block goes first, each into the row that is furthest below its level of work (LPT, Graham 1969) among
    those with room. A tick's level is an equal share of all work that is left, or its longest block if that is more.
    """
    rows = [Row() for _ in range(ticks * ranks)]
    room = [width] * len(rows)
    missing = [
        (-level, i) for i, level in enumerate(level for level in _levels(blocks, ticks, ranks) for _ in range(ranks))
    ]
    heapq.heapify(missing)
    full: list[tuple[int, float, int]] = []  # rows without room for the blocks of now, that with most room first
    for block in sorted(blocks, key=_longest_first):
        while full and -full[0][0] >= block.length:
            heapq.heappush(missing, heapq.heappop(full)[1:])
        while missing and room[missing[0][1]] < block.length:
            work, row = heapq.heappop(missing)
            heapq.heappush(full, (-room[row], work, row))
        if not missing:
            return None
        work, row = missing[0]
        rows[row].append(block)
        room[row] -= block.length
        heapq.heapreplace(missing, (work + block.work, row))
    return [row for row in rows if row]


def _levels(blocks: Sequence[Block], ticks: int, ranks: int) -> list[float]:
    works = sorted((block.work for block in blocks), reverse=True)
    left, levels = sum(works), []
    for tick in range(ticks):
        longest = works[tick * ranks] if tick * ranks < len(works) else 0.0
        levels.append(max(longest, left / (ranks * (ticks - tick))))
        left = max(0.0, left - levels[-1] * ranks)
    return levels


def deal(rows: Sequence[Row], ranks: int) -> list[list[Rows]]:
    """Deal rows to ranks, one row a micro-batch: rows with like work at the same time, because the ranks wait for each
    other, and the largest of them to the rank that has least work so far."""
    ordered = sorted(rows, key=lambda row: (-work_of(row), row[0].sequences))
    totals = [0.0] * ranks
    shards: list[list[Rows]] = [[] for _ in range(ranks)]
    for start in range(0, len(ordered), ranks):
        tick = ordered[start : start + ranks]
        for i, rank in enumerate(sorted(range(ranks), key=lambda rank: totals[rank])):
            shards[rank].append([tick[i]] if i < len(tick) else [])
            totals[rank] += work_of(tick[i]) if i < len(tick) else 0.0
    return shards


def slowest(rows: Sequence[Row], ranks: int) -> float:
    """The work that ranks wait for: the sum over all ticks of a tick's largest row."""
    return math.fsum(sorted(map(work_of, rows), reverse=True)[::ranks])


def work_of(row: Row) -> float:
    """The work of its blocks."""
    return math.fsum(block.work for block in row)


def num_tokens(row: Row) -> int:
    """Tokens of its blocks."""
    return sum(block.length for block in row)


def triangle(count: int) -> float:
    """Pairs of a token and one that it sees, where each of `count` tokens sees itself and those before."""
    return count * (count + 1) / 2


def _longest_first(block: Block) -> tuple[int, tuple[int, ...]]:
    return -block.length, block.sequences
