"""The three kinds of stages: cold start, reward model, RL. Each returns its entry for the run's summary."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from openqwq.training.algorithms.catalogue import resolve
from openqwq.training.backends.settings import TrainerSettings
from openqwq.training.batches.collate import has_signal
from openqwq.training.config import RewardModelStage, Rewards, RlStage, SftStage
from openqwq.training.evaluation.gates import decide, decide_reward_model
from openqwq.training.evaluation.policy import Policy
from openqwq.training.evaluation.results import paired_entries, suite_entry
from openqwq.training.pipeline.context import StageContext
from openqwq.training.pipeline.progress_tail import ProgressTail
from openqwq.training.prompts.stream import PromptStream
from openqwq.training.records import SuiteResult
from openqwq.training.rewards.router import fill_in
from openqwq.training.rl.alerts import Alerts
from openqwq.training.rl.collector import RolloutCollector
from openqwq.training.rl.loop import run_steps
from openqwq.training.rl.regression_check import RegressionMonitor
from openqwq.training.rl.schedule import RolloutSchedule
from openqwq.training.rl.stage_run import StageRun
from openqwq.training.rl.step_samples import StepSamples
from openqwq.training.rl.stopping import stopping_of
from openqwq.training.rl.tripwire import TripwireWatch, alerts_of
from openqwq.training.run_folder.entry import StageEntry
from openqwq.training.seeds import derive_seed
from openqwq.training.supervised.jobs import RewardModelJob, SftJob, TrlJob
from openqwq.training.templates.source import chat_settings

STEP_SAMPLES = "step_samples.json.gz"
LITTLE_HELD = 0.5
"""A hack that a reward model pays in more than half of the cases is warned about, also without a gate."""


def run_sft_stage(context: StageContext, stage: SftStage) -> StageEntry:
    """Cold start. Evaluated after, if asked: a base model has no chat form to be measured in before."""
    output = _final_model(context, stage.name, stage.steps)
    job = SftJob(
        **_job_arguments(context, stage, context.policy.model, output),
        rows=context.data.rows[stage.name],
        checkpoint_every=stage.checkpoint_every,
    )
    with _watched(context, stage, job):
        context.workers.train_sft(job)
    after = context.evaluate(Policy(str(output), stage.name), stage.evaluate) if stage.evaluate else {}
    return StageEntry(
        stage.name,
        stage.kind,
        steps=stage.steps,
        model=context.relative(output),
        after={suite: suite_entry(result) for suite, result in after.items()},
        gate=decide(stage.gate, {}, after) if after else None,
    )


def run_reward_model_stage(context: StageContext, stage: RewardModelStage) -> StageEntry:
    """Reward model; its quality on held-out pairs is gated like a policy's accuracy."""
    output = _final_model(context, stage.name, stage.steps)
    start = context.policy.model if stage.start_from == "policy" else context.recipe.model
    job = RewardModelJob(
        **_job_arguments(context, stage, start, output),
        rows=context.data.rows[stage.name],
        held_out=context.data.rows[f"{stage.name}/held_out"],
    )
    with _watched(context, stage, job):
        quality = context.workers.train_reward_model(job)
    lost = {kind: share for kind, share in quality.probes.items() if not share >= LITTLE_HELD}
    if lost:
        words = ", ".join(f"{kind} {1 - share:.0%}" for kind, share in sorted(lost.items()))
        context.console.warn(f"{stage.name} pays hacks of good answers: {words} of {quality.num_probed}")
    return StageEntry(
        stage.name,
        stage.kind,
        steps=stage.steps,
        model=context.relative(output),
        accuracy=quality.accuracy,
        quality=quality.numbers(),
        gate=decide_reward_model(stage.gate, quality),
    )


