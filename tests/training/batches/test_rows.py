"""Which sequence stands in which row of which rank: each once, within the width, evenly, in operations like N log N."""

from __future__ import annotations

import math
import random
import sys
import tracemalloc
from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils._python_dispatch import TorchDispatchMode

from openqwq.training.batches import rows as planner
from openqwq.training.batches.packing import lay_out, plan_micro_batches
from openqwq.training.batches.rows import (
    Block,
    Row,
    Rows,
    Sizes,
    deal,
    even_rows,
    fill_rows,
    level_rows,
    num_tokens,
    plan_rows,
    slowest,
    work_of,
)
from tests.training.small_updates import batch_of

PAIR_WORK = 0.01
SEQUENCES = st.lists(st.tuples(st.integers(1, 50), st.integers(0, 3)), min_size=1, max_size=30)
"""Tokens of an answer, and the number of its prompt."""


def sizes_of(sequences: list[tuple[int, int]], pair_work: float = PAIR_WORK) -> Sizes:
    """Prompt k has 1 + 4 k tokens."""
    prompts = [1 + 4 * prompt for _, prompt in sequences]
    lengths = [prompt + answer for prompt, (answer, _) in zip(prompts, sequences, strict=True)]
    return Sizes(lengths, prompts, [prompt for _, prompt in sequences], pair_work)


