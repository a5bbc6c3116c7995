"""`openqwq figure`: one figure of one run or of several as an SVG file, for a paper or a page."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from openqwq.training.comparison.page import Arm, forest_row, over_seeds
from openqwq.training.comparison.several import against_first, arms_of
from openqwq.training.errors import RunFolderError
from openqwq.training.reporting.charts import Figure, forest, line_chart
from openqwq.training.reporting.results import accuracy_over_run
from openqwq.training.run_folder.folder import write_text
from openqwq.training.run_folder.record import read_run


@dataclass(frozen=True)
class Choice:
    """What a figure is of; None is the first that there is."""

    stage: str | None = None
    metric: str = "reward/mean"
    suite: str | None = None
    title: str | None = None


def write_figure(name: str, run_dirs: Sequence[Path], choice: Choice, target: Path) -> Path:
    """Write a figure of `FIGURES` as an SVG file.

    Raises:
        RunFolderError: a folder is no run folder, or the runs do not have what the figure shows.
    """
    arms = arms_of([read_run(path) for path in dict.fromkeys(path.absolute() for path in run_dirs)])
    drawn = FIGURES[name](arms, choice)
    if not isinstance(drawn, Figure):
        wanted = ", ".join(f"{key} {value}" for key, value in vars(choice).items() if value and key != "title")
        raise RunFolderError(f"these runs hold nothing that figure {name} shows ({wanted})")
    write_text(target, drawn.alone())
    return target


def accuracy(arms: Sequence[Arm], choice: Choice) -> str:
    """Held-out accuracy after each stage of the first run."""
    return accuracy_over_run(arms[0].runs[0])


def curve(arms: Sequence[Arm], choice: Choice) -> str:
    """A metric over the steps of a stage: a curve for each arm, with a band from its lowest to its highest seed."""
    runs = [run for arm in arms for run in arm.runs]
    named = [stage.name for run in runs for stage in run.stages if run.series(stage.name, choice.metric)]
    stage = choice.stage or next(iter(named), "")
    lines, bands = {}, {}
    for arm in arms:
        if seeds := [series for run in arm.runs if (series := run.series(stage, choice.metric))]:
            lines[arm.name], bands[arm.name] = over_seeds(seeds)
    return line_chart(choice.title or f"{choice.metric} of {stage}", lines, bands=bands)


def differences(arms: Sequence[Arm], choice: Choice) -> str:
    """Every arm against the first one on a suite, with 95 % intervals over seeds and problems."""
    if len(arms) < 2:
        raise RunFolderError("figure differences compares runs of different recipes; name two or more")
    found = against_first(arms)
    suite = choice.suite or next((c.suite for c in found), "")
    rows = [forest_row(c) for c in found if c.suite == suite]
    return forest(choice.title or f"{suite}: difference to {arms[0].name}", rows) if rows else ""


FIGURES: Mapping[str, Callable[[Sequence[Arm], Choice], str]] = {
    "accuracy": accuracy,
    "curve": curve,
    "differences": differences,
}
