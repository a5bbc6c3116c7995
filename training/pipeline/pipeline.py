"""The recipe as one object: stages in order, gates between them, resumable anywhere, a report at the end."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from openqwq.training.config import Recipe, RewardModelStage, RlStage, SftStage
from openqwq.training.console import ConsoleLogger
from openqwq.training.errors import Interrupted, WorkerLost
from openqwq.training.evaluation.policy import Policy, PolicyEvaluator
from openqwq.training.models import locate
from openqwq.training.pipeline.context import StageContext
from openqwq.training.pipeline.memory_watch import MemoryWatch
from openqwq.training.pipeline.outcome import result_lines, summary
from openqwq.training.pipeline.preflight import LoadedData
from openqwq.training.pipeline.sandbox_service import SandboxService
from openqwq.training.pipeline.stages import run_reward_model_stage, run_rl_stage, run_sft_stage
from openqwq.training.reporting.report import write_report
from openqwq.training.rewards.judging import Judging
from openqwq.training.run_folder.entry import StageEntry
from openqwq.training.run_folder.folder import RunFolder
from openqwq.training.run_folder.metrics import MetricsLog
from openqwq.training.tracking.trackers import start_trackers
from openqwq.training.worker_group import WorkerGroup

MAX_RESTARTS = 3
"""Times that one stage is begun again after a lost trainer."""

Status = Literal["running", "completed", "gate_failed", "interrupted", "failed"]


@dataclass
class Pipeline:
    """One run of a recipe. `run()` returns True when every stage ended and every gate passed."""

    recipe: Recipe
    data: LoadedData
    folder: RunFolder
    console: ConsoleLogger
    should_stop: Callable[[], bool]
    make_workers: Callable[[], WorkerGroup]
    sandbox: SandboxService
    log: MetricsLog = field(init=False)
    policy: Policy = field(init=False)
    """The policy that the next stage starts from."""
    stage_models: dict[str, str] = field(init=False, default_factory=dict)
    memory: MemoryWatch = field(init=False, default_factory=MemoryWatch)
    _workers: WorkerGroup | None = field(init=False, default=None)
    _evaluator: PolicyEvaluator | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        trackers = start_trackers(self.recipe, self.folder.path, self.console.warn)
        self.log = MetricsLog(self.folder.path, self.recipe.logging, trackers)
        self.policy = Policy(locate(self.recipe.model), "base")

    def run(self) -> bool:
        """Run what is not done yet."""
        status: Status = "failed"
        self.memory.start()
        try:
            for stage in self.recipe.stages:
                self._run_stage(stage)
            status = "completed" if self._gates_passed() else "gate_failed"
        except Interrupted:
            status = "interrupted"
            raise
        finally:
            try:
                self._write_summary(status)  # first: a failure below must not leave a summary with `running`
            finally:
                self.memory.stop()
                self.close()
                self._write_report()
        return status == "completed"

    def _run_stage(self, stage: SftStage | RlStage | RewardModelStage) -> None:
        """Run one stage, or take it over. When the trainer or its machine is lost, all workers are started anew and the
        stage goes on from its newest checkpoint; the worker group itself replaces lost rollout and reward workers."""
        entry = self.folder.finished().get(stage.name)
        if entry is not None:
            self.console.info(f"{stage.name}: done in an earlier session")
            self._take_over(entry)
            return
        self._write_summary("running")
        _ = self.context()  # the first start of the workers is no part of the stage's seconds
        start, attempt = time.perf_counter(), 0
        while entry is None:
            try:
                context = self.context()
                if isinstance(stage, RlStage):
                    entry = run_rl_stage(context, stage)
                elif isinstance(stage, SftStage):
                    entry = run_sft_stage(context, stage)
                else:
                    entry = run_reward_model_stage(context, stage)
            except WorkerLost as lost:
                if attempt == MAX_RESTARTS:
                    raise
                attempt += 1
                self.console.warn(f"{lost}; starting the workers again, from the newest checkpoint of {stage.name}")
                self._close_workers()
        entry = entry.timed(time.perf_counter() - start)
        self.folder.mark_finished(entry)
        self.folder.clear_work(stage.name)
        for line in result_lines(entry):
            self.console.info(line)
        self._take_over(entry)

    def _take_over(self, entry: StageEntry) -> None:
        self.stage_models[entry.name] = str(self.folder.path / entry.model)
        if entry.kind != "reward_model":
            self.policy = Policy(self.stage_models[entry.name], entry.name)

    def enter(self, stage: RlStage) -> StageContext:
        """Take over what the stages before `stage` made, all of them done, and go no further."""
        for earlier in self.recipe.stages[: self.recipe.stages.index(stage)]:
            self._run_stage(earlier)
        return self.context()

    def context(self) -> StageContext:
        """What the next stage works with; starts the workers at the first use."""
        if self._workers is None:
            self.console.info("starting workers")
            self._workers, self._evaluator = self.make_workers(), None
        judging = Judging(self._workers, self.console.warn, self.sandbox.repair)
        urls = self.sandbox.urls
        if self._evaluator is None:
            self._evaluator = PolicyEvaluator(
                self.recipe, self.data.suites, self._workers, judging, self.folder.evals, self.log, urls, self.console
            )
        return StageContext(
            recipe=self.recipe,
            data=self.data,
            folder=self.folder,
            log=self.log,
            console=self.console,
            should_stop=self.should_stop,
            workers=self._workers,
            judging=judging,
            evaluator=self._evaluator,
            policy=self.policy,
            stage_models=self.stage_models,
            sandbox_urls=urls,
        )

    def close(self) -> None:
        """End the log and the workers."""
        self.log.close()
        self._close_workers()

    def _close_workers(self) -> None:
        """An error of ending the workers is a warning: it must not hide the error that ended the run."""
        workers, self._workers, self._evaluator = self._workers, None, None
        if workers is not None:
            try:
                workers.close()
            except Exception as error:
                self.console.warn(f"the workers did not end in order: {type(error).__name__}: {error}")

    def _gates_passed(self) -> bool:
        return all(entry.has_passed for entry in self.folder.finished().values())

    def _write_summary(self, status: Status) -> None:
        entries = list(self.folder.finished().values())
        model = Path(self.policy.model)
        final = str(model.relative_to(self.folder.path)) if model.is_relative_to(self.folder.path) else str(model)
        self.folder.write_summary(summary(self.recipe, status, entries, final, self.memory.peak_bytes))

    def _write_report(self) -> None:
        """An error of the page is a warning: it must not hide the error that ended the run."""
        try:
            write_report(self.folder.path)
        except Exception as error:
            self.console.warn(f"report.html was not written: {type(error).__name__}: {error}")
