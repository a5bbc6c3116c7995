"""A shard that is sampled again gives each sample once, whatever it came as before its worker was lost."""

from __future__ import annotations

from typing import Any

from openqwq.training.cluster.shards import Held, Shard
from openqwq.training.config import Sampling
from openqwq.training.records import Chunk, SampleRequest
from tests.training.small_records import make_prompt, make_rollout


def request(group: int) -> SampleRequest:
    return SampleRequest(make_prompt(group), group, 0, seed=group)


def test_a_sample_that_came_finished_or_not_does_not_come_again() -> None:
    actor: Any = None
    shard = Shard(0, actor, [request(n) for n in range(4)], Sampling(), None, Held(0))
    first = shard.fresh(Chunk([make_rollout(0)], [request(1)]))
    assert ([r.group for r in first.rollouts], [r.group for r in first.unfinished]) == ([0], [1])
    # with continuous turns or vLLM other samples may have finished the second time
    again = shard.fresh(Chunk([make_rollout(1), make_rollout(2)], [request(0), request(3)], busy_seconds=2.0))
    assert ([r.group for r in again.rollouts], [r.group for r in again.unfinished]) == ([2], [3])
    assert again.busy_seconds == 2.0
