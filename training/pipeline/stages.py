"""The three kinds of stages: cold start, reward model, RL. Each returns its entry for `summary.json` and its model."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from openqwq.training.algorithms.catalogue import resolve
from openqwq.training.backends.settings import TrainerSettings
from openqwq.training.batches.collate import has_signal
from openqwq.training.config import RewardModelStage, RlStage, SftStage
from openqwq.training.evaluation.gates import decide, decide_classes
from openqwq.training.pipeline.progress_tail import ProgressTail
from openqwq.training.pipeline.summary import evaluation_entry, gate_entry
from openqwq.training.prompts.stream import PromptStream
from openqwq.training.rewards.router import fill_in
from openqwq.training.rl.guard import StageGuard
from openqwq.training.rl.loop import StageRun, run_stage
from openqwq.training.rl.schedule import RolloutSchedule
from openqwq.training.rl.tripwires import Tripwires
from openqwq.training.rl.waves import WaveDrawer
from openqwq.training.seeds import derive_seed
from openqwq.training.supervised.jobs import RewardModelJob, SftJob, TrlJob

if TYPE_CHECKING:
    from openqwq.training.pipeline.pipeline import Pipeline

Result = TypeVar("Result")


def run_sft_stage(pipeline: Pipeline, stage: SftStage) -> dict[str, Any]:
    """Cold start. Evaluated after, if asked: a base model has no chat form to be measured in before."""
    output = _final_model(pipeline, stage.name, stage.steps)
    job = SftJob(
        **_job_arguments(pipeline, stage, pipeline.policy, output),
        rows=pipeline.data.rows[stage.name],
        checkpoint_every=stage.checkpoint_every,
    )
    _with_progress(pipeline, stage.name, job, lambda: pipeline.crew.train_sft(job))
    pipeline.policy, pipeline.policy_label = str(output), stage.name
    after = pipeline.evaluate_policy(stage.evaluate) if stage.evaluate else {}
    entry = {**evaluation_entry({}, after), **gate_entry(decide(stage.gate, {}, after))} if after else {}
    return {**entry, "steps": stage.steps, "model": _relative(output, pipeline)}


def run_reward_model_stage(pipeline: Pipeline, stage: RewardModelStage) -> dict[str, Any]:
    """Reward model; its held-out pair accuracy by class is gated like a policy's."""
    output = _final_model(pipeline, stage.name, stage.steps)
    start = pipeline.policy if stage.start_from == "policy" else pipeline.recipe.model
    job = RewardModelJob(
        **_job_arguments(pipeline, stage, start, output),
        rows=pipeline.data.rows[stage.name],
        held_out=pipeline.data.rows[f"{stage.name}/held_out"],
    )
    accuracy = _with_progress(pipeline, stage.name, job, lambda: pipeline.crew.train_reward_model(job))
    entry = gate_entry(decide_classes(stage.gate, accuracy))
    return {"accuracy": accuracy, **entry, "steps": stage.steps, "model": _relative(output, pipeline)}


def run_rl_stage(pipeline: Pipeline, stage: RlStage) -> dict[str, Any]:
    """Reinforcement learning between two evaluations; goes on from the newest good checkpoint."""
    guard_suites = stage.guard.suites if stage.guard else ()
    before = pipeline.evaluate_policy([*stage.evaluate, *guard_suites])
    run = _prepare(pipeline, stage, {suite: before[suite] for suite in guard_suites})
    first_step = _resume(pipeline, stage, run)
    with pipeline.narrator.stage(stage.name, stage.steps):
        run_stage(run, first_step)
    output = run.checkpoints.path(stage.steps) / "model"
    pipeline.policy, pipeline.policy_label = str(output), stage.name
    after = pipeline.evaluate_policy(stage.evaluate)
    compared = {suite: before[suite] for suite in stage.evaluate}
    return {
        "algorithm": stage.algorithm.name,
        "steps": stage.steps,
        **evaluation_entry(compared, after),
        **gate_entry(decide(stage.gate, compared, after)),
        "model": _relative(output, pipeline),
    }


def rerun_rl_stage(pipeline: Pipeline, stage: RlStage) -> None:
    """The steps of a stage that are not done yet, and nothing after them: for replays."""
    guard_suites = stage.guard.suites if stage.guard else ()
    before = pipeline.evaluate_policy([*stage.evaluate, *guard_suites])
    run = _prepare(pipeline, stage, {suite: before[suite] for suite in guard_suites})
    run_stage(run, _resume(pipeline, stage, run))


