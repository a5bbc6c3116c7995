"""Critic and reference that have groups of their own. Their outputs enter an update; its returns train the critic."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import ray
from ray.util.placement_group import PlacementGroup
from ray.util.scheduling_strategies import PlacementGroupSchedulingStrategy

from openqwq.training.backends.ranks import Rank
from openqwq.training.backends.settings import HelperOutputs, HelperRole, TrainerSettings
from openqwq.training.cluster.actors import CriticActor, ReferenceActor
from openqwq.training.cluster.remote_calls import START_SECONDS, RemoteCalls
from openqwq.training.cluster.roles import first_bundle
from openqwq.training.config import Cluster
from openqwq.training.records import UpdateReport

KINDS: dict[HelperRole, type[CriticActor] | type[ReferenceActor]] = {
    "critic": CriticActor,
    "reference": ReferenceActor,
}


class RayHelperWorkers:
    """The helpers of a stage, started where its algorithm needs them. ZeRO-3 divides a helper of several ranks."""

    def __init__(self, cluster: Cluster, group: PlacementGroup, remote: RemoteCalls) -> None:
        self._cluster, self._group, self._remote = cluster, group, remote
        self._ranks: dict[HelperRole, list[Any]] = {}

    @property
    def apart(self) -> frozenset[HelperRole]:
        """The roles with a group of their own."""
        return frozenset(name for name in KINDS if getattr(self._cluster, name) is not None)

    @property
    def actors(self) -> dict[str, Any]:
        """The actors by name."""
        return {f"{name} {i}": actor for name, ranks in self._ranks.items() for i, actor in enumerate(ranks)}

    def start(self, settings: TrainerSettings, resume_from: Path | None) -> None:
        """Load the models of a stage in new processes, since a process can join only one group."""
        self.stop()
        spec = settings.algorithm
        needed = {"critic": spec.critic is not None, "reference": spec.needs_reference}
        calls = []
        for name in sorted(self.apart):
            if needed[name]:
                calls += self._begin(name, replace(settings, rank=None, lora=None), resume_from)
        self._remote.get(calls, "loading the critic and the reference")

    def stop(self) -> None:
        """End the processes."""
        for actor in self.actors.values():
            ray.kill(actor)
        self._ranks = {}

    def _begin(self, name: HelperRole, settings: TrainerSettings, resume_from: Path | None) -> list[Any]:
        role = getattr(self._cluster, name)
        first = first_bundle(self._cluster, name)
        actors = [
            ray.remote(KINDS[name])
            .options(
                num_cpus=role.cpus,
                num_gpus=role.gpus,
                scheduling_strategy=PlacementGroupSchedulingStrategy(self._group, first + i),
            )
            .remote()
            for i in range(role.workers)
        ]
        self._ranks[name] = actors
        ranks: list[Rank | None] = [None]
        if role.workers > 1:
            address, port = self._remote.get(
                actors[0].rendezvous_address.remote(), f"the first {name} rank", START_SECONDS
            )
            ranks = [Rank(i, role.workers, address, port, zero_stage=3) for i in range(role.workers)]
        own = replace(settings, threads=role.cpus)
        return [
            actor.start.remote(replace(own, rank=rank), resume_from) for actor, rank in zip(actors, ranks, strict=True)
        ]

    def compute(self, batch: Any) -> HelperOutputs:
        """The outputs for a batch; critic and reference compute at the same time."""
        calls = {name: [actor.compute.remote(batch) for actor in ranks] for name, ranks in self._ranks.items()}
        outputs = {name: self._remote.get(refs, f"the {name}")[0] for name, refs in calls.items()}
        return HelperOutputs(reference_logprobs_K=outputs.get("reference"), values_K=outputs.get("critic"))

    def update_critic(self, batch: Any, helper_outputs: HelperOutputs, report: UpdateReport) -> UpdateReport:
        """Train the critic towards the returns of the batch; returns the report with the critic's metrics."""
        critics = self._ranks.get("critic", [])
        if not critics or report.returns_K is None:
            return report
        calls = [actor.update.remote(batch, helper_outputs.values_K, report.returns_K) for actor in critics]
        metrics = self._remote.get(calls, "the critic's update")[0]
        return replace(report, metrics={**report.metrics, **metrics})

    def save(self, folder: Path) -> None:
        """Write the critic's state beside that of the trainer."""
        self._remote.get([actor.save.remote(folder) for actor in self._ranks.get("critic", [])], "saving the critic")
