"""The plan of a recipe on a cluster: memory, time and price of each stage. Pure; `words.py` prints it."""

from dataclasses import dataclass, replace

from openqwq.training.algorithms.catalogue import resolve
from openqwq.training.backends.costs import checkpoint_bytes
from openqwq.training.batches.costs import batch_bytes
from openqwq.training.config import Cluster, Recipe, RlStage
from openqwq.training.config.context_budget import refuse_beyond, samplings
from openqwq.training.config.durations import in_seconds, in_steps
from openqwq.training.planning.hardware import Constants, Gpu, gpu_named
from openqwq.training.planning.judging import judging
from openqwq.training.planning.lengths import Lengths, lognormal, longest_conversation, max_model_len
from openqwq.training.planning.memory import cache_tokens, lora_parameters, trainer_memory
from openqwq.training.planning.needs import HOST_BYTES, Need, StagePlan, role_needs, training_layout
from openqwq.training.planning.shapes import ModelShape, held_by_yarn, shape_of
from openqwq.training.planning.step import Layout, Workload, estimate
from openqwq.training.planning.supervised import plan_supervised
from openqwq.training.rollout.costs import rollout_bytes, shared_cache_tokens

QUANTILES = 2048
"""Number of response lengths that stand for the distribution."""
UNKNOWN = (
    "evaluations, start-up, compilation, loading of models, lost machines",
    "how much of ZeRO-3's traffic hides behind work (taken as all that fits)",
    "seconds of tools and environments; contention of the network with others",
    "memory beyond tensors: fragmentation is taken as 3 %, kernels' own buffers as part of `runtime`",
)
"""What no plan holds."""


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
    def unknown(self) -> list[str]:
        """What the plan leaves out because it cannot know it, in words."""
        return list(dict.fromkeys([*(said for stage in self.stages for said in stage.unknown), *UNKNOWN]))

    @property
    def checkpoint_bytes(self) -> dict[str, float]:
        """RL stage -> bytes of one checkpoint on the disk; `keep_checkpoints` and the last one stay."""
        return {stage.name: _checkpoint(self.recipe, stage, self.shape) for stage in _rl_stages(self.recipe)}

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
    if recipe.yarn is not None:
        shape = replace(shape, held_tokens=held_by_yarn(recipe.model, recipe.yarn, shape.held_tokens))
    refuse_beyond(samplings(recipe), recipe.model, shape.held_tokens)
    stages = tuple(
        _rl(recipe, stage, cluster, shape, kind, lengths, constants)
        if isinstance(stage, RlStage)
        else plan_supervised(recipe, stage, cluster, shape, kind, constants)
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
    shares = stage.group_size if cluster.rollout.engine == "vllm" else 1  # which keeps a prompt once for its answers
    each = shared_cache_tokens(assumed.prompt_tokens, lengths.mean, shares)
    slots = min(cluster.rollout.max_sequences, int(pool / each))
    tokens = max(stage.micro_batch_tokens, longest)
    trained = lora_parameters(shape, stage.lora.rank) if stage.lora else None
    training = training_layout(recipe, cluster, tokens, stage.gradient_checkpointing, trained)
    parts = trainer_memory(shape, training, constants)
    keeps_reference = spec.needs_reference and cluster.reference is None and stage.lora is None
    if keeps_reference and not cluster.trainer.reference_offload:
        parts["reference"] = 2 * shape.num_parameters / (training.ranks if training.zero_stage == 3 else 1)
    if spec.critic is not None and cluster.critic is None:
        whole = trainer_memory(shape, training, constants)
        parts["critic"] = sum(whole[part] for part in ("weights", "gradients", "optimizer"))
    needs, problems = role_needs(cluster, shape, gpu, training, parts, constants)
    samples = stage.prompts_per_step * stage.group_size
    judge = judging(recipe, stage, cluster, shape, gpu, samples * (assumed.prompt_tokens + lengths.mean), constants)
    needs, problems = (*needs, _driver(stage, samples, assumed.prompt_tokens, lengths), *judge.needs), [
        *problems, *judge.problems,
    ]  # fmt: skip
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
    writing = _checkpoint(recipe, stage, shape) / (cluster.nodes * constants.disk_bandwidth)
    work = Workload(
        samples=samples,
        lengths=lengths,
        prompt=assumed.prompt_tokens,
        minibatches=stage.minibatches,
        micro_batch_tokens=stage.micro_batch_tokens,
        extra_passes=passes,
        exposed_verifier_seconds=assumed.exposed_verifier_seconds,
        signal_fraction=assumed.signal_fraction,
        extra_rounds=spec.max_generation_rounds - 1 if spec.dynamic_sampling else 0,
        judging_seconds=judge.seconds,
        checkpoint_seconds=writing / every if (every := in_steps(stage.checkpoint_every)) else 0.0,
        checkpoint_share=writing / period if (period := in_seconds(stage.checkpoint_every)) else 0.0,
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
        zero_stage=cluster.trainer.zero_stage,
        num_nodes=cluster.nodes,
        gradient_bytes=training.gradient_bytes,
    )
    step = estimate(work, layout, overlaps=is_async)
    at_limit = min(cluster.rollout.max_sequences, int(pool / longest))
    base = StagePlan(stage.name, stage.kind, stage.steps, step.seconds, needs, tuple(problems), step, work, layout)
    return replace(base, cache_tokens=pool, slots_at_limit=at_limit, unknown=judge.unknown)


def _driver(stage: RlStage, samples: int, prompt: float, lengths: Lengths) -> Need:
    """What the driver's host holds of a step: finished samples, those of other batches in flight too, and the batch."""
    flown = samples * stage.schedule.surplus * (stage.schedule.depth + 1)
    parts = {
        "rollouts": rollout_bytes(flown * (prompt + lengths.mean)),
        "batch": batch_bytes(samples * (prompt + lengths.mean), samples * lengths.mean),
    }
    return Need("driver", parts, HOST_BYTES)


def _rl_stages(recipe: Recipe) -> list[RlStage]:
    return [stage for stage in recipe.stages if isinstance(stage, RlStage)]


def _checkpoint(recipe: Recipe, stage: RlStage, shape: ModelShape) -> float:
    trained = lora_parameters(shape, stage.lora.rank) if stage.lora else None
    return checkpoint_bytes(shape.num_parameters, trained, 4 if recipe.dtype == "float32" else 2)
