"""What a stage works with. The pipeline makes one for each stage; a stage knows nothing of the pipeline."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from openqwq.training.config import Recipe
from openqwq.training.console import ConsoleLogger
from openqwq.training.evaluation.policy import Policy, PolicyEvaluator
from openqwq.training.pipeline.preflight import LoadedData
from openqwq.training.records import SuiteResult
from openqwq.training.rewards.judging import Judging
from openqwq.training.run_folder.folder import RunFolder
from openqwq.training.run_folder.metrics import MetricsLog
from openqwq.training.worker_group import WorkerGroup


@dataclass(frozen=True)
class StageContext:
    """The run around one stage."""

    recipe: Recipe
    data: LoadedData
    folder: RunFolder
    log: MetricsLog
    console: ConsoleLogger
    should_stop: Callable[[], bool]
    workers: WorkerGroup
    judging: Judging
    evaluator: PolicyEvaluator
    policy: Policy
    """What the stage starts from."""
    stage_models: Mapping[str, str]
    """Finished stage -> its model folder."""
    sandbox_urls: Sequence[str]

    def evaluate(self, policy: Policy, suites: Sequence[str]) -> dict[str, SuiteResult]:
        """Accuracy of a policy of this run."""
        return self.evaluator.evaluate(policy, suites, self.stage_models)

    def relative(self, path: Path) -> str:
        """A path as the run folder's files name it."""
        return str(path.relative_to(self.folder.path))
