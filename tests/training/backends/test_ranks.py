"""Ranks as threads: their shards of a batch, sums over them, and rows that they share."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from transformers import AutoConfig, PreTrainedModel

from openqwq.training.backends.ranks import Rank, Ranks, from_first_rank, pair_work
from openqwq.training.backends.reference import score
from openqwq.training.backends.scored_policy import ScoredPolicy
from openqwq.training.backends.sequence_parallel import (
    SequenceGroup,
    gather_columns,
    make_sequence_group,
    scatter_columns,
)
from openqwq.training.errors import RecipeError
from openqwq.training.models import load_model
from openqwq.training.planning.shapes import KNOWN
from tests.training.backends.plain_updates import plain_scores
from tests.training.backends.threaded_ranks import on_ranks
from tests.training.small_updates import batch_of, grouped_batch

CPU = torch.device("cpu")


def rank_of(rank: int, world_size: int, sequence_parallel: int = 1) -> Rank:
    return Rank(rank, world_size, "127.0.0.1", 1, zero_stage=2, sequence_parallel=sequence_parallel)


def test_a_process_alone_is_the_first_of_one() -> None:
    alone = Ranks(None, CPU)
    assert (alone.index, alone.size, alone.sequence_group) == (0, 1, None)
    assert alone.total({"a": 1.5}) == {"a": 1.5} and alone.merged(torch.ones(2)).tolist() == [1, 1]
    assert from_first_rank(None, True) is True and from_first_rank(None, False) is False
    assert rank_of(1, 2).offload == "none" and Rank(0, 1, "", 1, 2).sequence_parallel == 1


def test_ranks_share_a_batch_and_make_equally_many_micro_batches() -> None:
    batch = grouped_batch()
    ranks = [Ranks(rank_of(index, 3), CPU) for index in range(3)]
    assert [(r.index, r.size, r.sequence_group) for r in ranks] == [(0, 3, None), (1, 3, None), (2, 3, None)]
    shards = [r.own_shard(batch, 45) for r in ranks]
    assert len({len(shard) for shard in shards}) == 1 and len(shards[0]) > 1
    counted = torch.cat([micro.indices_K for shard in shards for micro in shard])
    assert sorted(counted.tolist()) == list(range(batch.num_loss_tokens))


def test_a_rank_without_rows_computes_those_of_another_and_counts_none() -> None:
    batch = batch_of([(3, 5, 1.0)])
    first, second = (Ranks(rank_of(index, 2), CPU).own_shard(batch, 100) for index in range(2))
    assert torch.equal(first[0].tokens_RW, second[0].tokens_RW) and len(first) == len(second) == 1
    assert len(first[0].indices_K) == 5 and len(second[0].indices_K) == 0


def test_sums_over_ranks_hold_what_any_of_them_has() -> None:
    def run(rank: int) -> Any:
        ranks = Ranks(rank_of(rank, 3), CPU)
        own = {"loss": rank + 1.0} | ({"only here": 5.0} if rank == 1 else {})
        mine = torch.zeros(3)
        mine[rank] = rank + 2.0
        return ranks.total(own), ranks.merged(mine), from_first_rank(rank_of(rank, 3), rank == 0)

    for total, merged, decision in on_ranks(3, run):
        assert total == {"loss": 6.0, "only here": 5.0}
        assert merged.tolist() == [2.0, 3.0, 4.0] and decision is True
    assert [decision for *_, decision in on_ranks(2, lambda r: (from_first_rank(rank_of(r, 2), r == 1),))] == [
        False
    ] * 2


def test_consecutive_ranks_make_a_sequence_group() -> None:
    def run(rank: int) -> Any:
        group = make_sequence_group(rank, 4, 2)
        assert group is not None
        own = Ranks(rank_of(rank, 4, 2), CPU).sequence_group
        assert own is not None and (own.index, own.size) == (group.index, group.size)
        return group.index, group.size, torch.distributed.get_process_group_ranks(group.process_group)

    assert on_ranks(4, run) == [(0, 2, [0, 1]), (1, 2, [0, 1]), (0, 2, [2, 3]), (1, 2, [2, 3])]
    assert make_sequence_group(0, 4, 1) is None


def test_the_ranks_of_a_group_hold_columns_of_the_same_rows() -> None:
    batch = grouped_batch()

    def run(rank: int) -> Any:
        ranks = Ranks(rank_of(rank, 4, 2), CPU)
        return ranks.own_shard(batch, 45)

    shards = on_ranks(4, run)
    whole = [Ranks(rank_of(index, 2), CPU).own_shard(batch, 45) for index in range(2)]
    assert len({len(shard) for shard in shards}) == 1
    for index, shard in enumerate(shards):
        for micro, full in zip(shard, whole[index // 2], strict=True):
            expected = full.columns(index % 2, 2)
            assert torch.equal(micro.tokens_RW, expected.tokens_RW) and micro.segments == expected.segments
            assert torch.equal(micro.source_K, expected.source_K)


def test_columns_are_exchanged_for_heads_and_back() -> None:
    rows, heads, width, depth, parts = 2, 6, 5, 3, 2
    whole = torch.arange(rows * heads * width * parts * depth).view(rows, heads, width * parts, depth).double()

    def run(rank: int) -> Any:
        group = make_sequence_group(rank, parts, parts)
        assert group is not None
        mine = whole[:, :, rank * width : (rank + 1) * width].clone().requires_grad_()
        gathered = gather_columns(mine, group)
        back = scatter_columns(gathered, group)
        weight = torch.arange(gathered.numel()).view_as(gathered) * (rank + 1.0)
        (gathered * weight).sum().backward()
        return gathered.detach(), back.detach(), mine.detach(), mine.grad, weight

    ranks = on_ranks(parts, run)
    for rank, (gathered, back, mine, _, _) in enumerate(ranks):
        assert torch.equal(gathered, whole[:, rank * 3 : (rank + 1) * 3])  # its heads, all columns
        assert torch.equal(back, mine)
    weights = torch.cat([weight for *_, weight in ranks], 1)
    for rank, (*_, gradient, _) in enumerate(ranks):
        assert torch.equal(gradient, weights[:, :, rank * width : (rank + 1) * width])


@pytest.mark.parametrize("parts", [2, 4])  # two key heads: one for each of two ranks, copies of them for four
def test_scores_and_gradients_over_shared_rows_are_those_of_a_whole_model(tiny_folder: str, parts: int) -> None:
    batch = grouped_batch()
    plain = load_model(tiny_folder)
    rows, _ = plain_scores(plain, batch, 0.7)
    expected = torch.cat(rows)
    (expected * torch.arange(len(expected))).sum().backward()
    models = [load_model(tiny_folder) for _ in range(parts)]

    def run(rank: int) -> Any:
        ranks = Ranks(rank_of(rank, parts, parts), CPU)
        policy = ScoredPolicy(models[rank], 0.7, ranks.sequence_group)
        with torch.no_grad():
            found = score(policy, batch, 60, ranks)
        for micro in ranks.own_shard(batch, 60):
            weights = micro.indices_K.float()
            policy(micro, lambda logprobs, _, weights=weights: weights * logprobs)[0].backward()
        return found

    for found in on_ranks(parts, run):
        assert torch.allclose(found, expected.detach(), atol=1e-4)
    for parameters in zip(plain.parameters(), *(model.parameters() for model in models), strict=True):
        whole, *shares = (p.grad for p in parameters)
        total = torch.stack(shares).sum(0)
        assert float((total - whole).norm()) <= 1e-3 * float(whole.norm()) + 1e-6


def test_one_sequence_a_row_is_causal_over_the_group_as_well(tiny_folder: str) -> None:
    batch = batch_of([(3, 8, 1.0), (5, 6, -1.0)])
    expected = torch.cat(plain_scores(load_model(tiny_folder), batch, 1.0)[0]).detach()
    models = [load_model(tiny_folder) for _ in range(2)]

    def run(rank: int) -> Any:
        ranks = Ranks(rank_of(rank, 2, 2), CPU)
        micros = ranks.own_shard(batch, 11)  # rows of one sequence
        assert all(len(micro.segments) == len(micro.tokens_RW) for micro in micros)
        with torch.no_grad():
            return score(ScoredPolicy(models[rank], 1.0, ranks.sequence_group), batch, 11, ranks)

    for found in on_ranks(2, run):
        assert torch.allclose(found, expected, atol=1e-4)


def test_a_model_under_a_group_still_answers_alone(tiny_model: PreTrainedModel) -> None:
    """As for the check of a sync, which every rank does by itself."""
    ids = torch.tensor([[10, 11, 12, 13, 14]])
    expected = tiny_model(ids).logits
    ScoredPolicy(tiny_model, 1.0, SequenceGroup(None, 0, 2))
    assert torch.allclose(tiny_model(ids).logits, expected, atol=1e-4)


def test_heads_that_cannot_be_divided_are_refused(tiny_model: PreTrainedModel) -> None:
    ScoredPolicy(tiny_model, 1.0, SequenceGroup(None, 0, 4))
    with pytest.raises(RecipeError, match=r"sequence_parallel=3 must divide the model's 4 attention heads"):
        ScoredPolicy(tiny_model, 1.0, SequenceGroup(None, 0, 3))


@pytest.mark.parametrize("name", ["Qwen/Qwen2.5-0.5B", "Qwen/Qwen2.5-32B", "Qwen/Qwen3-32B"])
def test_the_work_of_attention_is_weighed_as_the_plan_counts_flops(name: str) -> None:
    shape = KNOWN[name]
    config = AutoConfig.for_model(**shape.config(), head_dim=shape.head_width)
    one, many = (shape.forward_flops(1000, n) / shape.forward_flops(1000, 0) for n in (1, 30_000))
    # n tokens of a sequence see n^2 / 2 pairs, so a token of it has the work 1 + n / 2 x pair_work
    assert 1 + 0.5 * pair_work(config) == pytest.approx(one) and 1 + 15_000 * pair_work(config) == pytest.approx(many)


def test_of_a_mixture_of_experts_those_of_a_token_are_counted() -> None:
    dense = {"hidden_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "vocab_size": 100, "head_dim": 16}
    experts = {"num_experts": 64, "num_experts_per_tok": 3, "moe_intermediate_size": 32}
    found = pair_work(AutoConfig.for_model("qwen3_moe", **dense, **experts, num_key_value_heads=2))
    assert found == pytest.approx(
        pair_work(AutoConfig.for_model("qwen3", **dense, intermediate_size=96, num_key_value_heads=2))
    )
    assert 0 < pair_work(AutoConfig.for_model("gpt2", n_embd=64, n_layer=2, n_head=4)) < 1


def test_ranks_are_given_shares_by_the_work_of_attention() -> None:
    batch = batch_of([(1, 30, 1.0), *[(n, 5, 1.0) for n in range(2, 8)]])  # one of 31 tokens, six of 7 to 12
    shares = [Ranks(rank_of(index, 2), CPU, pair_work=10.0).own_shard(batch, 1000) for index in range(2)]
    by_tokens = [Ranks(rank_of(index, 2), CPU).own_shard(batch, 1000) for index in range(2)]
    assert [[micro.num_computed for micro in share] for share in shares] == [[31], [57]]  # 31 see 496, the others 308
    assert sorted(micro.num_computed for share in by_tokens for micro in share) == [41, 47]  # 31 + 9 + 7
