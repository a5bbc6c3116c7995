"""Each algorithm by name: its advantage, its surrogate, the average of its loss, and its default coefficients."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

from openqwq.training.algorithms.advantages import (
    AdvantageFunction,
    Advantages,
    SampleRewards,
    baseline_then_batch_advantages,
    batch_normalised_advantages,
    decoupled_advantages,
    grpo_advantages,
    identity_advantages,
    leave_one_out_advantages,
    mean_centred_advantages,
    per_group,
)
from openqwq.training.config import Algorithm, Critic, Kl, MaskedImportance
from openqwq.training.errors import RecipeError

if TYPE_CHECKING:  # losses.py imports torch, and the planner reads this catalogue without torch
    from openqwq.training.algorithms.losses import Average


@dataclass(frozen=True)
class AlgorithmSpec:
    """A complete algorithm. For example, `CATALOGUE["grpo"].clip_high` is 0.28."""

    advantage: AdvantageFunction
    average: Average = "token"
    surrogate: Literal["clip", "sequence_clip", "cispo"] = "clip"
    """PPO's clipped ratio per token, GSPO's per sequence, or CISPO's clipped weight."""
    clip_low: float = 0.2
    clip_high: float = 0.28
    kl: Kl = field(default_factory=Kl)
    entropy_coefficient: float = 0.0
    truncated_importance: float | None = 2.0
    masked_importance: MaskedImportance | None = None
    """Takes the place of `truncated_importance`."""
    dynamic_sampling: bool = False
    max_generation_rounds: int = 4
    overlong_fraction: float = 0.0
    centred: Callable[[SampleRewards], Advantages] = mean_centred_advantages
    """How a penalty in the reward is compared within the group: like the reward, without a division by a spread."""
    compares_within_group: bool = True
    """Whether a group whose rewards are all equal carries no signal and is left out of the update."""
    critic: Critic | None = None

    @property
    def needs_reference(self) -> bool:
        """Whether the algorithm uses a frozen copy of the policy that the stage starts from."""
        return self.kl.coefficient > 0

    @property
    def has_penalised_rewards(self) -> bool:
        """Whether the KL from the reference is subtracted from the reward of each token."""
        return self.needs_reference and self.kl.place == "reward"

    @property
    def has_token_advantages(self) -> bool:
        """Whether advantages differ within a sequence, so that the trainer computes them."""
        return self.critic is not None or self.has_penalised_rewards


CATALOGUE: dict[str, AlgorithmSpec] = {
    # GRPO as practised since DAPO: token mean, higher upper clip, no KL.
    "grpo": AlgorithmSpec(advantage=per_group(grpo_advantages)),
    # Dr. GRPO: no division by the group's std, no length normalisation.
    "dr_grpo": AlgorithmSpec(advantage=per_group(mean_centred_advantages), average="constant", clip_high=0.2),
    # DAPO: GRPO with dynamic sampling and a length penalty, which begins in the last fifth of the limit.
    "dapo": AlgorithmSpec(advantage=per_group(grpo_advantages), dynamic_sampling=True, overlong_fraction=0.2),
    # GSPO: one ratio per sequence; its ranges are small because the mean of log-ratios changes little (section 5.1).
    "gspo": AlgorithmSpec(
        advantage=per_group(grpo_advantages),
        surrogate="sequence_clip",
        average="sequence",
        clip_low=3e-4,
        clip_high=4e-4,
    ),
    # CISPO: a large upper cap on the weight and no lower one.
    "cispo": AlgorithmSpec(advantage=per_group(grpo_advantages), surrogate="cispo", clip_high=4.0),
    # RLOO: unbiased baseline, plain sum over tokens.
    "rloo": AlgorithmSpec(
        advantage=per_group(leave_one_out_advantages),
        centred=leave_one_out_advantages,
        average="constant",
        clip_high=0.2,
    ),
    # REINFORCE++: no comparison within groups, KL in the reward of each token.
    "reinforce_pp": AlgorithmSpec(
        advantage=batch_normalised_advantages,
        clip_high=0.2,
        kl=Kl(coefficient=1e-3, estimator="k1", place="reward"),
        compares_within_group=False,
    ),
    # REINFORCE++-baseline: the group's mean as baseline, the batch's spread as scale, KL in the loss.
    "reinforce_pp_baseline": AlgorithmSpec(
        advantage=baseline_then_batch_advantages,
        clip_high=0.2,
        kl=Kl(coefficient=1e-3, estimator="k2", place="loss"),
    ),
    # GDPO: each reward component is normalised before they are summed.
    "gdpo": AlgorithmSpec(advantage=decoupled_advantages),
    # PPO with a critic: GAE with the decoupled lambdas of VC-PPO.
    "ppo": AlgorithmSpec(
        advantage=identity_advantages, clip_high=0.2, critic=Critic(), compares_within_group=False
    ),
}  # fmt: skip

_FREE = ("clip_low", "clip_high", "kl", "entropy_coefficient", "dynamic_sampling", "overlong_fraction")


def resolve(algorithm: Algorithm) -> AlgorithmSpec:
    """The catalogue's entry with the recipe's changes.

    Raises:
        RecipeError: there is no such algorithm.
    """
    if algorithm.name not in CATALOGUE:
        raise RecipeError(f"no algorithm {algorithm.name!r}; known are {', '.join(CATALOGUE)}")
    spec = CATALOGUE[algorithm.name]
    changes = {key: value for key in _FREE if (value := getattr(algorithm, key)) is not None}
    return replace(
        spec,
        truncated_importance=algorithm.truncated_importance,
        masked_importance=algorithm.masked_importance,
        max_generation_rounds=algorithm.max_generation_rounds,
        critic=algorithm.critic if spec.critic is not None else None,
        **changes,
    )
