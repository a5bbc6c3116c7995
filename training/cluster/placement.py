"""Starts or joins Ray and reserves CPUs for the roles; says what is missing before anything is started."""

import logging
import os
from pathlib import Path

import ray
from ray.util.placement_group import PlacementGroup, placement_group, remove_placement_group

import openqwq
from openqwq.training.config import Cluster
from openqwq.training.errors import ClusterError

READY_SECONDS = 60.0
"""How long the cluster may take to grant a placement that fits it."""


def bundles(cluster: Cluster) -> list[dict[str, float]]:
    """CPUs per bundle: one bundle a rollout worker, and one for the trainer unless it shares theirs."""
    wanted = [{"CPU": float(cluster.cpus_per_rollout_worker)} for _ in range(cluster.rollout_workers)]
    if not cluster.colocate:
        wanted.append({"CPU": float(cluster.trainer_threads)})
    return wanted


def check_cpus(cluster: Cluster, available: float, where: str) -> None:
    """Raises ClusterError when the placement asks for more CPUs than there are."""
    needed = sum(bundle["CPU"] for bundle in bundles(cluster))
    if needed > available:
        trainer = "" if cluster.colocate else f" + trainer x {cluster.trainer_threads}"
        raise ClusterError(
            f"the placement needs {needed:g} CPUs (rollout_workers={cluster.rollout_workers} x "
            f"cpus_per_rollout_worker={cluster.cpus_per_rollout_worker}{trainer}), {where} has {available:g}; "
            f"lower cluster.rollout_workers, or give cluster.address of a larger cluster"
        )


def local_cpus() -> int:
    """CPUs this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def start_ray(cluster: Cluster) -> PlacementGroup:
    """Join the cluster at `address`, or start a local Ray, and reserve the bundles.

    Raises:
        ClusterError: too few CPUs, or the reservation is not granted in time.
    """
    if cluster.address is None:
        check_cpus(cluster, local_cpus(), "this machine")
    root = str(Path(openqwq.__file__).absolute().parent.parent)
    paths = [root, *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
    os.environ["PYTHONPATH"] = os.pathsep.join(dict.fromkeys(paths))  # workers of a bare checkout find the package
    local = (
        {}
        if cluster.address
        else {
            "num_cpus": local_cpus(),
            "include_dashboard": False,
            "object_store_memory": cluster.object_store_mb * 2**20,
        }
    )
    try:
        ray.init(address=cluster.address, logging_level=logging.ERROR, log_to_driver=False, **local)
    except (ConnectionError, RuntimeError, OSError, ValueError) as error:
        raise ClusterError(f"Ray cannot be reached (cluster.address={cluster.address}): {error}") from error
    check_cpus(cluster, ray.cluster_resources().get("CPU", 0.0), "the cluster")
    group = placement_group(bundles(cluster), strategy="PACK")
    if not group.wait(READY_SECONDS):
        free = ray.available_resources().get("CPU", 0.0)
        raise ClusterError(f"the placement was not granted in {READY_SECONDS:g} s: {free:g} CPUs are free")
    return group


def stop_ray(group: PlacementGroup | None) -> None:
    """Give the CPUs back and end (or leave) Ray."""
    if not ray.is_initialized():
        return
    try:
        if group is not None:
            remove_placement_group(group)
    finally:
        ray.shutdown()
