"""The objects of one RL stage, and their checkpoints."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Any

from openqwq.training.algorithms.catalogue import AlgorithmSpec
from openqwq.training.config import RlStage
from openqwq.training.config.durations import in_seconds, in_steps
from openqwq.training.console import ConsoleLogger
from openqwq.training.errors import Interrupted, OpenqwqError
from openqwq.training.prompts.stream import PromptStream
from openqwq.training.rl.alerts import Alerts
from openqwq.training.rl.regression_check import RegressionMonitor
from openqwq.training.rl.schedule import RolloutSchedule
from openqwq.training.rl.state_format import current_state
from openqwq.training.rl.step_samples import StepSamples
from openqwq.training.rl.stopping import CutShort, StepTimes, stopping_of
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
    samples: StepSamples = field(default_factory=lambda: StepSamples(None))
    times: StepTimes = field(default_factory=StepTimes)
    said: list[str] = field(default_factory=list)
    """What is said once."""

    def is_save_due(self, step: int) -> bool:
        """Whether `checkpoint_every` steps, or so much time, have passed."""
        seconds, every = in_seconds(self.stage.checkpoint_every), in_steps(self.stage.checkpoint_every)
        return step % every == 0 if every is not None else self.times.since_save >= (seconds or 0.0)

    def has_check(self, step: int) -> bool:
        """Whether a regression check or a tripwire measures in this step."""
        due = (self.stage.regression_check, self.stage.tripwire)
        return any(check is not None and step % check.every == 0 for check in due)

    def step_finished(self) -> None:
        """Note the seconds of the step. A bound for stopping that nobody has set follows them; where one is shorter
        than what is never cut short, that is said once."""
        self.times.finished()
        stopping = stopping_of(self.should_stop)
        if stopping.follows_steps and (within := self.times.within()) is not None:
            stopping.within = within
        uncut = self.times.uncut_seconds
        if uncut > stopping.within and "uncut" not in self.said:
            self.said.append("uncut")
            self.console.warn(
                f"what follows the last sample of a step (update, checks, checkpoint) takes up to {uncut:.0f} s and is "
                f"never cut short: told to stop within it, the run ends later than the {stopping.within:g} s that "
                f"it has (cluster.stop_within)"
            )

    def save(self, step: int) -> None:
        """Write a checkpoint of all that the stage needs to continue after `step`, unconsumed samples included."""
        begun = perf_counter()
        if self.alerts.is_quiet:
            self.alerts.last_good = step
        self._write(step, self._state())
        # with the wait for batches in flight, or with what is done of a save behind the run
        self.times.saved(max(perf_counter() - begun, self.checkpoints.last_seconds))

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
        """If sampling or judging of step `step` fails, write a checkpoint of the previous step before the run ends or
        is started again; the trainer still holds that state. Left out when batches were in flight at the start of the
        step, and where the trainer is lost as well."""
        before = self._state() if self.rollouts.is_settled and step > 1 else None
        try:
            yield
        except OpenqwqError:
            self._save_before(step, before)
            raise

    def _save_before(self, step: int, before: Mapping[str, Any] | None) -> None:
        if before is None or step - 1 in self.checkpoints.steps():
            return
        try:
            self._write(step - 1, before)
        except OpenqwqError as error:
            self.console.warn(f"no checkpoint of step {step - 1}: {error}")

    @contextmanager
    def cut_in_time(self, step: int) -> Iterator[None]:
        """Sampling and judging of step `step`, which are cut short where a request to stop leaves no time for the step.
        What came so far is kept, and the run goes on as if nothing had happened.

        Raises:
            Interrupted: they were.
        """
        stopping = stopping_of(self.should_stop)
        self.times.begin(self.has_check(step))
        self.samples.begin(step)
        later = None if self.rollouts.is_settled else self._snapshot()
        is_waiting = later is not None
        try:
            with stopping.cutting(lambda asked_at: self.times.cut_at(asked_at, stopping.within, is_waiting)):
                yield
                self.times.sampled()
                asked_at = stopping.asked_at
                if asked_at is not None and not self.times.has_time(asked_at, stopping.within):
                    raise CutShort("no time for an update")
        except (CutShort, KeyboardInterrupt) as error:
            if not stopping.has_cut(error):
                raise
            before = later() if later is not None else None
            self.workers.abandon()
            self._save_before(step, before if step > 1 else None)
            if later is None:
                kept = f"the samples that came, {self.samples.save(step)}, are kept"
            elif before is not None:
                kept = "its samples come again"
            else:
                newest = max(self.checkpoints.steps(), default=0)
                kept = f"samples of older weights were missing, so it goes on from the checkpoint of step {newest}"
            where = f"step {step} of {self.stage.steps} of {self.stage.name}"
            raise Interrupted(f"stopped in {where}; {kept}") from None

    def _snapshot(self) -> Callable[[], dict[str, Any] | None]:
        """`_state` as it is now, while batches are in flight; see `RolloutSchedule.snapshot`."""
        prompts, later = self.prompts.state(), self.rollouts.snapshot()

        def state() -> dict[str, Any] | None:
            rollouts = later()
            return None if rollouts is None else {**self._watches(), "prompts": prompts, "rollouts": rollouts}

        return state

    def _state(self) -> dict[str, Any]:
        return {"prompts": self.prompts.state(), "rollouts": self.rollouts.state(), **self._watches()}

    def _watches(self) -> dict[str, Any]:
        return {
            "regression_check": self.regression.state(),
            "alerts": self.alerts.state(),
            "tripwire": self.tripwire.state(),
        }

    def _write(self, step: int, state: Mapping[str, Any]) -> None:
        protected = {self.regression.last_good, self.alerts.last_good}
        self.checkpoints.save(step, self.workers.save, state, protected, self._write_behind)
        self.checkpoints.prune(protected)

    def _write_behind(self, folder: Path) -> Callable[[], None]:
        pending = self.workers.save_behind(folder)
        if pending.without_room and "room" not in self.said:
            self.said.append("room")
            self.console.info(
                f"{pending.without_room / 1e9:.2f} GB of a checkpoint are written before the run goes on: free memory "
                f"has no room for a copy of them"
            )
        return pending.wait
