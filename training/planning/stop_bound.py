"""How long a run that is told to stop may take, where the recipe does not say it: from the steps that the run has done,
or else from its plan. The launch scripts ask for the same number, so a scheduler kills no earlier than the run ends."""

import json
import math
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from openqwq.training.config import Recipe
from openqwq.training.config.durations import seconds_of
from openqwq.training.errors import OpenqwqError
from openqwq.training.planning.plan import Plan, make_plan
from openqwq.training.rl.stopping import LEAST_WITHIN, MOST_WITHIN, RECENT, UNKNOWN_WITHIN, derived_within


@dataclass(frozen=True)
class StopBound:
    """Example: `StopBound(240.0, "nothing is measured or planned yet", is_fixed=False)`"""

    seconds: float
    why: str
    is_fixed: bool
    """Whether the recipe says it; otherwise the steps to come may change it."""

    def __str__(self) -> str:
        return f"told to stop (TERM, Ctrl-C), the run ends within {self.seconds:g} s: {self.why}"


def stop_bound(recipe: Recipe, run_dir: Path | None) -> StopBound:
    """The bound of a run in `run_dir`, which need not exist."""
    limits = f"{LEAST_WITHIN:g} to {MOST_WITHIN:g} s; cluster.stop_within sets it"
    if recipe.cluster.stop_within is not None:
        return StopBound(seconds_of(recipe.cluster.stop_within), "cluster.stop_within", is_fixed=True)
    plan = _plan(recipe)
    save = 0.0 if plan is None else _save_seconds(plan)
    if (step := measured_step(run_dir)) is not None:
        why = f"from its longest recent step, {step:.0f} s, and a checkpoint ({limits})"
        return StopBound(derived_within(step, save), why, is_fixed=False)
    steps = [] if plan is None else [stage.step_seconds for stage in plan.stages if math.isfinite(stage.step_seconds)]
    if not steps:
        why = f"no step is measured or planned ({limits})"
        return StopBound(UNKNOWN_WITHIN, why, is_fixed=False)
    why = f"from its plan, a step of {max(steps):.0f} s and a checkpoint of {save:.0f} s ({limits})"
    return StopBound(derived_within(max(steps), save), why, is_fixed=False)


def measured_step(run_dir: Path | None) -> float | None:
    """The longest of the last RL steps of any stage in a run folder, in seconds."""
    path = None if run_dir is None else run_dir / "metrics.jsonl"
    if path is None or not path.is_file():
        return None
    steps: defaultdict[str, list[float]] = defaultdict(list)
    for line in _lines(path.read_text(errors="replace").splitlines()):
        seconds = line.get("time/step_seconds")
        if isinstance(seconds, int | float) and math.isfinite(seconds):
            steps[str(line.get("stage"))].append(float(seconds))
    return max((max(found[-RECENT:]) for found in steps.values()), default=None)


def _lines(text: Iterable[str]) -> Iterable[dict[str, Any]]:
    for line in text:
        try:
            entry = json.loads(line)
        except json.JSONDecodeError:
            continue  # incomplete, because the run was killed
        if isinstance(entry, dict):
            yield entry


def _plan(recipe: Recipe) -> Plan | None:
    """None where a plan would be of GPUs that the run does not have, or cannot be made."""
    if recipe.cluster.gpus_per_node == 0:
        return None
    try:
        return make_plan(recipe)
    except OpenqwqError:
        return None


def _save_seconds(plan: Plan) -> float:
    """Of the largest checkpoint, written by all nodes at once."""
    speed = plan.cluster.nodes * plan.constants.disk_bandwidth
    return max(plan.checkpoint_bytes.values(), default=0.0) / speed
