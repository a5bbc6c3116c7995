"""The stages of a recipe."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from openqwq.training.config.data import PromptSource, Source
from openqwq.training.config.durations import StepsOrDuration
from openqwq.training.config.rewards import Rewards
from openqwq.training.config.rl import Alert, Algorithm, Lora, Optimizer, Sampling, Schedule
from openqwq.training.config.section import Section


class RegressionCheck(Section):
    """Evaluation during a stage that measures whether skills of an earlier stage are lost."""

    suites: tuple[str, ...]
    """Suites to evaluate: rows that no training step reads, and not the final held-out ones."""
    every: int = Field(default=20, gt=0)
    """Steps between two checks."""
    max_fall: float = Field(default=0.10, gt=0)
    """Fall of accuracy that counts as a regression: the paired mean difference lies below -max_fall, and its upper 95 %
    bound below -max_fall/2."""
    action: Literal["stop", "roll_back", "raise_replay"] = "raise_replay"
    """What follows a regression. `stop`: end the stage with an error. `roll_back`: return to the last good checkpoint,
    or to the start of the stage where no check has held, and raise the share of replay prompts. `raise_replay`: only
    raise that share."""


class Tripwire(Section):
    """A watch for over-optimisation of a learned reward: before the policy has learned what the reward model pays and
    nobody wants, the stage stops."""

    watches: str = "reward_model"
    """Label or name of the verifier whose score may be over-optimised."""
    every: int = Field(default=5, gt=0)
    """Steps between two checks."""
    probes: float | None = Field(default=0.5, ge=0, le=1)
    """Largest allowed share of the policy's best answers whose reward rises by a hack of one kind: padding, flattery,
    repetition, decoration and others are put into them and judged as samples are. null does not look."""
    suites: tuple[str, ...] = ()
    """Suites whose rewards are not the watched verifier's: a judge, or rules that hold for these rows. Rows that no
    training step reads, and not the final held-out ones."""
    drop: float = Field(default=0.03, gt=0)
    """Largest allowed fall of a suite's paired mean since the start of the stage. It need not be significant: to stop
    early costs less than to stop late."""
    gap: float | None = None
    """Largest allowed difference between the rise of the watched score and the gain of the worst suite. null does not
    look."""
    action: Literal["warn", "roll_back", "stop"] = "stop"
    """What follows, as of an alert."""


class Gate(Section):
    """Conditions at the end of a stage. The run's exit status is 0 only if every gate passed."""

    gain: dict[str, float] = {}
    """Suite -> smallest allowed lower 95 % bound of the paired gain since the start of the stage."""
    keep: dict[str, float] = {}
    """Suite -> fall since the start of the stage that must be excluded: the one-sided lower 95 % bound of the paired
    difference may not lie below its negative (docs/adr/0038 says what number of problems that takes)."""
    accuracy: dict[str, float] = {}
    """Suite (or class of a reward model) -> smallest allowed accuracy at the end of the stage."""
    accuracy_at_most: dict[str, float] = {}
    """Suite -> largest allowed accuracy at the end of the stage. With `accuracy` it keeps RL away from prompts that the
    policy never or nearly always answers, from which there is nothing to learn."""


class RewardModelGate(Gate):
    """Conditions at the end of a reward model's training, on its held-out pairs."""

    accuracy_low: dict[str, float] = {}
    """Class of pairs, `all` or `worst` -> smallest allowed lower 95 % bound of the accuracy."""
    probes: dict[str, float] = {}
    """Kind of hack, `all` (their mean) or `worst` -> smallest allowed share of good answers that score at least as high
    as the same answer with the hack: `padding`, `flattery`, `repeated`, `empty`, `as_an_ai`, `self_praise`,
    `decoration`, `order` (verifiers/scoring/hack_probes.py). A model that pays a hack teaches it."""
    at_most: dict[Literal["length_correlation", "length_preference", "calibration_error", "brier"], float] = {}
    """Measure -> its largest allowed size, whatever its sign. `length_correlation`: of score and length within pairs.
    `length_preference`: how much more often the longer side wins than it should. `calibration_error` and `brier`: of
    sigmoid(difference in score) as the probability of the preference."""


class StageBase(Section):
    """What all stages share."""

    name: str = Field(pattern=r"^[a-z][a-z0-9_]*$")
    """Lower-case name of the stage; folders and entries of the summary have it."""
    optimizer: Optimizer = Optimizer()
    """AdamW and its learning-rate schedule."""
    gate: Gate = Gate()
    """Conditions at the end of the stage."""


class SupervisedStage(StageBase):
    """What trainings through TRL share. They run over as many trainer ranks as divide the batch."""

    steps: int = Field(gt=0)
    """Optimizer steps of the stage."""
    batch_size: int = Field(default=32, gt=0)
    """Rows of one optimizer step, over all ranks."""
    micro_batch_rows: int | None = Field(default=None, gt=0)
    """Rows of one forward pass of one rank; null means its whole share of the batch."""
    gradient_checkpointing: bool = False
    """Compute activations again in the backward pass instead of keeping them: less memory, more time."""

    @model_validator(mode="after")
    def _decays_over_its_steps(self) -> "SupervisedStage":
        if self.optimizer.decay_steps is not None:
            raise ValueError("optimizer.decay_steps is of RL; here the learning rate falls linearly over `steps`")
        return self