def run_rl_stage(context: StageContext, stage: RlStage) -> StageEntry:
    """Reinforcement learning between two evaluations; goes on from the newest good checkpoint."""
    before = context.evaluate(context.policy, _suites_before(stage))
    run = _prepare(context, stage, before)
    first_step = _resume(context, stage, run)
    with (
        stopping_of(context.should_stop).shielded(),
        context.console.stage(stage.name, stage.steps),
        run.checkpoints.settled(),
    ):
        run_steps(run, first_step)
    output = run.checkpoints.path(stage.steps) / "model"
    after = context.evaluate(Policy(str(output), stage.name), stage.evaluate)
    before = {suite: before[suite] for suite in stage.evaluate}
    return StageEntry(
        stage.name,
        stage.kind,
        steps=stage.steps,
        model=context.relative(output),
        algorithm=stage.algorithm.name,
        before={suite: suite_entry(result) for suite, result in before.items()},
        after={suite: suite_entry(result) for suite, result in after.items()},
        paired=paired_entries(before, after),
        gate=decide(stage.gate, before, after),
    )


def rerun_rl_stage(context: StageContext, stage: RlStage) -> None:
    """The steps of a stage that are not done yet, and nothing after them: for replays."""
    run = _prepare(context, stage, context.evaluate(context.policy, _suites_before(stage)))
    first_step = _resume(context, stage, run)
    with (
        stopping_of(context.should_stop).shielded(),
        context.console.stage(stage.name, stage.steps),
        run.checkpoints.settled(),
    ):
        run_steps(run, first_step)


def _suites_before(stage: RlStage) -> list[str]:
    return [*stage.evaluate, *stage.watched_suites]


def _prepare(context: StageContext, stage: RlStage, before: Mapping[str, SuiteResult]) -> StageRun:
    recipe = context.recipe
    curricula = [source.curriculum for source in stage.prompts]
    seed = derive_seed(recipe.seed, stage.name, "prompts")
    stream = PromptStream(context.data.prompts[stage.name], seed, curricula)
    algorithm = resolve(stage.algorithm)
    rewards = fill_in(stage.rewards or recipe.rewards, context.stage_models, context.sandbox_urls)
    samples = _step_samples(context, stage)
    schedule = RolloutSchedule(
        stage,
        recipe.seed,
        stream,
        RolloutCollector(context.workers, context.judging, rewards, stage.sampling, samples),
        lambda group: has_signal(group, algorithm, stage.sampling.max_new_tokens),
        algorithm.max_generation_rounds - 1 if algorithm.dynamic_sampling else 0,
    )
    remedies = _Remedies(context, stage, stream, schedule)
    watched = list(stage.regression_check.suites) if stage.regression_check else []

    def report(step: int, gains: Mapping[str, float], action: str) -> None:
        context.log.write(stage.name, step, {f"regression_check/{suite}": gain for suite, gain in gains.items()})
        (context.console.info if action == "held" else context.console.warn)(
            f"regression check at step {step}: {action}"
        )

    return StageRun(
        stage=stage,
        algorithm=algorithm,
        workers=context.workers,
        num_rollout_workers=context.workers.num_rollout_workers,
        prompts=stream,
        rollouts=schedule,
        checkpoints=context.folder.checkpoints(stage.name, recipe.keep_checkpoints, recipe, context.console.warn),
        regression=RegressionMonitor(
            stage.regression_check,
            {suite: before[suite] for suite in watched},
            lambda: context.evaluator.measure(watched, context.stage_models),
            remedies,
            report,
        ),
        alerts=Alerts({**alerts_of(stage.tripwire), **stage.alerts}, remedies.roll_back, context.console.warn),
        tripwire=_tripwire(context, stage, before, rewards),
        log=context.log,
        console=context.console,
        should_stop=context.should_stop,
        samples=samples,
    )


def _step_samples(context: StageContext, stage: RlStage) -> StepSamples:
    """What is kept of a step that is cut short: nothing where batches of older weights are being sampled, which a
    checkpoint does not hold."""
    path = context.folder.path / "work" / stage.name / STEP_SAMPLES if stage.schedule.depth == 0 else None
    shares_batches = context.recipe.cluster.rollout.engine != "vllm"
    samples = StepSamples(path, context.workers.num_rollout_workers if shares_batches else None)
    samples.load(context.console.warn)
    return samples


def _tripwire(
    context: StageContext, stage: RlStage, before: Mapping[str, SuiteResult], rewards: Rewards
) -> TripwireWatch:
    watched = stage.tripwire.suites if stage.tripwire else ()
    return TripwireWatch(
        stage.tripwire,
        {suite: before[suite] for suite in watched},
        lambda: context.evaluator.measure(watched, context.stage_models),
        lambda rollouts, prompts: context.workers.judge([rollouts], {one.id: one.row for one in prompts}, rewards),
    )


