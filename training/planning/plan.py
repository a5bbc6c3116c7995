"""The plan of a recipe on a cluster: memory, time and price of each stage. Pure; `words.py` prints it."""

import math
from dataclasses import dataclass

from openqwq.training.algorithms.catalogue import resolve
from openqwq.training.config import Cluster, Recipe, RewardModelStage, RlStage, SftStage, TrainerRole
from openqwq.training.config.context_budget import refuse_beyond, samplings
from openqwq.training.planning.hardware import Constants, Gpu, gpu_named
from openqwq.training.planning.lengths import Lengths, lognormal, longest_conversation, max_model_len
from openqwq.training.planning.memory import (
    Training,
    cache_tokens,
    host_bytes,
    lora_parameters,
    resident,
    trainer_memory,
)
from openqwq.training.planning.shapes import ModelShape, shape_of
from openqwq.training.planning.step import Layout, StepEstimate, Workload, estimate

QUANTILES = 2048
"""Number of response lengths that stand for the distribution."""
USABLE = 0.97
"""Usable fraction of a GPU's memory; the rest is lost to fragmentation of the allocator."""
SLEEPING_BYTES = 2e9
"""Bytes that a sleeping engine keeps on each of its GPUs."""
DEMONSTRATION_TOKENS, PAIR_TOKENS = 4000.0, 1000.0
"""Mean lengths of supervised rows for which `plan.mean_tokens` has no entry."""


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

    @property
    def seconds(self) -> float:
        """Seconds of all steps, without evaluations and start-up."""
        return self.steps * self.step_seconds

    @property
    def fits(self) -> bool:
        """Whether the memory of every role fits and there is no other problem."""
        return not self.problems and all(need.fits for need in self.needs)


@dataclass(frozen=True)
class Plan:
    """The plan of a recipe."""

    recipe: Recipe
    cluster: Cluster
    shape: ModelShape
    gpu: Gpu
    price: float
    """Dollars per GPU and hour."""
    stages: tuple[StagePlan, ...]
    constants: Constants
    is_imagined: bool = False
    """Whether the recipe asks for no GPU, so that the plan assumes one."""

    @property
    def num_gpus(self) -> int:
        """Number of GPUs of the cluster, all of which are paid for."""
        return self.cluster.nodes * self.cluster.gpus_per_node

    @property
    def max_model_len(self) -> int | None:
        """Tokens of a conversation for which vLLM engines make room; None where that is not known."""
        return max_model_len(self.recipe, self.shape.held_tokens)

    @property
    def fits(self) -> bool:
        """Whether every stage fits."""
        return all(stage.fits for stage in self.stages)

    @property
    def gpu_hours(self) -> float:
        """GPU-hours of the steps of all stages."""
        return self.num_gpus * sum(stage.seconds for stage in self.stages) / 3600


def make_plan(
    recipe: Recipe,
    nodes: int | None = None,
    gpus_per_node: int | None = None,
    gpu: str | None = None,
    lengths: Lengths | None = None,
    constants: Constants | None = None,
) -> Plan:
    """The plan of a recipe; the arguments replace the recipe's cluster sizes. `lengths`: the lengths of a real run, in
    place of the assumed distribution.

    Raises:
        RecipeError: the model or GPU is unknown, or sizes contradict each other.
    """
    constants = constants or Constants()
    cluster, is_imagined = _cluster(recipe.cluster, nodes, gpus_per_node)
    kind = gpu_named(gpu or cluster.gpu)
    shape = shape_of(recipe.model)
    refuse_beyond(samplings(recipe), recipe.model, shape.held_tokens)
    stages = tuple(
        _rl(recipe, stage, cluster, shape, kind, lengths, constants)
        if isinstance(stage, RlStage)
        else _supervised(recipe, stage, cluster, shape, kind, constants)
        for stage in recipe.stages
    )
    price = kind.price if recipe.plan.price_per_gpu_hour is None else recipe.plan.price_per_gpu_hour
    return Plan(recipe, cluster, shape, kind, price, stages, constants, is_imagined)


def _cluster(cluster: Cluster, nodes: int | None, gpus_per_node: int | None) -> tuple[Cluster, bool]:
    if cluster.gpus_per_node > 0:
        wanted = (nodes or cluster.nodes, gpus_per_node or cluster.gpus_per_node)
        is_same = wanted == (cluster.nodes, cluster.gpus_per_node)
        return (cluster if is_same else cluster.scaled(*wanted)), False
    count, per_node = nodes or 1, gpus_per_node or 1
    total = count * per_node
    rollout = cluster.rollout.model_copy(update={"workers": total, "gpus": 1})
    stage = cluster.trainer.zero_stage or (2 if total > 1 else 0)
    trainer = cluster.trainer.model_copy(update={"workers": total, "gpus": 1, "zero_stage": stage})
    sizes = {"nodes": count, "gpus_per_node": per_node, "rollout": rollout, "trainer": trainer, "colocate": True}
    return cluster.model_copy(update=sizes), True


def _training(recipe: Recipe, cluster: Cluster, tokens: int, recompute: bool, trained: float | None) -> Training:
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


