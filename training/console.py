"""What a person sees of a run: a progress bar on a terminal, plain lines in a log."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

LINES_PER_STAGE = 10
"""Progress lines of a stage when the output is not a terminal."""


class Narrator:
    """Says what the run does. `step` is called after each step of the stage that `stage` opened."""

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(highlight=False, soft_wrap=True)
        self._progress: Progress | None = None
        self._name, self._total = "", 0

    def say(self, text: str) -> None:
        """A line."""
        self.console.print(text, markup=False)

    def warn(self, text: str) -> None:
        """A line that should not be missed."""
        self.console.print(f"warning: {text}", style="yellow", markup=False)

    @contextmanager
    def stage(self, name: str, total: int) -> Iterator[None]:
        """Progress of one stage."""
        self._name, self._total = name, total
        if not self.console.is_terminal:
            yield
            return
        columns = (TextColumn("{task.description:>12}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        with Progress(*columns, TimeRemainingColumn(), TextColumn("{task.fields[note]}"), console=self.console) as bar:
            self._progress, self._task = bar, bar.add_task(name, total=total, note="")
            yield
        self._progress = None

    def step(self, done: int, note: str) -> None:
        """`done` of the stage's steps are over."""
        if self._progress is not None:
            self._progress.update(self._task, completed=done, note=note)
        elif done == self._total or done % max(1, self._total // LINES_PER_STAGE) == 0:
            self.say(f"{self._name} {done}/{self._total}  {note}")

    def table(self, rows: Sequence[tuple[str, ...]]) -> None:
        """Aligned columns."""
        widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
        for row in rows:
            self.say("  " + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
