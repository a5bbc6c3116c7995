"""The context budget: how many tokens of one conversation (prompt, answers and tool answers together) a model holds and
a recipe allows. Pure."""

from collections.abc import Mapping
from typing import Any

from openqwq.training.config.recipe import Recipe, Yarn
from openqwq.training.config.rl import Sampling
from openqwq.training.config.stages import RlStage
from openqwq.training.errors import RecipeError

LENGTH_KEYS = (
    "max_position_embeddings",
    "n_positions",
    "max_seq_len",
    "seq_length",
    "max_target_positions",
    "max_sequence_length",
    "max_seq_length",
    "seq_len",
)
"""Where configs state a length; the smallest counts, as in vLLM."""
YARN_ORIGINAL = 32768
"""Positions on which Qwen2.5 and its kin were trained, whatever more their configurations state."""
UNSCALED = {"linear", "dynamic"}
"""Kinds of rope scaling beside which a config states the length before scaling."""


def held_tokens(config: Mapping[str, Any]) -> int | None:
    """Tokens that a model with this config.json holds; None where it states no limit, as recurrent models do.

    The stated length, x factor under `linear` and `dynamic` scaling; original length x factor under `yarn`. Beside
    `longrope`, `llama3` and in Gemma 3 the stated length is the scaled one (transformers, modeling_rope_utils.py).
    """
    inner = config.get("text_config")
    config = inner if isinstance(inner, Mapping) and _stated(inner) is not None else config
    length = _stated(config)
    if length is None:
        return None
    rope = config.get("rope_parameters") or config.get("rope_scaling") or {}
    by_layer = [kind for kind in rope.values() if isinstance(kind, Mapping)]
    if by_layer:  # layers with a window are not scaled beside others that are
        scaled = [kind for kind in by_layer if _kind(kind) == "yarn"]
        return min(_scaled(length, kind, config, UNSCALED) for kind in scaled or by_layer)
    return _scaled(length, rope, config, set() if "gemma3" in str(config.get("model_type")) else UNSCALED)


def scaled_by_yarn(config: Mapping[str, Any], yarn: Yarn, model: str) -> dict[str, Any]:
    """The config.json of a model with its rotary positions scaled; the same one where they are scaled so already.

    Raises:
        RecipeError: it has no rotary positions of one kind, or they are scaled otherwise.
    """
    length, old = _stated(config), config.get("rope_parameters") or config.get("rope_scaling") or {}
    if length is None or not isinstance(old, Mapping) or any(isinstance(kind, Mapping) for kind in old.values()):
        raise RecipeError(f"yarn: model {model!r} states no rotary positions of one kind for all layers; leave it out")
    if (kind := _kind(old) or "default") not in ("default", "yarn"):
        raise RecipeError(f"yarn: the positions of model {model!r} are scaled already ({kind}); leave it out")
    before = old.get("original_max_position_embeddings") if kind == "yarn" else None
    original = yarn.original or before or min(length, YARN_ORIGINAL)
    if kind == "yarn" and (old.get("factor"), before) != (yarn.factor, original):
        raise RecipeError(
            f"yarn: model {model!r} is scaled by {old.get('factor')} from {before} tokens, the recipe asks for "
            f"{yarn.factor:g} from {original}; leave yarn out, or choose the model before scaling"
        )
    theta = old.get("rope_theta", config.get("rope_theta"))
    kept = {key: value for key, value in old.items() if key != "type"} | (
        {} if theta is None else {"rope_theta": theta}
    )
    rope = {**kept, "rope_type": "yarn", "factor": yarn.factor, "original_max_position_embeddings": original}
    others = {key: value for key, value in config.items() if key not in ("rope_scaling", "rope_theta")}
    return {**others, "rope_parameters": rope, "max_position_embeddings": int(yarn.factor * original)}


def _stated(config: Mapping[str, Any]) -> int | None:
    if (own := _length(config.get("model_max_length"))) is not None:  # Cohere's models state both, and mean this one
        return own
    return smallest(*(_length(config.get(key)) for key in LENGTH_KEYS))


def _length(value: Any) -> int | None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return int(value) if is_number and value >= 1 else None


def _kind(rope: Mapping[str, Any]) -> Any:
    return rope.get("rope_type") or rope.get("type")


def _scaled(length: int, rope: Mapping[str, Any], config: Mapping[str, Any], unscaled: set[str]) -> int:
    kind, factor = _kind(rope), rope.get("factor")
    if not isinstance(factor, int | float):
        return length
    if kind == "yarn":
        outside = config.get("original_max_position_embeddings")
        return int(factor * (rope.get("original_max_position_embeddings") or outside or length))
    return int(factor * length) if kind in unscaled else length


def smallest(*limits: int | None) -> int | None:
    """The smallest of the limits; None is no limit."""
    return min((limit for limit in limits if limit is not None), default=None)


def samplings(recipe: Recipe) -> dict[str, Sampling]:
    """Every section of a recipe that says how responses are sampled, by its key; evaluation's only with suites."""
    stages = {f"stages.{s.name}.sampling": s.sampling for s in recipe.stages if isinstance(s, RlStage)}
    return stages | ({"evaluation.sampling": recipe.evaluation.sampling} if recipe.evaluation.suites else {})


def largest_budget(recipe: Recipe) -> int | None:
    """The largest `max_context` of a recipe, which its engines must hold; None where one takes what the model holds."""
    budgets = [sampling.max_context for sampling in samplings(recipe).values()]
    stated = [budget for budget in budgets if budget is not None]
    return max(stated) if stated and len(stated) == len(budgets) else None


def refuse_beyond(sections: Mapping[str, Sampling], model: str, held: int | None) -> None:
    """Refuse a budget that the model does not hold.

    Raises:
        RecipeError: names the key, both numbers and the remedy.
    """
    for key, sampling in sections.items():
        if held is not None and sampling.max_context is not None and sampling.max_context > held:
            raise RecipeError(
                f"{key}.max_context={sampling.max_context} is more than model {model!r} holds, {held} tokens; lower "
                f"it, or leave it out, which takes all of them"
            )