def _rl(
    recipe: Recipe,
    stage: RlStage,
    cluster: Cluster,
    shape: ModelShape,
    gpu: Gpu,
    measured: Lengths | None,
    constants: Constants,
) -> StagePlan:
    assumed, spec = recipe.plan, resolve(stage.algorithm)
    longest = longest_conversation(recipe, stage, shape.held_tokens)
    limit = longest - assumed.prompt_tokens
    mean = assumed.mean_tokens.get(stage.name, 0.4 * min(limit, stage.sampling.max_new_tokens))
    lengths = measured or lognormal(mean, assumed.length_sigma, limit, QUANTILES)
    tensor_parallel = max(cluster.rollout.gpus, 1)
    pool = cache_tokens(shape, gpu, tensor_parallel, cluster.rollout.gpu_memory_utilization, constants)
    slots = min(cluster.rollout.max_sequences, int(pool / (assumed.prompt_tokens + lengths.mean)))
    tokens = max(stage.micro_batch_tokens, longest)
    trained = lora_parameters(shape, stage.lora.rank) if stage.lora else None
    training = _training(recipe, cluster, tokens, stage.gradient_checkpointing, trained)
    parts = trainer_memory(shape, training, constants)
    keeps_reference = spec.needs_reference and cluster.reference is None and stage.lora is None
    if keeps_reference and not cluster.trainer.reference_offload:
        parts["reference"] = 2 * shape.num_parameters / (training.ranks if training.zero_stage == 3 else 1)
    if spec.critic is not None and cluster.critic is None:
        whole = trainer_memory(shape, training, constants)
        parts["critic"] = sum(whole[part] for part in ("weights", "gradients", "optimizer"))
    needs, problems = _needs(cluster, shape, gpu, training, parts, constants)
    if pool < longest:
        problems.append(
            f"an engine of {tensor_parallel} GPUs keeps {max(pool, 0):,.0f} tokens of KV cache, a sample at the limit "
            f"needs {longest:,}; raise cluster.rollout.gpus or gpu_memory_utilization, or lower max_new_tokens or "
            f"max_context"
        )
        return StagePlan(stage.name, stage.kind, stage.steps, float("inf"), needs, tuple(problems))
    room = max_model_len(recipe, shape.held_tokens) if cluster.rollout.engine == "vllm" else None
    if room is not None and pool < room:
        problems.append(
            f"vLLM starts only with room for a conversation of max_model_len={room:,} tokens, an engine of "
            f"{tensor_parallel} GPUs keeps {pool:,.0f}; set max_context in every sampling section, or raise "
            f"cluster.rollout.gpus"
        )
    is_async = stage.schedule.kind == "async" and not cluster.colocate
    passes = int(stage.minibatches > 1) + int(spec.needs_reference) + 4 * int(spec.critic is not None)
    work = Workload(
        samples=stage.prompts_per_step * stage.group_size,
        lengths=lengths,
        prompt=assumed.prompt_tokens,
        minibatches=stage.minibatches,
        micro_batch_tokens=stage.micro_batch_tokens,
        extra_passes=passes,
        exposed_verifier_seconds=assumed.exposed_verifier_seconds,
        signal_fraction=assumed.signal_fraction,
        extra_rounds=spec.max_generation_rounds - 1 if spec.dynamic_sampling else 0,
    )
    layout = Layout(
        shape=shape,
        gpu=gpu,
        engines=cluster.rollout.workers,
        tensor_parallel=tensor_parallel,
        slots=max(slots, 1),
        trainer_gpus=cluster.trainer.workers,
        sequence_parallel=cluster.trainer.sequence_parallel,
        is_colocated=cluster.colocate,
        offloads_optimizer=cluster.trainer.offload == "optimizer",
        constants=constants,
    )
    step = estimate(work, layout, overlaps=is_async)
    at_limit = min(cluster.rollout.max_sequences, int(pool / longest))
    return StagePlan(
        stage.name, stage.kind, stage.steps, step.seconds, needs, tuple(problems), step, work, layout, pool, at_limit
    )


def _needs(
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
    for name in ("reference", "reward_model"):
        role = getattr(cluster, name)
        if role is not None and role.gpus:
            own = {"weights": 2 * shape.num_parameters / (role.gpus * (role.workers if name == "reference" else 1))}
            needs.append(Need(name.replace("_", " "), {**own, "runtime": constants.runtime_bytes}, usable))
    if cluster.critic is not None and cluster.critic.gpus:
        workers = cluster.critic.workers
        layout = Training(workers, 3 if workers > 1 else 0, training.tokens, weight_bytes=4, gradient_bytes=4)
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


HOST_BYTES = 1.5e12
"""Assumed usable memory of a host with eight GPUs."""


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


def _supervised(
    recipe: Recipe,
    stage: SftStage | RewardModelStage,
    cluster: Cluster,
    shape: ModelShape,
    gpu: Gpu,
    constants: Constants,
) -> StagePlan:
    """A supervised stage: the work of three forward passes on every row, and a preference pair has two rows."""
    is_pairs = isinstance(stage, RewardModelStage)
    mean = recipe.plan.mean_tokens.get(stage.name, PAIR_TOKENS if is_pairs else DEMONSTRATION_TOKENS)
    tokens = stage.batch_size * mean * (2 if is_pairs else 1)
    flops = 3 * shape.forward_flops(tokens, mean)
    seconds = flops / (cluster.trainer.workers * gpu.flops * constants.training_mfu)
    training = _training(recipe, cluster, int(4 * mean), True, None)
    needs, problems = _needs(cluster, shape, gpu, training, trainer_memory(shape, training, constants), constants)
    kept = tuple(need for need in needs if need.role != "sampling")
    return StagePlan(stage.name, stage.kind, stage.steps, seconds, kept, tuple(problems))
