"""Runs the arms of an ablation over seeds, each in a process and a run folder of its own, and prints one table.

`schema.py` defines the file format, `arms.py` the recipe and folder of an arm, `starting.py` its process, `table.py`
the table.
"""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from openqwq.training.ablation.arms import arm_recipe, check_folder, check_reuse, nearest, seed_folder
from openqwq.training.ablation.schema import Ablation, Arm, Reuse
from openqwq.training.ablation.starting import Run, RunProcesses, run_all
from openqwq.training.ablation.table import markdown, means, table_part, to_json
from openqwq.training.ablation.tracked import send_to_trackers
from openqwq.training.comparison.page import Arm as PlottedArm
from openqwq.training.comparison.page import render_arms
from openqwq.training.comparison.paired_runs import Runs, compare, comparison_table, tidy
from openqwq.training.comparison.result import RunResult, read_result
from openqwq.training.config import Logging, Recipe, Section
from openqwq.training.config.files import PACKAGE, dump_recipe
from openqwq.training.console import ConsoleLogger
from openqwq.training.errors import Interrupted, OpenqwqError, RecipeError
from openqwq.training.run_folder.folder import write_text
from openqwq.training.run_folder.record import read_run

Start = Callable[[Path, Path], int]
"""A function (recipe file, run folder) -> exit status of the run."""


def run_ablation(
    path_or_name: str,
    overrides: Sequence[str],
    run_dir: Path | None,
    table: Path | None,
    start: Start | None = None,
    console: ConsoleLogger | None = None,
    *,
    seeds: Sequence[int] = (),
    only: Sequence[str] = (),
    at_once: int = 1,
) -> int:
    """Run the unfinished arms, print the table, write it as `table.json` and the scores as `scores.csv`; returns 0 if
    every arm has a result, else 1.

    A failed gate is a result. An arm that ends without a result is reported, and the other arms still run. `seeds`
    take the place of the ablation's. With `only`, no other arm is run; the table still has what earlier sessions
    finished. `at_once` runs go on at a time; an arm that reuses stages waits for the run that has them.

    Raises:
        RecipeError: the ablation, an override or an arm's recipe cannot be used; nothing was started.
        Interrupted: the ablation was asked to stop; the run in progress has saved a checkpoint.
    """
    console, start = console or ConsoleLogger(), start or RunProcesses(at_once=at_once)
    ablation, base = load_ablation(path_or_name)
    folder = (run_dir or Path("runs") / ablation.name).absolute()
    for name in only:
        if name not in ablation.arms:
            raise RecipeError(f"--only: {ablation.name} has no arm {name!r}{nearest(name, list(ablation.arms))}")
    known = [(name, seed) for seed in seeds or ablation.seeds for name in ablation.arms]
    plan = [(name, seed) for name, seed in known if not only or name in only]
    recipes = {(name, seed): arm_recipe(ablation, base, name, seed, overrides) for name, seed in known}
    for (name, seed), recipe in recipes.items():
        if (reuse := ablation.arms[name].reuse) is not None:
            check_reuse(name, recipe, recipes[reuse.arm, seed], reuse)
        check_folder(run_folder(folder, name, seed), recipe)

    after = {
        (name, seed): (reuse.arm, seed) for name, seed in known if (reuse := ablation.arms[name].reuse) is not None
    }

    def run(one: Run) -> None:
        (name, seed), target = one, run_folder(folder, *one)
        words = f"[{plan.index(one) + 1}/{len(plan)}] {name}, seed {seed}"
        if read_result(target, name, seed).is_finished:
            console.info(f"{words}: finished in an earlier session")
            return
        console.info(f"{words}: {target}")
        try:
            if (reuse := ablation.arms[name].reuse) is not None:
                seed_folder(target, recipes[one], run_folder(folder, reuse.arm, seed), reuse)
            status = start(_write_recipe(folder, target.name, recipes[one]), target)
        except Interrupted:
            raise
        except OpenqwqError as error:
            console.warn(f"{name}, seed {seed}: {error}")
            return
        if not (result := read_result(target, name, seed)).is_finished:
            console.warn(f"{name}, seed {seed} gave no result (exit status {status}); the same command tries again")
        elif at_once > 1:
            console.info(f"{words}: {result.status}")

    run_all(plan, after, run, at_once, getattr(start, "stop", lambda: None))
    results = [read_result(run_folder(folder, name, seed), name, seed) for name, seed in known]
    shown = [result for result in results if result.is_finished or (result.arm, result.seed) in plan]
    return _report(ablation, folder, shown, table, console, next(iter(recipes.values())).logging)


