"""The recipe as one object: stages in order, gates between them, resumable anywhere, a report at the end."""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from openqwq.training.config import Recipe, RewardModelStage, RlStage, SftStage
from openqwq.training.console import Narrator
from openqwq.training.crew import Crew, engine_settings
from openqwq.training.errors import Interrupted, WorkerLost
from openqwq.training.evaluation.evaluate import measure_suites, report_from_json, report_to_json, timed_report
from openqwq.training.models import locate
from openqwq.training.pipeline.memory_watch import MemoryWatch
from openqwq.training.pipeline.preflight import LoadedData
from openqwq.training.pipeline.sandbox_service import SandboxService
from openqwq.training.pipeline.stages import run_reward_model_stage, run_rl_stage, run_sft_stage
from openqwq.training.records import SuiteResult
from openqwq.training.reporting.report import write_report
from openqwq.training.rewards.judging import Judging
from openqwq.training.run_folder.folder import RunFolder, write_text
from openqwq.training.run_folder.metrics import MetricsLog

MAX_RESTARTS = 3
"""Times that one stage is begun again after a lost trainer."""

Status = Literal["running", "completed", "gate_failed", "interrupted", "failed"]


@dataclass
class Pipeline:
    """One run of a recipe. `run()` returns True when every stage ended and every gate passed."""

    recipe: Recipe
    data: LoadedData
    folder: RunFolder
    narrator: Narrator
    should_stop: Callable[[], bool]
    make_crew: Callable[[], Crew]
    sandbox: SandboxService
    log: MetricsLog = field(init=False)
    policy: str = field(init=False)
    """Folder or hub id of the current policy."""
    policy_label: str = field(init=False, default="base")
    """Name of the stage that made it."""
    stage_models: dict[str, str] = field(init=False, default_factory=dict)
    memory: MemoryWatch = field(init=False, default_factory=MemoryWatch)
    _crew: Crew | None = field(init=False, default=None)
    _loaded_engines: str | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        self.log = MetricsLog(self.folder.path, self.recipe.logging, self.recipe.name)
        self.policy = locate(self.recipe.model)

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
            self.log.close()
            if self._crew is not None:
                self._crew.close()
            self._write_summary(status)
            self._write_report()
        return status == "completed"

    def _write_report(self) -> None:
        """A fault of the page must not hide what the run itself has to say."""
        try:
            write_report(self.folder.path)
        except Exception as error:
            self.narrator.warn(f"report.html was not written: {type(error).__name__}: {error}")

    def enter(self, stage: RlStage) -> None:
        """Take over what the stages before `stage` made, all of them done, and go no further."""
        for earlier in self.recipe.stages[: self.recipe.stages.index(stage)]:
            self._run_stage(earlier)

    def _run_stage(self, stage: SftStage | RlStage | RewardModelStage) -> None:
        finished = self.folder.finished()
        if stage.name in finished:
            self.narrator.say(f"{stage.name}: done in an earlier session")
            entry = finished[stage.name]
        else:
            self._write_summary("running")
            _ = self.crew  # started outside the stage's seconds
            start = time.perf_counter()
            entry = self._surviving_losses(stage)
            head = {"name": stage.name, "kind": stage.kind, "seconds": round(time.perf_counter() - start, 2)}
            entry = {**head, **entry}
            self.folder.mark_finished(stage.name, entry)
            self.folder.clear_work(stage.name)
            self._say_result(entry)
        self.stage_models[stage.name] = str(self.folder.path / entry["model"])
        if not isinstance(stage, RewardModelStage):
            self.policy, self.policy_label = self.stage_models[stage.name], stage.name

    def _surviving_losses(self, stage: SftStage | RlStage | RewardModelStage) -> dict[str, Any]:
        """The stage's entry. When the trainer or its machine is lost, all workers are started anew and the stage goes
        on from its newest checkpoint; lost rollout and reward workers are replaced by the crew itself."""
        for attempt in range(MAX_RESTARTS + 1):
            try:
                if isinstance(stage, SftStage):
                    return run_sft_stage(self, stage)
                if isinstance(stage, RewardModelStage):
                    return run_reward_model_stage(self, stage)
                return run_rl_stage(self, stage)
            except WorkerLost as lost:
                if attempt == MAX_RESTARTS:
                    raise
                self.narrator.warn(f"{lost}; starting the workers again, from the newest checkpoint of {stage.name}")
                self.crew.close()
                self._crew, self._loaded_engines = None, None
        raise AssertionError("unreachable")

    @property
    def crew(self) -> Crew:
        """The workers, started at the first use."""
        if self._crew is None:
            self.narrator.say("starting workers")
            self._crew = self.make_crew()
        return self._crew

    @property
    def judging(self) -> Judging:
        """Judging with the run's repairs."""
        return Judging(self.crew, self.narrator.warn, self.sandbox.repair)

    def load_engines(self) -> None:
        """Make the engines hold the current policy."""
        if self._loaded_engines != self.policy:
            self.crew.start_engines(engine_settings(self.recipe, self.policy))
            self._loaded_engines = self.policy

    def engines_changed(self) -> None:
        """A stage pushed weights: the engines no longer hold a policy that has a folder."""
        self._loaded_engines = None

    def evaluate_policy(self, suites: Sequence[str]) -> dict[str, SuiteResult]:
        """Accuracy of the current policy, measured once and kept in `evals/<policy>.json`."""
        path = self.folder.evals / f"{self.policy_label}.json"
        known = dict(report_from_json(json.loads(path.read_text())).suites) if path.exists() else {}
        missing = [suite for suite in suites if suite not in known]
        if missing:
            self.load_engines()
            start = time.perf_counter()
            known |= self.measure(missing)
            report = timed_report(self.policy_label, known, start)
            write_text(path, json.dumps(report_to_json(report)))
            self.log.write(self.policy_label, 0, {"time/evaluation_seconds": report.seconds})
        return {suite: known[suite] for suite in suites}

    def measure(self, suites: Sequence[str]) -> dict[str, SuiteResult]:
        """Accuracy of whatever weights the engines hold now."""
        prompts = {suite: self.data.suites[suite] for suite in suites}
        return measure_suites(self.judging, self.recipe, prompts, self.stage_models, self.sandbox.urls)

    def _gates_passed(self) -> bool:
        return all(entry.get("gate", {}).get("passed", True) for entry in self.folder.finished().values())

    def _write_summary(self, status: Status) -> None:
        entries = list(self.folder.finished().values())
        self.folder.write_summary(
            {
                "schema": 1,
                "recipe": self.recipe.name,
                "status": status,
                "seed": self.recipe.seed,
                "seconds": round(sum(entry["seconds"] for entry in entries), 2),
                "final_model": _relative(self.policy, self.folder.path),
                "stages": [{k: v for k, v in entry.items() if k != "model"} for entry in entries],
                "peak_memory_bytes": self.memory.peak_bytes,
            }
        )

    def _say_result(self, entry: Mapping[str, Any]) -> None:
        self.narrator.say(f"{entry['name']}: {entry['seconds']:.0f} s")
        rows = [
            (
                suite,
                f"{_number(entry['eval']['before'][suite]['accuracy'])} -> {_number(after['accuracy'])}",
                _interval(entry, suite),
            )
            for suite, after in entry.get("eval", {}).get("after", {}).items()
            if suite in entry["eval"].get("before", {})
        ]
        if rows:
            self.narrator.table(rows)
        for check in entry.get("gate", {}).get("checks", []):
            verdict = "passed" if check["passed"] else "FAILED"
            value, limit = _number(check["value"]), _number(check["limit"])
            self.narrator.say(f"  gate {check['name']}: {value} (at least {limit}) {verdict}")


def _interval(entry: Mapping[str, Any], suite: str) -> str:
    paired = entry["paired"][suite]
    gain, low, high = (_number(paired[key], "+.3f") for key in ("gain", "low", "high"))
    return f"paired {gain} [{low}, {high}]"


def _number(value: float | None, form: str = ".3f") -> str:
    return "unknown" if value is None else format(value, form)


def _relative(model: str, folder: Path) -> str:
    path = Path(model)
    return str(path.relative_to(folder)) if path.is_relative_to(folder) else model
