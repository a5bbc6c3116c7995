"""What each role needs on its GPU or host, and problems in words. Pure."""

import math
from dataclasses import dataclass

from openqwq.training.config import Cluster, Recipe, TrainerRole
from openqwq.training.planning.hardware import Constants, Gpu
from openqwq.training.planning.memory import Training, host_bytes, resident, trainer_memory
from openqwq.training.planning.shapes import ModelShape
from openqwq.training.planning.step import Layout, StepEstimate, Workload

USABLE = 0.97
"""Usable fraction of a GPU's memory; the rest is lost to fragmentation of the allocator."""
SLEEPING_BYTES = 2e9
"""Bytes that a sleeping engine keeps on each of its GPUs."""
HOST_BYTES = 1.5e12
"""Assumed usable memory of a host with eight GPUs."""


@dataclass(frozen=True)
class Need:
    """The bytes that a role needs on one GPU (or host), by part, and the bytes that are available there."""

    role: str
    parts: dict[str, float]
    available: float

    @property
    def total(self) -> float:
        """Sum of the parts."""
        return sum(self.parts.values())

    @property
    def fits(self) -> bool:
        """Whether the available bytes are enough."""
        return self.total <= self.available


@dataclass(frozen=True)
class StagePlan:
    """The plan of one stage. Only RL stages have `step`, `work` and `layout`."""

    name: str
    kind: str
    steps: int
    step_seconds: float
    needs: tuple[Need, ...]
    problems: tuple[str, ...] = ()
    step: StepEstimate | None = None
    work: Workload | None = None
    layout: Layout | None = None
    cache_tokens: float = 0.0
    slots_at_limit: int = 0
    """Number of samples that fit at once if all are as long as the limit."""
    unknown: tuple[str, ...] = ()
    """What the plan leaves out because it cannot know it, in words."""

    @property
    def seconds(self) -> float:
        """Seconds of all steps, without evaluations and start-up."""
        return self.steps * self.step_seconds

    @property
    def fits(self) -> bool:
        """Whether the memory of every role fits and there is no other problem."""
        return not self.problems and all(need.fits for need in self.needs)


def training_layout(
    recipe: Recipe, cluster: Cluster, tokens: float, recompute: bool, trained: float | None = None
) -> Training:
    """The layout of an update of the policy."""
    role = cluster.trainer
    return Training(
        ranks=role.workers,
        zero_stage=role.zero_stage,
        tokens=tokens,
        offload=role.offload,
        sequence_parallel=role.sequence_parallel,
        recompute=recompute,
        weight_bytes=4 if recipe.dtype == "float32" else 2,
        gradient_bytes=gradient_bytes(recipe.dtype, role),
        trained=trained,
    )


def gradient_bytes(dtype: str, role: TrainerRole) -> int:
    """Bytes per gradient. In bf16 with undivided gradients the backward pass's own stand beside their float32 sum."""
    if dtype == "float32":
        return 4
    if role.zero_stage == 0:
        return 6
    if role.gradient_dtype == "bfloat16":
        return 2
    return 6 if role.zero_stage == 1 else 4


def role_needs(
    cluster: Cluster, shape: ModelShape, gpu: Gpu, training: Training, parts: dict[str, float], constants: Constants
) -> tuple[tuple[Need, ...], list[str]]:
    """Memory needs of training and of sampling (on the same GPUs when colocated) and of the separate roles, and
    problems in words."""
    usable = gpu.memory_bytes * USABLE
    engine = {"engine": gpu.memory_bytes * cluster.rollout.gpu_memory_utilization}
    if cluster.colocate:
        needs = [
            Need("training", {**parts, "sleeping engine": SLEEPING_BYTES}, usable),
            Need("sampling", {**engine, "trainer's weights and optimizer": resident(parts)}, usable),
        ]
    else:
        needs = [Need("training", parts, usable), Need("sampling", engine, usable)]
    if training.offload == "optimizer":
        needs.append(Need("host, per node", {"optimizer": host_bytes(shape, training, cluster.nodes)}, HOST_BYTES))
    role = cluster.reference
    if role is not None and role.gpus:
        own = {"weights": 2 * shape.num_parameters / (role.gpus * role.workers)}
        needs.append(Need("reference", {**own, "runtime": constants.runtime_bytes}, usable))
    if cluster.critic is not None and cluster.critic.gpus:
        workers = cluster.critic.workers
        layout = Training(
            workers, 3 if workers > 1 else 0, training.tokens, weight_bytes=4, gradient_bytes=4, has_head=False
        )
        needs.append(Need("critic", trainer_memory(shape, layout, constants), usable))
    problems = _counting_problems(cluster)
    if cluster.colocate and not needs[1].fits:
        room = (usable - resident(parts)) / gpu.memory_bytes
        problems.append(
            f"engines and trainer share {gpu.memory_bytes / 1e9:.0f} GB: "
            f"cluster.rollout.gpu_memory_utilization may be at most "
            f"{math.floor(100 * room) / 100:.2f}, got {cluster.rollout.gpu_memory_utilization:g}"
            if room > 0
            else "the trainer leaves no memory to the engines: more ranks, a higher zero_stage, or offload=optimizer"
        )
    return tuple(needs), problems


def _counting_problems(cluster: Cluster) -> list[str]:
    """Problems of asking for more GPUs than the cluster or a node has."""
    rollout = cluster.rollout.workers * max(cluster.rollout.gpus, 1)
    trainer = cluster.trainer.workers * max(cluster.trainer.gpus, 1)
    apart = [role for role in (cluster.critic, cluster.reference, cluster.reward_model) if role is not None]
    asked = (max(rollout, trainer) if cluster.colocate else rollout + trainer) + sum(r.workers * r.gpus for r in apart)
    there = cluster.nodes * cluster.gpus_per_node
    problems = []
    if asked > there:
        problems.append(
            f"the roles ask for {asked} GPUs, {cluster.nodes} x {cluster.gpus_per_node} = {there} are there"
        )
    if cluster.rollout.gpus > cluster.gpus_per_node:
        problems.append(
            f"an engine of {cluster.rollout.gpus} GPUs does not fit a node of {cluster.gpus_per_node}: "
            "lower cluster.rollout.gpus"
        )
    return problems
