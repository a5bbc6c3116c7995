"""The plan of a supervised stage as TRL's trainers run it: padded rows, no sequence parallelism, recomputation where
the recipe asks for it. Pure."""

from dataclasses import replace

from openqwq.training.backends.costs import gather_traffic
from openqwq.training.config import Cluster, Recipe, RewardModelStage, SftStage
from openqwq.training.planning.hardware import Constants, Gpu
from openqwq.training.planning.memory import trainer_memory
from openqwq.training.planning.needs import StagePlan, role_needs, training_layout
from openqwq.training.planning.shapes import ModelShape
from openqwq.training.planning.timing import pass_seconds
from openqwq.training.supervised.costs import mask_bytes, masks_kept_bytes, ranks_of, rows_of, state_bytes

DEMONSTRATION_TOKENS, PAIR_TOKENS = 4000.0, 1000.0
"""Mean lengths of rows for which `plan.mean_tokens` has no entry."""
LONGEST_OF_MEAN = 4.0
"""The longest row, where `plan.longest_tokens` has no entry, in mean lengths."""


def plan_supervised(
    recipe: Recipe,
    stage: SftStage | RewardModelStage,
    cluster: Cluster,
    shape: ModelShape,
    gpu: Gpu,
    constants: Constants,
) -> StagePlan:
    """A supervised stage: the work of three forward passes on every row; a preference pair has two rows."""
    is_pairs, assumed = isinstance(stage, RewardModelStage), recipe.plan
    mean = assumed.mean_tokens.get(stage.name, PAIR_TOKENS if is_pairs else DEMONSTRATION_TOKENS)
    longest = min(assumed.longest_tokens.get(stage.name, LONGEST_OF_MEAN * mean), shape.held_tokens or float("inf"))
    ranks = ranks_of(cluster.trainer.workers, stage.batch_size)
    sides = 2 if is_pairs else 1
    rows = sides * rows_of(stage.batch_size, ranks, stage.micro_batch_rows)
    layout = replace(
        training_layout(recipe, cluster, rows * longest, stage.gradient_checkpointing),
        ranks=ranks,
        sequence_parallel=1,
        has_head=not is_pairs,
    )
    parts = trainer_memory(shape, layout, constants)
    if ranks == 1:
        is_half = recipe.dtype != "float32"
        parts |= {"weights": state_bytes(shape.num_parameters, is_half), "gradients": 0.0, "optimizer": 0.0}
    numbers = layout.weight_bytes
    parts["masks"] = mask_bytes(rows, longest, numbers)
    parts["masks"] += 0.0 if layout.recompute else masks_kept_bytes(shape.layers, rows, longest, numbers)
    needs, problems = role_needs(cluster, shape, gpu, layout, parts, constants)
    kept = tuple(need for need in needs if need.role != "sampling")
    if not kept[0].fits and not (stage.gradient_checkpointing and stage.micro_batch_rows == 1):
        problems.append(
            f"{rows} rows of up to {longest:,.0f} tokens pass at once on each of {ranks} ranks"
            f"{'' if stage.gradient_checkpointing else ', and all activations are kept'}; set micro_batch_rows=1 and "
            f"gradient_checkpointing=true, or say in plan.longest_tokens.{stage.name} how long rows are"
        )
    tokens = stage.batch_size * mean * sides
    work = 3 * pass_seconds(shape.forward_flops(tokens, mean), ranks, gpu, constants)
    passes = stage.batch_size * sides / (ranks * rows)
    bandwidth = gpu.network if cluster.nodes > 1 else gpu.link
    sent = gather_traffic(shape.num_parameters, ranks, 2 + layout.gradient_bytes / 2) if layout.zero_stage == 3 else 0.0
    unknown = (f"the longest row of {stage.name} (taken as {longest:,.0f} tokens)",)
    seconds = max(work, passes * sent / bandwidth)
    return StagePlan(stage.name, stage.kind, stage.steps, seconds, kept, tuple(problems), unknown=unknown)
