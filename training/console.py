"""What a person sees of a run: a progress bar on a terminal, plain lines in a log."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

LINES_PER_STAGE = 10
"""Progress lines of a stage when the output is not a terminal."""


class ConsoleLogger:
    """Reports what the run does. `step` is called after each step of the stage that `stage` opened."""

    def __init__(self, rich: Console | None = None) -> None:
        self.rich = rich or Console(highlight=False, soft_wrap=True)
        self._progress: Progress | None = None
        self._name, self._total = "", 0

    def info(self, text: str) -> None:
        """A line."""
        self.rich.print(text, markup=False)

    def warn(self, text: str) -> None:
        """A line that should not be missed."""
        self.rich.print(f"warning: {text}", style="yellow", markup=False)

    @contextmanager
    def stage(self, name: str, total: int) -> Iterator[None]:
        """Progress of one stage."""
        self._name, self._total = name, total
        if not self.rich.is_terminal:
            yield
            return
        columns = (TextColumn("{task.description:>12}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        with Progress(*columns, TimeRemainingColumn(), TextColumn("{task.fields[note]}"), console=self.rich) as bar:
            self._progress, self._task = bar, bar.add_task(name, total=total, note="")
            yield
        self._progress = None

    def step(self, done: int, note: str) -> None:
        """`done` of the stage's steps are over."""
        if self._progress is not None:
            self._progress.update(self._task, completed=done, note=note)
        elif done == self._total or done % max(1, self._total // LINES_PER_STAGE) == 0:
            self.info(f"{self._name} {done}/{self._total}  {note}")

    def table(self, rows: Sequence[tuple[str, ...]]) -> None:
        """Aligned columns."""
        for line in aligned(rows):
            self.info(line)


def aligned(rows: Sequence[tuple[str, ...]]) -> list[str]:
    """Rows as lines with aligned columns, indented."""
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))] if rows else []
    return ["  " + "  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip() for row in rows]
