"""Writes `report.html` of a run folder: one self-contained page, at any time of the run."""

from pathlib import Path

from openqwq.training.reporting.page import render
from openqwq.training.reporting.rollouts import BUDGET
from openqwq.training.run_folder.folder import write_text
from openqwq.training.run_folder.record import read_run


def write_report(run_dir: Path, target: Path | None = None, rollout_bytes: int = BUDGET) -> Path:
    """Write the page of a run, by default as `report.html` in its folder; returns its path. Parts that the folder lacks
    are left out of the page.

    `rollout_bytes` bounds the compressed rollouts in it.

    Raises:
        RunFolderError: `run_dir` is not a run folder.
    """
    page = render(read_run(run_dir), rollout_bytes)
    path = target or run_dir / "report.html"
    write_text(path, page)
    return path
