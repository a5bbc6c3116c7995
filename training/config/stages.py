"""The stages of a recipe."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from openqwq.training.config.data import PromptSource, Source
from openqwq.training.config.rewards import Rewards
from openqwq.training.config.rl import Alert, Algorithm, Lora, Optimizer, Sampling, Schedule
from openqwq.training.config.section import Section


class RegressionCheck(Section):
    """Evaluation during a stage that watches what an earlier stage taught."""

    suites: tuple[str, ...]
    """Suites that no training step reads and that are not the final held-out ones."""
    every: int = Field(default=20, gt=0)
    """Steps between two checks."""
    max_fall: float = Field(default=0.10, gt=0)
    """A regression: the paired mean lies below -max_fall and its upper 95 % bound below -max_fall/2."""
    action: Literal["stop", "roll_back", "raise_replay"] = "raise_replay"
    """Stop the stage; go back to the last good checkpoint with more replay; or only raise the replay share."""


class Gate(Section):
    """What must hold at the end of a stage; the run's exit status is 0 only if every gate passed."""

    gain: dict[str, float] = {}
    """Suite -> least value of the lower 95 % bound of the paired gain over the start of the stage."""
    keep: dict[str, float] = {}
    """Suite -> largest mean fall (paired) below the start of the stage."""
    accuracy: dict[str, float] = {}
    """Suite (or reward-model class) -> least accuracy at the end of the stage."""


class StageBase(Section):
    """What all stages share."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    """Lower-case name; folders and summary entries use it."""
    optimizer: Optimizer = Optimizer()
    gate: Gate = Gate()


class SupervisedStage(StageBase):
    """What trainings through TRL share. They run over as many trainer ranks as divide the batch."""

    steps: int = Field(gt=0)
    batch_size: int = Field(default=32, gt=0)
    micro_batch_rows: int | None = Field(default=None, gt=0)
    """Rows of one forward pass of one rank; null is its whole share of the batch."""
    gradient_checkpointing: bool = False
    """Compute activations again in the backward pass instead of keeping them."""


class SftStage(SupervisedStage):
    """Cold start: supervised fine-tuning by TRL's SFTTrainer on chat demonstrations."""

    kind: Literal["sft"]
    demonstrations: Source
    evaluate: tuple[str, ...] = ()
    """Suites to evaluate after the stage (there is no before: a base model has no chat format)."""
    checkpoint_every: int = Field(default=100, gt=0)


class RewardModelStage(SupervisedStage):
    """Bradley-Terry reward model by TRL's RewardTrainer on preference pairs; accuracy reported by class."""

    kind: Literal["reward_model"]
    pairs: Source
    held_out: Source
    start_from: Literal["policy", "base"] = "policy"
    """Body of the reward model: the current policy, or the recipe's base model."""


class RlStage(StageBase):
    """Reinforcement learning with outcome rewards."""

    kind: Literal["rl"]
    prompts: tuple[PromptSource, ...]
    steps: int = Field(gt=0)
    prompts_per_step: int = Field(default=32, gt=0)
    group_size: int = Field(default=8, gt=0)
    """Samples of each prompt; their rewards are compared with one another."""
    algorithm: Algorithm = Algorithm()
    sampling: Sampling = Sampling()
    rewards: Rewards | None = None
    """Rewards of this stage instead of the recipe's; evaluation always uses the recipe's."""
    evaluate: tuple[str, ...] = ()
    """Suites evaluated before and after the stage."""
    regression_check: RegressionCheck | None = None
    schedule: Schedule = Schedule()
    alerts: dict[str, Alert] = {}
    """Laid over the defaults by name (training/rl/alerts.py)."""
    lora: Lora | None = None
    gradient_checkpointing: bool = False
    """Compute activations again in the backward pass instead of keeping them: less memory, about a third more time."""
    micro_batch_tokens: int = Field(default=16384, gt=0)
    """Most tokens (padding counted) in one forward and backward pass."""
    minibatches: int = Field(default=1, gt=0)
    """Optimizer steps per batch of rollouts."""
    checkpoint_every: int = Field(default=10, gt=0)

    @model_validator(mode="after")
    def _samples_vary(self) -> "RlStage":
        if self.sampling.temperature == 0:
            raise ValueError("sampling.temperature is 0: equal samples carry no signal; RL wants temperature=1")
        is_truncated = self.sampling.top_p < 1 or self.sampling.top_k > 0
        if is_truncated and not self.algorithm.allow_truncated_sampling:
            raise ValueError(
                f"sampling.top_p={self.sampling.top_p:g}, top_k={self.sampling.top_k} cut the distribution that the "
                "update assumes to be whole, which biases every probability ratio; use top_p=1 and top_k=0, or set "
                "algorithm.allow_truncated_sampling=true"
            )
        return self


Stage = Annotated[SftStage | RewardModelStage | RlStage, Field(discriminator="kind")]
