"""Formats a plan as text for a terminal, and as JSON."""

from collections.abc import Sequence
from typing import Any

from openqwq.training.planning.needs import StagePlan
from openqwq.training.planning.plan import Plan
from openqwq.training.planning.simulate import SchedulePolicy, Simulated, best_split, simulate

GB = 1e9


def describe(plan: Plan) -> str:
    """The whole plan; its assumptions come last."""
    lines = [_head(plan), ""]
    for stage in plan.stages:
        lines += [*_stage(stage), ""]
    lines += [*_disk(plan), _verdict(plan), "", *_assumptions(plan)]
    return "\n".join(lines)


def _head(plan: Plan) -> str:
    cluster, recipe = plan.cluster, plan.recipe
    room = plan.max_model_len if cluster.rollout.engine == "vllm" else None
    imagined = " (the recipe asks for no GPU; planned as if it had them)" if plan.is_imagined else ""
    return (
        f"{recipe.name}: {recipe.model}, {plan.shape.num_parameters:,} parameters, on {cluster.nodes} x "
        f"{cluster.gpus_per_node} GPUs{imagined}\n"
        f"  rollout   {cluster.rollout.workers} engines x {max(cluster.rollout.gpus, 1)} GPUs"
        f"{', sharing GPUs with the trainer' if cluster.colocate else ''}"
        f"{f', max_model_len {room:,}' if room is not None else ''}\n"
        f"  trainer   {cluster.trainer.workers} ranks, ZeRO-{cluster.trainer.zero_stage}, offload "
        f"{cluster.trainer.offload}, sequence parallel {cluster.trainer.sequence_parallel}"
    )


def _stage(stage: StagePlan) -> list[str]:
    lines = [f"{stage.name} ({stage.kind}, {stage.steps} steps)"]
    for need in stage.needs:
        parts = ", ".join(f"{name} {size / GB:.1f}" for name, size in need.parts.items() if size >= 0.05 * GB)
        mark = "fits" if need.fits else "DOES NOT FIT"
        lines.append(f"  {need.role:<9} {need.total / GB:6.1f} of {need.available / GB:.1f} GB  {mark}: {parts}")
    lines += [f"  DOES NOT FIT: {problem}" for problem in stage.problems]
    if stage.step is not None and stage.work is not None and stage.layout is not None:
        phases = ", ".join(f"{name} {seconds:.0f}" for name, seconds in stage.step.phases.items() if seconds >= 0.5)
        rate = stage.step.tokens_per_gpu_second(stage.layout.num_gpus)
        lines += [
            f"  KV cache  {stage.cache_tokens:,.0f} tokens an engine: {stage.layout.slots} samples of mean length at "
            f"once, {stage.slots_at_limit} at the limit",
            f"  step      {stage.step.seconds:.0f} s ({phases}), {rate:.0f} tokens/s/GPU",
            f"  {stage.step.bound}",
        ]
    elif stage.step_seconds < float("inf"):
        lines.append(f"  step      {stage.step_seconds:.1f} s")
    return lines


def _disk(plan: Plan) -> list[str]:
    each = plan.checkpoint_bytes
    if not each:
        return []
    kept = sum(size * (plan.recipe.keep_checkpoints + 1) for size in each.values())
    largest = max(each.values())
    return [f"disk: up to {largest / GB:.1f} GB a checkpoint, {kept / GB:.0f} GB at the end of all RL stages", ""]


def _verdict(plan: Plan) -> str:
    if not plan.fits:
        names = ", ".join(stage.name for stage in plan.stages if not stage.fits)
        return f"DOES NOT FIT: {names}"
    hours = sum(stage.seconds for stage in plan.stages) / 3600
    return (
        f"fits: {hours:.1f} hours, {plan.gpu_hours:,.0f} GPU-hours, about ${plan.gpu_hours * plan.price:,.0f} "
        f"at ${plan.price:g} per GPU-hour (evaluations, start-up and lost nodes not counted)"
    )