def run_folder(folder: Path, arm: str, seed: int) -> Path:
    """The run folder of an arm with a seed."""
    return folder / f"{arm}-seed{seed}"


def _write_recipe(folder: Path, name: str, recipe: Recipe) -> Path:
    path = folder / "recipes" / f"{name}.yaml"
    write_text(path, dump_recipe(recipe))
    return path


def _report(
    ablation: Ablation,
    folder: Path,
    results: Sequence[RunResult],
    table: Path | None,
    console: ConsoleLogger,
    logging: Logging,
) -> int:
    runs = {(r.arm, r.seed): (r, run_folder(folder, r.arm, r.seed)) for r in results}
    baseline = ablation.baseline or next(iter(ablation.arms))
    comparisons = compare(runs, baseline, {name: arm.beside for name, arm in ablation.arms.items()})
    first = table_part(*comparison_table(baseline, comparisons))
    text = markdown(ablation.name, ablation.description, results, first)
    tree = to_json(ablation.name, results) | {
        "baseline": baseline,
        "comparisons": [comparison.to_json() for comparison in comparisons],
    }
    write_text(folder / "table.json", json.dumps(tree, indent=2) + "\n")
    write_text(folder / "scores.csv", tidy(runs))
    page = folder / "report.html"
    write_text(page, render_arms(ablation.name, ablation.description, _arms(runs, baseline), comparisons, folder))
    console.info(f"{text}\npage: {page}")
    if table is not None:
        write_text(table, text)
        console.info(f"table: {table}")
    num_finished = sum(result.is_finished for result in results)
    described = ablation.model_dump(mode="json")
    send_to_trackers(ablation.name, folder, logging, described, comparisons, means(results), num_finished, console.warn)
    missing = [f"{r.arm}-seed{r.seed}" for r in results if not r.is_finished]
    if missing:
        console.warn(f"without a result: {', '.join(missing)}")
    return 1 if missing else 0


def _arms(runs: Runs, baseline: str) -> list[PlottedArm]:
    """The arms with a run folder, the baseline first."""
    names = sorted(dict.fromkeys(name for name, _ in runs), key=lambda name: name != baseline)
    found = {
        name: [read_run(path) for (arm, _), (result, path) in runs.items() if arm == name and result.summary]
        for name in names
    }
    return [PlottedArm(name, records) for name, records in found.items() if records]


def load_ablation(path_or_name: str) -> tuple[Ablation, str]:
    """The ablation, and its recipe as a path or the name of a shipped recipe.

    Raises:
        RecipeError: there is no such file, it is not YAML, or a key or value is invalid.
    """
    path = _find(path_or_name)
    try:
        tree = yaml.safe_load(path.read_text())
        ablation = Ablation.model_validate(tree)
    except (yaml.YAMLError, OSError, UnicodeDecodeError) as error:
        raise RecipeError(f"{path}: not readable as YAML: {' '.join(str(error).split())}") from error
    except ValidationError as error:
        raise RecipeError("\n".join(f"{path.name}: {_explain(fault)}" for fault in error.errors())) from error
    beside = path.parent / ablation.recipe
    return ablation, str(beside) if beside.is_file() else ablation.recipe


def _find(path_or_name: str) -> Path:
    shipped = PACKAGE / "recipes" / "ablations"
    short = path_or_name.removeprefix("recipes/").removeprefix("ablations/").removesuffix(".yaml")
    for candidate in (Path(path_or_name), shipped / f"{short}.yaml"):
        if candidate.is_file():
            return candidate.resolve()
    names = ", ".join(sorted(path.stem for path in shipped.glob("*.yaml")))
    raise RecipeError(f"no ablation {path_or_name!r}; shipped ablations are {names}")


def _explain(fault: Any) -> str:
    location = [str(part) for part in fault["loc"]]
    key = ".".join(location) or "ablation"
    if fault["type"] == "extra_forbidden":
        by_depth: dict[int, type[Section]] = {1: Ablation, 3: Arm, 4: Reuse}  # key, arms.NAME.key, arms.NAME.reuse.key
        section = by_depth.get(len(location), Arm)
        return f"{key}: unknown key{nearest(location[-1], list(section.model_fields))}"
    if fault["type"] == "missing":
        return f"{key}: required key is missing"
    shown = "" if isinstance(fault["input"], dict | list) else f", got {fault['input']!r}"
    return f"{key}: {fault['msg'].removeprefix('Value error, ')}{shown}"
