"""One stage of reinforcement learning, on one screen; each name in it is one call away.

              prompts ──> rollout workers ──> reward workers ──> trainer ──> rollout workers
    a step:     sample ────────────> reward ──> advantages ──> update ──> sync weights ──> log, check, save

    sync      the trainer waits for the step's last sample and verdict; the rollout workers wait for the trainer
    partial   the trainer waits until enough groups are complete; the others are aborted and go on in the next step
    async     the rollout workers sample the next batches while the trainer updates; they wait only to load weights

Each sample is judged as soon as it ends, so most judging overlaps with sampling. `schedule.py` decides which samples a
step gets and how old their weights may be.
"""

from openqwq.training.batches.collate import make_batch
from openqwq.training.errors import Interrupted
from openqwq.training.rewards.judging import reward_note
from openqwq.training.rl.stage_run import StageRun
from openqwq.training.rl.step_clock import StepClock
from openqwq.training.rl.step_numbers import pace_of, step_metrics


def run_steps(run: StageRun, first_step: int) -> None:
    """Run steps `first_step`+1 .. `stage.steps`, with a checkpoint after the last one.

    Raises:
        Interrupted: the run was asked to stop; the step in progress is finished and saved, or what was sampled of it.
        VerifierFailures: too many samples could not be judged.
        AlertTriggered: a metric stayed outside its limits.
    """
    stage, workers = run.stage, run.workers
    for step in range(first_step + 1, stage.steps + 1):
        clock = StepClock()

        with (
            run.saved_on_expiry(step),
            run.cut_in_time(step),
        ):  # sample and reward: complete groups, every sample with its judgement
            step_batch = run.rollouts.take(step)

        # advantages: rewards are compared within each group; groups without a signal are left out
        batch = make_batch(step_batch.groups, run.algorithm, stage.sampling.max_new_tokens)

        with clock.phase("time/update_exposed_seconds"):  # policy gradient
            update = workers.update(batch) if len(batch) else None

        with clock.phase("time/weight_sync_seconds"):  # the engines load the new weights, and the sync is checked
            check_logprob = workers.sync_weights(step)

        numbers = step_metrics(step_batch, batch, update, check_logprob, clock.stop(), run.num_rollout_workers)
        with run.times.checking():
            numbers |= run.tripwire.numbers(step, step_batch.groups)
        run.log.write(stage.name, step, numbers)
        per_token = batch.of_rollouts(update.per_token_K) if update is not None else {}
        groups = [*step_batch.groups, *step_batch.discarded]
        run.log.rollouts(stage.name, step, groups, batch.advantage_of_rollout, per_token)
        run.console.step(step, reward_note(step_batch.groups, pace_of(numbers)))
        run.alerts.check(step, numbers)
        with run.times.checking():
            run.regression.check(step)

        run.step_finished()
        is_last, is_asked = step == stage.steps, run.should_stop()
        if is_last or is_asked or run.is_save_due(step) or run.regression.last_good == step:
            run.save(step)
        if is_asked and not is_last:
            raise Interrupted(f"stopped after step {step} of {stage.steps} of {stage.name}")