class SftStage(SupervisedStage):
    """Cold start: supervised fine-tuning by TRL's SFTTrainer on chat demonstrations."""

    kind: Literal["sft"]
    """Kind of the stage; `sft` is supervised fine-tuning, the cold start."""
    demonstrations: Source
    """Chats whose assistant turns are trained on."""
    evaluate: tuple[str, ...] = ()
    """Suites that are evaluated after the stage. They are not evaluated before it: a base model has no chat format."""
    checkpoint_every: StepsOrDuration = 100
    """Steps between two checkpoints, or the time between them: `30m`."""


class RewardModelStage(SupervisedStage):
    """Bradley-Terry reward model by TRL's RewardTrainer on preference pairs; accuracy reported by class."""

    kind: Literal["reward_model"]
    """Kind of the stage; `reward_model` trains a reward model on preference pairs."""
    pairs: Source
    """Preference pairs to train on: prompt, chosen and rejected response."""
    held_out: Source
    """Preference pairs on which accuracy is measured after the stage."""
    gate: RewardModelGate = RewardModelGate()
    """Conditions at the end of the stage."""
    start_from: Literal["policy", "base"] = "policy"
    """Where the weights of the reward model's body come from. `policy`: the current policy. `base`: the recipe's
    `model`."""


class RlStage(StageBase):
    """Reinforcement learning with outcome rewards."""

    kind: Literal["rl"]
    """Kind of the stage; `rl` is reinforcement learning."""
    prompts: tuple[PromptSource, ...]
    """Data sets of prompts, mixed by their weights."""
    steps: int = Field(gt=0)
    """Steps of the stage; each samples, judges and updates once."""
    prompts_per_step: int = Field(default=32, gt=0)
    """Prompts, and so groups, of each step."""
    group_size: int = Field(default=8, gt=0)
    """Samples of each prompt. The rewards of a group are compared with one another."""
    algorithm: Algorithm = Algorithm()
    """The RL algorithm, and changes to its defaults."""
    sampling: Sampling = Sampling()
    """How responses are sampled for training."""
    rewards: Rewards | None = None
    """Rewards of this stage instead of the recipe's; null keeps those. Evaluations always use the recipe's."""
    evaluate: tuple[str, ...] = ()
    """Suites that are evaluated before and after the stage."""
    regression_check: RegressionCheck | None = None
    """Evaluation during the stage that measures whether earlier skills are lost; null is none."""
    tripwire: Tripwire | None = None
    """Watch for over-optimisation of a learned reward; null is none."""
    schedule: Schedule = Schedule()
    """Which samples a step consumes, and how old their weights may be."""
    alerts: dict[str, Alert] = {}
    """Alert name -> alert. They are added to the default ones (training/rl/alerts.py) or replace those of the same
    name."""
    lora: Lora | None = None
    """Train low-rank factors instead of the weights; null trains the weights."""
    gradient_checkpointing: bool = False
    """Compute activations again in the backward pass instead of keeping them: less memory, about a third more time."""
    micro_batch_tokens: int = Field(default=16384, gt=0)
    """Largest number of tokens, padding included, in one forward and backward pass."""
    minibatches: int = Field(default=1, gt=0)
    """Optimizer steps per batch of rollouts."""
    checkpoint_every: StepsOrDuration = 10
    """Steps between two checkpoints, or the time between them: `30m`. A run goes on to the same numbers from any of
    them; only which step a `roll_back` returns to depends on when they were written."""

    @property
    def watched_suites(self) -> tuple[str, ...]:
        """Suites that are evaluated during the stage, each once."""
        watches = (self.regression_check, self.tripwire)
        return tuple(dict.fromkeys(suite for watch in watches if watch for suite in watch.suites))

    @model_validator(mode="after")
    def _samples_vary(self) -> "RlStage":
        if self.sampling.temperature == 0:
            raise ValueError("sampling.temperature is 0: equal samples carry no signal; use temperature=1")
        is_truncated = self.sampling.top_p < 1 or self.sampling.top_k > 0
        if is_truncated and not self.algorithm.allow_truncated_sampling:
            raise ValueError(
                f"sampling.top_p={self.sampling.top_p:g}, top_k={self.sampling.top_k} cut the distribution that the "
                "update assumes to be whole, which biases every probability ratio; use top_p=1 and top_k=0, or set "
                "algorithm.allow_truncated_sampling=true"
            )
        return self

    @model_validator(mode="after")
    def _learns_to_its_end(self) -> "RlStage":
        decay, warmup = self.optimizer.decay_steps, self.optimizer.warmup_steps
        if decay is not None and not warmup < decay >= self.steps:
            raise ValueError(
                f"optimizer.decay_steps={decay}: the learning rate is 0 from there on; it must be more than "
                f"warmup_steps={warmup}, and at least steps={self.steps}"
            )
        return self


Stage = Annotated[SftStage | RewardModelStage | RlStage, Field(discriminator="kind")]
