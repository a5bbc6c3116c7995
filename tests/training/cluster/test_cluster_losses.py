"""Lost workers on a real Ray: no sample is lost or counted twice, and an expired deadline reports each process."""

from __future__ import annotations

import os
import re
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import ray
from ray.cluster_utils import Cluster as Nodes

from openqwq.training.algorithms.catalogue import CATALOGUE
from openqwq.training.backends.settings import TrainerSettings
from openqwq.training.cluster.ray_worker_group import RayWorkerGroup
from openqwq.training.config import Cluster, Optimizer, Rewards, Role, RolloutRole, Sampling
from openqwq.training.errors import ClusterError
from openqwq.training.records import Prompt, Rollout, SampleRequest
from openqwq.training.rollout.build import EngineSettings
from tests.training.small_updates import batch_of

SIZES = {"num_cpus": 1, "object_store_memory": 150 * 2**20}
SAMPLING = Sampling(max_new_tokens=48)


@pytest.fixture(scope="module")
def nodes() -> Iterator[Nodes]:
    """Three raylets on this machine. Their files have a folder of their own, because Ray's class overwrites and removes
    the file by which other processes find the last Ray started."""
    with (
        tempfile.TemporaryDirectory(prefix="ray", ignore_cleanup_errors=True) as folder,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setenv("RAY_TMPDIR", folder)
        started = Nodes(initialize_head=True, head_node_args={**SIZES, "include_dashboard": False})
        for _ in range(2):
            started.add_node(**SIZES)
        yield started
        started.shutdown()


@pytest.fixture(scope="module")
def workers(nodes: Nodes, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RayWorkerGroup]:
    cluster = Cluster(
        address=nodes.address, rollout=RolloutRole(workers=3, weight_sync="broadcast"), reward_model=Role(workers=2)
    )
    workers = RayWorkerGroup(cluster, tmp_path_factory.mktemp("run"))
    workers.start_engines(EngineSettings("data/tiny/base", "float32", {}, 256))
    yield workers
    workers.close()


def requests(count: int) -> list[SampleRequest]:
    prompts = [Prompt(f"p{g}", "math", ({"role": "user", "content": f"Find {g}+{g}."},), {}) for g in range(count)]
    return [SampleRequest(p, g, i, seed=100 * g + i) for g, p in enumerate(prompts) for i in range(4)]


def drawn(
    workers: RayWorkerGroup, asked: list[SampleRequest], disturb: Callable[[], object] | None = None
) -> list[Rollout]:
    """All rollouts; `disturb` is called after the second chunk."""
    rollouts: list[Rollout] = []
    for number, chunk in enumerate(workers.sample(asked, SAMPLING)):
        rollouts += chunk.rollouts
        if number == 1 and disturb:
            disturb()
    return sorted(rollouts, key=lambda r: (r.group, r.index))


def engines() -> dict[str, int]:
    """Node -> process of a rollout worker on it."""
    actors = ray._private.state.actors().values()  # the public call needs a dashboard
    alive = [a for a in actors if a["State"] == "ALIVE" and a["ActorClassName"] == "RolloutActor"]
    return {actor["Address"]["NodeID"]: actor["Pid"] for actor in alive}


def kill_worker(workers: RayWorkerGroup, place: int) -> None:
    ray.kill(workers._engines.by_name[f"rollout worker {place}"])


def test_samples_of_a_killed_worker_are_sampled_again_and_are_the_same(workers: RayWorkerGroup) -> None:
    assert len(engines()) == 3
    asked = requests(16)
    calm = drawn(workers, asked)
    assert [(r.group, r.index) for r in calm] == [(q.group, q.index) for q in asked]
    assert drawn(workers, asked, lambda: kill_worker(workers, 1)) == calm
    assert workers._engines.num_replaced == 1
    assert drawn(workers, asked) == calm  # its successor stays


def test_a_node_killed_while_it_samples_changes_no_sample(workers: RayWorkerGroup, nodes: Nodes) -> None:
    asked, here = requests(16), ray.get_runtime_context().get_node_id()
    calm, replaced = drawn(workers, asked), workers._engines.num_replaced
    node, process = next((node, process) for node, process in engines().items() if node != here)
    victim = next(other for other in nodes.worker_nodes if other.node_id == node)
    os.kill(process, signal.SIGSTOP)  # it has something left to draw when its node goes

    def lose_node() -> None:
        os.kill(process, signal.SIGKILL)  # the end of its raylet would wake it where SIGHUP is ignored, as under nohup
        nodes.remove_node(victim, allow_graceful=False)

    assert drawn(workers, asked, lose_node) == calm
    assert workers._engines.num_replaced > replaced


def test_what_a_lost_reward_worker_had_is_judged_again(workers: RayWorkerGroup, tmp_path: Path) -> None:
    (tmp_path / "slow.py").write_text(
        "import os, pathlib, time\n"
        "def judged(response, row):\n"
        "    time.sleep(0.2)\n"
        f"    with pathlib.Path({str(tmp_path / 'pids')!r}).open('a') as file:\n"
        "        file.write(f'{os.getpid()}\\n')\n"
        "    return 1.0\n"
    )
    rewards = Rewards.model_validate({"tasks": {"math": {"verifiers": [{"name": f"{tmp_path}/slow.py:judged"}]}}})
    rollouts = drawn(workers, requests(4))
    chunks = [rollouts[i : i + 2] for i in range(0, len(rollouts), 2)]
    rows = {rollout.prompt_id: {"id": rollout.prompt_id} for rollout in rollouts}
    expected = workers.judge(chunks, rows, rewards)
    before, is_judged = (tmp_path / "pids").read_text(), threading.Event()

    def kill_while_it_judges() -> None:
        while (tmp_path / "pids").read_text() == before and not is_judged.wait(0.01):
            pass
        ray.kill(workers._rewards._workers[1])

    killer = threading.Thread(target=kill_while_it_judges)
    killer.start()
    try:
        judged = workers.judge(chunks, rows, rewards)
    finally:
        is_judged.set()
        killer.join()
    assert [(j.rollout, j.judgement.reward) for j in judged] == [(e.rollout, e.judgement.reward) for e in expected]
    assert len(set((tmp_path / "pids").read_text().split())) == 3  # two workers, and the successor of one


def test_an_expired_wait_writes_the_stacks_of_every_process(workers: RayWorkerGroup, tmp_path: Path) -> None:
    def stand_still(_: object) -> None:
        (tmp_path / "stands").touch()
        while not (tmp_path / "go on").exists():
            time.sleep(0.01)

    actor = workers._engines.by_name["rollout worker 0"]
    call = actor.__ray_call__.remote(stand_still)
    while not (tmp_path / "stands").exists():
        time.sleep(0.01)
    try:
        with pytest.raises(ClusterError, match=r"rollout worker 0 did not answer in 0.01 s; where each process stands"):
            workers._remote.get(actor.__ray_ready__.remote(), "rollout worker 0", 0.01)
    finally:
        (tmp_path / "go on").touch()
        workers._remote.get(call, "rollout worker 0", 30)
    folder = workers._remote._folder
    assert folder is not None
    (path,) = Path(folder).glob("stacks-*.txt")
    _, *parts = re.split(r"===== ([a-z0-9 ]+?)(?: \(.*\))? =====\n", path.read_text())
    stacks = dict(zip(parts[::2], parts[1::2], strict=True))
    assert set(stacks) >= {"driver", "rollout worker 0", "reward worker 0", "reward worker 1", "trainer 0"}
    assert "does not answer" not in "".join(stacks.values())
    assert [name for name, stack in stacks.items() if "in stand_still" in stack] == ["rollout worker 0"]


def test_weights_are_broadcast_to_all_engines_and_to_the_successor_of_a_lost_one(workers: RayWorkerGroup) -> None:
    settings = TrainerSettings(
        model="data/tiny/base", dtype="float32", algorithm=CATALOGUE["grpo"], optimizer=Optimizer(learning_rate=1e-2),
        temperature=0.7, max_new_tokens=32, micro_batch_tokens=256, minibatches=1, seed=0, threads=1,
    )  # fmt: skip
    workers.start_trainer(settings, None)
    workers.sync_weights(1)
    before = drawn(workers, requests(8))
    workers.update(batch_of([(3, 4, 1.0), (5, 9, -1.0)]))
    workers.sync_weights(2)  # probed: an engine that had other weights would end the test here
    calm = drawn(workers, requests(8))
    assert [r.tokens for r in calm] != [r.tokens for r in before] and {r.weights_version for r in calm} == {2}
    assert (
        drawn(workers, requests(8), lambda: kill_worker(workers, 0)) == calm
    )  # its successor got version 2 through the store
    workers.sync_weights(3)  # with the successor in a new group
    assert {r.weights_version for r in drawn(workers, requests(2))} == {3}
    workers._syncs.check()
