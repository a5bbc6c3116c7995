"""Pushes through the object store: streamed to workers that wait, kept for those that sample, and again whole for the
successor of a worker that is lost in the middle. Calls of actors are made at once, in this process."""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from transformers import PreTrainedModel

from openqwq.training.cluster import actors as actors_module
from openqwq.training.cluster.actors import RolloutActor
from openqwq.training.cluster.shards import Held
from openqwq.training.cluster.weight_syncs import WeightSyncs
from openqwq.training.errors import EngineError, WorkerLost
from openqwq.training.rollout.hf_engine import HFEngine
from openqwq.training.weight_sync.arrays import to_arrays
from openqwq.training.weight_sync.buckets import arrays_of, plan_buckets, specs_of

TOKENS = [5, 9, 8]


class Called:
    """An actor of Ray around an object: a call returns its result, or its error, as a reference would."""

    def __init__(self, inner: Any) -> None:
        self.inner = inner
        self.fails_at: Callable[[str, tuple[Any, ...]], bool] = lambda name, arguments: False

    def __getattr__(self, name: str) -> Any:
        def remote(*arguments: Any) -> Any:
            if name == "__ray_ready__":
                return None
            if self.fails_at(name, arguments):
                return WorkerLost("the worker is gone")
            try:
                return getattr(self.inner, name)(*arguments)
            except EngineError as error:
                return error

        return SimpleNamespace(remote=remote)


def get(refs: Any, *_: Any) -> Any:
    for ref in refs if isinstance(refs, list) else [refs]:
        if isinstance(ref, Exception):
            raise ref
    return refs


class Rollouts:
    """The rollout actors, as far as pushes use them."""

    def __init__(self, make: Callable[[], Called], count: int) -> None:
        self.lock, self.check_tokens, self.held = threading.RLock(), TOKENS, Held(0)
        self.make, self.current, self.replaced = make, [make() for _ in range(count)], list[int]()

    def replace(self, index: int, error: Exception) -> Any:
        self.replaced.append(index)
        self.current[index] = self.make()
        return self.current[index]

    def load(self, actor: Any, held: Held, is_fresh: bool = False) -> Any:
        return actor.load_weights.remote(held.version, held.buckets, held.stored(), self.check_tokens)


@pytest.fixture
def made(tiny_model: PreTrainedModel, monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """Two workers, a trainer whose weights are those of the tiny model times `factor`, and their syncs."""
    monkeypatch.setattr(actors_module.ray, "get", get)
    arrays = to_arrays(dict(tiny_model.named_parameters()), "float32")
    first = {name: array.copy() for name, array in arrays.items()}
    buckets = plan_buckets(specs_of(arrays), 3000)
    found = SimpleNamespace(factor=1.0, gathered=0)

    def worker() -> Called:
        actor = RolloutActor()
        model = type(tiny_model)(tiny_model.config).eval()
        actor._sampler = SimpleNamespace(engine=HFEngine(model, [3]))  # type: ignore[assignment]
        return Called(actor)

    def bucket(index: int) -> list[np.ndarray]:
        found.gathered += 1
        return [array * np.float32(found.factor) for array in arrays_of(buckets[index], first)]

    found.trainer = SimpleNamespace(buckets=lambda: buckets, bucket=bucket, ranks=[Called(None)])
    found.rollouts, found.num_buckets = Rollouts(worker, 2), len(buckets)
    found.syncs = WeightSyncs(found.rollouts, SimpleNamespace(get=get), 0)  # type: ignore[arg-type]
    reference = HFEngine(tiny_model, [3])
    found.expected = lambda: (reference.load_weights(1, {n: a * np.float32(found.factor) for n, a in first.items()}),
                              reference.logprobs(TOKENS))[1]  # fmt: skip
    return found


def check(made: SimpleNamespace, version: int) -> None:
    made.syncs.expect(version, made.expected(), False)
    for actor in made.rollouts.current:
        assert actor.inner._loaded.engine.weights_version == version


def test_workers_that_wait_get_every_bucket_once(made: SimpleNamespace) -> None:
    for version, factor in ((1, 1.25), (2, 0.75)):
        made.factor, made.gathered = factor, 0
        made.syncs.load(version, made.trainer, TOKENS)
        assert made.gathered == made.num_buckets > 10  # for both workers together
        check(made, version)


def test_weights_are_kept_for_workers_that_sample_while_the_trainer_goes_on(made: SimpleNamespace) -> None:
    made.factor = 1.5
    made.syncs.load(3, made.trainer, TOKENS, is_sampling=True)
    check(made, 3)
    made.factor, made.gathered = 9.0, 0  # the trainer has another version by now
    made.rollouts.load(made.rollouts.replace(0, WorkerLost("")), made.rollouts.held)
    made.factor = 1.5
    assert made.gathered == 0
    check(made, 3)


def test_a_version_that_was_streamed_is_kept_when_an_update_begins_while_workers_sample(made: SimpleNamespace) -> None:
    made.factor = 1.5
    made.syncs.load(4, made.trainer, TOKENS)
    made.syncs.hold()
    made.syncs.hold()  # again it does nothing
    assert made.gathered == 2 * made.num_buckets
    made.factor = 9.0
    made.rollouts.load(made.rollouts.replace(1, WorkerLost("")), made.rollouts.held)
    made.factor = 1.5
    check(made, 4)


@pytest.mark.parametrize("call", ["begin_load", "load_bucket"])
def test_the_successor_of_a_worker_that_is_lost_in_the_middle_gets_all(made: SimpleNamespace, call: str) -> None:
    made.factor = 1.25
    made.rollouts.current[1].fails_at = lambda name, arguments: name == call and arguments[0] in (5, 6)
    made.syncs.load(5, made.trainer, TOKENS)
    check(made, 5)
    assert made.rollouts.replaced == [1]


def test_a_trainer_that_is_lost_in_the_middle_leaves_workers_that_refuse_to_sample(made: SimpleNamespace) -> None:
    bucket = made.trainer.bucket
    made.trainer.bucket = lambda index: WorkerLost("the trainer is gone") if index == 3 else bucket(index)
    made.trainer.ranks = [SimpleNamespace(__ray_ready__=SimpleNamespace(remote=lambda: WorkerLost("trainer 0")))]
    for actor in made.rollouts.current:  # a call fails with the error of its argument
        actor.fails_at = lambda name, arguments: name == "load_bucket" and isinstance(arguments[1], WorkerLost)
    with pytest.raises(WorkerLost, match="trainer 0"):
        made.syncs.load(6, made.trainer, TOKENS)
    for actor in made.rollouts.current:
        with pytest.raises(EngineError, match=f"3 of {made.num_buckets} buckets of weights version 6"):
            actor.inner._loaded.engine.logprobs(TOKENS)