def trainer_settings(context: StageContext, stage: RlStage) -> TrainerSettings:
    """The trainer of a stage; its reference model is the policy the stage starts from."""
    return TrainerSettings(
        model=context.policy.model,
        dtype=context.recipe.dtype,
        algorithm=resolve(stage.algorithm),
        optimizer=stage.optimizer,
        temperature=stage.sampling.temperature,
        max_new_tokens=stage.sampling.max_new_tokens,
        micro_batch_tokens=stage.micro_batch_tokens,
        minibatches=stage.minibatches,
        seed=derive_seed(context.recipe.seed, stage.name, "trainer"),
        threads=context.recipe.cluster.trainer.cpus,
        bucket_bytes=context.recipe.cluster.rollout.bucket_mb * 2**20,
        chat=chat_settings(context.recipe),
        lora=stage.lora,
        gradient_checkpointing=stage.gradient_checkpointing,
        reference_offload=context.recipe.cluster.trainer.reference_offload,
        keeps_tokens=context.recipe.logging.logprobs,
    )


def _resume(context: StageContext, stage: RlStage, run: StageRun) -> int:
    """Load trainer and engines, from the newest good checkpoint if there is one; returns its step."""
    found = run.checkpoints.newest(context.console.warn)
    context.evaluator.load_engines(context.policy)
    context.workers.start_trainer(trainer_settings(context, stage), found.folder if found else None)
    context.evaluator.engines_changed()
    step = found.step if found else 0
    context.log.forget_after(stage.name, step)
    if found:
        has_new_prompts = context.folder.has_new_prompts(stage.name, step)
        run.restore(found.state, has_new_prompts)
        if has_new_prompts:
            context.console.info(f"{stage.name}: other prompts from step {step + 1} on, from their beginning")
        context.workers.sync_weights(step)
        context.console.info(f"{stage.name}: resuming after step {step}", at=(stage.name, step))
    return step


class _Remedies:
    """What alerts and the regression check may do in this run."""

    def __init__(self, context: StageContext, stage: RlStage, stream: PromptStream, rollouts: RolloutSchedule) -> None:
        self._context, self._stage, self._stream, self._rollouts = context, stage, stream, rollouts

    def raise_replay(self) -> float:
        return self._stream.raise_replay()

    def roll_back(self, step: int, now: int) -> None:
        store = self._context.folder.checkpoints(self._stage.name, self._context.recipe.keep_checkpoints)
        settings = trainer_settings(self._context, self._stage)
        self._context.workers.start_trainer(settings, store.read(step).folder if step else None)
        self._rollouts.discard()
        self._context.workers.sync_weights(now)


def _job_arguments(
    context: StageContext, stage: SftStage | RewardModelStage, model: str, output: Path
) -> dict[str, Any]:
    return {
        "model": model,
        "dtype": context.recipe.dtype,
        "steps": stage.steps,
        "batch_size": stage.batch_size,
        "micro_batch_rows": stage.micro_batch_rows,
        "gradient_checkpointing": stage.gradient_checkpointing,
        "optimizer": stage.optimizer,
        "seed": derive_seed(context.recipe.seed, stage.name) % 2**31,
        "threads": context.recipe.cluster.trainer.cpus,
        "chat": chat_settings(context.recipe),
        "work": context.folder.work(stage.name),
        "output": output,
    }


@contextmanager
def _watched(context: StageContext, stage: SftStage | RewardModelStage, job: TrlJob) -> Iterator[None]:
    """The job's progress file feeds the bar and the log; a stop request becomes its stop file, and where the job does
    not save in time, its newest checkpoint stands."""
    stopping = stopping_of(context.should_stop)
    with (
        stopping.cutting(lambda asked_at: asked_at + stopping.within),
        context.console.stage(stage.name, stage.steps),
        ProgressTail(job, stage.name, context.log, context.console, context.should_stop),
    ):
        yield


def _final_model(context: StageContext, stage: str, steps: int) -> Path:
    return context.folder.path / "checkpoints" / stage / f"step_{steps}" / "model"
