"""The result of one run, as ablations and pages of several runs see it."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from openqwq.training.run_folder.entry import Estimate, StageEntry

RESULT = ("completed", "gate_failed")
"""The statuses of runs that have a result."""
UNKNOWN = Estimate(None)


@dataclass(frozen=True)
class RunResult:
    """The result of one arm with one seed.

    Example: `RunResult("placebo", 0, {"status": "gate_failed", "stages": [...]})`
    """

    arm: str
    seed: int
    summary: Mapping[str, Any]
    """`summary.json` of the run; empty if there is none."""

    @property
    def status(self) -> str:
        """The status of the run."""
        return str(self.summary.get("status", "not started"))

    @property
    def is_finished(self) -> bool:
        """Whether every stage ended, with or without passing its gate."""
        return self.status in RESULT

    @property
    def stages(self) -> list[StageEntry]:
        """Entries of the finished stages."""
        return [StageEntry.from_json(entry) for entry in self.summary.get("stages", ())]

    @property
    def own_stages(self) -> list[StageEntry]:
        """Entries of the stages that this run did itself; a reused stage is in the rows of the other arm."""
        return [stage for stage in self.stages if not stage.reused_from]

    def measured(self) -> Iterator[tuple[StageEntry, str, Estimate, Estimate, Estimate]]:
        """(stage, suite, before, after, paired gain) for every suite that was measured after one of `own_stages`."""
        for stage in self.own_stages:
            for suite, after in stage.after.items():
                before = stage.before[suite].accuracy if suite in stage.before else UNKNOWN
                yield stage, suite, before, after.accuracy, stage.paired.get(suite, UNKNOWN)


def read_result(folder: Path, arm: str, seed: int) -> RunResult:
    """The result in a run folder; without a summary its status is `not started`."""
    try:
        summary = json.loads((folder / "summary.json").read_text())
    except (OSError, ValueError):
        summary = {}
    return RunResult(arm, seed, summary if isinstance(summary, dict) else {})
