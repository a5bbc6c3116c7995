"""The objects of one RL stage, and their checkpoints."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from openqwq.training.algorithms.catalogue import AlgorithmSpec
from openqwq.training.config import RlStage
from openqwq.training.console import ConsoleLogger
from openqwq.training.errors import DeadlineExpired, OpenqwqError
from openqwq.training.prompts.stream import PromptStream
from openqwq.training.rl.alerts import Alerts
from openqwq.training.rl.regression_check import RegressionMonitor
from openqwq.training.rl.schedule import RolloutSchedule
from openqwq.training.rl.state_format import current_state
from openqwq.training.rl.tripwire import TripwireWatch
from openqwq.training.run_folder.checkpoint import CheckpointStore
from openqwq.training.run_folder.metrics import MetricsLog
from openqwq.training.worker_group import TrainerWorkers


@dataclass(frozen=True)
class StageRun:
    """One RL stage, with its workers' engines and trainer already loaded."""

    stage: RlStage
    algorithm: AlgorithmSpec
    workers: TrainerWorkers
    num_rollout_workers: int
    prompts: PromptStream
    rollouts: RolloutSchedule
    checkpoints: CheckpointStore
    regression: RegressionMonitor
    alerts: Alerts
    log: MetricsLog
    console: ConsoleLogger
    should_stop: Callable[[], bool]
    tripwire: TripwireWatch = field(default_factory=TripwireWatch)

    def save(self, step: int) -> None:
        """Write a checkpoint of all that the stage needs to continue after `step`, unconsumed samples included."""
        if self.alerts.is_quiet:
            self.alerts.last_good = step
        self._write(step, self._state())

    def restore(self, state: Mapping[str, Any], has_new_prompts: bool = False) -> None:
        """Continue from the point where `save` was called; with other prompts from their beginning, without the samples
        of those before."""
        state = current_state(state)
        if not has_new_prompts:
            self.prompts.restore(state["prompts"])
        self.rollouts.restore(state["rollouts"])
        if has_new_prompts:
            self.rollouts.discard()
        self.regression.restore(state["regression_check"])
        self.alerts.restore(state["alerts"])
        self.tripwire.restore(state.get("tripwire", {}))

    @contextmanager
    def saved_on_expiry(self, step: int) -> Iterator[None]:
        """If a worker misses its deadline while step `step` samples, write a checkpoint of the previous step before the
        run ends; the trainer still holds that state. Left out when batches were in flight at the start of the step."""
        before = self._state() if self.rollouts.is_settled and step > 1 else None
        try:
            yield
        except DeadlineExpired:
            if before is not None and step - 1 not in self.checkpoints.steps():
                try:
                    self._write(step - 1, before)
                except OpenqwqError as error:
                    self.console.warn(f"no checkpoint of step {step - 1}: {error}")
            raise

    def _state(self) -> dict[str, Any]:
        return {
            "prompts": self.prompts.state(),
            "rollouts": self.rollouts.state(),
            "regression_check": self.regression.state(),
            "alerts": self.alerts.state(),
            "tripwire": self.tripwire.state(),
        }

    def _write(self, step: int, state: Mapping[str, Any]) -> None:
        protected = {self.regression.last_good, self.alerts.last_good}
        self.checkpoints.save(step, self.workers.save, state, protected)
        self.checkpoints.prune(protected)
