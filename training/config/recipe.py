"""A whole recipe: model, stages, rewards, evaluation, machines."""

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from openqwq.training.config.cluster import Assumptions, Cluster
from openqwq.training.config.data import Suite
from openqwq.training.config.renamed import current_names
from openqwq.training.config.rewards import Rewards
from openqwq.training.config.rl import Sampling
from openqwq.training.config.section import Section
from openqwq.training.config.stages import RewardModelStage, RlStage, Stage


class Evaluation(Section):
    """How held-out accuracy is measured."""

    sampling: Sampling = Sampling()
    """How responses are sampled in every evaluation."""
    suites: dict[str, Suite] = {}
    """Suite name -> held-out set."""


class Yarn(Section):
    """Scaling of rotary positions by YaRN (Peng et al., arXiv 2309.00071): the same for trainer, reference, critic,
    engines and export. It is static, so short texts change a little too: train with it only for contexts beyond what
    the model holds. `openqwq export --yarn` scales a model that was trained without it."""

    factor: float = Field(default=4.0, gt=1)
    """Length after scaling by length before."""
    original: int | None = Field(default=None, gt=0)
    """Tokens that the model held before scaling. null: what its configuration states, at most 32768 (Qwen2.5 states
    more than it was trained on)."""


class Sandbox(Section):
    """The server that runs programs of the model, each in a jail."""

    url: str | tuple[str, ...] | None = None
    """Address, or list of addresses, of running servers. null starts a server on loopback for the run."""
    workers: int = Field(default=2, gt=0)
    """Programs that a server of the run judges at once. A server given by `url` has its own number."""
    require_isolation: Literal["L3", "L2", "L1", "L0"] = "L2"
    """Lowest level of isolation at which the server starts; L3 is the strongest (docs/sandbox_threat_model.md)."""


class TrackerUse(Section):
    """One tracker beside the run folder."""

    name: str
    """`tensorboard`, `trackio`, `wandb`, or the name of an entry point."""
    arguments: dict[str, Any] = {}
    """Keyword arguments of the tracker, such as `project`."""


class Logging(Section):
    """What is logged besides `metrics.jsonl` and `rollouts/`, which are always written."""

    wandb: Literal["off", "offline", "online"] = "off"
    """Weights & Biases: `offline` writes to the run folder only, `online` also uploads."""
    wandb_project: str = "openqwq"
    """Project of the Weights & Biases run."""
    trackers: tuple[TrackerUse, ...] = ()
    """Further trackers: `tensorboard`, `trackio`, or those of installed packages (entry points `openqwq.trackers`)."""
    tracked_rollouts: int = Field(default=32, ge=0)
    """Rollouts of each step that trackers get as a table, and as many again by their prompts, those first whose
    rewards differ most."""
    rollouts_per_step: int | None = Field(default=None, ge=0)
    """Rollouts of each step that are written to `rollouts/<stage>/` of the run folder; null is all of them."""
    logprobs: bool = False
    """Whether those rollouts keep the log-probability of every token, and how far the trainer's is from it: about
    eight bytes each. The report colours tokens by them."""

    @field_validator("wandb", mode="before", json_schema_input_type=Literal["off", "offline", "online", False])
    @classmethod
    def _yaml_reads_off_as_false(cls, value: object) -> object:
        return "off" if value is False else value


class Checkpoints(Section):
    """The checkpoints of RL stages."""

    keep_gb: float | None = Field(default=None, gt=0)
    """GB of 10**9 bytes that the checkpoints of a stage may have together, beside the number of `keep_checkpoints`: the
    oldest are removed, never the newest, nor one that an alert or a regression check may return to. null: any size."""
    verify: Literal["sampled", "full"] = "sampled"
    """What is read before a run goes on from a checkpoint. `sampled`: sizes, both ends of every file and blocks at
    random, 1 GiB in all; a smaller checkpoint wholly. `full`: everything."""
    background: bool = True
    """Whether the run goes on while a checkpoint is written, hashed, named and mirrored; the next save waits for it.
    What half of the free memory has no room for is written before the run goes on."""
    storage: str | None = None
    """Object storage in which every checkpoint is kept too, such as `s3://bucket/runs` (also gs, az, file). A run whose
    folder lost its checkpoints goes on from there, if the folder has the same name."""


