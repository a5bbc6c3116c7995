"""A run whose workers are lost too often: its first error, and a summary that does not stay at `running`."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from openqwq.training.batches.collate import Batch
from openqwq.training.console import ConsoleLogger
from openqwq.training.errors import ClusterError, DeadlineExpired, WorkerLost
from openqwq.training.inline import InlineWorkerGroup
from openqwq.training.pipeline import restarts
from openqwq.training.pipeline.pipeline import MAX_RESTARTS, Pipeline
from openqwq.training.pipeline.preflight import preflight
from openqwq.training.pipeline.sandbox_service import SandboxService
from openqwq.training.records import UpdateReport
from openqwq.training.run_folder.folder import RunFolder
from tests.recipes.small_rl import StopAfter, small_rl

BASE = Path(__file__).resolve().parents[3] / "data" / "tiny" / "base"


class ShortOfMemory(InlineWorkerGroup):
    """Workers whose trainer is lost in every update but those of the attempts that `survives` names."""

    def __init__(self, attempt: int, survives: Callable[[int], bool], error: Callable[[int], BaseException]) -> None:
        super().__init__()
        self._attempt, self._survives, self._error = attempt, survives, error

    def update(self, batch: Batch) -> UpdateReport:
        if self._survives(self._attempt):
            return super().update(batch)
        raise self._error(self._attempt)

    def close(self) -> None:
        super().close()
        raise RuntimeError("the reward workers are gone as well")


def lost(attempt: int) -> BaseException:
    return WorkerLost(f"the update is lost (OutOfMemoryError): attempt {attempt}")


def run(
    folder: Path,
    survives: Callable[[int], bool],
    error: Callable[[int], BaseException] = lost,
    starts: Callable[[int], None] = lambda attempt: None,
) -> int:
    """Attempts that a run of four steps needs. `starts` may refuse to start the workers of an attempt."""
    attempts = 0

    def make() -> InlineWorkerGroup:
        nonlocal attempts
        attempts += 1
        starts(attempts)
        return ShortOfMemory(attempts, survives, error)

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


@pytest.mark.parametrize(
    ("error", "attempts", "ends_as"),
    [
        (lambda attempt: DeadlineExpired("the update did not answer in 1800 s"), 2, "failed"),
        (lambda attempt: ClusterError("the update failed: ValueError: no such thing"), 1, "failed"),
        (lambda attempt: KeyboardInterrupt(), 1, "interrupted"),
    ],
    ids=["silent", "fault", "second interrupt"],
)
def test_what_is_no_loss_ends_the_run_soon_and_its_summary_says_so(
    tmp_path: Path, error: Callable[[int], BaseException], attempts: int, ends_as: str
) -> None:
    made: list[int] = []
    with pytest.raises(type(error(0))):
        run(tmp_path, lambda attempt: False, error, made.append)
    assert (len(made), status(tmp_path)) == (attempts, ends_as)


def test_a_crash_at_the_start_is_a_loss_and_missing_machines_are_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(restarts, "FIRST_PAUSE_SECONDS", 0.001)

    def starts(attempt: int) -> None:
        if attempt == 1:
            raise WorkerLost("starting the workers is lost (WorkerCrashedError): crashed")
        if attempt in (2, 3):
            raise ClusterError("the placement does not fit")

    assert run(tmp_path, lambda attempt: True, starts=starts) == 4
    assert status(tmp_path) == "completed"
    printed = capsys.readouterr()
    assert (printed.out + printed.err).count("the placement does not fit; waiting up to 15 min for machines") == 1


def test_a_run_that_never_had_room_is_refused_at_once(tmp_path: Path) -> None:
    def starts(attempt: int) -> None:
        raise ClusterError("the placement does not fit")

    with pytest.raises(ClusterError, match="does not fit"):
        run(tmp_path, lambda attempt: True, starts=starts)
    assert status(tmp_path) == "failed"


def test_a_summary_is_written_over_the_old_one_where_the_disk_is_full(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, text: str) -> None:
        raise OSError(28, "No space left on device")

    recipe = small_rl(tmp_path, BASE, regression_check=None)
    held = RunFolder(tmp_path / "run", recipe, "auto")
    held.write_summary({"status": "running", "stages": ["a", "b", "c"]})
    monkeypatch.setattr("openqwq.training.run_folder.folder.write_text", full)
    held.write_summary({"status": "failed"})
    assert status(tmp_path) == "failed"
    held.close()


def test_a_summary_of_a_killed_driver_is_corrected_by_the_next_start(tmp_path: Path) -> None:
    recipe = small_rl(tmp_path, BASE, regression_check=None)
    held = RunFolder(tmp_path / "run", recipe, "auto")
    for before, after in (("running", "killed"), ("completed", "completed")):
        held.write_summary({"status": before, "seconds": 3})
        held.settle("killed")
        assert json.loads((tmp_path / "run" / "summary.json").read_text()) == {"status": after, "seconds": 3}
    (tmp_path / "run" / "summary.json").write_text('{"status": "runn')
    held.settle("killed")  # one that was cut short says nothing
    held.close()
