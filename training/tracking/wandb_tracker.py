"""Weights & Biases, and trackio, which has its interface."""

import os
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from openqwq.training.errors import RecipeError
from openqwq.training.tracking.tracker import TrackedRun


class WandbTracker:
    """One wandb run over all sessions, by its own id; each stage has an axis of its own steps."""

    def __init__(self, project: str = "openqwq", mode: Literal["online", "offline"] = "online") -> None:
        self.project = project
        self.mode: Literal["online", "offline"] = mode
        self._tables: dict[str, Any] = {}

    def check(self) -> None:
        """Is there a key, where one is needed?

        Raises:
            RecipeError: there is none.
        """
        import wandb

        if self.mode == "online" and not wandb.login(prompt=False):
            raise RecipeError(
                "wandb has no API key for mode online; run `wandb login` or set WANDB_API_KEY, or use "
                "logging.wandb=offline"
            )

    def start(self, run: TrackedRun) -> None:
        import wandb

        self._wandb = wandb
        try:
            self._run = wandb.init(
                project=self.project,
                id=run.id,
                name=run.name,
                resume="allow",
                dir=str(run.folder),
                mode=self.mode,
                config=dict(run.config),
                group=run.name.rpartition("-seed")[0] or run.name,
            )
        except wandb.errors.Error as error:
            raise RecipeError(
                f"wandb cannot be used: {' '.join(str(error).split())}; or use logging.wandb=offline"
            ) from error
        for stage in run.stages:  # wandb's own counter of steps runs through all stages, and cannot go back
            self._run.define_metric(f"{stage}/step", hidden=True)
            self._run.define_metric(f"{stage}/*", step_metric=f"{stage}/step")

    def log(self, stage: str, step: int, numbers: Mapping[str, float]) -> None:
        self._run.log({f"{stage}/step": step, **{f"{stage}/{name}": value for name, value in numbers.items()}})

    def table(self, stage: str, step: int, name: str, rows: Sequence[Mapping[str, Any]]) -> None:
        key = f"{stage}/{name}"
        columns = ["step", *rows[0]]
        if key not in self._tables:  # one that grows: a table of each step would hide those before it
            self._tables[key] = self._wandb.Table(columns=columns, log_mode="INCREMENTAL")
        for row in rows:
            self._tables[key].add_data(step, *row.values())
        self._run.log({f"{stage}/step": step, key: self._tables[key]})

    def close(self) -> None:
        self._run.finish()


class TrackioTracker:
    """trackio: a local database and page, without an account. Its files lie in the run folder."""

    def __init__(self, project: str = "openqwq") -> None:
        self.project = project

    def start(self, run: TrackedRun) -> None:
        os.environ.setdefault("TRACKIO_DIR", str(run.folder / "trackio"))
        import trackio

        self._trackio = trackio
        trackio.init(project=self.project, name=run.id, config=dict(run.config), resume="allow", embed=False)

    def log(self, stage: str, step: int, numbers: Mapping[str, float]) -> None:
        self._trackio.log({f"{stage}/step": step, **{f"{stage}/{name}": value for name, value in numbers.items()}})

    def table(self, stage: str, step: int, name: str, rows: Sequence[Mapping[str, Any]]) -> None:
        table = self._trackio.Table(columns=["step", *rows[0]], data=[[step, *row.values()] for row in rows])
        self._trackio.log({f"{stage}/step": step, f"{stage}/{name}": table})

    def close(self) -> None:
        self._trackio.finish()
