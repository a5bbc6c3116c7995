"""Each error of Ray that exists, met at each call to Ray of a run's life: a worker is replaced, the run starts again
from its newest checkpoint, or it ends with one line. Nothing else, and never without end."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from ray import exceptions

from openqwq.training.algorithms.catalogue import CATALOGUE
from openqwq.training.backends.settings import TrainerSettings
from openqwq.training.cluster.ray_errors import DISTURBED, LOST, meaning
from openqwq.training.cluster.ray_worker_group import RayWorkerGroup
from openqwq.training.config import Cluster, Optimizer, Rewards, Role, RolloutRole, Sampling
from openqwq.training.errors import ClusterError, DeadlineExpired, EngineError, WorkerLost
from openqwq.training.pipeline.restarts import MAX_RESTARTS, Restarts
from openqwq.training.records import SampleRequest
from openqwq.training.rollout.build import EngineSettings
from tests.training.cluster.pretended_ray import PretendedRay, an_error, every_kind
from tests.training.small_records import make_prompt

KINDS = every_kind()
FAULTS = {
    "RayError", "RayTaskError", "CrossLanguageError", "UserCodeException",  # the work itself raised
    "UnserializableException", "OufOfBandObjectRefSerializationException",  # what was sent cannot be sent
    "ActorAlreadyExistsError", "ActorHandleNotFoundError",  # our workers have no names
    "AuthenticationError",  # another token: nothing that is started anew has the right one
}  # fmt: skip
"""Kinds after which starting again does not help: one line, and the newest checkpoint stands."""
THOROUGH = {"ActorDiedError", "GetTimeoutError", "RaySystemError", "RayTaskError"}
"""Of each meaning one that is met at every call; the others at every fourth, each beginning elsewhere."""
CLUSTERS = {
    "store": Cluster(rollout=RolloutRole(workers=2)),
    "broadcast": Cluster(
        rollout=RolloutRole(workers=2, weight_sync="broadcast"), critic=Role(), reference=Role(), colocate=False
    ),
}
SETTINGS = TrainerSettings(
    model="-", dtype="float32", algorithm=CATALOGUE["ppo"], optimizer=Optimizer(), temperature=1.3, max_new_tokens=8,
    micro_batch_tokens=64, minibatches=1, seed=0, threads=1,
)  # fmt: skip
REQUESTS = [SampleRequest(make_prompt(g), g, i, seed=10 * g + i) for g in range(2) for i in range(2)]
ROWS = {f"p{g}": {} for g in range(2)}


def life(workers: RayWorkerGroup, folder: Path) -> list[Any]:
    """All that a run asks of its workers, once; returns what they said."""
    job: Any = type("Job", (), {"batch_size": 2, "rank": None})
    workers.start_engines(EngineSettings("-", "float32", {}, 4))
    workers.start_trainer(SETTINGS, None)
    said: list[Any] = []
    for version in (1, 2):
        chunks = (chunk.rollouts for chunk in workers.sample(REQUESTS, Sampling()))
        judged = workers.judge(chunks, ROWS, Rewards())
        said.append(sorted((j.rollout.group, j.rollout.index, j.judgement.reward) for j in judged))
        batch: Any = {}
        said.append(workers.update(batch).metrics)
        said.append(workers.sync_weights(version))
        workers.save(folder)
    said.append(workers.train_reward_model(job))
    return said


def lived(cluster: Cluster, folder: Path, heard: list[str]) -> list[Any] | Exception:
    """A life that is begun again as the pipeline begins a stage again, and what it ends with."""
    restarts = Restarts(lambda: 0)
    while True:
        try:
            workers = RayWorkerGroup(cluster, folder, heard.append)
            said = life(workers, folder)
            workers.close()
            return said
        except ClusterError as error:
            heard.append(str(error))
            if not restarts.allows(error):
                return error


@pytest.fixture(autouse=True)
def _job_can_be_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("openqwq.training.cluster.trainer_workers.replace", lambda one, **_: one)


def test_every_error_of_ray_is_a_loss_a_missed_deadline_or_a_fault() -> None:
    """A newer Ray with another error asks for a decision."""
    lost = {name for name, kind in KINDS.items() if issubclass(kind, (*LOST, *DISTURBED))}
    assert not lost & FAULTS
    assert lost | FAULTS | {"GetTimeoutError"} == set(KINDS)
    named = {k for k, v in vars(exceptions).items() if isinstance(v, type) and issubclass(v, exceptions.RayError)}
    assert named <= set(KINDS)


@pytest.mark.parametrize("how", list(CLUSTERS))
def test_an_error_that_is_met_once_anywhere_is_survived_or_is_one_line(
    how: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world, cluster = PretendedRay(monkeypatch), CLUSTERS[how]
    calm = lived(cluster, tmp_path, [])
    assert isinstance(calm, list)
    places = list(world.events)
    assert set(places) >= {"init", "placement", "start", "call", "get", "put", "wait", "next"} and len(places) > 60
    found: Counter[str] = Counter()
    for turn, (name, kind) in enumerate(KINDS.items()):
        for place in range(0 if name in THOROUGH else turn % 4, len(places), 1 if name in THOROUGH else 4):
            what = places[place]
            world.events.clear()
            error, heard = an_error(kind), list[str]()
            world.fail = lambda number, place=place, error=error: error if number == place else None  # type: ignore[misc]
            ended = lived(cluster, tmp_path, heard)
            assert all("\n" not in line for line in heard), (name, what, heard)
            if ended == calm:
                found["survived"] += 1
                assert not heard or name in " ".join(heard) or name == "GetTimeoutError", (name, what, heard)
            else:
                found["one line"] += 1
                assert type(ended) is ClusterError and (name in FAULTS or what == "init"), (name, what, ended)
                assert what == "init" or name in str(ended) or "ValueError: no such thing" in str(ended)
    assert found["survived"] > 100 and found["one line"] > 50
    for left in tmp_path.glob("*.txt"):
        left.unlink()


@pytest.mark.parametrize("how", list(CLUSTERS))
@pytest.mark.parametrize("name", sorted(set(KINDS) - FAULTS))
def test_an_error_that_stays_ends_the_run_after_a_bounded_number_of_restarts(
    how: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    world, cluster = PretendedRay(monkeypatch), CLUSTERS[how]
    lived(cluster, tmp_path, [])
    num_events = len(world.events)
    for place in range(0, num_events, 7):
        world.events.clear()
        heard: list[str] = []
        error = an_error(KINDS[name])
        world.fail = lambda number, place=place, error=error: error if number >= place else None  # type: ignore[misc]
        ended = lived(cluster, tmp_path, heard)
        assert isinstance(ended, ClusterError) and "\n" not in str(ended)
        assert len(world.events) <= (MAX_RESTARTS + 1) * num_events


@pytest.mark.parametrize(
    ("what", "words"),
    [
        ("rollout worker 3", "cluster.rollout.workers"),
        ("loading the rollout engines", "sampling.max_batch"),
        ("the update", "micro_batch_tokens"),
        ("the cold start", "gradient_checkpointing"),
        ("reward worker 0", "cluster.reward_model.workers"),
    ],
)
def test_a_worker_that_was_killed_for_memory_says_what_to_lower(what: str, words: str) -> None:
    said = str(meaning(exceptions.OutOfMemoryError("the node is running low on memory"), what))
    assert said.startswith(f"{what} is lost (OutOfMemoryError): ") and words in said
    gone = exceptions.ActorDiedError()
    gone.error_msg = "Worker exit type: NODE_OUT_OF_MEMORY"  # what the next call to the same worker says
    assert words in str(meaning(gone, what))
    assert words not in str(meaning(exceptions.ActorDiedError(), what))


def test_memory_that_a_worker_itself_lacked_is_no_loss_and_says_what_to_lower() -> None:
    for cause in (
        MemoryError(),
        type("OutOfMemoryError", (RuntimeError,), {})("CUDA out of memory"),
    ):
        said = meaning(exceptions.RayTaskError("update", "Traceback", cause), "the update")
        assert type(said) is ClusterError and "micro_batch_tokens" in str(said)


def test_what_a_worker_raised_of_ours_stays_what_it_is_however_deep() -> None:
    ours = EngineError("the loss is not finite")
    error = exceptions.RayTaskError("a", "Traceback", exceptions.RayTaskError("b", "Traceback", ours))
    assert meaning(error, "the update") is ours


def test_losses_are_counted_anew_from_each_new_checkpoint() -> None:
    newest = [0]
    restarts = Restarts(lambda: newest[0])
    for _ in range(5):
        assert [restarts.allows(WorkerLost("x")) for _ in range(MAX_RESTARTS)] == [True] * MAX_RESTARTS
        newest[0] += 10
    assert [restarts.allows(WorkerLost("x")) for _ in range(MAX_RESTARTS + 1)] == [True] * MAX_RESTARTS + [False]


def test_an_answer_that_does_not_come_twice_from_the_same_checkpoint_ends_the_run() -> None:
    newest = [4]
    restarts = Restarts(lambda: newest[0])
    assert restarts.allows(DeadlineExpired("x")) and restarts.allows(WorkerLost("x"))
    assert not restarts.allows(DeadlineExpired("x"))
    newest[0] = 5
    assert restarts.allows(DeadlineExpired("x"))
    assert not restarts.allows(ClusterError("the work itself failed"))
