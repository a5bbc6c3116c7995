"""What preflight looks at for reward models: their pairs, their device, and whether a tripwire watches one."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from openqwq.training.algorithms.catalogue import resolve
from openqwq.training.cluster.object_store import num_parameters
from openqwq.training.config import Recipe, RlStage, VerifierUse
from openqwq.training.errors import DataError, RecipeError
from openqwq.training.planning.judging import on_a_cpu
from openqwq.training.supervised.pair_hygiene import CleanPairs, clean_pairs
from openqwq.verifiers.scoring.costs import CPU_PARAMETERS


def check_tripwire(stage: RlStage, uses: Sequence[VerifierUse]) -> None:
    """The verifier that a tripwire watches judges some row of the stage.

    Raises:
        RecipeError: it judges none.
    """
    names = sorted({use.label or use.name.rpartition(":")[2] for use in uses})
    if stage.tripwire is not None and stage.tripwire.watches not in names:
        raise RecipeError(
            f"stage {stage.name}: tripwire.watches={stage.tripwire.watches!r} judges none of its rows; "
            f"they are judged by {', '.join(names)}"
        )


def refuse_slow_reward_models(recipe: Recipe, uses: Sequence[VerifierUse]) -> None:
    """Refuse a model of more than a billion parameters that would judge on a CPU, unless the recipe asks for it.

    Raises:
        RecipeError: names the model and the ways out.
    """
    role = recipe.cluster.reward_model
    for use in uses:
        model, device = use.arguments.get("model"), use.arguments.get("device", "auto")
        if use.name != "reward_model" or model is None or device != "auto" or (role is not None and role.gpus):
            continue
        parameters = _num_parameters(recipe.model if str(model).startswith("{stage:") else str(model))
        if parameters > CPU_PARAMETERS:
            raise RecipeError(on_a_cpu(str(model), parameters))


def warn_of_idle_gpus(recipe: Recipe, warn: Callable[[str], None]) -> None:
    """Warn of roles that reserve GPUs which nothing of the recipe uses."""
    specs = [resolve(stage.algorithm) for stage in recipe.stages if isinstance(stage, RlStage)]
    used = {
        "critic": any(spec.critic is not None for spec in specs),
        "reference": any(spec.needs_reference for spec in specs),
        "reward_model": any(_may_load(use) for use in _all_uses(recipe)),
    }
    for name, is_used in used.items():
        role = getattr(recipe.cluster, name)
        if role is not None and role.gpus and not is_used:
            warn(
                f"cluster.{name} reserves {role.workers} x {role.gpus} GPUs and no stage uses them; leave it out, or "
                "set its gpus to 0"
            )


def _all_uses(recipe: Recipe) -> list[VerifierUse]:
    sections = [recipe.rewards, *(s.rewards for s in recipe.stages if isinstance(s, RlStage) and s.rewards)]
    return [
        use
        for rewards in sections
        for use in (*rewards.gates, *rewards.for_rows, *(one for task in rewards.tasks.values() for one in task.uses))
    ]


def _may_load(use: VerifierUse) -> bool:
    """Whether a verifier may load a model of its own: a reward model that no server holds, or a user's class."""
    is_own = use.name == "reward_model" and use.arguments.get("model") is not None
    return (is_own and use.arguments.get("device", "auto") != "cpu") or ":" in use.name


def _num_parameters(model: str) -> int:
    try:
        return num_parameters(model)
    except RecipeError:
        return 0


def pairs_left(
    name: str, rows: Mapping[str, Sequence[Mapping[str, Any]]], warn: Callable[[str], None]
) -> dict[str, Sequence[Mapping[str, Any]]]:
    """The pairs of a stage without repeats, label conflicts and leaks, which are counted in a warning.

    Raises:
        DataError: none is left.
    """
    held_out = f"{name}/held_out"
    clean = clean_pairs(rows[name], rows[held_out])
    for which, dropped, of in (
        ("pairs", clean.dropped, rows[name]), ("held-out pairs", clean.dropped_held_out, rows[held_out]),
    ):  # fmt: skip
        if dropped:
            counts = ", ".join(f"{reason} {count}" for reason, count in sorted(dropped.items()))
            warn(f"stage {name}: {sum(dropped.values())} of {len(of)} {which} left out: {counts}")
    if clean.num_shared_prompts:
        warn(f"stage {name}: {clean.num_shared_prompts} prompts of held-out pairs are trained on with other answers")
    if not clean.rows or not clean.held_out:
        raise DataError(f"stage {name}: no {'held-out ' if clean.rows else ''}pair is left; {_why(clean)}")
    return {name: clean.rows, held_out: clean.held_out}


def _why(clean: CleanPairs) -> str:
    return f"left out: {dict(clean.dropped)} of the pairs, {dict(clean.dropped_held_out)} of the held-out ones"
