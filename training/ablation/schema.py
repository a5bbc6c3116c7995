"""The format of an ablation's YAML file."""

from typing import Any

from pydantic import Field, field_validator, model_validator

from openqwq.training.config import Section

NAME = r"^[a-z0-9][a-z0-9_.-]*$"


class Reuse(Section):
    """Finished stages of another arm, which are copied instead of run again."""

    arm: str
    """Name of an arm that is listed earlier; its run of the same seed is taken."""
    through: str
    """The last stage to reuse. The recipes of both arms must agree up to it."""


class Arm(Section):
    """One variant of the recipe."""

    overrides: tuple[str, ...] = ()
    """Overrides `key=value`, as on the command line; `{seed}` stands for the seed of the run."""
    until: str | None = None
    """The last stage to run; later ones are left out. null means the `until` of the ablation."""
    reuse: Reuse | None = None
    """Stages that are copied from an earlier arm; null runs every stage."""
    beside: str | None = None
    """Stage of the baseline whose policy is compared with the arm's last one. null: the stage of the same name."""


class Ablation(Section):
    """Arms of one recipe over seeds."""

    name: str = Field(pattern=NAME)
    """Name of the ablation. The default folder of its runs is `runs/<name>`."""
    description: str = ""
    """One line for people. Nothing depends on it."""
    recipe: str
    """Path (from the ablation's folder or the working directory) or name of a shipped recipe."""
    seeds: tuple[int, ...] = Field(default=(0, 1, 2), min_length=1)
    """Seeds; every arm runs once with each."""
    until: str | None = None
    """The last stage to run in arms without `until`; null runs all stages."""
    overrides: tuple[str, ...] = ()
    """Overrides of every arm, under those of its own."""
    baseline: str | None = None
    """The arm that the others are compared with. null: the first."""
    arms: dict[str, Arm] = Field(min_length=1)
    """Arm name -> arm. A plain list stands for the overrides of the arm."""

    @field_validator("arms", mode="before", json_schema_input_type=dict[str, Arm | tuple[str, ...] | None])
    @classmethod
    def _lists_are_overrides(cls, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        return {name: {"overrides": arm or []} if isinstance(arm, list | None) else arm for name, arm in value.items()}

    @model_validator(mode="after")
    def _reuse_looks_back(self) -> "Ablation":
        earlier: list[str] = []
        for name, arm in self.arms.items():
            if arm.reuse is not None and arm.reuse.arm not in earlier:
                raise ValueError(f"arm {name} reuses {arm.reuse.arm!r}, which is no earlier arm; earlier are {earlier}")
            earlier.append(name)
        if self.baseline is not None and self.baseline not in self.arms:
            raise ValueError(f"baseline {self.baseline!r} is no arm; arms are {', '.join(self.arms)}")
        return self
