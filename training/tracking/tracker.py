"""The contract of a tracker."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol


@dataclass(frozen=True)
class TrackedRun:
    """What a tracker is told of a run: the same at each start, so that a run's sessions are one run there, too."""

    id: str
    """Of letters, digits and `-`, the same in all sessions of a run and in no other run."""
    name: str
    """Of the recipe and its seed, or of the ablation."""
    folder: Path
    """The run folder."""
    stages: tuple[str, ...]
    """Names of the stages; each has an axis of its own steps."""
    config: Mapping[str, Any]
    """The resolved recipe under `recipe` (of an ablation its file under `ablation`), versions of packages under
    `versions`; plain JSON."""


class Tracker(Protocol):
    """Takes a run's numbers and tables. Any call may raise: the run warns, and goes on without the tracker.

    A step is logged once, also over the sessions of a run: what a resumed run computes again is not sent again, unless
    the run was killed shortly after, so that nobody knows whether it had arrived.
    """

    def start(self, run: TrackedRun) -> None:
        """Open the run, or the next session of it.

        Raises:
            RecipeError: it cannot be used as the recipe asks, for example without a key.
        """

    def log(self, stage: str, step: int, numbers: Mapping[str, float]) -> None:
        """The numbers of a step, which every tracker shows as `<stage>/<name>` over the steps of the stage."""

    def table(self, stage: str, step: int, name: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """Rows with the same columns: `rollouts` and `groups` of a step, `accuracy` of a policy, `comparisons` of an
        ablation's arms."""

    def close(self) -> None:
        """End the session."""
