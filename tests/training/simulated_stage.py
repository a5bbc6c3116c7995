"""A whole RL stage on simulated engines and a trainer that only counts: for the loop and what it saves."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from openqwq.training.algorithms.catalogue import CATALOGUE
from openqwq.training.batches.collate import Batch, has_signal
from openqwq.training.config import Alert, Logging, RegressionCheck, RlStage
from openqwq.training.console import ConsoleLogger
from openqwq.training.records import SampleRequest, SuiteResult, UpdateReport
from openqwq.training.rl.alerts import DEFAULTS, Alerts
from openqwq.training.rl.regression_check import RegressionMonitor
from openqwq.training.rl.stage_run import StageRun
from openqwq.training.run_folder.checkpoint import CheckpointStore
from openqwq.training.run_folder.metrics import MetricsLog
from openqwq.training.worker_group import PendingSave
from tests.training.simulated_engines import Engines, schedule_of
from tests.training.small_records import make_suite

GOOD, BAD = make_suite([1.0] * 100), make_suite([0.0] * 40 + [1.0] * 60)
GRPO = CATALOGUE["grpo"]


class SteadyEngines(Engines):
    """Engines whose every group carries a signal."""

    def reward(self, request: SampleRequest) -> float:
        return request.index / 2


class Trainer:
    """Counts its updates and syncs; its weights are the number of its updates. Implements TrainerWorkers."""

    def __init__(self, engines: Engines) -> None:
        self.engines = engines
        self.done: list[Any] = []
        self.batches: list[Batch] = []

    def start_trainer(self, settings: object, resume_from: Path | None) -> None:
        raise NotImplementedError

    def update(self, batch: Batch) -> UpdateReport:
        self.done.append("update")
        self.batches.append(batch)
        return UpdateReport({"x": float(len(self.batches)), "tokens_computed": 1.0}, seconds=0.25)

    def sync_weights(self, version: int) -> float:
        self.done.append(version)
        self.engines.version = version
        return -1.0 - version

    def abandon(self) -> None:
        self.done.append("abandon")

    def save(self, folder: Path) -> None:
        (folder / "weights").write_text(f"{len(self.batches)}")

    def save_behind(self, folder: Path) -> PendingSave:
        self.save(folder)
        return PendingSave(lambda: None, 0)


class Console(ConsoleLogger):
    """Keeps its lines."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []
        self.steps: list[tuple[int, str]] = []

    def warn(self, text: str) -> None:
        self.lines.append(text)

    def step(self, done: int, note: str) -> None:
        self.steps.append((done, note))


class Simulated:
    """One stage in a folder. `suite_at` gives the watched suite at the evaluation of that number, from 1."""

    def __init__(
        self,
        folder: Path,
        stage: RlStage,
        should_stop: Callable[[], bool] = lambda: False,
        alerts: Mapping[str, Alert] | None = None,
        check: RegressionCheck | None = None,
        suite_at: Callable[[int], SuiteResult] = lambda number: GOOD,
        keep: int = 99,
        longest: int = 30,
    ) -> None:
        self.engines = SteadyEngines(longest)
        self.trainer = Trainer(self.engines)
        self.console = Console()
        self.rolled_back: list[tuple[int, int]] = []
        self.num_evaluations = 0
        self._suite_at = suite_at
        rollouts = schedule_of(stage, self.engines, has_signal=lambda group: has_signal(group, GRPO, 64))
        off = {name: Alert(metric="-", action="off") for name in DEFAULTS}
        self.run = StageRun(
            stage=stage,
            algorithm=GRPO,
            workers=self.trainer,
            num_rollout_workers=2,
            prompts=rollouts.prompts,
            rollouts=rollouts,
            checkpoints=CheckpointStore(folder / "checkpoints", keep),
            regression=RegressionMonitor(check, {"math": GOOD}, self._evaluate, self, lambda *_: None),
            alerts=Alerts({**off, **(alerts or {})}, self.roll_back, self.console.warn),
            log=MetricsLog(folder, Logging(rollouts_per_step=2)),
            console=self.console,
            should_stop=should_stop,
        )

    def _evaluate(self) -> Mapping[str, SuiteResult]:
        self.num_evaluations += 1
        return {"math": self._suite_at(self.num_evaluations)}

    def raise_replay(self) -> float:
        return self.run.prompts.raise_replay()

    def roll_back(self, step: int, now: int) -> None:
        self.rolled_back.append((step, now))
