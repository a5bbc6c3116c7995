"""The console output of a run: a progress bar on a terminal, plain lines in a log file."""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

LINES_PER_STAGE = 10
"""Number of progress lines per stage when the output is not a terminal."""
LEAST_FOR_AN_ESTIMATE = 0.05
"""Part of a count after which the time that is left can be told."""
SECONDS_PER_LINE = 30.0
"""Time between two lines of a count when the output is not a terminal."""


class ConsoleLogger:
    """Prints the progress of a run. `step` is called after each step, inside the `with stage(...)` block."""

    def __init__(self, rich: Console | None = None) -> None:
        self.rich = rich or Console(highlight=False, soft_wrap=True)
        self._progress: Progress | None = None
        self._name, self._total, self._done = "", 0, 0
        self._pace: tuple[int, float] | None = None
        """The first step of this session in a stage, and when it ended."""
        self._kept: Path | None = None

    def keep(self, path: Path) -> None:
        """From now on also write what is said, but for progress, to this file: one JSON object a line."""
        self._kept = path

    def info(self, text: str, at: tuple[str, int] | None = None) -> None:
        """Print a line. `at`: the stage and step that it is of, where these are not the present ones."""
        self.rich.print(text, markup=False)
        self.record("info", text, at)

    def warn(self, text: str) -> None:
        """Print a line marked as a warning."""
        self.rich.print(f"warning: {text}", style="yellow", markup=False)
        self.record("warning", text)

    def record(self, kind: str, text: str, at: tuple[str, int] | None = None) -> None:
        """Keep a line without printing it. That a disk is full is said by what needs it more."""
        if self._kept is not None:
            stage, step = at or (self._name, self._done)
            line = {"time": round(time.time(), 3), "kind": kind, "stage": stage, "step": step, "text": text}
            with suppress(OSError), self._kept.open("a", encoding="utf-8", errors="surrogatepass") as file:
                file.write(json.dumps(line) + "\n")

    @contextmanager
    def stage(self, name: str, total: int) -> Iterator[None]:
        """Show the progress of one stage of `total` steps inside the `with` block."""
        self._name, self._total, self._done, self._pace = name, total, 0, None
        if not self.rich.is_terminal:
            yield
            return
        columns = (TextColumn("{task.description:>12}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        with Progress(*columns, TimeRemainingColumn(), TextColumn("{task.fields[note]}"), console=self.rich) as bar:
            self._progress, self._task = bar, bar.add_task(name, total=total, note="")
            yield
        self._progress = None

    @contextmanager
    def counting(self, name: str, total: int) -> Iterator[Callable[[int, str], None]]:
        """Show how far a count of `total` is; the function that is given takes what is done, and a note. A log file
        gets a line every half minute. Nothing is shown inside a stage, whose own bar is there."""
        if self._progress is not None:
            yield lambda done, note: None
        elif not self.rich.is_terminal:
            yield _Lines(name, total, lambda text: self.rich.print(text, markup=False))
        else:
            columns = (TextColumn("{task.description:>12}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
            with Progress(*columns, TimeRemainingColumn(), TextColumn("{task.fields[note]}"), console=self.rich) as bar:
                task = bar.add_task(name, total=total, note="")
                yield lambda done, note: bar.update(task, completed=done, note=note)

    def step(self, done: int, note: str) -> None:
        """Report that `done` steps of the stage are complete."""
        self._done = done
        self._pace = self._pace or (done, time.monotonic())
        if self._progress is not None:
            self._progress.update(self._task, completed=done, note=note)
        elif done == self._total or done % max(1, self._total // LINES_PER_STAGE) == 0:
            self.rich.print(f"{self._name} {done}/{self._total}  {note}{self._left(done)}", markup=False)

    def _left(self, done: int) -> str:
        """What is left of the stage, by the steps since the first one of this session."""
        first, since = self._pace or (done, 0.0)
        if done in (first, self._total):
            return ""
        return f"  {duration((time.monotonic() - since) / (done - first) * (self._total - done))} left"

    def table(self, rows: Sequence[tuple[str, ...]]) -> None:
        """Print rows in aligned columns."""
        for line in aligned(rows):
            self.info(line)


class _Lines:
    """A count as lines, one every `SECONDS_PER_LINE`."""

    def __init__(self, name: str, total: int, say: Callable[[str], None]) -> None:
        self._name, self._total, self._say = name, total, say
        self._start = self._last = time.monotonic()
        self._first: int | None = None

    def __call__(self, done: int, note: str) -> None:
        now = time.monotonic()
        if self._first is None:
            self._first = done  # what an earlier session has done says nothing of the speed of this one
        if now - self._last >= SECONDS_PER_LINE and done > self._first:
            self._last = now
            fresh = done - self._first
            left = duration((now - self._start) / fresh * (self._total - done))
            is_known = fresh >= LEAST_FOR_AN_ESTIMATE * self._total  # of a batch the first answers end together
            self._say(f"{self._name} {done}/{self._total}  {note}" + (f"  {left} left" if is_known else ""))


def duration(seconds: float) -> str:
    """Seconds as people say them. Example: `duration(5400) == "1 h 30 min"`"""
    minutes = round(seconds / 60)
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"


def aligned(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """The rows as indented lines with aligned columns."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))] if rows else []
    return ["  " + "  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip() for row in rows]
