"""Requests of a recipe that this version cannot fulfil: not implemented, or contradictory. Pure."""

import math

from openqwq.training.algorithms.catalogue import AlgorithmSpec, resolve
from openqwq.training.cluster.roles import shares_gpus
from openqwq.training.config import Recipe, RewardModelStage, RlStage, SftStage


def not_yet_possible(recipe: Recipe) -> list[str]:
    """One sentence per request; empty when the recipe can run."""
    cluster, trainer = recipe.cluster, recipe.cluster.trainer
    stages = [stage for stage in recipe.stages if isinstance(stage, RlStage)]
    found = []
    if cluster.rollout.gpus > 1 and cluster.rollout.engine != "vllm":
        found.append(
            f"an engine over {cluster.rollout.gpus} GPUs (cluster.rollout.gpus) needs cluster.rollout.engine=vllm"
        )
    if shares_gpus(cluster):
        found += [
            f"stage {stage.name} samples while it trains ({stage.schedule.kind}): engines and trainer need GPUs of "
            "their own, cluster.colocate=false"
            for stage in stages
            if stage.schedule.kind == "async"
        ]
    if cluster.rollout.weight_sync == "broadcast" and shares_gpus(cluster):
        found.append(
            "NCCL takes one process a GPU: engines and trainer that share GPUs sync through the store; "
            "cluster.rollout.weight_sync=store, or cluster.colocate=false"
        )
    if cluster.rollout.weight_sync == "broadcast":
        found += [
            f"stage {stage.name} samples while it trains (async): its engines take no broadcast then; "
            "cluster.rollout.weight_sync=store"
            for stage in stages
            if stage.schedule.kind == "async"
        ]
    if trainer.workers == 1 and (trainer.zero_stage or trainer.offload != "none"):
        found.append("zero_stage and offload need cluster.trainer.workers of 2 or more")
    for stage in recipe.stages:
        if isinstance(stage, SftStage | RewardModelStage) and stage.micro_batch_rows is not None:
            ranks = math.gcd(trainer.workers, stage.batch_size)
            share = stage.batch_size // ranks
            if share % stage.micro_batch_rows:
                found.append(
                    f"stage {stage.name}: micro_batch_rows={stage.micro_batch_rows} must divide a rank's {share} rows "
                    f"(batch_size={stage.batch_size} over {ranks})"
                )
    critics = [stage.name for stage in stages if resolve(stage.algorithm).critic is not None]
    if trainer.workers > 1 and critics and cluster.critic is None:
        found.append(
            f"a critic (stage {critics[0]}) does not share the processes of several trainer ranks: give it a group of "
            "its own, cluster.critic={workers: 1}"
        )
    if trainer.sequence_parallel > 1:
        found += [
            f"{stage.algorithm.name} (stage {stage.name}) weighs whole sequences; sequence_parallel divides them"
            for stage in stages
            if _weighs_sequences(resolve(stage.algorithm))
        ]
    return found


def _weighs_sequences(spec: AlgorithmSpec) -> bool:
    masked = spec.masked_importance
    return spec.surrogate == "sequence_clip" or (masked is not None and masked.level == "sequence")
