"""The plan of a recipe that asks for no GPU, in words: what it needs of this machine, and what is not known of CPUs."""

import os
from dataclasses import dataclass

from openqwq.training.backends.machine_memory import free_and_total_memory
from openqwq.training.planning.plan import Plan

GB = 1e9
LASTING = ("weights", "gradients", "optimizer", "reference", "critic")
"""Parts of a stage's memory that do not depend on how long rows are."""
BY_LENGTH = ("activations", "masks", "at work")


@dataclass(frozen=True)
class OnCpus:
    """Bytes of memory. Example: `OnCpus(lasting=2e9, by_length={"cold_start": 1e9}, free=8e9)`"""

    lasting: float
    """Of the trainer of the largest stage and the engines' weights. Not of Python and its libraries."""
    by_length: dict[str, float]
    """Stage -> most that activations take, with rows as long as the plan takes them to be."""
    free: float

    @property
    def fits(self) -> bool:
        """Whether what is known to be needed is free."""
        return self.lasting <= self.free


def on_cpus(plan: Plan, free: float | None = None) -> OnCpus:
    """What a recipe needs of this machine's memory. `free`: bytes, in place of those that are free now."""
    recipe = plan.recipe
    parts = {stage.name: stage.needs[0].parts for stage in plan.stages}
    trainer = max(sum(found.get(part, 0.0) for part in LASTING) for found in parts.values())
    each = plan.shape.num_parameters * (4 if recipe.dtype == "float32" else 2)
    by_length = {stage: sum(found.get(part, 0.0) for part in BY_LENGTH) for stage, found in parts.items()}
    free = free_and_total_memory()[0] if free is None else free
    return OnCpus(trainer + recipe.cluster.rollout.workers * each, by_length, free)


def describe_on_cpus(plan: Plan, found: OnCpus) -> str:
    """The whole plan."""
    cluster, recipe = plan.recipe.cluster, plan.recipe
    verdict = "fits" if found.fits else "DOES NOT FIT"
    guessed = [stage for stage, size in found.by_length.items() if found.lasting + size > found.free]
    longest = max(found.by_length, key=lambda stage: found.by_length[stage])
    lines = [
        f"{recipe.name}: {recipe.model}, {plan.shape.num_parameters:,} parameters, "
        f"on CPUs (the recipe asks for no GPU)",
        f"  rollout   {cluster.rollout.workers} engines x {cluster.rollout.cpus} CPUs"
        f"{', sharing CPUs with the trainer' if cluster.colocate else ''}",
        f"  trainer   {cluster.trainer.workers} ranks x {cluster.trainer.cpus} CPUs",
        f"  here      {os.cpu_count()} CPUs, {found.free / GB:.1f} GB of memory free",
        "",
        *(f"{stage.name} ({stage.kind}, {stage.steps} steps)" for stage in plan.stages),
        "",
        f"memory: weights, gradients, optimizer and engines {found.lasting / GB:.2f} GB; activations at most "
        f"{found.by_length[longest] / GB:.1f} GB ({longest}, with rows as long as the plan takes them to be)",
    ]
    if guessed and found.fits:
        lines.append(f"  more than is free: plan.longest_tokens says how long rows of {', '.join(guessed)} really are")
    if plan.checkpoint_bytes:
        lines.append(f"disk: up to {max(plan.checkpoint_bytes.values()) / GB:.2f} GB a checkpoint")
    return "\n".join(
        [
            *lines,
            "",
            f"{verdict}: {found.lasting / GB:.2f} of {found.free / GB:.1f} GB, and what Python and its libraries take",
            "",
            "not known, and in no number above:",
            "  seconds a step and hours: they depend on the CPUs; `openqwq status RUN` says them of a run that began",
            *(f"  {said}" for said in plan.unknown if said.startswith("the longest row")),
            "  memory of Python, torch and Ray: 0.5 to 1 GB a process",
            "as if it ran on GPUs: --gpu h100, or --nodes N",
        ]
    )
