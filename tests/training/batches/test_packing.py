"""Rows of a micro-batch: every token once, attention within its sequence only, hidden states as without packing."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import PreTrainedModel

from openqwq.training.backends.attention import use_segments
from openqwq.training.backends.scored_policy import hidden_states
from openqwq.training.batches.collate import Batch, Sample, collate
from openqwq.training.batches.packing import lay_out
from openqwq.training.batches.rows import ROW_TOKENS, Block, fill_rows
from openqwq.training.batches.segments import Segment
from tests.training.small_records import make_rollout
from tests.training.small_updates import batch_of, micro_batches_of, mixed_batch

SHAPES = st.lists(st.tuples(st.integers(1, 12), st.integers(1, 40)), min_size=1, max_size=14)


def batch_from(shapes: list[tuple[int, int]]) -> Batch:
    return batch_of([(p, a, 1.0) for p, a in shapes])


@settings(max_examples=60, deadline=None)
@given(shapes=SHAPES, limit=st.sampled_from([1, 60, 200, 10_000]), is_shared=st.booleans(), ranks=st.integers(1, 3))
def test_every_counted_token_is_predicted_once_within_the_limit(
    shapes: list[tuple[int, int]], limit: int, is_shared: bool, ranks: int
) -> None:
    batch = batch_from(shapes)
    plans = micro_batches_of(batch, limit, share_prompts=is_shared, ranks=ranks)
    assert len({len(plan) for plan in plans}) == 1  # ranks step together
    micros = [micro for plan in plans for micro in plan]
    indices = torch.cat([micro.indices_K for micro in micros])
    assert sorted(indices.tolist()) == list(range(batch.num_loss_tokens))
    targets = batch.tokens_S[batch.loss_mask_S]
    for micro in micros:
        assert torch.equal(micro.targets_K, targets[micro.indices_K])
        assert torch.equal(micro.sequence_K, batch.sequence_K[micro.indices_K])
        assert micro.num_computed <= limit or len(micro.tokens_RW) == 1


@given(shapes=SHAPES, parts=st.integers(1, 4))
def test_columns_dealt_to_ranks_hold_everything_once(shapes: list[tuple[int, int]], parts: int) -> None:
    batch = batch_from(shapes)
    for micro in micro_batches_of(batch, 200)[0]:
        shards = [micro.columns(index, parts) for index in range(parts)]
        width = micro.tokens_RW.shape[1]
        for name in ("tokens_RW", "positions_RW"):
            whole = torch.cat([getattr(shard, name) for shard in shards], 1)
            assert torch.equal(whole[:, :width], getattr(micro, name)) and not whole[:, width:].any()
        assert sorted(torch.cat([s.indices_K for s in shards]).tolist()) == sorted(micro.indices_K.tolist())
        source_of = dict(zip(micro.indices_K.tolist(), micro.source_K.tolist(), strict=True))
        for index, shard in enumerate(shards):
            assert len({s.tokens_RW.shape for s in shards}) == 1
            for source, counted in zip(shard.source_K.tolist(), shard.indices_K.tolist(), strict=True):
                row, column = divmod(source, shard.tokens_RW.shape[1])
                assert source_of[counted] == row * width + index * shard.tokens_RW.shape[1] + column


@given(lengths=st.lists(st.integers(1, 50), min_size=1, max_size=40))
def test_rows_are_never_over_full_and_at_most_one_is_half_empty(lengths: list[int]) -> None:
    rows = fill_rows([Block((i,), n) for i, n in enumerate(lengths)], 50)
    used = [sum(block.length for block in row) for row in rows]
    assert sum(used) == sum(lengths) and max(used) <= 50
    assert sum(2 * u < 50 for u in used) <= 1


@pytest.mark.parametrize("is_shared", [True, False])
@pytest.mark.parametrize("row_tokens", [0, 120])
def test_packed_hidden_states_are_those_of_each_sequence_alone(
    tiny_model: PreTrainedModel, is_shared: bool, row_tokens: int
) -> None:
    batch = mixed_batch()
    use_segments(tiny_model)
    found = torch.zeros(batch.num_loss_tokens, tiny_model.config.hidden_size)
    with torch.no_grad():
        for micro in micro_batches_of(batch, 200, row_tokens, is_shared)[0]:
            found[micro.indices_K] = hidden_states(tiny_model, micro)
        index = 0
        for n in range(len(batch)):
            start, length = int(batch.starts_N[n]), int(batch.lengths_N[n])
            states = tiny_model.base_model(batch.tokens_S[start : start + length][None]).last_hidden_state[0]
            for t in range(1, length):
                if batch.loss_mask_S[start + t]:
                    assert torch.allclose(found[index], states[t - 1], atol=1e-5)
                    index += 1
    assert index == batch.num_loss_tokens


def test_a_prompt_is_computed_once_for_the_answers_that_share_it() -> None:
    batch = batch_from([(30, 5), (30, 5), (30, 5), (30, 5)])
    shared = sum(m.num_computed for m in micro_batches_of(batch, 1000, row_tokens=50)[0])
    apart = sum(m.num_computed for m in micro_batches_of(batch, 1000, row_tokens=50, share_prompts=False)[0])
    assert (shared, apart) == (50, 140)


def rows_of(*rollouts: tuple[Sequence[int], Sequence[int], Sequence[int]]) -> Batch:
    """A batch of (prompt, tokens, mask)."""
    made = [make_rollout(0, i, prompt_tokens=p, tokens=t, mask=m) for i, (p, t, m) in enumerate(rollouts)]
    return collate([Sample(rollout, 0, 1.0, 1.0) for rollout in made], num_groups=1)


def test_the_row_of_the_docstring_is_laid_out_as_it_says() -> None:
    batch = rows_of(((31,), (41,), (1,)), ((11, 12, 13), (21, 22), (1, 1)), ((11, 12, 13), (25, 26, 27), (1, 0, 1)))
    row = [Block((1, 2), 8), Block((0,), 2)]
    micro = lay_out(batch, [row])
    assert micro.tokens_RW.tolist() == [[11, 12, 13, 21, 22, 25, 26, 27, 31, 41]]
    assert micro.positions_RW.tolist() == [[0, 1, 2, 3, 4, 3, 4, 5, 0, 1]]
    assert micro.segments == (Segment(0, 0, 5), Segment(0, 5, 8, 0, 3), Segment(0, 8, 10))
    assert micro.source_K.tolist() == [2, 3, 2, 6, 8]  # the middle token of the second answer is an environment's
    assert micro.targets_K.tolist() == [21, 22, 25, 27, 41]
    assert micro.indices_K.tolist() == [1, 2, 3, 4, 0] and micro.sequence_K.tolist() == [1, 1, 2, 2, 0]
    assert micro.num_computed == 10


def test_a_shorter_row_is_padded_on_the_right_and_its_padding_belongs_to_no_segment() -> None:
    batch = rows_of(((11, 12), (21, 22, 23), (1, 1, 1)), ((31,), (41, 42), (0, 1)))
    micro = lay_out(batch, [[Block((0,), 5)], [Block((1,), 3)]])
    assert micro.tokens_RW.tolist() == [[11, 12, 21, 22, 23], [31, 41, 42, 0, 0]]
    assert micro.positions_RW.tolist() == [[0, 1, 2, 3, 4], [0, 1, 2, 0, 0]]
    assert micro.segments == (Segment(0, 0, 5), Segment(1, 0, 3))
    assert micro.source_K.tolist() == [1, 2, 3, 6] and micro.targets_K.tolist() == [21, 22, 23, 42]
    assert micro.num_computed == 10
    integers = (micro.tokens_RW, micro.positions_RW, micro.source_K, micro.targets_K)
    assert {x.dtype for x in integers} == {torch.long}


def test_no_rows_make_an_empty_micro_batch() -> None:
    empty = lay_out(rows_of(((31,), (41,), (1,))), [])
    assert empty.num_computed == 0 and empty.tokens_RW.shape == (0, 0)
    for values in (empty.source_K, empty.targets_K, empty.indices_K, empty.sequence_K):
        assert values.tolist() == [] and values.dtype == torch.long


def test_rows_without_counted_tokens_are_the_same_rows() -> None:
    micro = lay_out(rows_of(((11, 12), (21, 22), (1, 1))), [[Block((0,), 4)]])
    found = micro.uncounted()
    assert torch.equal(found.tokens_RW, micro.tokens_RW) and torch.equal(found.positions_RW, micro.positions_RW)
    assert found.segments == micro.segments
    for values in (found.source_K, found.targets_K, found.indices_K, found.sequence_K):
        assert values.tolist() == [] and values.dtype == torch.long


def test_the_columns_of_two_ranks_are_laid_out_by_hand() -> None:
    batch = rows_of(((11, 12, 13), (21, 22), (1, 1)), ((11, 12, 13), (25, 26), (1, 1)), ((31,), (41, 42), (1, 1)))
    micro = lay_out(batch, [[Block((0, 1), 7)], [Block((2,), 3)]])
    assert micro.source_K.tolist() == [2, 3, 2, 5, 7, 8]
    left, right = (micro.columns(index, 2) for index in range(2))
    assert left.tokens_RW.tolist() == [[11, 12, 13, 21], [31, 41, 42, 0]]
    assert right.tokens_RW.tolist() == [[22, 25, 26, 0], [0, 0, 0, 0]]
    assert left.positions_RW.tolist() == [[0, 1, 2, 3], [0, 1, 2, 0]]
    assert right.positions_RW.tolist() == [[4, 3, 4, 0], [0, 0, 0, 0]]
    for shard in (left, right):  # attention needs whole rows
        assert shard.segments == (Segment(0, 0, 5), Segment(0, 5, 7, 0, 3), Segment(1, 0, 3))
        layout = shard.layout(2, torch.device("cpu"))
        assert (layout.segments, layout.num_rows, layout.width) == (shard.segments, 2, 8)
    assert left.source_K.tolist() == [2, 3, 2, 4, 5] and right.source_K.tolist() == [1]
    assert left.targets_K.tolist() == [21, 22, 25, 41, 42] and right.targets_K.tolist() == [26]
    assert left.indices_K.tolist() == [0, 1, 2, 4, 5] and right.indices_K.tolist() == [3]
    assert left.sequence_K.tolist() == [0, 0, 1, 2, 2] and right.sequence_K.tolist() == [1]


def test_blocks_fill_rows_the_longest_first() -> None:
    blocks = [Block((0,), 3), Block((1,), 8), Block((2,), 2), Block((3,), 6), Block((4,), 2), Block((5,), 3)]
    rows = fill_rows(blocks, 10)
    # 8; 6; 3 beside the 6; the second 3 opens a row; 2 beside the 8; 2 beside the last 3
    assert [[block.sequences[0] for block in row] for row in rows] == [[1, 2], [3, 0], [5, 4]]


def test_micro_batches_have_as_many_rows_as_fit_into_their_tokens() -> None:
    batch = batch_from([(1, n) for n in (30, 29, 28, 27, 26, 25, 24)])  # each prompt is the same token
    plan = micro_batches_of(batch, 70, 35, share_prompts=False)[0]
    assert [len(m.tokens_RW) for m in plan] == [2, 2, 2, 1]
    assert [m.tokens_RW.shape[1] for m in plan] == [31, 29, 27, 25]  # as wide as the fullest of their rows
    for limit, rows in ((62, [2, 2, 2, 1]), (61, [1] * 7), (5, [1] * 7)):
        assert [len(m.tokens_RW) for m in micro_batches_of(batch, limit, 31, share_prompts=False)[0]] == rows


def test_a_sequence_that_is_longer_than_a_short_row_makes_every_micro_batch_one_row() -> None:
    batch = batch_from([(1, n) for n in (30, 29, 28, 27, 26, 25, 24)])
    plan = micro_batches_of(batch, 70, 30, share_prompts=False)[0]
    assert [tuple(m.tokens_RW.shape) for m in plan] == [(1, 61), (1, 57), (1, 53), (1, 25)]


@pytest.mark.parametrize(
    ("limit", "row_tokens", "widest"),
    [(1000, 0, 163), (100, 0, 100), (20, 0, 31), (1000, 40, 40), (1000, 60, 60), (50, 60, 50), (20, 60, 31)],
)
def test_a_row_is_as_wide_as_wanted_and_allowed_and_at_least_the_longest_sequence(
    limit: int, row_tokens: int, widest: int
) -> None:
    batch = batch_from([(1, 30), *[(1, 1 + n) for n in range(8)] * 3])
    plan = micro_batches_of(batch, limit, row_tokens, share_prompts=False)[0]
    assert max(micro.tokens_RW.shape[1] for micro in plan) == widest


def test_by_default_rows_are_256_tokens_wide_and_prompts_are_shared() -> None:
    assert ROW_TOKENS == 256
    batch = batch_from([(2, 127)] * 4)
    (plan,) = micro_batches_of(batch, 10_000)  # one rank
    assert [micro.tokens_RW.shape for micro in plan] == [(2, 2 + 127 + 127)]


def test_ranks_get_rows_of_like_work_at_the_same_time() -> None:
    batch = batch_from([(1, n) for n in (2, 8, 5, 3, 6, 7)])
    plans = micro_batches_of(batch, 9, 0, share_prompts=False, ranks=3)
    # 9, 8 and 7, then 3, 4 and 6; rows filled to the brim would be 9, 6 + 3 and 8, then 7, 4 and none
    assert [[m.sequence_K.unique().tolist() for m in plan] for plan in plans] == [[[1], [0]], [[5], [3]], [[4], [2]]]


def test_the_rank_with_least_work_gets_the_largest_row() -> None:
    batch = batch_from([(1, n) for n in (4, 6, 8, 5, 7)])  # no two of them share a row of 9
    plans = micro_batches_of(batch, 9, 0, share_prompts=False, ranks=2)
    assert [[m.sequence_K.unique().tolist() for m in plan] for plan in plans] == [[[2], [3], [0]], [[4], [1], []]]


def test_answers_to_different_prompts_of_one_group_do_not_share() -> None:
    batch = rows_of(((11, 12), (21,), (1,)), ((11, 13), (22,), (1,)), ((11, 12), (23, 24), (1, 1)))
    (micro,) = micro_batches_of(batch, 1000)[0]
    assert micro.tokens_RW.tolist() == [[11, 12, 23, 24, 21, 11, 13, 22]]
    assert micro.segments == (Segment(0, 0, 4), Segment(0, 4, 5, 0, 2), Segment(0, 5, 8))
    (apart,) = micro_batches_of(batch, 1000, share_prompts=False)[0]
    assert apart.tokens_RW.tolist() == [[11, 12, 23, 24, 11, 12, 21, 11, 13, 22]]


def test_a_prompt_whose_answers_need_two_rows_stands_in_both() -> None:
    batch = rows_of(*[((11, 12, 13), (21 + n, 22, 23), (1, 1, 1)) for n in range(3)])
    (micro,) = micro_batches_of(batch, 1000, row_tokens=9)[0]
    assert micro.tokens_RW.tolist() == [[11, 12, 13, 21, 22, 23, 22, 22, 23], [11, 12, 13, 23, 22, 23, 0, 0, 0]]


def test_ranks_get_shards_with_equally_many_tokens() -> None:
    random = torch.Generator().manual_seed(0)
    lengths = (20 + torch.randn(200, generator=random).mul(0.8).exp() * 20).long().tolist()
    batch = batch_from([(4, n) for n in lengths])
    plans = micro_batches_of(batch, 1000, 0, share_prompts=False, ranks=4)
    loads = [sum(len(m.indices_K) for m in plan) for plan in plans]
    assert max(loads) / (sum(loads) / 4) < 1.05
