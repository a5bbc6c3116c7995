"""Held-out results of a run's policies: each policy is measured once, and its results and answers are kept in
`evals/`."""

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from openqwq.training.answers.record import Answer
from openqwq.training.config import Recipe
from openqwq.training.console import ConsoleLogger
from openqwq.training.evaluation.evaluate import evaluate_suite, measure_suites
from openqwq.training.evaluation.examination import Examination, examination
from openqwq.training.evaluation.kept import about_answers, open_kept
from openqwq.training.evaluation.results import report_from_json, report_to_json, suite_entry
from openqwq.training.records import EvalReport, Prompt, Rollout, SuiteResult
from openqwq.training.rewards.judging import Judging
from openqwq.training.run_folder.folder import write_text
from openqwq.training.run_folder.metrics import MetricsLog
from openqwq.training.worker_group import RolloutWorkers, engine_settings, samples_of_a_call


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
        console: ConsoleLogger,
    ) -> None:
        self._recipe, self._suites, self._workers, self._judging = recipe, suites, workers, judging
        self._evals, self._log, self._sandbox_urls, self._console = evals, log, sandbox_urls, console
        self._loaded: str | None = None

    def load_engines(self, policy: Policy) -> None:
        """Load a policy into the engines, unless they hold it."""
        if self._loaded != policy.model:
            self._workers.start_engines(engine_settings(self._recipe, policy.model, self._sandbox_urls))
            self._loaded = policy.model

    def engines_changed(self) -> None:
        """Record that a stage syncs weights, so that the engines no longer hold a saved policy."""
        self._loaded = None

    def evaluate(
        self, policy: Policy, suites: Sequence[str], stage_models: Mapping[str, str]
    ) -> dict[str, SuiteResult]:
        """Results of a policy, measured once and kept in `evals/<label>.json`, its answers in `evals/<label>/`. An
        evaluation that was killed goes on. `stage_models`: stage -> its model, for suites whose verifiers use the
        reward model of a stage."""
        path = self._evals / f"{policy.label}.json"
        known = dict(report_from_json(json.loads(path.read_text())).suites) if path.exists() else {}
        missing = [suite for suite in suites if suite not in known]
        if missing:
            self.load_engines(policy)
            start = time.perf_counter()
            for suite in missing:
                asked = examination(self._recipe, suite, self._suites[suite], stage_models, self._sandbox_urls)
                known[suite] = self._measure(policy, asked)
            report = EvalReport(policy.label, known, time.perf_counter() - start)
            write_text(path, json.dumps(report_to_json(report)))
            self._log.write(policy.label, 0, {"time/evaluation_seconds": report.seconds})
            labels = ["base", *(stage.name for stage in self._recipe.stages), policy.label]
            entries = {suite: suite_entry(known[suite]) for suite in missing}
            self._log.evaluation(policy.label, labels.index(policy.label), entries)
        return {suite: known[suite] for suite in suites}

    def _measure(self, policy: Policy, asked: Examination) -> SuiteResult:
        about = about_answers(self._recipe, policy.model, asked)
        kept = open_kept(self._evals / policy.label, asked.suite, about, otherwise="begin_again")
        with suite_progress(self._console, asked) as watch:
            return evaluate_suite(self._workers, self._judging, asked, kept, self._block, watch)

    @property
    def _block(self) -> int | None:
        return samples_of_a_call(self._recipe, self._workers.num_rollout_workers)

    def measure(self, suites: Sequence[str], stage_models: Mapping[str, str]) -> dict[str, SuiteResult]:
        """Results of the engines' current weights."""
        prompts = {suite: self._suites[suite] for suite in suites}
        return measure_suites(
            self._workers, self._judging, self._recipe, prompts, stage_models, self._sandbox_urls, self._block
        )


class SuiteProgress:
    """How far a suite is: answers, tokens a second, mean score so far. A Watch."""

    def __init__(self, show: Callable[[int, str], None]) -> None:
        self._show, self._start = show, time.monotonic()
        self._num_sampled = self._num_tokens = self._num_judged = 0
        self._total = 0.0

    def begin(self, kept: Sequence[Answer]) -> None:
        """Answers of an earlier session say nothing of this one's speed."""
        self._num_sampled += len(kept)
        self.judged(kept)

    def sampled(self, rollouts: Sequence[Rollout]) -> None:
        """Count sampled answers and their tokens."""
        self._num_sampled += len(rollouts)
        self._num_tokens += sum(rollout.num_sampled for rollout in rollouts)
        self._say()

    def judged(self, answers: Sequence[Answer]) -> None:
        """Count the scores of judged answers."""
        rewards = [answer.reward for answer in answers if answer.reward is not None]
        self._total, self._num_judged = self._total + sum(rewards), self._num_judged + len(rewards)
        self._say()

    def _say(self) -> None:
        score = f"score {self._total / self._num_judged:.3f}  " if self._num_judged else ""
        elapsed = time.monotonic() - self._start
        speed = self._num_tokens / elapsed if elapsed else 0.0
        self._show(self._num_sampled, f"{score}{speed:.0f} tokens/s")


@contextmanager
def suite_progress(console: ConsoleLogger, asked: Examination) -> Iterator[SuiteProgress]:
    """Show the progress of one suite inside the `with` block."""
    with console.counting(asked.suite, len(asked.prompts) * asked.samples) as show:
        yield SuiteProgress(show)
