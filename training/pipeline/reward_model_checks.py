"""What preflight looks at for reward models: their pairs, their device, and whether a tripwire watches one."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from openqwq.training.config import Recipe, RlStage, VerifierUse
from openqwq.training.errors import DataError, RecipeError
from openqwq.training.planning.shapes import shape_of
from openqwq.training.supervised.pair_hygiene import CleanPairs, clean_pairs
from openqwq.verifiers.scoring.local_model import MAX_CPU_BYTES


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


def warn_of_slow_reward_models(recipe: Recipe, uses: Sequence[VerifierUse], warn: Callable[[str], None]) -> None:
    """Warn of a model of an earlier stage that is too large for the CPU on which its role may put it."""
    role = recipe.cluster.reward_model
    for use in uses:
        value = str(use.arguments.get("model", ""))
        is_own = use.name == "reward_model" and value.startswith("{stage:")
        if is_own and use.arguments.get("device", "auto") == "auto" and not (role is not None and role.gpus):
            num_bytes = _half_precision_bytes(recipe.model)
            if num_bytes > MAX_CPU_BYTES:
                warn(
                    f"verifier reward_model: {value} has about {num_bytes / 2**30:.0f} GiB of weights and "
                    "cluster.reward_model no GPUs. Where its process sees none, it refuses to judge on a CPU: give the "
                    "role gpus, serve the model and name its url, or set the verifier's device: cpu"
                )


def _half_precision_bytes(model: str) -> int:
    try:
        return 2 * shape_of(model).num_parameters
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
