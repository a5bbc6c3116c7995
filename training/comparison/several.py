"""`openqwq report RUN RUN`: run folders as arms, and their page."""

import json
from collections.abc import Sequence
from pathlib import Path

from openqwq.training.comparison.page import FREE, Arm, render_arms
from openqwq.training.comparison.paired_runs import Comparison, compare
from openqwq.training.comparison.result import RunResult
from openqwq.training.errors import RunFolderError
from openqwq.training.run_folder.folder import write_text
from openqwq.training.run_folder.record import RunRecord, read_run


def write_comparison(run_dirs: Sequence[Path], target: Path) -> Path:
    """Write the page of several runs. Those whose recipes differ in nothing but the seed are the seeds of one arm; the
    arm of the first run is the baseline.

    Raises:
        RunFolderError: one is no run folder, or two are the same recipe with the same seed.
    """
    arms = arms_of([read_run(path) for path in dict.fromkeys(path.absolute() for path in run_dirs)])
    page = render_arms("Runs side by side", "", arms, against_first(arms), target.parent)
    write_text(target, page)
    return target


def against_first(arms: Sequence[Arm]) -> list[Comparison]:
    """Every arm compared with the first one."""
    runs = {
        (arm.name, seed_of(run)): (RunResult(arm.name, seed_of(run), run.summary), run.path)
        for arm in arms
        for run in arm.runs
    }
    return compare(runs, arms[0].name, {})


def arms_of(records: Sequence[RunRecord]) -> list[Arm]:
    """The runs by recipe, in their order. An arm has the name of its recipe, or where others have that as well, of the
    folder of its first run."""
    groups: dict[str, dict[int, RunRecord]] = {}
    for record in records:
        recipe = {key: value for key, value in record.recipe.items() if key not in FREE}
        seeds = groups.setdefault(json.dumps(recipe, sort_keys=True, default=str) if recipe else str(record.path), {})
        if (seed := seed_of(record)) in seeds:
            raise RunFolderError(
                f"{seeds[seed].path} and {record.path} have the same recipe and seed; name only one of them"
            )
        seeds[seed] = record
    firsts = [next(iter(seeds.values())) for seeds in groups.values()]
    names = [str(first.recipe.get("name") or first.path.name) for first in firsts]
    for others in ([first.path.name for first in firsts], [str(first.path) for first in firsts]):
        names = others if len(set(names)) < len(names) else names
    first, *rest = {name.partition("-")[0] for name in names}
    names = [name.removeprefix(f"{first}-") for name in names] if not rest and len(names) > 1 else names
    return [Arm(name, list(seeds.values())) for name, seeds in zip(names, groups.values(), strict=True)]


def seed_of(record: RunRecord) -> int:
    """The seed of a run; 0 where its folder does not say."""
    seed = record.summary.get("seed", record.recipe.get("seed"))
    return seed if isinstance(seed, int) else 0
