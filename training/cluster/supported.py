"""What a recipe may ask of a cluster that this version cannot do yet. Pure."""

from openqwq.training.algorithms.catalogue import resolve
from openqwq.training.config import Recipe, RlStage


def not_yet_possible(recipe: Recipe) -> list[str]:
    """One sentence per wish; empty when the recipe can run."""
    cluster, trainer = recipe.cluster, recipe.cluster.trainer
    found = []
    if cluster.rollout.gpus > 1:
        found.append(f"an engine over several GPUs (cluster.rollout.gpus={cluster.rollout.gpus}) needs the vllm engine")
    if trainer.sequence_parallel > 1:
        found.append(f"cluster.trainer.sequence_parallel={trainer.sequence_parallel} is only planned")
    if trainer.workers > 1 and trainer.gpus and cluster.colocate:
        found.append("trainer ranks that share the engines' GPUs are only planned; set cluster.colocate=false")
    if trainer.workers == 1 and (trainer.zero_stage or trainer.offload != "none"):
        found.append("zero_stage and offload need cluster.trainer.workers of 2 or more")
    for role in ("critic", "reference"):
        if getattr(cluster, role) is not None:
            found.append(f"cluster.{role} in a group of its own is only planned; leave it null")
    if trainer.workers > 1:
        stages = [stage for stage in recipe.stages if isinstance(stage, RlStage)]
        critics = [stage.name for stage in stages if resolve(stage.algorithm).critic is not None]
        loras = [stage.name for stage in stages if stage.lora is not None]
        if critics:
            found.append(f"a critic (stage {critics[0]}) trains in one process: cluster.trainer.workers=1")
        if loras:
            found.append(f"LoRA (stage {loras[0]}) trains in one process: cluster.trainer.workers=1")
    return found
