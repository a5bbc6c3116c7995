"""The recipe schema: what may stand in a YAML file, its defaults, and what each key means.

Reading files and overrides is `recipe_files.py`; nothing here touches the disk.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator


class Section(BaseModel):
    """Base of all sections: frozen, unknown keys are errors, the docstring under a field is its help text."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class Source(Section):
    """One data set: a local JSONL or parquet file, or a hub data set id."""

    source: str
    """Path (looked up from the working directory, then in the package) or hub id."""
    split: str = "train"
    """Split of a hub data set; ignored for files."""
    subset: str | None = None
    """Configuration name of a hub data set, such as `main` for openai/gsm8k."""
    columns: dict[str, str | dict[str, str]] = {}
    """Our column -> theirs, e.g. `{prompt: question, reference: answer}`; a mapping builds a nested reference."""
    task: str | None = None
    """Task of every row that has no `task` column."""
    template: str = "{prompt}"
    """Text put around a plain-text prompt; `{prompt}` is replaced."""
    rows: tuple[int, int] | None = None
    """Use rows [start, stop) only."""
    check: Literal["drop", "stop"] = "drop"
    """What to do with rows whose reference does not verify against itself: drop them and say which, or stop."""


class PromptSource(Source):
    """A source of RL prompts with its share of every step."""

    weight: float = Field(default=1.0, gt=0)
    """Share of each step's prompts, relative to the other sources."""
    replay: bool = False
    """Prompts of an earlier stage, kept in the mixture so that its skill is not lost. A guard may raise their share."""


class VerifierUse(Section):
    """One verifier in the reward of a task."""

    name: str
    """Built-in name, entry point, or `path.py:function`; a relative path counts from the recipe's folder."""
    label: str | None = Field(default=None, pattern=r"^[A-Za-z0-9_.-]+$")
    """Its name in the log; default is the last part of `name`, numbered (`length#2`) where a sample has it twice."""
    weight: float = Field(default=1.0, gt=0)
    """Weight in the task's mean."""
    arguments: dict[str, Any] = {}
    """Keyword arguments of the verifier. `{stage:NAME}` in a value is the model that stage produced."""


class TaskReward(Section):
    """How one task is rewarded."""

    verifiers: tuple[VerifierUse, ...]
    """Scored by the weighted mean of these."""
    gates: tuple[VerifierUse, ...] | None = None
    """Gates of this task instead of the general ones."""
    overrule_rows: bool = False
    """Judge every row by `verifiers`, also rows whose column `verifier` names others: for controls and gold rules."""
    environment: str | None = None
    """Environment that answers tool calls, for example `calculator`, or `path.py:Class`."""


class Rewards(Section):
    """Which verifiers judge which task."""

    gates: tuple[VerifierUse, ...] = ()
    """Must all score 1, else the reward is 0 and nothing else is asked."""
    tasks: dict[str, TaskReward] = {}
    """Task name -> its reward. A row whose task is not listed is an error before the start, unless it names its own
    verifiers in a column `verifier`: a name, a mapping of name, weight and arguments, or a list of those."""
    for_rows: tuple[VerifierUse, ...] = ()
    """Verifiers that no task uses but rows may name. A verifier that is listed here or in the row's task has the
    arguments given there, with the row's laid over; a `path.py:function` must be listed before a row may name it."""
    truncated: Literal["zero", "mask"] = "zero"
    """A sample cut by the token limit is rewarded 0, or left out of the update."""
    max_error_share: float = Field(default=0.5, ge=0, le=1)
    """A step in which more than this share of verdicts are errors is failed: it is retried, then the run stops."""
    error_patience_seconds: float = Field(default=60.0, ge=0)
    """How long failed verdicts are asked for again before the run stops with a message."""


class Sampling(Section):
    """How completions are drawn."""

    temperature: float = Field(default=1.0, ge=0)
    """0 is greedy. Training wants 1: the update assumes samples of the policy itself."""
    max_new_tokens: int = Field(default=64, gt=0)
    """Token limit of one assistant turn."""
    max_turns: int = Field(default=3, gt=0)
    """Assistant turns of a sample that talks to an environment."""
    max_batch: int = Field(default=256, gt=0)
    """Samples a rollout worker decodes at once."""


