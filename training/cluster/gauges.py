"""A process on each other machine of the cluster that says how much room is left there."""

from collections.abc import Sequence
from typing import Any

import ray
from ray.exceptions import RayError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from openqwq.training.cluster.machine_room import Room, look

LOOK_SECONDS = 20.0


class Gauge:
    """Looks at its machine."""

    def look(self, machine: str, folders: Sequence[str]) -> Room:
        """As `machine_room.look`."""
        return look(machine, folders)


class Gauges:
    """One on every machine that is alive but the driver's own. None takes a CPU; a lost one is missed at the next
    look."""

    def __init__(self) -> None:
        self._by_node: dict[str, Any] = {}

    def look(self, folders: Sequence[str]) -> list[Room]:
        """What answers in time. Nothing while Ray is started or ended, which another thread does."""
        if not ray.is_initialized():
            return []
        try:
            here = ray.get_runtime_context().get_node_id()
            nodes = {str(n["NodeID"]): str(n["NodeManagerAddress"]) for n in ray.nodes() if n["Alive"]}
            nodes.pop(here, None)
            for node in nodes.keys() - self._by_node.keys():
                pinned = NodeAffinitySchedulingStrategy(node, soft=False)
                self._by_node[node] = ray.remote(Gauge).options(num_cpus=0, scheduling_strategy=pinned).remote()
            self._by_node = {node: gauge for node, gauge in self._by_node.items() if node in nodes}
            calls = [gauge.look.remote(nodes[node], folders) for node, gauge in self._by_node.items()]
            ready, _ = ray.wait(calls, num_returns=len(calls), timeout=LOOK_SECONDS) if calls else ([], [])
        except (RayError, RuntimeError, AssertionError):  # the last two: it ended meanwhile
            return []
        rooms = []
        for call in ready:
            try:
                rooms.append(ray.get(call))
            except RayError:
                self._by_node = {}  # made anew, where the machine is still there
        return rooms
