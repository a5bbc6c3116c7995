"""How large the object store of a run's own Ray is: large enough for the weight syncs and the samples of the recipe."""

import math
from collections.abc import Callable
from dataclasses import dataclass

from safetensors import safe_open

from openqwq.training.backends.machine_memory import free_and_total_memory, free_shared_memory
from openqwq.training.config import Cluster, Recipe, RlStage
from openqwq.training.errors import RecipeError
from openqwq.training.planning.shapes import folder_of, shape_of
from openqwq.training.weight_sync.buckets import ITEM_BYTES

LEAST_MB = 256
SAMPLE_TOKEN_BYTES = 64
"""Of one sampled token: about 24 bytes in a rollout that goes to the driver, 24 in the one that goes on to a reward
worker, and 13 in the batch of an update."""
USABLE_SHARED, USABLE_MEMORY = 0.95, 0.5
"""Fractions of the free shared memory and of the free memory that the store may take. Both count: shared memory is
memory, and the trainer and the engines need the rest."""
MB = 2**20


@dataclass(frozen=True)
class StoreNeed:
    """What lies in the object store at once. Example: `StoreNeed(weight_bytes=2**28, versions=3, sample_bytes=0)`"""

    weight_bytes: int
    """Of one weight sync."""
    versions: int
    """Weight versions."""
    sample_bytes: int
    """Of rollouts and batches."""

    @property
    def mb(self) -> int:
        """All of it, in MB of 2**20 bytes, rounded up; never less than a small run takes."""
        return max(LEAST_MB, -(-(self.versions * self.weight_bytes + self.sample_bytes) // MB))


def store_need(recipe: Recipe, num_parameters: int) -> StoreNeed:
    """The need of a recipe whose model has so many parameters.

    versions = max(2, async_depth + 1) + 1. When the trainer writes version v, the engines hold v - 1. Rollout batches
    that are still being sampled began with versions down to v - async_depth, and the successor of a lost worker loads
    the one of its batch. One more, because an object takes its room in one piece and Ray gives room back late. With
    broadcasts, weights go through the store only to the successor of a lost worker: one version.

    sample bytes = the largest, over the RL stages, of prompts_per_step x group_size x groups in flight per group
    consumed x (async_depth + 1) x max_new_tokens x 64.
    """
    stages = [stage for stage in recipe.stages if isinstance(stage, RlStage)]
    deepest = max((stage.schedule.depth for stage in stages), default=0)
    versions = 1 if recipe.cluster.rollout.weight_sync == "broadcast" else max(2, deepest + 1) + 1
    return StoreNeed(
        weight_bytes=num_parameters * ITEM_BYTES[recipe.dtype],
        versions=versions if stages else 0,
        sample_bytes=max((_sample_bytes(stage) for stage in stages), default=0),
    )


def _sample_bytes(stage: RlStage) -> int:
    samples = stage.prompts_per_step * stage.group_size * stage.schedule.surplus * (stage.schedule.depth + 1)
    return round(samples * stage.sampling.max_new_tokens * SAMPLE_TOKEN_BYTES)


def num_parameters(model: str) -> int:
    """Elements of a model's weight files where they are on this machine, of any architecture; else by its shape.

    Raises:
        RecipeError: neither is known.
    """
    folder = folder_of(model)
    files = sorted(folder.glob("*.safetensors")) if folder is not None and folder.is_dir() else []
    if not files:
        return shape_of(model).num_parameters
    total = 0
    for file in files:
        with safe_open(file, "pt") as weights:
            total += sum(math.prod(weights.get_slice(name).get_shape()) for name in weights.keys())  # noqa: SIM118
    return total


def bounded_mb(need: StoreNeed, shared_bytes: int, memory_bytes: int) -> int:
    """The need, or what a machine with so much free shared memory and free memory can give."""
    room = int(min(USABLE_SHARED * shared_bytes, USABLE_MEMORY * memory_bytes)) // MB
    return max(LEAST_MB, min(need.mb, room))


def with_object_store(recipe: Recipe, warn: Callable[[str], None]) -> Cluster:
    """The recipe's cluster with a size for the object store of a Ray of its own; a size that the recipe names stays."""
    cluster = recipe.cluster
    if cluster.address is not None or cluster.object_store_mb is not None:
        return cluster
    try:
        need = store_need(recipe, num_parameters(recipe.model))
    except RecipeError as error:
        warn(f"the object store has {LEAST_MB} MB: {error}. For a large model set cluster.object_store_mb")
        return cluster.model_copy(update={"object_store_mb": LEAST_MB})
    shared, memory = free_shared_memory(), free_and_total_memory()[0]
    mb = bounded_mb(need, shared, memory)
    if mb < need.mb:
        warn(
            f"the object store has {mb} MB, the run needs {need.mb} MB ({need.versions} weight versions of "
            f"{need.weight_bytes // MB} MB, {need.sample_bytes // MB} MB of samples); the rest goes through files on "
            f"disk, and weight syncs are slow. Free: {shared // MB} MB of shared memory (in Docker: --shm-size), "
            f"{memory // MB} MB of memory"
        )
    return cluster.model_copy(update={"object_store_mb": mb})
