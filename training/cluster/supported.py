"""What a recipe may ask of a cluster that this version cannot do yet. Pure."""

from openqwq.training.algorithms.catalogue import resolve
from openqwq.training.cluster.roles import shares_gpus
from openqwq.training.config import Recipe, RlStage


def not_yet_possible(recipe: Recipe) -> list[str]:
    """One sentence per wish; empty when the recipe can run."""
    cluster, trainer = recipe.cluster, recipe.cluster.trainer
    stages = [stage for stage in recipe.stages if isinstance(stage, RlStage)]
    found = []
    if cluster.rollout.gpus > 1 and cluster.rollout.engine != "vllm":
        found.append(
            f"an engine over {cluster.rollout.gpus} GPUs (cluster.rollout.gpus) needs cluster.rollout.engine=vllm"
        )
    if shares_gpus(cluster):
        found += [
            f"stage {stage.name} draws while it trains ({stage.schedule.kind}): engines and trainer need GPUs of their "
            "own, cluster.colocate=false"
            for stage in stages
            if stage.schedule.kind == "async"
        ]
    if trainer.workers == 1 and (trainer.zero_stage or trainer.offload != "none"):
        found.append("zero_stage and offload need cluster.trainer.workers of 2 or more")
    for role in ("critic", "reference"):
        if getattr(cluster, role) is not None:
            found.append(f"cluster.{role} in a group of its own is only planned; leave it null")
    if trainer.workers > 1:
        critics = [stage.name for stage in stages if resolve(stage.algorithm).critic is not None]
        loras = [stage.name for stage in stages if stage.lora is not None]
        if critics:
            found.append(f"a critic (stage {critics[0]}) trains in one process: cluster.trainer.workers=1")
        if loras:
            found.append(f"LoRA (stage {loras[0]}) trains in one process: cluster.trainer.workers=1")
    if trainer.sequence_parallel > 1:
        found += [
            f"{stage.algorithm.name} (stage {stage.name}) weighs whole sequences; sequence_parallel divides them"
            for stage in stages
            if resolve(stage.algorithm).surrogate == "sequence_clip"
        ]
    return found