class Algorithm(Section):
    """The RL algorithm and the few numbers people change. Defaults: training/algorithms/catalogue.py."""

    name: str = "grpo"
    """Entry of the catalogue."""
    clip_low: float | None = Field(default=None, gt=0)
    """Lower clip range; default of the algorithm if absent."""
    clip_high: float | None = Field(default=None, gt=0)
    """Upper clip range."""
    kl_coefficient: float | None = Field(default=None, ge=0)
    """Weight of the k3 KL penalty against the model the stage started from; 0 keeps no reference model."""
    truncated_importance: float | None = Field(default=2.0, gt=0)
    """Cap of the trainer/engine probability ratio (truncated importance sampling); null switches it off."""


class Optimizer(Section):
    """AdamW with linear warm-up, then constant (RL) or linear decay (SFT, reward model)."""

    learning_rate: float = Field(default=3e-4, gt=0)
    betas: tuple[float, float] = (0.9, 0.98)
    weight_decay: float = Field(default=0.0, ge=0)
    warmup_steps: int = Field(default=0, ge=0)
    max_grad_norm: float = Field(default=1.0, gt=0)
    """Gradients are scaled down to this norm."""


class Guard(Section):
    """Evaluation during a stage that watches what an earlier stage taught."""

    suites: tuple[str, ...]
    """Suites that no training step reads and that are not the final held-out ones."""
    every: int = Field(default=20, gt=0)
    """Steps between two looks."""
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


class SftStage(StageBase):
    """Cold start: supervised fine-tuning by TRL's SFTTrainer on chat demonstrations."""

    kind: Literal["sft"]
    demonstrations: Source
    steps: int = Field(gt=0)
    batch_size: int = Field(default=32, gt=0)
    evaluate: tuple[str, ...] = ()
    """Suites to evaluate after the stage (there is no before: a base model has no chat format)."""
    checkpoint_every: int = Field(default=100, gt=0)


class RewardModelStage(StageBase):
    """Bradley-Terry reward model by TRL's RewardTrainer on preference pairs; accuracy reported by class."""

    kind: Literal["reward_model"]
    pairs: Source
    held_out: Source
    start_from: Literal["policy", "base"] = "policy"
    """Body of the reward model: the current policy, or the recipe's base model."""
    steps: int = Field(gt=0)
    batch_size: int = Field(default=32, gt=0)


class RlStage(StageBase):
    """Reinforcement learning with outcome rewards."""

    kind: Literal["rl"]
    prompts: tuple[PromptSource, ...]
    steps: int = Field(gt=0)
    prompts_per_step: int = Field(default=32, gt=0)
    group_size: int = Field(default=8, gt=1)
    """Samples of each prompt; their rewards are compared with one another."""
    algorithm: Algorithm = Algorithm()
    sampling: Sampling = Sampling()
    rewards: Rewards | None = None
    """Rewards of this stage instead of the recipe's; evaluation always uses the recipe's."""
    evaluate: tuple[str, ...] = ()
    """Suites evaluated before and after the stage."""
    guard: Guard | None = None
    micro_batch_tokens: int = Field(default=16384, gt=0)
    """Most tokens (padding counted) in one forward and backward pass."""
    minibatches: int = Field(default=1, gt=0)
    """Optimizer steps per batch of rollouts."""
    checkpoint_every: int = Field(default=10, gt=0)

    @model_validator(mode="after")
    def _samples_vary(self) -> "RlStage":
        if self.sampling.temperature == 0:
            raise ValueError("sampling.temperature is 0: equal samples carry no signal; RL wants temperature=1")
        return self


Stage = Annotated[SftStage | RewardModelStage | RlStage, Field(discriminator="kind")]


