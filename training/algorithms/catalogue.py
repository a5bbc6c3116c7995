"""Each algorithm by name: which advantage, how the loss is averaged, and the defaults we defend."""

from dataclasses import dataclass, replace
from typing import Literal

from openqwq.training.algorithms.advantages import AdvantageFunction, grpo_advantages, mean_centred_advantages
from openqwq.training.config import Algorithm
from openqwq.training.errors import RecipeError


@dataclass(frozen=True)
class AlgorithmSpec:
    """A complete algorithm. Example: `CATALOGUE["grpo"].clip_high == 0.28`"""

    advantage: AdvantageFunction
    average: Literal["token", "constant"]
    """`token`: mean over the update's tokens; `constant`: sum divided by samples x max_new_tokens (Dr. GRPO)."""
    clip_low: float = 0.2
    clip_high: float = 0.28
    kl_coefficient: float = 0.0
    truncated_importance: float | None = 2.0


CATALOGUE: dict[str, AlgorithmSpec] = {
    # GRPO as practised since DAPO: token mean, higher upper clip, no KL.
    "grpo": AlgorithmSpec(advantage=grpo_advantages, average="token"),
    # Dr. GRPO: no division by the group's std, no length normalisation.
    "dr_grpo": AlgorithmSpec(advantage=mean_centred_advantages, average="constant", clip_high=0.2),
}


def resolve(algorithm: Algorithm) -> AlgorithmSpec:
    """The catalogue's entry with the recipe's changes.

    Raises:
        RecipeError: no such algorithm.
    """
    if algorithm.name not in CATALOGUE:
        raise RecipeError(f"no algorithm {algorithm.name!r}; known are {', '.join(CATALOGUE)}")
    spec = replace(CATALOGUE[algorithm.name], truncated_importance=algorithm.truncated_importance)
    changes = {
        key: value
        for key in ("clip_low", "clip_high", "kl_coefficient")
        if (value := getattr(algorithm, key)) is not None
    }
    return replace(spec, **changes)
