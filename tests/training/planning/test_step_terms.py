"""Terms of a planned step, held to the code that spends them at two small sizes."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from transformers import AutoConfig

from openqwq.training.backends.ranks import Rank, Ranks, pair_work
from openqwq.training.batches.collate import Batch, Sample, collate
from openqwq.training.planning.hardware import gpu_named
from openqwq.training.planning.lengths import lognormal
from openqwq.training.planning.shapes import ModelShape
from openqwq.training.planning.step import Layout, Workload, data_imbalance, estimate
from tests.training.small_records import make_rollout

SHAPE = ModelShape(layers=2, hidden=64, heads=4, kv_heads=2, intermediate=128, vocabulary=500)
PROMPT, RANKS = 5, 4


def batch_of_lengths(lengths: list[int]) -> Batch:
    """Answers of these lengths; no two have the same prompt."""
    rollouts = [
        make_rollout(n, 0, prompt_tokens=[n] * PROMPT, tokens=[7] * length, mask=[1] * length, logprobs=[-1.0] * length)
        for n, length in enumerate(lengths)
    ]
    return collate([Sample(rollout, rollout.group, 1.0, 1.0) for rollout in rollouts], len(rollouts))


@pytest.mark.parametrize(("samples", "tokens"), [(24, 300), (90, 420)])
def test_the_unevenness_of_ranks_is_that_of_their_micro_batches(samples: int, tokens: int) -> None:
    lengths = lognormal(60, 0.8, 250, samples)
    planned = data_imbalance(
        Workload(samples, lengths, PROMPT, micro_batch_tokens=tokens),
        Layout(SHAPE, gpu_named("h100"), engines=1, tensor_parallel=1, slots=1, trainer_gpus=RANKS),
    )
    batch, weight = (
        batch_of_lengths([round(n) for n in lengths.values]),
        pair_work(AutoConfig.for_model(**SHAPE.config())),
    )
    ranks = [Ranks(Rank(rank, RANKS, "", 1, zero_stage=3), torch.device("cpu"), weight) for rank in range(RANKS)]
    works = []
    for micros in (rank.own_shard(batch, tokens) for rank in ranks):
        assert all(micro.num_computed <= tokens for micro in micros)
        works.append([
            sum(s.length + weight * s.length * (s.length + 1) / 2 for s in micro.segments) * (len(micro.indices_K) > 0)
            for micro in micros
        ])  # fmt: skip
    waited = math.fsum(max(tick) for tick in zip(*works, strict=True))
    assert planned == pytest.approx(waited * RANKS / math.fsum(map(math.fsum, works)), rel=1e-9)
    assert 1.0 < planned < 1.3


@pytest.mark.parametrize("overlaps", [False, True])
def test_checkpoints_lengthen_a_step_by_their_seconds_or_by_their_share_of_the_time(overlaps: bool) -> None:
    layout = Layout(SHAPE, gpu_named("h100"), engines=1, tensor_parallel=1, slots=8, trainer_gpus=RANKS)
    work = Workload(24, lognormal(60, 0.8, 250, 24), PROMPT)
    seconds = estimate(work, layout, overlaps).seconds
    every_step = estimate(replace(work, checkpoint_seconds=3.0), layout, overlaps)
    by_time = estimate(replace(work, checkpoint_share=0.25), layout, overlaps)
    assert (every_step.seconds, every_step.phases["checkpoint"]) == pytest.approx((seconds + 3.0, 3.0))
    assert (by_time.seconds, by_time.phases["checkpoint"]) == pytest.approx((1.25 * seconds, 0.25 * seconds))