def _assumptions(plan: Plan) -> list[str]:
    assumed, constants = plan.recipe.plan, plan.constants
    means = ", ".join(f"{s.name} {s.work.lengths.mean:.0f}" for s in plan.stages if s.work is not None)
    return [
        "assumed, not known (section `plan` of the recipe, training/planning/hardware.py):",
        f"  responses: mean tokens {means or '-'}; lognormal, sigma {assumed.length_sigma:g}, truncated at the limit; "
        f"prompts {assumed.prompt_tokens} tokens",
        f"  under dynamic sampling {assumed.signal_fraction:.0%} of groups carry a signal",
        f"  verifiers exposed {assumed.exposed_verifier_seconds:g} s a step; training reaches "
        f"{constants.training_mfu:.0%} of peak, decoding {constants.decode_bandwidth:.0%} of bandwidth and "
        f"{constants.decode_flops:.0%} of peak; a sync runs at {constants.sync_bandwidth / GB:g} GB/s, the network at "
        f"{plan.gpu.network / GB:g} GB/s a GPU, a node's storage at {constants.disk_bandwidth / GB:g} GB/s",
        f"  a reward model judges {assumed.judged_share:.0%} of the samples where rewards name one",
        "not known, and in no number above:",
        *(f"  {said}" for said in plan.unknown),
    ]


def what_if(plans: Sequence[Plan]) -> str:
    """One line per number of nodes."""
    lines = [f"{'nodes':>5} {'GPUs':>5} {'fits':>5} {'hours':>8} {'GPU-hours':>10} {'dollars':>10}"]
    for plan in plans:
        hours = sum(stage.seconds for stage in plan.stages) / 3600
        numbers = f"{hours:8.1f} {plan.gpu_hours:10,.0f} {plan.gpu_hours * plan.price:10,.0f}"
        shown = numbers if plan.fits else f"{'-':>8} {'-':>10} {'-':>10}"
        lines.append(f"{plan.cluster.nodes:5d} {plan.num_gpus:5d} {'yes' if plan.fits else 'no':>5} {shown}")
    return "\n".join(lines)


POLICIES = (
    SchedulePolicy("sync"),
    SchedulePolicy("partial", surplus=1.5),
    SchedulePolicy("async, depth 1", async_depth=1),
)


def simulated(plan: Plan, group_sizes: dict[str, int]) -> tuple[str, dict[str, list[Simulated]]]:
    """A table of every RL stage that fits under each schedule, on the same GPUs; and its results by stage."""
    found: dict[str, list[Simulated]] = {}
    lines = ["simulated on the same GPUs (lengths within a group are independent; a group ends with its last sample):"]
    for stage in plan.stages:
        if stage.work is None or stage.layout is None:
            continue
        results = [
            (best_split if policy.async_depth else simulate)(policy, stage.work, stage.layout, group_sizes[stage.name])
            for policy in POLICIES
        ]
        found[stage.name] = results
        lines.append(f"  {stage.name}")
        for result in results:
            split = f", {result.rollout_gpus} GPUs sample" if result.policy.startswith("async") else ""
            lines.append(
                f"    {result.policy:<15} {result.step_seconds:7.0f} s/step {result.tokens_per_gpu_second:6.0f} "
                f"tokens/s/GPU, slots {result.occupancy:.0%} full, staleness {result.staleness_mean:.1f} (max "
                f"{result.staleness_max}), mean length consumed/started "
                f"{result.consumed_mean / result.started_mean:.2f}{split}"
            )
    return "\n".join(lines), found


def as_json(plan: Plan) -> dict[str, Any]:
    """The plan as JSON values, for scripts."""
    return {
        "recipe": plan.recipe.name,
        "parameters": plan.shape.num_parameters,
        "nodes": plan.cluster.nodes,
        "gpus": plan.num_gpus,
        "fits": plan.fits,
        "gpu_hours": plan.gpu_hours if plan.fits else None,
        "checkpoint_bytes": plan.checkpoint_bytes,
        "unknown": plan.unknown,
        "dollars": plan.gpu_hours * plan.price if plan.fits else None,
        "stages": [
            {
                "name": stage.name,
                "fits": stage.fits,
                "problems": list(stage.problems),
                "step_seconds": stage.step_seconds if stage.step_seconds < float("inf") else None,
                "phases": stage.step.phases if stage.step is not None else {},
                "bound": stage.step.bound if stage.step is not None else "",
                "memory_bytes": {need.role: need.parts for need in stage.needs},
            }
            for stage in plan.stages
        ],
    }
