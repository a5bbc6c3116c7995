"""One stage of reinforcement learning, on one screen. Everything it names lives one call away."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from openqwq.training.algorithms.catalogue import AlgorithmSpec
from openqwq.training.batches.collate import make_batch
from openqwq.training.config import RlStage
from openqwq.training.console import Narrator
from openqwq.training.crew import Crew
from openqwq.training.errors import DeadlineExpired, Interrupted, OpenqwqError
from openqwq.training.prompts.stream import PromptStream
from openqwq.training.rewards.judging import reward_note
from openqwq.training.rl.guard import StageGuard
from openqwq.training.rl.schedule import Consumed, RolloutSchedule
from openqwq.training.rl.step_clock import StepClock
from openqwq.training.rl.step_numbers import step_metrics
from openqwq.training.rl.tripwires import Tripwires
from openqwq.training.run_folder.checkpoint import CheckpointStore
from openqwq.training.run_folder.metrics import MetricsLog


@dataclass(frozen=True)
class StageRun:
    """What one RL stage works with; the crew's engines and trainer are already loaded."""

    stage: RlStage
    algorithm: AlgorithmSpec
    crew: Crew
    prompts: PromptStream
    rollouts: RolloutSchedule
    checkpoints: CheckpointStore
    guard: StageGuard
    tripwires: Tripwires
    log: MetricsLog
    narrator: Narrator
    should_stop: Callable[[], bool]


def run_stage(run: StageRun, first_step: int) -> None:
    """Steps `first_step`+1 .. `stage.steps`; a checkpoint after the last one.

    Raises:
        Interrupted: asked to stop; the step in progress is finished and saved.
        VerifierFailures: too many samples could not be judged.
        WireTripped: a metric left its limits for good.
    """
    stage, crew = run.stage, run.crew
    for step in range(first_step + 1, stage.steps + 1):
        clock = StepClock()
        consumed = _take(run, step)
        clock.skip()  # the schedule has split its own time into sampling and judging
        batch = make_batch(consumed.groups, run.algorithm, stage.sampling.max_new_tokens)
        update = crew.update(batch) if len(batch) else None
        clock.mark("time/update_exposed_seconds")
        probe = crew.publish(step)
        clock.mark("time/publish_seconds")
        numbers = step_metrics(consumed, batch, update, probe, clock.seconds, crew.num_rollout_workers)
        run.log.write(stage.name, step, numbers)
        run.log.rollouts(stage.name, step, [*consumed.groups, *consumed.discarded])
        run.narrator.step(step, reward_note(consumed.groups, {"s/step": f"{numbers['time/step_seconds']:.2f}"}))
        run.tripwires.check(step, numbers)
        run.guard.look(step)
        is_last, is_asked = step == stage.steps, run.should_stop()
        if is_last or is_asked or step % stage.checkpoint_every == 0 or run.guard.last_good == step:
            save(run, step)
        if is_asked and not is_last:
            raise Interrupted(f"stopped after step {step} of {stage.steps} of {stage.name}")


def _take(run: StageRun, step: int) -> Consumed:
    """The step's samples. When somebody does not answer in time, the run ends with a checkpoint of the step before, if
    nothing was under way then: the trainer still stands there."""
    before = _state(run) if run.rollouts.is_settled and step > 1 else None
    try:
        return run.rollouts.take(step)
    except DeadlineExpired as expired:
        if before is not None and step - 1 not in run.checkpoints.steps():
            try:
                _write(run, step - 1, before)
            except OpenqwqError as error:
                run.narrator.warn(f"no checkpoint of step {step - 1}: {error}")
        raise expired


def save(run: StageRun, step: int) -> None:
    """A checkpoint of everything the stage needs to go on after `step`, samples under way included."""
    if run.tripwires.is_quiet:
        run.tripwires.last_good = step
    _write(run, step, _state(run))


def _state(run: StageRun) -> dict[str, Any]:
    return {
        "prompts": run.prompts.state(),
        "rollouts": run.rollouts.state(),
        "guard": run.guard.state(),
        "tripwires": run.tripwires.state(),
    }


def _write(run: StageRun, step: int, state: Mapping[str, Any]) -> None:
    protected = {s for s in (run.guard.last_good, run.tripwires.last_good) if s is not None}
    run.checkpoints.save(step, run.crew.save, state, protected)
    run.checkpoints.prune(protected)
