"""Starts or joins Ray and reserves CPUs and GPUs for the roles. What is missing is an error before workers start."""

import logging
import os
import socket
from pathlib import Path

import ray
from ray.util.placement_group import PlacementGroup, placement_group, remove_placement_group

import openqwq
from openqwq.training.cluster.object_store import LEAST_MB
from openqwq.training.cluster.roles import Node, check_fits, wanted
from openqwq.training.config import Cluster
from openqwq.training.errors import ClusterError

UNKNOWN_CPUS = 64
"""CPUs assumed of a GPU node that only the recipe describes."""
ALONE = "local"
"""The address that makes Ray start a new Ray. With no address, it joins that of RAY_ADDRESS or the last one started."""
PATIENT = {"health_check_timeout_ms": 60_000}
"""Settings of a Ray of its own. It has one machine, which no other can stand in for: with the quick health checks of a
cluster (`set_ray_defaults`), Ray would give up the machine where it is starved or suspended for some seconds, and the
driver would end without a message."""
ANSWER_SECONDS = 5.0
"""Deadline of the first answer of a cluster."""
READY_SECONDS = 60.0
"""Deadline of the placement group."""


def local_cpus() -> int:
    """CPUs that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def this_machine(cluster: Cluster) -> Node:
    """This machine as a node. GPUs are counted only where a role needs some, because counting them loads torch."""
    gpus = 0
    if any(bundle.gpus for bundle in wanted(cluster)):
        import torch

        gpus = torch.cuda.device_count()
    return Node("this machine", local_cpus(), gpus)


def nodes_of_cluster() -> list[Node]:
    """The nodes that are alive in the Ray of this process."""
    alive = [node for node in ray.nodes() if node["Alive"]]
    return [
        Node(n["NodeManagerAddress"], n["Resources"].get("CPU", 0.0), n["Resources"].get("GPU", 0.0)) for n in alive
    ]


def describe_placement(cluster: Cluster) -> str:
    """In words, that the roles find a place: on the running cluster at `address`, on the nodes that the recipe
    describes, or on this machine.

    Raises:
        ClusterError: they find none, or no Ray answers at the address.
    """
    if cluster.address is not None:
        connect(cluster)
        try:
            nodes, where = nodes_of_cluster(), f"the cluster at {cluster.address}"
        finally:
            ray.shutdown()
    elif cluster.gpus_per_node:
        cpus = float(UNKNOWN_CPUS)
        nodes = [Node(f"node {i}", cpus, cluster.gpus_per_node) for i in range(cluster.nodes)]
        where = "the recipe (cluster.nodes)"
    else:
        nodes, where = [this_machine(cluster)], "this machine"
    check_fits(cluster, nodes, where)
    return f"{len(wanted(cluster))} processes find a place on the {len(nodes)} node(s) of {where}"


def start_ray(cluster: Cluster) -> PlacementGroup:
    """Join the Ray at `address`, or start a Ray of its own for the run, and reserve the bundles.

    Raises:
        ClusterError: CPUs or GPUs are missing, or Ray does not reserve them in time.
    """
    if cluster.address is None:
        check_fits(cluster, [this_machine(cluster)], "this machine")
    connect(cluster)
    try:
        return _reserve(cluster)
    except BaseException:
        ray.shutdown()
        raise


def _reserve(cluster: Cluster) -> PlacementGroup:
    check_fits(cluster, nodes_of_cluster(), "the cluster")
    # GPU machines are filled one after another; CPU workers are spread, so that a lost machine costs few of them.
    strategy = "PACK" if cluster.rollout.gpus else "SPREAD"
    group = placement_group([bundle.resources for bundle in wanted(cluster)], strategy=strategy)
    if not group.wait(READY_SECONDS):
        free = ray.available_resources().get("CPU", 0.0)
        remove_placement_group(group)
        raise ClusterError(f"the placement was not granted in {READY_SECONDS:g} s: {free:g} CPUs are free")
    return group


def _refuse_silent(address: str) -> None:
    """Ray itself would try for two minutes."""
    host, _, port = address.rpartition("://")[2].rpartition(":")
    if not port.isdigit():
        return  # `auto`, or a name that Ray knows
    try:
        socket.create_connection((host.strip("[]"), int(port)), ANSWER_SECONDS).close()
    except OSError as error:
        raise ClusterError(
            f"nothing answers at cluster.address={address} ({error}); start a head there with `ray start --head`, or "
            "leave the address out to use this machine alone"
        ) from error


def connect(cluster: Cluster) -> None:
    """Join the Ray at `address`. Without an address, start a new one, even where another Ray runs on this machine or
    RAY_ADDRESS names one; `ray.shutdown()` then ends the new one and no other.

    Raises:
        ClusterError: Ray cannot be reached or started.
    """
    root = str(Path(openqwq.__file__).absolute().parent.parent)
    paths = [root, *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    os.environ["PYTHONPATH"] = os.pathsep.join(
        dict.fromkeys(paths)
    )  # so that workers find a package that is not installed
    local = (
        {}
        if cluster.address
        else {
            "num_cpus": local_cpus(),
            "include_dashboard": False,
            "object_store_memory": (cluster.object_store_mb or LEAST_MB) * 2**20,
            "_system_config": PATIENT,
        }
    )
    if cluster.address:
        _refuse_silent(cluster.address)
    try:
        ray.init(address=cluster.address or ALONE, logging_level=logging.ERROR, log_to_driver=False, **local)
    except Exception as error:  # where a starved machine does not start it in 30 s, Ray raises just that
        words = " ".join(str(error).split())
        raise ClusterError(
            f"Ray cannot be reached (cluster.address={cluster.address}): {words}{_token_hint(error)}"
        ) from error


def _token_hint(error: BaseException) -> str:
    """The remedy where the Ray at an address requires a token, which Ray's last error does not mention. A head that is
    started on a machine with `~/.ray/auth_token` requires that token."""
    if "InvalidAuthToken" not in str(error.__cause__):
        return ""
    return "; it requires a token: copy ~/.ray/auth_token of its head to this machine, and set RAY_AUTH_MODE=token"


def stop_ray(group: PlacementGroup | None) -> None:
    """Free the bundles; end a Ray that this process started, leave one that it joined."""
    if not ray.is_initialized():
        return
    try:
        if group is not None:
            remove_placement_group(group)
    finally:
        ray.shutdown()