class Suite(Section):
    """A frozen held-out set."""

    sources: tuple[Source, ...]
    rewards: dict[str, TaskReward] = {}
    """Task rewards that differ from the recipe's, for example a gold rule in place of a reward model."""
    samples_per_prompt: int = Field(default=1, gt=0)
    """avg@k and pass@k with k samples."""


class Evaluation(Section):
    """How held-out accuracy is measured."""

    sampling: Sampling = Sampling()
    suites: dict[str, Suite] = {}


class Cluster(Section):
    """Where the processes run. Ray starts on this machine unless an address is given."""

    address: str | None = None
    """Ray address (`auto`, `ray://...`); null starts a local Ray that ends with the run."""
    rollout_workers: int = Field(default=2, gt=0)
    cpus_per_rollout_worker: int = Field(default=1, gt=0)
    """CPUs reserved for, and threads used by, each rollout worker."""
    trainer_threads: int = Field(default=2, gt=0)
    colocate: bool = True
    """The trainer shares the rollout workers' CPUs: in a synchronous loop they never work at the same moment."""
    object_store_mb: int = Field(default=256, gt=0)
    """Shared memory of a local Ray."""
    step_deadline_seconds: float = Field(default=1800.0, gt=0)
    """A remote call that takes longer ends the run with a message naming it."""


class Sandbox(Section):
    """The jailed code server."""

    url: str | tuple[str, ...] | None = None
    """Address(es) of running servers; null starts one on loopback for the run."""
    workers: int = Field(default=2, gt=0)
    require_isolation: Literal["L3", "L2", "L1", "L0"] = "L2"
    """The server refuses to start below this level (docs/sandbox_threat_model.md)."""


class Logging(Section):
    """Besides `metrics.jsonl`, which is always written."""

    wandb: Literal["off", "offline", "online"] = "off"
    wandb_project: str = "openqwq"
    rollouts_per_step: int = Field(default=64, ge=0)
    """Rollouts kept in `rollouts/<stage>/` per step."""

    @field_validator("wandb", mode="before")
    @classmethod
    def _yaml_reads_off_as_false(cls, value: object) -> object:
        return "off" if value is False else value


class Recipe(Section):
    """One run: model, data, stages, gates."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_.-]*$")
    description: str = ""
    seed: int = Field(default=0, ge=0)
    model: str
    """Local folder or hub id of the model the first stage starts from."""
    dtype: Literal["float32", "bfloat16"] = "float32"
    stages: tuple[Stage, ...]
    rewards: Rewards = Rewards()
    evaluation: Evaluation = Evaluation()
    cluster: Cluster = Cluster()
    sandbox: Sandbox = Sandbox()
    logging: Logging = Logging()
    keep_checkpoints: int = Field(default=2, gt=0)
    """Checkpoints kept per stage besides the last one of the stage."""

    @model_validator(mode="after")
    def _names_resolve(self) -> "Recipe":
        names = [stage.name for stage in self.stages]
        repeated = {name for name in names if names.count(name) > 1}
        if repeated:
            raise ValueError(f"stage names must differ, got {sorted(repeated)} more than once")
        for stage in self.stages:
            wanted = set(getattr(stage, "evaluate", ()))
            guard = stage.guard if isinstance(stage, RlStage) else None
            wanted |= set(guard.suites) if guard else set()
            unknown = wanted - set(self.evaluation.suites)
            if unknown:
                raise ValueError(
                    f"stage {stage.name} evaluates {sorted(unknown)}, "
                    f"which evaluation.suites does not define; defined are {sorted(self.evaluation.suites)}"
                )
            if not isinstance(stage, RlStage) and (stage.gate.gain or stage.gate.keep):
                raise ValueError(f"stage {stage.name} is not compared with a stage before it; gate it on `accuracy`")
            if not isinstance(stage, RewardModelStage):
                gated = {*stage.gate.gain, *stage.gate.keep, *stage.gate.accuracy} - set(stage.evaluate)
                if gated:
                    raise ValueError(
                        f"stage {stage.name} gates on {sorted(gated)} without evaluating it; add it to `evaluate`"
                    )
        return self
