"""The bundles of CPUs and GPUs that the roles of a recipe need, and whether nodes can hold them. Pure: no Ray here."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from openqwq.training.config import Cluster, Role
from openqwq.training.errors import ClusterError


@dataclass(frozen=True)
class Bundle:
    """CPUs and GPUs of one process, on one node. Example: `Bundle("rollout", cpus=1, gpus=4)`"""

    role: str
    cpus: int
    gpus: int = 0

    @property
    def resources(self) -> dict[str, float]:
        """As Ray counts them."""
        return {"CPU": float(self.cpus)} | ({"GPU": float(self.gpus)} if self.gpus else {})


@dataclass(frozen=True)
class Node:
    """CPUs and GPUs of one machine. Example: `Node("10.0.0.7", cpus=96, gpus=8)`"""

    name: str
    cpus: float
    gpus: float = 0


def wanted(cluster: Cluster) -> list[Bundle]:
    """One bundle for each process. Reward workers without GPUs have none, because they mostly wait. A trainer that
    shares CPUs and GPUs with the engines has none either; it may not have more GPUs than they have.

    Raises:
        ClusterError: a colocated trainer has more GPUs than the engines.
    """
    rollout, trainer = cluster.rollout, cluster.trainer
    bundles = [Bundle("rollout", rollout.cpus, rollout.gpus) for _ in range(rollout.workers)]
    if not cluster.colocate:
        bundles += _of("trainer", trainer)
    elif trainer.workers * trainer.gpus > rollout.workers * rollout.gpus:
        raise ClusterError(
            f"colocated trainer ranks run on the engines' GPUs: {trainer.workers} ranks x {trainer.gpus} GPUs are "
            f"more than {rollout.workers} engines x {rollout.gpus}; lower cluster.trainer.workers or set colocate=false"
        )
    for name in ("critic", "reference", "reward_model"):
        role = getattr(cluster, name)
        if role is not None and (role.gpus or name != "reward_model"):
            bundles += _of(name, role)
    return bundles


def first_bundle(cluster: Cluster, role: str) -> int:
    """The index of a role's first bundle."""
    return next(i for i, bundle in enumerate(wanted(cluster)) if bundle.role == role)


def shares_gpus(cluster: Cluster) -> bool:
    """Whether trainer ranks run on the engines' GPUs."""
    return cluster.colocate and cluster.rollout.gpus > 0


def gpus_of_ranks(cluster: Cluster, engines: Sequence[Sequence[str]]) -> list[tuple[int, list[str]]]:
    """For each rank of a colocated trainer: the engine whose GPUs it shares, and the numbers of those GPUs. Ranks fill
    the GPUs of one engine after another. `engines`: the numbers of each engine's GPUs on its machine."""
    each, per_engine = max(cluster.trainer.gpus, 1), cluster.rollout.gpus
    if per_engine % each:
        raise ClusterError(
            f"a colocated trainer rank of {each} GPUs does not divide an engine of {per_engine}: "
            f"cluster.rollout.gpus must be a multiple of cluster.trainer.gpus"
        )
    places = [divmod(rank * each, per_engine) for rank in range(cluster.trainer.workers)]
    return [(engine, list(engines[engine][first : first + each])) for engine, first in places]


def check_fits(cluster: Cluster, nodes: Sequence[Node], where: str) -> None:
    """Check that every bundle has a place on a node, the largest first.

    Raises:
        ClusterError: with what the roles need, what the nodes have and what has no place.
    """
    bundles = wanted(cluster)
    missing = _left_over(bundles, nodes)
    if not missing:
        return
    asked = ", ".join(
        f"{name} {count} x ({_size(bundle)})" for bundle, count in Counter(bundles).items() for name in [bundle.role]
    )
    has = ", ".join(f"{count} x ({_amounts(cpus, gpus)})" for (cpus, gpus), count in _kinds(nodes).items()) or "nothing"
    lacking = ", ".join(f"{count} {bundle.role} ({_size(bundle)})" for bundle, count in Counter(missing).items())
    total_cpus, total_gpus = sum(b.cpus for b in bundles), sum(b.gpus for b in bundles)
    raise ClusterError(
        f"the placement does not fit. Asked: {asked}; in all {_amounts(total_cpus, total_gpus)}. "
        f"{where} has {has}. Without a place: {lacking}. "
        f"Lower cluster.rollout.workers, or give cluster.address of a larger cluster"
    )


def _left_over(bundles: Sequence[Bundle], nodes: Sequence[Node]) -> list[Bundle]:
    free = [[node.gpus, node.cpus] for node in nodes]
    missing = []
    for bundle in sorted(bundles, key=lambda b: (-b.gpus, -b.cpus)):
        room = next((f for f in free if f[0] >= bundle.gpus and f[1] >= bundle.cpus), None)
        if room is None:
            missing.append(bundle)
        else:
            room[0] -= bundle.gpus
            room[1] -= bundle.cpus
    return missing


def _of(name: str, role: Role) -> list[Bundle]:
    return [Bundle(name, role.cpus, role.gpus) for _ in range(role.workers)]


def _kinds(nodes: Sequence[Node]) -> Counter[tuple[float, float]]:
    return Counter((node.cpus, node.gpus) for node in nodes)


def _size(bundle: Bundle) -> str:
    return _amounts(bundle.cpus, bundle.gpus)


def _amounts(cpus: float, gpus: float) -> str:
    return (
        f"{cpus:g} CPU" + ("s" if cpus != 1 else "") + (f", {gpus:g} GPU" + ("s" if gpus != 1 else "") if gpus else "")
    )
