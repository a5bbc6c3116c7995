"""Rows of a micro-batch: every token once, attention within its sequence only, hidden states as without packing."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import PreTrainedModel

from openqwq.training.backends.scored_policy import hidden_states
from openqwq.training.batches.collate import Batch
from openqwq.training.batches.packing import Block, fill_rows, plan_micro_batches
from tests.training.small_updates import batch_of, mixed_batch

SHAPES = st.lists(st.tuples(st.integers(1, 12), st.integers(1, 40)), min_size=1, max_size=14)


def batch_from(shapes: list[tuple[int, int]]) -> Batch:
    return batch_of([(p, a, 1.0) for p, a in shapes])


@settings(max_examples=60, deadline=None)
@given(shapes=SHAPES, limit=st.sampled_from([1, 60, 200, 10_000]), is_shared=st.booleans(), ranks=st.integers(1, 3))
def test_every_counted_token_is_predicted_once_within_the_limit(
    shapes: list[tuple[int, int]], limit: int, is_shared: bool, ranks: int
) -> None:
    batch = batch_from(shapes)
    plans = plan_micro_batches(batch, limit, share_prompts=is_shared, ranks=ranks)
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
    for micro in plan_micro_batches(batch, 200)[0]:
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
    found = torch.zeros(batch.num_loss_tokens, tiny_model.config.hidden_size)
    with torch.no_grad():
        for micro in plan_micro_batches(batch, 200, row_tokens, is_shared)[0]:
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
    shared = sum(m.num_computed for m in plan_micro_batches(batch, 1000, row_tokens=50)[0])
    apart = sum(m.num_computed for m in plan_micro_batches(batch, 1000, row_tokens=50, share_prompts=False)[0])
    assert (shared, apart) == (50, 140)


def test_one_sequence_a_row_needs_no_mask() -> None:
    (micro,) = plan_micro_batches(batch_from([(10, 20), (4, 22)]), 1000, row_tokens=0)[0]
    assert micro.attention_mask() is None


def test_an_answer_sees_its_prompt_and_itself_only() -> None:
    (micro,) = plan_micro_batches(batch_from([(2, 2), (2, 1)]), 1000, row_tokens=6)[0]
    mask = micro.attention_mask()
    assert mask is not None
    assert mask[0, 0].long().tolist() == [
        [1, 0, 0, 0, 0],
        [1, 1, 0, 0, 0],
        [1, 1, 1, 0, 0],
        [1, 1, 1, 1, 0],
        [1, 1, 0, 0, 1],
    ]
    assert micro.positions_RW.tolist() == [[0, 1, 2, 3, 2]]


def test_ranks_get_shards_with_equally_many_tokens() -> None:
    random = torch.Generator().manual_seed(0)
    lengths = (20 + torch.randn(200, generator=random).mul(0.8).exp() * 20).long().tolist()
    batch = batch_from([(4, n) for n in lengths])
    plans = plan_micro_batches(batch, 1000, 0, share_prompts=False, ranks=4)
    loads = [sum(len(m.indices_K) for m in plan) for plan in plans]
    assert max(loads) / (sum(loads) / 4) < 1.05
