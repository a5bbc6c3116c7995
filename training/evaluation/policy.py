"""Held-out accuracy of a run's policies: each policy is measured once, and its results are kept in `evals/`."""

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from openqwq.training.config import Recipe
from openqwq.training.evaluation.evaluate import (
    measure_suites,
    report_from_json,
    report_to_json,
    suite_entry,
    timed_report,
)
from openqwq.training.records import Prompt, SuiteResult
from openqwq.training.rewards.judging import Judging
from openqwq.training.run_folder.folder import write_text
from openqwq.training.run_folder.metrics import MetricsLog
from openqwq.training.worker_group import RolloutWorkers, engine_settings


@dataclass(frozen=True)
class Policy:
    """A policy that is saved in a folder. Example: `Policy("runs/x/checkpoints/stage1/step_40/model", "stage1")`"""

    model: str
    """Folder or hub id."""
    label: str
    """Name of the stage that trained it; `base` for the recipe's model."""


class PolicyEvaluator:
    """Measures policies with the run's workers, and tracks which policy their engines hold."""

    def __init__(
        self,
        recipe: Recipe,
        suites: Mapping[str, Sequence[Prompt]],
        workers: RolloutWorkers,
        judging: Judging,
        evals: Path,
        log: MetricsLog,
        sandbox_urls: Sequence[str],
    ) -> None:
        self._recipe, self._suites, self._workers, self._judging = recipe, suites, workers, judging
        self._evals, self._log, self._sandbox_urls = evals, log, sandbox_urls
        self._loaded: str | None = None

    def load_engines(self, policy: Policy) -> None:
        """Load a policy into the engines, unless they hold it."""
        if self._loaded != policy.model:
            self._workers.start_engines(engine_settings(self._recipe, policy.model))
            self._loaded = policy.model

    def engines_changed(self) -> None:
        """Record that a stage syncs weights, so that the engines no longer hold a saved policy."""
        self._loaded = None

    def evaluate(
        self, policy: Policy, suites: Sequence[str], stage_models: Mapping[str, str]
    ) -> dict[str, SuiteResult]:
        """Accuracy of a policy, measured once and kept in `evals/<label>.json`. `stage_models`: stage -> its model, for
        suites whose verifiers use the reward model of a stage."""
        path = self._evals / f"{policy.label}.json"
        known = dict(report_from_json(json.loads(path.read_text())).suites) if path.exists() else {}
        missing = [suite for suite in suites if suite not in known]
        if missing:
            self.load_engines(policy)
            start = time.perf_counter()
            known |= self.measure(missing, stage_models)
            report = timed_report(policy.label, known, start)
            write_text(path, json.dumps(report_to_json(report)))
            self._log.write(policy.label, 0, {"time/evaluation_seconds": report.seconds})
            labels = ["base", *(stage.name for stage in self._recipe.stages), policy.label]
            entries = {suite: suite_entry(known[suite]) for suite in missing}
            self._log.evaluation(policy.label, labels.index(policy.label), entries)
        return {suite: known[suite] for suite in suites}

    def measure(self, suites: Sequence[str], stage_models: Mapping[str, str]) -> dict[str, SuiteResult]:
        """Accuracy of the engines' current weights."""
        prompts = {suite: self._suites[suite] for suite in suites}
        return measure_suites(self._workers, self._judging, self._recipe, prompts, stage_models, self._sandbox_urls)
