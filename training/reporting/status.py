"""`openqwq status`: what a run does, how far it is, since when nothing has moved, and whether it is sound."""

import statistics
import time
from collections.abc import Iterator
from pathlib import Path

from openqwq.training.console import ConsoleLogger, aligned, duration
from openqwq.training.diagnosis.diagnose import diagnose
from openqwq.training.diagnosis.finding import Diagnosis, Finding
from openqwq.training.run_folder.entry import StageEntry
from openqwq.training.run_folder.folder import CONSOLE
from openqwq.training.run_folder.record import RunRecord, read_run

RECENT = 20
"""Steps whose median time is that of the next one."""
SILENT = 5
"""Steps' times without a new file after which it is said that nothing moves; at least `SILENT_SECONDS`."""
SILENT_SECONDS = 120.0
LINES = 3
"""Newest warnings that are shown again."""
BEGINS = "recipe "
"""With this a session's first line begins (launch.py)."""
MARKS = {"good": "+", "wait": "?", "bad": "!"}


def print_status(run_dir: Path) -> int:
    """Print one screen; 0.

    Raises:
        RunFolderError: `run_dir` is not a run folder.
    """
    console = ConsoleLogger()
    for line in status_lines(read_run(run_dir), time.time()):
        console.info(line)
    return 0


def status_lines(record: RunRecord, now: float) -> Iterator[str]:
    """The screen. `now` in seconds, as the times of files are."""
    name = record.summary.get("recipe") or record.recipe.get("name") or record.path.name
    seed = record.summary.get("seed", record.recipe.get("seed", "?"))
    yield f"{name}, seed {seed}: {record.status}{_since(record, now)}"
    yield from aligned([(stage.name, stage.kind, _progress(record, stage)) for stage in record.stages])
    if moved := _newest(record.path):
        path, at = moved
        doing = f" ({_doing(path, record)})" if record.is_in_use else ""
        yield f"newest file: {path}, {duration(max(now - at, 0))} ago{doing}"
        longest = max(SILENT_SECONDS, SILENT * (_step_seconds(record) or 0))
        if record.is_in_use and now - at > longest:
            yield f"nothing has been written for {duration(now - at)}: look at the run's own output"
    for one in [one for one in record.said if one.kind != "info"][-LINES:]:
        yield f"{one.kind}, {duration(max(now - one.time, 0))} ago: {one.text}"
    if record.status in ("interrupted", "killed"):
        yield f"go on: openqwq run {record.path / 'recipe.yaml'} --run-dir {record.path}"
    yield from _said(diagnose(record))


def _progress(record: RunRecord, stage: StageEntry) -> str:
    if stage.name in record.finished:
        gate = (
            ""
            if stage.gate is None or not stage.gate.checks
            else f", gate {'passed' if stage.has_passed else 'FAILED'}"
        )
        return f"done in {duration(stage.seconds)}{gate}"
    done = record.last_step(stage.name)
    if not done:
        return "not yet"
    words = f"step {done} of {stage.steps or '?'}"
    reward, seconds = record.series(stage.name, "reward/mean"), _step_seconds(record, stage.name)
    if reward:
        words += f", reward {reward[-1][1]:.3f}"
    if seconds:
        left = f", about {duration((stage.steps - done) * seconds)} left" if stage.steps else ""
        words += f", {seconds:.1f} s a step{left}"
    return words


def _step_seconds(record: RunRecord, stage: str | None = None) -> float | None:
    """Median time of the newest steps, of a stage or of any."""
    names = [stage] if stage else [entry.name for entry in record.stages]
    values = [seconds for name in names for _, seconds in record.series(name, "time/step_seconds")]
    return statistics.median(values[-RECENT:]) if values else None


def _newest(folder: Path) -> tuple[Path, float] | None:
    """(file within the folder, time of its last change) of what was written last; reports and locks do not count."""
    times = []
    for path in folder.rglob("*"):
        try:
            if path.is_file() and path.name not in (".lock", "report.html"):
                times.append((path.stat().st_mtime, path))
        except OSError:  # a checkpoint that is being replaced
            continue
    if not times:
        return None
    at, path = max(times)
    return path.relative_to(folder), at


def _since(record: RunRecord, now: float) -> str:
    """When the session that goes on began."""
    began = [one.time for one in record.said if one.text.startswith(BEGINS)]
    return f" for {duration(max(now - began[-1], 0))}" if began and record.is_in_use else ""


def _doing(path: Path, record: RunRecord) -> str:
    """What a run is at that wrote this file last."""
    top, *rest = path.parts
    if top == CONSOLE and record.said:
        return f"it said: {record.said[-1].text}"
    if top == "evals" and rest:
        return f"evaluating after {rest[0].removesuffix('.json')}"
    if top == "checkpoints":
        return "saved a checkpoint"
    return "a step has ended, the next one is sampled" if top in ("rollouts", "metrics.jsonl") else "starting"


def _said(diagnosis: Diagnosis) -> Iterator[str]:
    rows: list[Finding] = [*diagnosis.learned, *diagnosis.kept, *diagnosis.signs]
    for finding in rows:
        yield f"{MARKS[finding.mood]} {finding.words}"
    if diagnosis.num_checked and not diagnosis.signs:
        yield f"+ none of {diagnosis.num_checked} signs of illness"
    if diagnosis.next_look:
        yield f"next: {diagnosis.next_look}"
