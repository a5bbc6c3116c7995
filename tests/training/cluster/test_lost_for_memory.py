"""A worker that Ray's memory monitor kills is a lost worker: a real monitor, for which memory is always short."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest
import ray
from ray import exceptions

from openqwq.training.cluster.remote_calls import LOST, RemoteCalls
from openqwq.training.errors import ClusterError, EngineError, WorkerLost

PROGRAM = """
import ray, time
from openqwq.training.cluster.placement import start_ray, stop_ray
from openqwq.training.cluster.remote_calls import RemoteCalls
from openqwq.training.config import Cluster, RolloutRole
from openqwq.training.errors import WorkerLost

class Holder:
    def hold(self, num_bytes):
        held = b"1" * num_bytes
        time.sleep(600)
        return len(held)

group = start_ray(Cluster(rollout=RolloutRole(workers=1)))
try:
    remote = RemoteCalls(300.0, None)
    actor = ray.remote(Holder).options(num_cpus=0).remote()
    for what in ("the update", "the next one"):  # killed while it works; and gone when it is asked again
        try:
            remote.get(actor.hold.remote(10**8), what)
        except WorkerLost as error:
            print(error)
finally:
    stop_ray(group)
"""


def test_a_worker_that_ray_kills_for_memory_is_lost_and_the_error_names_memory() -> None:
    short = {"RAY_memory_usage_threshold": "0.001", "RAY_memory_monitor_refresh_ms": "100"}
    environment = {**os.environ, **short}  # read by a Ray when it starts, so it is one of its own
    done = subprocess.run([sys.executable, "-c", PROGRAM], env=environment, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    killed, gone = done.stdout.splitlines()
    assert killed.startswith("the update is lost (OutOfMemoryError): ") and "low on memory" in killed
    assert gone.startswith("the next one is lost (")


@pytest.fixture(scope="module")
def calls() -> Iterator[RemoteCalls]:
    ray.init("local", num_cpus=2, include_dashboard=False, object_store_memory=2**27, log_to_driver=False)
    yield RemoteCalls(300.0, None)
    ray.shutdown()


def test_an_actor_that_cannot_be_made_is_no_lost_worker(calls: RemoteCalls) -> None:
    class Broken:
        def __init__(self) -> None:
            raise ValueError("no such thing")

        def work(self) -> None:
            """Never called."""

    with pytest.raises(
        ClusterError, match=r"^the worker failed: ActorDiedError(.|\n)*ValueError: no such thing"
    ) as caught:
        calls.get(ray.remote(Broken).remote().work.remote(), "the worker")
    assert not isinstance(caught.value, WorkerLost)


def test_a_call_over_the_failed_result_of_another_raises_the_first_error(calls: RemoteCalls) -> None:
    def fail() -> None:
        raise EngineError("the loss is not finite")

    failed = ray.remote(fail).remote()
    for _ in range(2):
        failed = ray.remote(lambda result: result).remote(failed)
    with pytest.raises(EngineError, match=r"^the loss is not finite$"):
        calls.get(failed, "the worker")


def test_a_call_over_the_result_of_a_lost_worker_is_lost_with_it(calls: RemoteCalls) -> None:
    class Sleeper:
        def work(self) -> None:
            time.sleep(600)

    actor = ray.remote(Sleeper).remote()
    result = actor.work.remote()
    ray.kill(actor)
    for _ in range(2):
        result = ray.remote(lambda result: result).remote(result)
    with pytest.raises(WorkerLost, match=r"^the engine is lost \(ActorDiedError\)"):
        calls.get(result, "the engine")


def test_every_error_of_ray_is_known_to_mean_a_loss_or_not() -> None:
    """A newer Ray with another error asks for a decision."""
    no_loss = {
        "RayError", "RayTaskError", "CrossLanguageError", "TaskCancelledError", "UserCodeException",
        "GetTimeoutError", "AuthenticationError", "RpcError",  # between driver and head: nothing is left to go on with
        "RaySystemError", "StreamingGeneratorReplayInconsistentError", "UnserializableException",  # our own faults
        "OufOfBandObjectRefSerializationException", "PendingCallsLimitExceeded", "PlasmaObjectNotAvailable",
        "ObjectRefStreamEndOfStreamError", "AsyncioActorExit", "ActorAlreadyExistsError", "ActorHandleNotFoundError",
        "TaskPlacementGroupRemoved", "ActorPlacementGroupRemoved",  # removed by the run itself, when it ends
        "TaskUnschedulableError",  # workers are actors
        "RayChannelError", "RayChannelTimeoutError", "RayCgraphCapacityExceeded", "RayDirectTransportError",  # not used
    }  # fmt: skip
    kinds = {k for k in vars(exceptions).values() if isinstance(k, type) and issubclass(k, exceptions.RayError)}
    assert {kind.__name__ for kind in kinds if not issubclass(kind, LOST)} == no_loss
    assert issubclass(exceptions.OwnerDiedError, exceptions.ObjectLostError)
