"""A run without an address has a Ray of its own, beside every other Ray on the machine, and ends no other."""

from __future__ import annotations

import base64
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from typing import Any

import pytest
import ray

from openqwq.training.cluster.placement import connect
from openqwq.training.cluster.ray_worker_group import RayWorkerGroup
from openqwq.training.config import Cluster, RolloutRole, Sampling
from openqwq.training.errors import ClusterError
from openqwq.training.records import Prompt, SampleRequest
from openqwq.training.rollout.build import EngineSettings
from tests.training.cluster.processes_of_ray import process_of_our_ray

DEADLINE_SECONDS = 300.0
"""Only for what hangs."""
OWN = Cluster(rollout=RolloutRole(workers=1))
HEAD = ["-m", "ray.scripts.scripts", "start", "--head", "--block", "--num-cpus=1", "--object-store-memory=80000000"]
LOOK = """
import sys, ray
ray.init(sys.argv[1], log_to_driver=False, logging_level="ERROR")
print("nodes", *[node["NodeID"] for node in ray.nodes() if node["Alive"]])
"""
RUN = """
import ray
from openqwq.training.cluster.placement import start_ray, stop_ray
from openqwq.training.config import Cluster, RolloutRole
group = start_ray(Cluster(rollout=RolloutRole(workers=1)))
print("nodes", *[node["NodeID"] for node in ray.nodes() if node["Alive"]], flush=True)
input()
stop_ray(group)
"""


def environment(folder: str, **changes: str) -> dict[str, str]:
    """That of a process which has nothing to do with this one, and its Ray's files under `folder`."""
    outside = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    return {**outside, "RAY_TMPDIR": folder, "RAY_USAGE_STATS_ENABLED": "0", **changes}


def nodes_at(address: str, folder: str) -> list[str]:
    """The nodes of the Ray at an address, as another process sees them."""
    known = environment(folder, RAY_AUTH_MODE="disabled")
    done = subprocess.run(
        [sys.executable, "-c", LOOK, address], env=known, capture_output=True, text=True, timeout=DEADLINE_SECONDS
    )
    assert done.returncode == 0, done.stderr
    return next(line.split()[1:] for line in done.stdout.splitlines() if line.startswith("nodes"))


def settings_of_our_ray() -> dict[str, Any]:
    """What the head that this process has started was told."""
    words = next(word for word in process_of_our_ray("gcs_server").cmdline() if word.startswith("--config_list="))
    return dict(json.loads(base64.b64decode(words.partition("=")[2])))


@pytest.fixture(scope="module")
def folder() -> Iterator[str]:
    """A short path: Ray puts sockets under it."""
    path = tempfile.mkdtemp(prefix="ray")
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture(scope="module")
def foreign(folder: str) -> Iterator[str]:
    """The address of a Ray that `ray start --head` has started; the file that names the last Ray started names it."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, *HEAD, f"--port={port}", "--include-dashboard=false"]
    outside = environment(folder, RAY_AUTH_MODE="disabled")  # else whoever gives its address needs its token
    head = subprocess.Popen(command, env=outside, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert head.stdout is not None
    printed = []
    for line in head.stdout:
        printed.append(line)
        if "--block" in line:  # it runs, and stays until it is ended
            break
    else:
        raise AssertionError("".join(printed))
    yield f"127.0.0.1:{port}"
    head.terminate()
    head.communicate(timeout=DEADLINE_SECONDS)


def test_workers_without_an_address_do_not_join_the_ray_of_RAY_ADDRESS_and_do_not_end_it(
    foreign: str, folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs = nodes_at(foreign, folder)
    assert len(theirs) == 1
    monkeypatch.setenv("RAY_TMPDIR", folder)
    monkeypatch.setenv("RAY_ADDRESS", foreign)
    workers = RayWorkerGroup(OWN)
    try:
        (ours,) = [node["NodeID"] for node in ray.nodes()]
        assert [ours] != theirs
        assert settings_of_our_ray()["health_check_timeout_ms"] == 60_000  # of the recipe's machine, not of a cluster's
        assert nodes_at("auto", folder) == theirs  # a process that looks for it still finds it
        workers.start_engines(EngineSettings("data/tiny/base", "float32", {}, 8))
        prompt = Prompt("p", "math", ({"role": "user", "content": "Find 1+1."},), {})
        chunks = workers.sample([SampleRequest(prompt, 0, 0, seed=1)], Sampling(max_new_tokens=4))
        assert sum(len(chunk.rollouts) for chunk in chunks) == 1
    finally:
        workers.close()
    assert not ray.is_initialized()
    monkeypatch.delenv("RAY_ADDRESS")
    assert nodes_at(foreign, folder) == theirs


def test_a_ray_that_does_not_start_in_time_is_an_error_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def late(**_: object) -> None:
        raise Exception("The current node timed out during startup.")  # Ray's own, of no class of its own

    monkeypatch.setattr(ray, "init", late)
    with pytest.raises(ClusterError, match=r"^Ray cannot be reached \(cluster.address=None\): The current node timed"):
        connect(OWN)


def test_runs_beside_each_other_and_beside_the_last_ray_started_have_a_ray_each(foreign: str, folder: str) -> None:
    command, outside = [sys.executable, "-c", RUN], environment(folder)
    runs = [
        subprocess.Popen(command, env=outside, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    found = [next(line.split()[1:] for line in run.stdout or () if line.startswith("nodes")) for run in runs]
    rays = [nodes_at(foreign, folder), *found]
    assert [len(nodes) for nodes in rays] == [1, 1, 1] and len({nodes[0] for nodes in rays}) == 3
    runs[0].communicate("\n", timeout=DEADLINE_SECONDS)
    assert runs[1].poll() is None
    runs[1].communicate("\n", timeout=DEADLINE_SECONDS)
    assert [run.returncode for run in runs] == [0, 0]
    assert nodes_at(foreign, folder) == rays[0]


def test_the_doctor_examines_the_machines_of_a_ray(foreign: str, folder: str) -> None:
    command = [sys.executable, "-m", "openqwq.training.cli", "doctor", "--cluster", foreign, "--runs", f"{folder}/runs"]
    known = environment(folder, RAY_AUTH_MODE="disabled")
    done = subprocess.run(command, env=known, capture_output=True, text=True, timeout=DEADLINE_SECONDS)
    head, machine, *rest = done.stdout.splitlines()
    assert head.split()[0] == "machine" and "yes" in machine.split(), done.stdout + done.stderr
    assert "all-reduce was not tried: there is one place alone" in rest
    assert os.listdir(f"{folder}/runs") == []