class Recipe(Section):
    """One run: model, data, stages, gates."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9_.-]*$")
    """Name of the recipe. The default run folder is `runs/<name>-seed<seed>`."""
    description: str = ""
    """One line for people. Nothing depends on it."""
    seed: int = Field(default=0, ge=0)
    """Seed of every random choice. Runs of one recipe with one seed make the same choices."""
    model: str
    """Model from which the first stage starts: folder or hub id."""
    yarn: Yarn | None = None
    """Longer contexts than the model holds; null: its own."""
    chat_template: str | None = None
    """Chat template in place of the tokenizer's own. A Jinja file, or `chatml` or `plain`, which ship with openqwq. It
    is saved with every trained model."""
    end_of_turn: str | None = None
    """Token that ends an assistant's turn. With null the chat template says it."""
    dtype: Literal["float32", "bfloat16", "auto"] = "float32"
    """Number format of the models' weights and activations. The optimizer's are float32. `auto`: bfloat16 on GPUs and
    on processors that multiply it faster, which a timed product says at the start; a run goes on as it began."""
    stages: tuple[Stage, ...]
    """Trainings in the order in which they run. Each starts from the policy that the stages before it produced."""
    rewards: Rewards = Rewards()
    """Which verifiers judge which task. An RL stage may have rewards of its own."""
    evaluation: Evaluation = Evaluation()
    """How held-out accuracy is measured."""
    cluster: Cluster = Cluster()
    """Which processes run where, and how large they are."""
    plan: Assumptions = Assumptions()
    """Assumptions of `openqwq plan`. A run does not read them."""
    sandbox: Sandbox = Sandbox()
    """The server that runs programs of the model."""
    logging: Logging = Logging()
    """What is logged besides `metrics.jsonl`."""
    checkpoints: Checkpoints = Checkpoints()
    """How checkpoints of RL stages are kept, checked and copied."""
    keep_checkpoints: int = Field(default=2, gt=0)
    """Checkpoints kept per stage, besides the stage's last one."""

    @model_validator(mode="before")
    @classmethod
    def _present_names(cls, tree: Any) -> Any:
        return current_names(tree) if isinstance(tree, Mapping) else tree

    @model_validator(mode="after")
    def _names_resolve(self) -> "Recipe":
        names = [stage.name for stage in self.stages]
        repeated = {name for name in names if names.count(name) > 1}
        if repeated:
            raise ValueError(f"stage names must differ, got {sorted(repeated)} more than once")
        for stage in self.stages:
            wanted = set(getattr(stage, "evaluate", ()))
            regression_check = stage.regression_check if isinstance(stage, RlStage) else None
            wanted |= set(regression_check.suites) if regression_check else set()
            tripwire = stage.tripwire if isinstance(stage, RlStage) else None
            wanted |= set(tripwire.suites) if tripwire else set()
            unknown = wanted - set(self.evaluation.suites)
            if unknown:
                raise ValueError(
                    f"stage {stage.name} evaluates {sorted(unknown)}, "
                    f"which evaluation.suites does not define; defined are {sorted(self.evaluation.suites)}"
                )
            if not isinstance(stage, RlStage) and (stage.gate.gain or stage.gate.keep):
                raise ValueError(f"stage {stage.name} is not compared with a stage before it; gate it on `accuracy`")
            if isinstance(stage, RewardModelStage) and stage.gate.accuracy_at_most:
                raise ValueError(f"stage {stage.name}: `accuracy_at_most` is of suites; a reward model has none")
            if not isinstance(stage, RewardModelStage):
                gate = stage.gate
                gated = {*gate.gain, *gate.keep, *gate.accuracy, *gate.accuracy_at_most} - set(stage.evaluate)
                if gated:
                    raise ValueError(
                        f"stage {stage.name} gates on {sorted(gated)} without evaluating it; add it to `evaluate`"
                    )
        return self
