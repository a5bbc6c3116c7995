"""The recipe as one object: stages in order, gates between them, resumable anywhere, a report at the end."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from openqwq.training.config import Recipe, RewardModelStage, RlStage, SftStage
from openqwq.training.console import ConsoleLogger
from openqwq.training.errors import ClusterError, Interrupted
from openqwq.training.evaluation.policy import Policy, PolicyEvaluator
from openqwq.training.models import locate
from openqwq.training.pipeline.context import StageContext
from openqwq.training.pipeline.memory_watch import MemoryWatch
from openqwq.training.pipeline.outcome import result_lines, summary
from openqwq.training.pipeline.preflight import LoadedData
from openqwq.training.pipeline.restarts import MAX_RESTARTS as MAX_RESTARTS
from openqwq.training.pipeline.restarts import Restarts, when_there_is_room
from openqwq.training.pipeline.room_watch import RoomWatch
from openqwq.training.pipeline.sandbox_service import SandboxService
from openqwq.training.pipeline.stages import run_reward_model_stage, run_rl_stage, run_sft_stage
from openqwq.training.planning.stop_bound import stop_bound
from openqwq.training.reporting.report import write_report
from openqwq.training.rewards.judging import Judging
from openqwq.training.rl.stopping import CutShort, stopping_of
from openqwq.training.run_folder.entry import StageEntry
from openqwq.training.run_folder.folder import RunFolder
from openqwq.training.run_folder.metrics import MetricsLog
from openqwq.training.tracking.trackers import start_trackers
from openqwq.training.worker_group import WorkerGroup

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
    room: RoomWatch = field(init=False)
    _workers: WorkerGroup | None = field(init=False, default=None)
    _was_lost: bool = field(init=False, default=False)
    """Whether workers were lost before: machines that are missing may come back then."""
    _evaluator: PolicyEvaluator | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        trackers = start_trackers(self.recipe, self.folder.path, self.console.warn)
        self.log = MetricsLog(self.folder.path, self.recipe.logging, trackers)
        self.policy = Policy(locate(self.recipe.model), "base")
        self.room = RoomWatch(self.recipe.cluster, self.folder.path, self.console.warn)

    def run(self) -> bool:
        """Run what is not done yet. However it ends, the summary says it."""
        status: Status = "failed"
        self.memory.start()
        self.room.start()
        stopping = stopping_of(self.should_stop)
        bound = stop_bound(self.recipe, self.folder.path)
        stopping.within, stopping.follows_steps = bound.seconds, not bound.is_fixed
        self.console.info(str(bound))
        try:
            with stopping.cutting(lambda asked_at: asked_at):  # stages shield what must come to its end
                for stage in self.recipe.stages:
                    self._run_stage(stage)
            status = "completed" if self._gates_passed() else "gate_failed"
        except CutShort:
            status = "interrupted"
            raise Interrupted("stopped outside of a step; what was done before is kept") from None
        except (Interrupted, KeyboardInterrupt, SystemExit):
            status = "interrupted"
            raise
        finally:
            # first the summary: what fails after it must not leave one that says `running`
            for word, end in (
                ("summary.json was not written", lambda: self._write_summary(status)),
                ("the watch of memory did not end", self.memory.stop),
                ("the watch of free room did not end", self.room.stop),
                ("the log did not end in order", self.log.close),
                ("the workers did not end in order", self._close_workers),
                ("report.html was not written", lambda: write_report(self.folder.path)),
            ):
                self._ended(word, end)
        return status == "completed"

    def _ended(self, words: str, end: Callable[[], object]) -> None:
        """An error on the way out is a warning: it must not hide the error that ended the run."""
        try:
            end()
        except Exception as error:
            self.console.warn(f"{words}: {type(error).__name__}: {' '.join(str(error).split())}")

    def _run_stage(self, stage: SftStage | RlStage | RewardModelStage) -> None:
        """Run one stage, or take it over. Whatever is lost of the trainer, its machine or Ray, and whatever does not
        answer: all workers are started anew and the stage goes on from its newest checkpoint, within the bound of
        `Restarts`. The worker group itself replaces lost rollout and reward workers."""
        entry = self.folder.finished().get(stage.name)
        if entry is not None:
            self.console.info(f"{stage.name}: done in an earlier session")
            self._take_over(entry)
            return
        self._write_summary("running")
        restarts, start = Restarts(lambda: self.folder.newest_step(stage.name)), None
        while entry is None:
            try:
                context = self.context()
                start = start or time.perf_counter()  # the first start of the workers is no part of the stage's seconds
                if isinstance(stage, RlStage):
                    entry = run_rl_stage(context, stage)
                elif isinstance(stage, SftStage):
                    entry = run_sft_stage(context, stage)
                else:
                    entry = run_reward_model_stage(context, stage)
            except ClusterError as lost:
                if self.should_stop():
                    raise Interrupted(f"stopped; {lost}") from lost
                if not restarts.allows(lost):
                    raise
                self._end_lost(stage.name, lost)
        assert start is not None
        entry = entry.timed(time.perf_counter() - start)
        self.folder.mark_finished(entry)
        self.folder.clear_work(stage.name)
        for line in result_lines(entry):
            self.console.info(line)
        self._take_over(entry)

    def _end_lost(self, stage: str, lost: ClusterError) -> None:
        step = self.folder.newest_step(stage)
        where = f"its newest checkpoint, step {step}" if step else "its start"
        self.console.warn(f"{lost}; starting the workers again: {stage} goes on from {where}")
        self._ended("the workers did not end in order", self._close_workers)
        self._was_lost = True

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
            make, self._evaluator = self.make_workers, None
            self._workers = when_there_is_room(make, self.console.warn, self.should_stop) if self._was_lost else make()
        self.room.others = getattr(self._workers, "rooms", self.room.others)
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
        self._ended("the workers did not end in order", self._close_workers)

    def _close_workers(self) -> None:
        workers, self._workers, self._evaluator = self._workers, None, None
        self.room.others = lambda folders: ()
        if workers is not None:
            workers.close()

    def _gates_passed(self) -> bool:
        return all(entry.has_passed for entry in self.folder.finished().values())

    def _write_summary(self, status: Status) -> None:
        entries = list(self.folder.finished().values())
        model = Path(self.policy.model)
        final = str(model.relative_to(self.folder.path)) if model.is_relative_to(self.folder.path) else str(model)
        self.folder.write_summary(summary(self.recipe, status, entries, final, self.memory.peak_bytes))
