"""`openqwq doctor --cluster`: every machine of a Ray cluster looked at on itself, and how fast they reach each
other."""

import os
import secrets
import socket
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import ray
from ray.exceptions import RayError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from openqwq.training.cluster.machine_facts import Machine, faults, look, table
from openqwq.training.cluster.placement import connect
from openqwq.training.config import Cluster

LOOK_SECONDS = 180.0
"""Deadline of a machine's answer: it starts a process, imports torch and tries attacks in a sandbox."""
REDUCE_SECONDS = 120.0
"""Deadline of the all-reduce, with the start of its processes."""
GPU_BYTES, CPU_BYTES = 2**28, 2**24
"""Size of what is summed."""
REPEATS = 5


class Examiner:
    """On each machine."""

    def look(self, name: str, mark: str, words: str) -> Machine:
        """What the machine has."""
        return look(name, Path(mark), words)

    def clock(self) -> float:
        """Its time, seconds since 1970."""
        return time.time()


class Summer:
    """One rank of an all-reduce: on a GPU of its own where it has one."""

    def address(self) -> str:
        """Where the others find rank 0."""
        with socket.socket() as free:
            free.bind(("", 0))
            return f"tcp://{ray.util.get_node_ip_address()}:{free.getsockname()[1]}"

    def bus_bandwidth(self, address: str, rank: int, num_ranks: int) -> float:
        """Bytes a second of one link, as NCCL's tests define it: 2 (n - 1) / n x bytes / seconds."""
        from datetime import timedelta

        import torch
        import torch.distributed as dist

        has_gpu = torch.cuda.is_available()
        os.environ.setdefault("GLOO_SOCKET_IFNAME", _interface(ray.util.get_node_ip_address()))
        dist.init_process_group(
            "nccl" if has_gpu else "gloo", init_method=address, rank=rank, world_size=num_ranks,
            timeout=timedelta(seconds=REDUCE_SECONDS),
        )  # fmt: skip
        try:
            num_bytes = GPU_BYTES if has_gpu else CPU_BYTES
            values = torch.ones(num_bytes // 4, device="cuda" if has_gpu else "cpu")
            dist.all_reduce(values)  # opens the connections
            if has_gpu:
                torch.cuda.synchronize()
            start = time.perf_counter()
            for _ in range(REPEATS):
                dist.all_reduce(values)
            if has_gpu:
                torch.cuda.synchronize()
            seconds = (time.perf_counter() - start) / REPEATS
        finally:
            dist.destroy_process_group()
        return 2 * (num_ranks - 1) / num_ranks * num_bytes / seconds


def _interface(address: str) -> str:
    """The network interface that has an address; gloo takes that of the host's name, which may be the loopback."""
    import psutil

    found = psutil.net_if_addrs().items()
    return next((name for name, entries in found if any(entry.address == address for entry in entries)), "")


def examine(address: str, folder: Path) -> int:
    """Print a table of the machines, their all-reduce and what is wrong; returns 1 if anything is.

    Args:
        address: `auto` or HOST:PORT of a Ray that runs.
        folder: where the runs lie, which every machine should see.

    Raises:
        ClusterError: no Ray answers at the address.
        OSError: the folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    mark, words = folder / f".seen-{secrets.token_hex(8)}", secrets.token_hex(16)
    connect(Cluster(address=address))
    os.environ["RAY_IGNORE_UNHANDLED_ERRORS"] = "1"  # of the other ranks, where one has failed
    try:
        mark.write_text(words)
        nodes = [node for node in ray.nodes() if node["Alive"]]
        machines = _machines(nodes, mark, words)
        print(table(machines), flush=True)
        problems = faults(machines, folder)
        try:
            print(f"\nall-reduce {_all_reduce(nodes)}")
        except (RayError, TimeoutError) as error:
            problems.append(f"all-reduce: {_last_line(error)}")
    finally:
        mark.unlink(missing_ok=True)
        ray.shutdown()
    print("\n" + ("\n".join(f"  - {problem}" for problem in problems) if problems else "nothing is wrong"))
    return 1 if problems else 0


def _last_line(error: Exception) -> str:
    """The error itself, without the stack above it."""
    return (str(error).strip().splitlines() or [type(error).__name__])[-1][:300]


def _on(node: dict[str, Any], work: type, **resources: float) -> Any:
    pinned = NodeAffinitySchedulingStrategy(node["NodeID"], soft=False)
    return ray.remote(work).options(scheduling_strategy=pinned, num_cpus=0, **resources).remote()


def _machines(nodes: Sequence[dict[str, Any]], mark: Path, words: str) -> list[Machine]:
    examiners = [_on(node, Examiner) for node in nodes]
    names = [str(node["NodeManagerAddress"]) for node in nodes]
    calls = [one.look.remote(name, str(mark), words) for one, name in zip(examiners, names, strict=True)]
    return [_machine(name, one, call) for name, one, call in zip(names, examiners, calls, strict=True)]


def _machine(name: str, examiner: Any, call: Any) -> Machine:
    try:
        found: Machine = ray.get(call, timeout=LOOK_SECONDS)
        before = time.time()
        there = ray.get(examiner.clock.remote(), timeout=LOOK_SECONDS)
        return replace(found, skew_seconds=there - (before + time.time()) / 2)
    except (RayError, TimeoutError) as error:
        return Machine(name, problem=_last_line(error))


def _all_reduce(nodes: Sequence[dict[str, Any]]) -> str:
    """In words, over all GPUs of the cluster, or over a process on each machine where there are none.

    Raises:
        RayError: a rank cannot reach another.
        TimeoutError: no answer in time.
    """
    gpus = [(node, 1.0) for node in nodes for _ in range(int(node["Resources"].get("GPU", 0)))]
    places = gpus or [(node, 0.0) for node in nodes]
    what = f"{len(places)} GPUs, NCCL" if gpus else f"{len(places)} machines, gloo on CPUs"
    if len(places) < 2:
        return "was not tried: there is one place alone"
    ranks = [_on(node, Summer, num_gpus=share) for node, share in places]
    try:
        address = ray.get(ranks[0].address.remote(), timeout=REDUCE_SECONDS)
        calls = [one.bus_bandwidth.remote(address, rank, len(ranks)) for rank, one in enumerate(ranks)]
        speeds = ray.get(calls, timeout=REDUCE_SECONDS)
    finally:
        for one in ranks:
            ray.kill(one)
    return f"over {what}: {min(speeds) / 1e9:.2f} GB/s (bus bandwidth of the slowest rank)"
