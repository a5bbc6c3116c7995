"""The format of an ablation's YAML file."""

from typing import Any

from pydantic import Field, field_validator, model_validator

from openqwq.training.config import Section

NAME = r"^[a-z0-9][a-z0-9_.-]*$"


class Reuse(Section):
    """Finished stages of another arm, copied instead of run again."""

    arm: str
    """An arm that is listed earlier; its run of the same seed is used."""
    through: str
    """The last stage to reuse. The recipes of both arms must agree up to it."""


class Arm(Section):
    """One variant of the recipe."""

    overrides: tuple[str, ...] = ()
    """`key=value` as on the command line; `{seed}` is the seed of the run."""
    until: str | None = None
    """The last stage to run; later ones are left out."""
    reuse: Reuse | None = None


class Ablation(Section):
    """Arms of one recipe over seeds."""

    name: str = Field(pattern=NAME)
    description: str = ""
    recipe: str
    """Path (from the ablation's folder or the working directory) or name of a shipped recipe."""
    seeds: tuple[int, ...] = Field(default=(0, 1, 2), min_length=1)
    until: str | None = None
    """`until` of every arm that sets none."""
    arms: dict[str, Arm] = Field(min_length=1)
    """Name -> arm; a plain list is short for an arm's overrides."""

    @field_validator("arms", mode="before")
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
        return self
