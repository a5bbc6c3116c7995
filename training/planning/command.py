"""`openqwq plan`: reads a recipe and prints its plan; the exit status shows whether it fits the cluster."""

import json
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from openqwq.training.backends.number_format import with_dtype
from openqwq.training.config import RlStage
from openqwq.training.config.files import load_recipe
from openqwq.training.planning.lengths import of_run
from openqwq.training.planning.on_cpus import describe_on_cpus, on_cpus
from openqwq.training.planning.plan import make_plan
from openqwq.training.planning.simulate import Simulated
from openqwq.training.planning.stop_bound import stop_bound
from openqwq.training.planning.words import as_json, describe, simulated, what_if


def plan_command(
    recipe_name: str,
    overrides: Sequence[str],
    nodes: Sequence[int],
    gpus_per_node: int | None,
    gpu: str | None,
    lengths_of: Path | None,
    simulates: bool,
    is_json: bool,
    stops_in: Path | None = None,
) -> int:
    """Print the plan of a recipe; returns 0 if it fits, else 1. With several `nodes` a table compares them, and the
    exit status is that of the last. A recipe without GPUs is planned for this machine's CPUs, unless GPUs are named.
    `stops_in`: print only how long a run in this folder takes to stop."""
    recipe = with_dtype(load_recipe(recipe_name, overrides), partial(print, file=sys.stderr))
    if stops_in is not None:
        print(f"{stop_bound(recipe, stops_in).seconds:.0f}")
        return 0
    lengths = of_run(lengths_of) if lengths_of is not None else None
    counts: Sequence[int | None] = nodes or [None]
    plans = [make_plan(recipe, count, gpus_per_node, gpu, lengths) for count in counts]
    plan = plans[-1]
    names_gpus = nodes or gpus_per_node or gpu or recipe.cluster.rollout.engine == "vllm"
    if plan.is_imagined and not (names_gpus or simulates or is_json):
        here = on_cpus(plan)
        print(describe_on_cpus(plan, here))
        return 0 if here.fits else 1
    table, runs = "", dict[str, list[Simulated]]()
    if simulates:
        sizes = {stage.name: stage.group_size for stage in recipe.stages if isinstance(stage, RlStage)}
        table, runs = simulated(plan, sizes)
    if is_json:
        shown = as_json(plan) | ({"simulated": {k: [vars(r) for r in v] for k, v in runs.items()}} if runs else {})
        print(json.dumps(shown, indent=2))
    else:
        print("\n\n".join(filter(None, [describe(plan), table, what_if(plans) if len(plans) > 1 else ""])))
    return 0 if plan.fits else 1
