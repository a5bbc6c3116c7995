"""A run whose workers are lost too often: its first error, and a summary that does not stay at `running`."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from openqwq.training.batches.collate import Batch
from openqwq.training.console import ConsoleLogger
from openqwq.training.errors import WorkerLost
from openqwq.training.inline import InlineWorkerGroup
from openqwq.training.pipeline.pipeline import MAX_RESTARTS, Pipeline
from openqwq.training.pipeline.preflight import preflight
from openqwq.training.pipeline.sandbox_service import SandboxService
from openqwq.training.records import UpdateReport
from openqwq.training.run_folder.folder import RunFolder
from tests.recipes.small_rl import StopAfter, small_rl

BASE = Path(__file__).resolve().parents[3] / "data" / "tiny" / "base"


class ShortOfMemory(InlineWorkerGroup):
    """Workers whose trainer is lost in every update but those of the attempts that `survives` names."""

    def __init__(self, attempt: int, survives: Callable[[int], bool]) -> None:
        super().__init__()
        self._attempt, self._survives = attempt, survives

    def update(self, batch: Batch) -> UpdateReport:
        if self._survives(self._attempt):
            return super().update(batch)
        raise WorkerLost(f"the update is lost (OutOfMemoryError): attempt {self._attempt}")

    def close(self) -> None:
        super().close()
        raise RuntimeError("the reward workers are gone as well")


def run(folder: Path, survives: Callable[[int], bool]) -> int:
    """Attempts that a run of four steps needs."""
    attempts = 0

    def make() -> InlineWorkerGroup:
        nonlocal attempts
        attempts += 1
        return ShortOfMemory(attempts, survives)

    recipe, console = small_rl(folder, BASE, regression_check=None), ConsoleLogger()
    held = RunFolder(folder / "run", recipe, "auto")
    try:
        with SandboxService(recipe.sandbox, console.warn) as sandbox:
            data = preflight(recipe, console.warn)
            assert Pipeline(recipe, data, held, console, StopAfter(), make, sandbox).run()
    finally:
        held.close()
    return attempts


def status(folder: Path) -> str:
    return str(json.loads((folder / "run" / "summary.json").read_text())["status"])


def test_a_run_whose_trainer_is_lost_in_every_attempt_ends_as_failed_with_the_loss_as_its_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(WorkerLost, match=rf"OutOfMemoryError\): attempt {MAX_RESTARTS + 1}$"):
        run(tmp_path, survives=lambda attempt: False)
    assert status(tmp_path) == "failed"
    printed = capsys.readouterr()
    assert (printed.out + printed.err).count("the workers did not end in order: RuntimeError") == MAX_RESTARTS + 1
    assert (tmp_path / "run" / "report.html").exists()


def test_a_run_whose_trainer_is_lost_as_often_as_it_may_be_ends_well(tmp_path: Path) -> None:
    assert run(tmp_path, survives=lambda attempt: attempt > MAX_RESTARTS) == MAX_RESTARTS + 1
    assert status(tmp_path) == "completed"
    assert "memory watch" not in [thread.name for thread in threading.enumerate()]  # of this run, or of any before
