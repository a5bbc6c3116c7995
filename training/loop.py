"""One stage of reinforcement learning, on one screen. Everything it names lives one call away."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from openqwq.training.algorithms.catalogue import AlgorithmSpec
from openqwq.training.checkpoint import CheckpointStore
from openqwq.training.collate import make_batch
from openqwq.training.config import Rewards, RlStage
from openqwq.training.console import Narrator
from openqwq.training.crew import Crew
from openqwq.training.errors import Interrupted
from openqwq.training.guard import StageGuard
from openqwq.training.judging import Judging, reward_note
from openqwq.training.metrics import MetricsLog, step_metrics
from openqwq.training.prompts import PromptStream
from openqwq.training.records import Prompt, SampleRequest
from openqwq.training.seeds import derive_seed
from openqwq.training.step_clock import StepClock


@dataclass(frozen=True)
class StageRun:
    """What one RL stage works with; the crew's engines and trainer are already loaded."""

    stage: RlStage
    algorithm: AlgorithmSpec
    rewards: Rewards
    seed: int
    crew: Crew
    prompts: PromptStream
    checkpoints: CheckpointStore
    guard: StageGuard
    log: MetricsLog
    narrator: Narrator
    judging: Judging
    should_stop: Callable[[], bool]


def run_stage(run: StageRun, first_step: int) -> None:
    """Steps `first_step`+1 .. `stage.steps`; a checkpoint after the last one.

    Raises:
        Interrupted: asked to stop; the step in progress is finished and saved.
        VerifierFailures: too many samples could not be judged.
    """
    stage, crew = run.stage, run.crew
    for step in range(first_step + 1, stage.steps + 1):
        clock = StepClock()
        prompts = run.prompts.next(stage.prompts_per_step)
        samples = clock.timed(crew.sample(requests(run, step, prompts), stage.sampling))
        groups = run.judging.groups(prompts, samples, run.rewards)
        batch = make_batch(groups, run.algorithm, stage.sampling.max_new_tokens)
        clock.mark("time/judge_exposed_seconds")
        update = crew.update(batch) if len(batch) else None
        clock.mark("time/update_exposed_seconds")
        crew.publish(step)
        clock.mark("time/publish_seconds")
        numbers = step_metrics(groups, batch, update) | clock.seconds
        run.log.write(stage.name, step, numbers)
        run.log.rollouts(stage.name, step, groups)
        run.narrator.step(step, reward_note(groups, {"s/step": f"{numbers['time/step_seconds']:.2f}"}))
        run.guard.look(step)
        is_last, is_asked = step == stage.steps, run.should_stop()
        if is_last or is_asked or step % stage.checkpoint_every == 0 or step in run.guard.protected_steps:
            save(run, step)
        if is_asked and not is_last:
            raise Interrupted(f"stopped after step {step} of {stage.steps} of {stage.name}")


def requests(run: StageRun, step: int, prompts: Sequence[Prompt]) -> list[SampleRequest]:
    """`group_size` samples of each prompt; a sample's seed is a hash of run, stage, step, prompt place and index."""
    return [
        SampleRequest(prompt, group, index, derive_seed(run.seed, run.stage.name, step, group, prompt.id, index))
        for group, prompt in enumerate(prompts)
        for index in range(run.stage.group_size)
    ]


def save(run: StageRun, step: int) -> None:
    """A checkpoint of everything the stage needs to go on after `step`."""
    state = {"prompts": run.prompts.state(), "guard": run.guard.state()}
    run.checkpoints.save(step, run.crew.save, state)
    run.checkpoints.prune(protected=run.guard.protected_steps)