def _prepare(pipeline: Pipeline, stage: RlStage, guard_baseline: Mapping[str, Any]) -> StageRun:
    recipe = pipeline.recipe
    stream = PromptStream(pipeline.data.prompts[stage.name], derive_seed(recipe.seed, stage.name, "prompts"))
    checkpoints = pipeline.folder.checkpoints(stage.name, recipe.keep_checkpoints)
    algorithm = resolve(stage.algorithm)
    rewards = fill_in(stage.rewards or recipe.rewards, pipeline.stage_models, pipeline.sandbox.urls)
    schedule = RolloutSchedule(
        stage,
        recipe.seed,
        stream,
        WaveDrawer(pipeline.judging, rewards, stage.sampling),
        lambda group: has_signal(group, algorithm, stage.sampling.max_new_tokens),
        algorithm.max_refills if algorithm.dynamic_sampling else 0,
    )
    remedies = _Remedies(pipeline, stage, stream, schedule)

    def report(step: int, gains: Mapping[str, float], action: str) -> None:
        pipeline.log.write(stage.name, step, {f"guard/{suite}": gain for suite, gain in gains.items()})
        (pipeline.narrator.say if action == "held" else pipeline.narrator.warn)(f"guard at step {step}: {action}")

    return StageRun(
        stage=stage,
        algorithm=algorithm,
        crew=pipeline.crew,
        prompts=stream,
        rollouts=schedule,
        checkpoints=checkpoints,
        guard=StageGuard(stage.guard, guard_baseline, lambda: pipeline.measure(list(guard_baseline)), remedies, report),
        tripwires=Tripwires(stage.tripwires, remedies.roll_back, pipeline.narrator.warn),
        log=pipeline.log,
        narrator=pipeline.narrator,
        should_stop=pipeline.should_stop,
    )


def trainer_settings(pipeline: Pipeline, stage: RlStage) -> TrainerSettings:
    """The trainer of a stage; its reference model is the policy the stage starts from."""
    return TrainerSettings(
        model=pipeline.policy,
        dtype=pipeline.recipe.dtype,
        algorithm=resolve(stage.algorithm),
        optimizer=stage.optimizer,
        temperature=stage.sampling.temperature,
        max_new_tokens=stage.sampling.max_new_tokens,
        micro_batch_tokens=stage.micro_batch_tokens,
        minibatches=stage.minibatches,
        seed=derive_seed(pipeline.recipe.seed, stage.name, "trainer"),
        threads=pipeline.recipe.cluster.trainer.cpus,
        lora=stage.lora,
        gradient_checkpointing=stage.gradient_checkpointing,
        reference_offload=pipeline.recipe.cluster.trainer.reference_offload,
    )


def _resume(pipeline: Pipeline, stage: RlStage, run: StageRun) -> int:
    """Load trainer and engines, from the newest good checkpoint if there is one; returns its step."""
    found = run.checkpoints.newest(pipeline.narrator.warn)
    pipeline.load_engines()
    run.crew.start_trainer(trainer_settings(pipeline, stage), found.folder if found else None)
    pipeline.engines_changed()
    step = found.step if found else 0
    pipeline.log.forget_after(stage.name, step)
    if found:
        run.prompts.restore(found.state["prompts"])
        run.rollouts.restore(found.state["rollouts"])
        run.guard.restore(found.state["guard"])
        run.tripwires.restore(found.state["tripwires"])
        run.crew.publish(step)
        pipeline.narrator.say(f"{stage.name}: resuming after step {step}")
    return step


class _Remedies:
    """What the guard may do in this run."""

    def __init__(self, pipeline: Pipeline, stage: RlStage, stream: PromptStream, rollouts: RolloutSchedule) -> None:
        self._pipeline, self._stage, self._stream, self._rollouts = pipeline, stage, stream, rollouts

    def raise_replay(self) -> float:
        return self._stream.raise_replay()

    def roll_back(self, step: int, now: int) -> None:
        store = self._pipeline.folder.checkpoints(self._stage.name, self._pipeline.recipe.keep_checkpoints)
        self._pipeline.crew.start_trainer(trainer_settings(self._pipeline, self._stage), store.read(step).folder)
        self._rollouts.discard()
        self._pipeline.crew.publish(now)


def _job_arguments(pipeline: Pipeline, stage: SftStage | RewardModelStage, model: str, output: Path) -> dict[str, Any]:
    return {
        "model": model,
        "dtype": pipeline.recipe.dtype,
        "steps": stage.steps,
        "batch_size": stage.batch_size,
        "micro_batch_rows": stage.micro_batch_rows,
        "gradient_checkpointing": stage.gradient_checkpointing,
        "optimizer": stage.optimizer,
        "seed": derive_seed(pipeline.recipe.seed, stage.name) % 2**31,
        "threads": pipeline.recipe.cluster.trainer.cpus,
        "work": pipeline.folder.work(stage.name),
        "output": output,
    }


def _final_model(pipeline: Pipeline, stage: str, steps: int) -> Path:
    return pipeline.folder.path / "checkpoints" / stage / f"step_{steps}" / "model"


def _relative(path: Path, pipeline: Pipeline) -> str:
    return str(path.relative_to(pipeline.folder.path))


def _with_progress(pipeline: Pipeline, name: str, job: TrlJob, train: Callable[[], Result]) -> Result:
    """Run a supervised training; its progress file feeds the bar and the log, a stop request becomes its stop file."""
    with (
        pipeline.narrator.stage(name, job.steps),
        ProgressTail(job, name, pipeline.log, pipeline.narrator, pipeline.should_stop),
    ):
        return train()