def drawn(count: int, seed: int = 0, group: int = 4) -> Sizes:
    """Log-normal lengths, several answers to a prompt of twenty tokens."""
    chance = random.Random(seed)
    answers = [min(1000, 1 + int(chance.lognormvariate(4, 1))) for _ in range(count)]
    return Sizes([20 + n for n in answers], [20] * count, [n // group for n in range(count)], 1e-4)


def rows_in(plan: list[list[Rows]]) -> list[Row]:
    return [row for share in plan for rows in share for row in rows]


@settings(max_examples=150, deadline=None)
@given(sequences=SEQUENCES, limit=st.integers(1, 300), row_tokens=st.integers(0, 100), ranks=st.integers(1, 5))
def test_every_sequence_stands_once_in_a_row_that_is_not_too_wide(
    sequences: list[tuple[int, int]], limit: int, row_tokens: int, ranks: int
) -> None:
    sizes = sizes_of(sequences)
    plan = plan_rows(sizes, limit, row_tokens, ranks)
    assert len(plan) == ranks and len({len(share) for share in plan}) == 1
    blocks = [block for row in rows_in(plan) for block in row]
    assert sorted(n for block in blocks for n in block.sequences) == list(range(len(sequences)))
    for block in blocks:
        assert len({sizes.prompts[n] for n in block.sequences}) == 1
        assert block == sizes.block(block.sequences)
    for rows in (rows for share in plan for rows in share):
        assert max(map(num_tokens, rows), default=0) * len(rows) <= max(limit, *sizes.lengths)
        assert ranks == 1 or len(rows) <= 1
    for row in rows_in(plan) if ranks > 1 else ():  # a prompt stands once in a row
        assert max(Counter(sizes.prompts[block.sequences[0]] for block in row).values()) == 1


@settings(max_examples=60, deadline=None)
@given(lengths=st.lists(st.integers(1, 50), max_size=40), width=st.integers(50, 90))
def test_a_block_stands_in_the_first_row_with_room(lengths: list[int], width: int) -> None:
    blocks = [Block((i,), n) for i, n in enumerate(lengths)]
    expected: list[Row] = []
    for block in sorted(blocks, key=lambda b: (-b.length, b.sequences)):
        with_room = [row for row in expected if num_tokens(row) + block.length <= width]
        if not with_room:
            expected.append([])
        (with_room or expected[-1:])[0].append(block)
    assert fill_rows(blocks, width) == expected


@settings(max_examples=60, deadline=None)
@given(prompt=st.integers(1, 9), answers=st.lists(st.integers(1, 9), min_size=1, max_size=4))
def test_the_work_of_a_block_counts_what_its_mask_shows(prompt: int, answers: list[int]) -> None:
    batch = batch_of([(prompt, answer, 1.0) for answer in answers])
    (rows,) = plan_micro_batches(batch, 1000, pair_work=0.25)[0]
    micro = lay_out(batch, rows)
    pairs = int(micro.layout(1, torch.device("cpu")).mask().sum())
    assert sum(map(work_of, rows)) == pytest.approx(micro.num_computed + 0.25 * pairs)


def test_the_work_of_two_answers_by_hand() -> None:
    sizes = Sizes(lengths=[5, 4], prompt_lengths=[3, 3], prompts=[0, 0], pair_work=0.5)
    # prompt 3 tokens see 1 + 2 + 3; the answers 3 each and themselves: 6 + 3, 3 + 1
    assert sizes.block([0, 1]) == Block((0, 1), 6, 6 + 0.5 * (6 + 9 + 4))
    assert sizes.blocks(6) == [sizes.block([0, 1])]
    assert sizes.blocks(5) == sizes.blocks(0) == [sizes.block([0]), sizes.block([1])]
    assert sizes.joined([sizes.block([1]), sizes.block([0])]) == [sizes.block([1, 0])]


@settings(max_examples=80, deadline=None)
@given(sequences=SEQUENCES, limit=st.integers(63, 200), ranks=st.integers(2, 6))
def test_ranks_never_wait_longer_than_for_rows_filled_to_the_brim(
    sequences: list[tuple[int, int]], limit: int, ranks: int
) -> None:
    sizes = sizes_of(sequences)
    rows = even_rows(sizes, limit, ranks)
    assert slowest(rows, ranks) <= slowest(fill_rows(sizes.blocks(limit), limit), ranks) * (1 + 1e-12)
    shares = deal(rows, ranks)
    ticks = [[sum(map(work_of, share[k])) for share in shares] for k in range(len(shares[0]))]
    assert sum(map(max, ticks)) == pytest.approx(slowest(rows, ranks))  # the order of rows is the best one
    assert all(min(early) >= max(late) for early, late in pairwise(ticks))


@settings(max_examples=80, deadline=None)
@given(sequences=SEQUENCES, ranks=st.integers(2, 6))
def test_rows_of_one_turn_differ_by_no_more_than_the_longest_block(
    sequences: list[tuple[int, int]], ranks: int
) -> None:
    blocks = sizes_of(sequences).blocks(0)
    rows = level_rows(blocks, 10**6, 1, ranks)
    assert rows is not None
    works = [work_of(row) for row in rows] + [0.0] * (ranks - len(rows))
    # list scheduling (Graham 1966): the last block of the largest row was put where there was least work
    assert max(works) - min(works) <= max(block.work for block in blocks) + 1e-9
    assert max(works) <= sum(works) / ranks + max(block.work for block in blocks) * (1 - 1 / ranks) + 1e-9


def test_rows_whose_blocks_do_not_fit_are_no_plan() -> None:
    blocks = [Block((n,), 6, 6.0) for n in range(3)]
    assert level_rows(blocks, 10, 1, 2) is None
    rows = level_rows(blocks, 10, 2, 2)
    assert rows is not None and [num_tokens(row) for row in rows] == [6, 6, 6]


def test_a_row_that_is_too_full_for_long_blocks_still_takes_short_ones() -> None:
    lengths = {0: 10, 1: 8, 2: 8, 3: 2, 4: 2}
    rows = level_rows([Block((n,), length, float(length)) for n, length in lengths.items()], 10, 1, 3)
    assert rows is not None and sorted(map(num_tokens, rows)) == [10, 10, 10]


@pytest.mark.parametrize(("ranks", "seed"), [(2, 0), (8, 1), (16, 2)])
def test_the_slowest_rank_has_little_more_than_the_mean(ranks: int, seed: int) -> None:
    sizes = drawn(1200, seed)
    plan = plan_rows(sizes, 1500, ranks=ranks)
    works = [[sum(map(work_of, rows)) for rows in share] for share in plan]
    mean = sum(map(sum, works)) / ranks
    assert max(map(sum, works)) <= 1.03 * mean
    assert sum(max(tick) for tick in zip(*works, strict=True)) <= 1.05 * mean
    # prompts are shared: at most a tenth more tokens than if each stood in one row only
    least = sum(sizes.lengths) - 20 * (len(sizes.lengths) - len(set(sizes.prompts)))
    assert sum(map(num_tokens, rows_in(plan))) <= 1.1 * least


@settings(max_examples=60, deadline=None)
@given(sequences=SEQUENCES, ranks=st.integers(1, 4), chance=st.randoms(use_true_random=False))
def test_where_no_prompt_is_shared_the_order_of_sequences_changes_no_row(
    sequences: list[tuple[int, int]], ranks: int, chance: random.Random
) -> None:
    def shapes(order: list[int]) -> tuple[list[list[int]], list[list[int]]]:
        """The lengths in each row, and the tokens of each micro-batch of each rank."""
        given = sizes_of([sequences[n] for n in order])
        sizes = Sizes(given.lengths, given.prompt_lengths, range(len(order)), 0.0)
        plan = plan_rows(sizes, 90, 0, ranks)
        rows = sorted(sorted(sizes.lengths[block.sequences[0]] for block in row) for row in rows_in(plan))
        return rows, [[sum(map(num_tokens, rows)) for rows in share] for share in plan]

    order = list(range(len(sequences)))
    expected = shapes(order)
    assert shapes(order) == expected  # deterministic
    chance.shuffle(order)
    assert shapes(order) == expected


@settings(max_examples=30, deadline=None)
@given(sequences=SEQUENCES, ranks=st.integers(1, 4))
def test_the_numbers_of_prompts_are_only_names(sequences: list[tuple[int, int]], ranks: int) -> None:
    sizes = sizes_of(sequences)
    renamed = Sizes(sizes.lengths, sizes.prompt_lengths, [7 - 2 * p for p in sizes.prompts], PAIR_WORK)
    assert plan_rows(sizes, 120, 0, ranks) == plan_rows(renamed, 120, 0, ranks)


def lines_run(work: Callable[[], Any]) -> int:
    """Lines of the planner that are run."""
    count = 0

    def line(frame: Any, event: str, _: Any) -> Any:
        nonlocal count
        count += event == "line"
        return line

    previous = sys.gettrace()
    sys.settrace(lambda frame, event, _: line if frame.f_code.co_filename == planner.__file__ else None)
    try:
        work()
    finally:
        sys.settrace(previous)
    return count


@pytest.mark.parametrize("ranks", [1, 8])
def test_four_times_the_sequences_take_little_more_than_four_times_the_operations(ranks: int) -> None:
    small, large = (lines_run(lambda n=n: plan_rows(drawn(n), 1500, ranks=ranks)) for n in (250, 1000))  # type: ignore[misc]
    assert large / small < 4 * math.log(1000) / math.log(250) * 1.2  # a quadratic planner: 16


def test_memory_grows_with_the_number_of_sequences() -> None:
    peaks = []
    for count in (500, 2000):
        sizes = drawn(count)
        tracemalloc.start()
        plan_rows(sizes, 1500, ranks=8)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] / peaks[0] < 5 and peaks[1] < 2000 * 4000


class Elements(TorchDispatchMode):
    """Counts the elements of all new tensors that operations return, and keeps the largest count of one."""

    total, largest = 0, 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        owned = [x.untyped_storage().data_ptr() for x in args if isinstance(x, torch.Tensor)]
        if isinstance(out, torch.Tensor) and out.untyped_storage().data_ptr() not in owned:
            self.total += out.numel()
            self.largest = max(self.largest, out.numel())
        return out


def test_a_micro_batch_costs_the_same_in_a_large_batch_and_planning_reads_prompts_only() -> None:
    totals = []
    for count in (20, 200):
        batch = batch_of([(3, 40, 1.0)] * count)
        with Elements() as planning:
            plan = plan_micro_batches(batch, 500, ranks=2)
        assert planning.largest <= count
        _ = batch.loss_starts_N
        with Elements() as laying_out:
            lay_out(batch, [[Block((0, 1), 83)]])
        totals.append(laying_out.total)
        assert sum(len(b.sequences) for row in rows_in(plan) for b in row) == count
    assert totals[0] == totals[1] < 3000


def test_one_prompt_of_many_answers_is_divided_for_many_ranks() -> None:
    plan = plan_rows(Sizes([101] * 64, [1] * 64, [0] * 64, 1e-4), 10_000, ranks=16)
    assert [[sum(map(num_tokens, rows)) for rows in share] for share in plan] == [[401]] * 16


def test_fewer_sequences_than_ranks_leave_ranks_without_rows() -> None:
    plan = plan_rows(Sizes([5], [2], [0]), 100, ranks=3)
    assert plan == [[[[Block((0,), 5, 5.0)]]], [[]], [[]]]
