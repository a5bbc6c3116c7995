"""Critic and reference in groups of their own, and trainer ranks on the GPUs of engines, on a real Ray."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import ray
from ray.util.placement_group import placement_group, remove_placement_group

from openqwq.training.algorithms.catalogue import resolve
from openqwq.training.cluster.helper_workers import RayHelperWorkers
from openqwq.training.cluster.remote_calls import RemoteCalls
from openqwq.training.cluster.roles import wanted
from openqwq.training.cluster.rollout_actors import RolloutActors
from openqwq.training.cluster.trainer_workers import RayTrainerWorkers
from openqwq.training.config import Algorithm, Cluster, Critic, Kl, Optimizer, Role, RolloutRole, TrainerRole
from tests.training.small_updates import batch_of, trainer_of

PPO = resolve(Algorithm(name="ppo", critic=Critic(warmup_updates=1), kl=Kl(coefficient=0.1, place="reward")))
SHAPES = [(3, 4, 1.0), (9, 21, -1.0), (3, 1, 0.5), (5, 13, 2.0), (4, 30, 0.0)]


@pytest.fixture(scope="module")
def pretended() -> Iterator[None]:
    """A Ray that believes in four CPUs and two GPUs."""
    ray.init("local", num_cpus=4, num_gpus=2, include_dashboard=False, object_store_memory=2**28, log_to_driver=False)
    yield
    ray.shutdown()


def test_a_critic_over_two_ranks_and_a_reference_apart_do_what_one_process_does(
    pretended: None, tmp_path: Path
) -> None:
    cluster = Cluster(rollout=RolloutRole(workers=1), critic=Role(workers=2), reference=Role())
    group = placement_group([bundle.resources for bundle in wanted(cluster)])
    helpers = RayHelperWorkers(cluster, group, RemoteCalls(600.0, None))
    optimizer = Optimizer(learning_rate=1e-3, max_grad_norm=1.0)
    alone = trainer_of("data/tiny/base", PPO, optimizer=optimizer, micro_batch_tokens=64)
    beside = trainer_of("data/tiny/base", PPO, optimizer=optimizer, micro_batch_tokens=64, elsewhere=helpers.apart)
    assert beside.critic is None and beside.reference is None
    helpers.start(beside.settings, None)
    values = []
    for seed in range(3):
        batch = batch_of(SHAPES, rewards=[1.0, 0.0, 1.0, 0.0, 1.0], seed=seed)
        helper_outputs = helpers.compute(batch)
        report = helpers.update_critic(batch, helper_outputs, beside.update(batch, helper_outputs))
        assert dict(report.metrics) == pytest.approx(dict(alone.update(batch).metrics), rel=1e-3, abs=1e-5)
        if seed == 1:
            helpers.save(tmp_path)
            last = helpers.compute(batch_of(SHAPES, seed=9))
        values.append(report.metrics["critic/value_mean"])
    assert values[0] == 0.0 != values[2]  # it has learned something
    helpers.start(beside.settings, tmp_path)
    again = helpers.compute(batch_of(SHAPES, seed=9))
    assert again.values_K.equal(last.values_K) and again.reference_logprobs_K.equal(last.reference_logprobs_K)
    helpers.stop()
    remove_placement_group(group)


def test_a_colocated_trainer_rank_sees_one_gpu_of_its_engine(pretended: None, monkeypatch: pytest.MonkeyPatch) -> None:
    class Seeing:
        def seen(self) -> str | None:
            return os.environ.get("CUDA_VISIBLE_DEVICES")

    monkeypatch.setattr("openqwq.training.cluster.trainer_workers.TrainerActor", Seeing)
    trainer = TrainerRole(workers=2, gpus=1, zero_stage=3)
    cluster = Cluster(rollout=RolloutRole(workers=1, gpus=2, engine="vllm"), trainer=trainer)
    group = placement_group([bundle.resources for bundle in wanted(cluster)])
    remote = RemoteCalls(600.0, None)
    engines = RolloutActors(cluster, group, remote).gpus()
    assert [sorted(numbers) for numbers in engines] == [["0", "1"]]
    ranks = RayTrainerWorkers(cluster, group, remote, engines)
    assert [ray.get(ranks._actor(rank).seen.remote()) for rank in range(2)] == engines[0]
