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
    suites: dict[str, Suite] = {}


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
    plan: Assumptions = Assumptions()
    sandbox: Sandbox = Sandbox()
    logging: Logging = Logging()
    keep_checkpoints: int = Field(default=2, gt=0)
    """Checkpoints kept per stage besides the last one of the stage."""

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
