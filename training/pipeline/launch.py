"""Starts a run or an evaluation: preflight, then services and workers, then the pipeline."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from openqwq.training.backends.number_format import with_dtype
from openqwq.training.cluster.object_store import with_object_store
from openqwq.training.cluster.supported import not_yet_possible
from openqwq.training.config import Gate, Recipe
from openqwq.training.console import ConsoleLogger
from openqwq.training.errors import Interrupted, RecipeError
from openqwq.training.inline import InlineWorkerGroup
from openqwq.training.pipeline.dry_run import score_canned_answers
from openqwq.training.pipeline.first_episodes import warn_of_environments
from openqwq.training.pipeline.pipeline import Pipeline
from openqwq.training.pipeline.preflight import preflight
from openqwq.training.pipeline.sandbox_service import sandbox_of_run
from openqwq.training.pipeline.scaled_model import with_yarn
from openqwq.training.rollout.vllm_version import check_version
from openqwq.training.run_folder.failures import told
from openqwq.training.run_folder.folder import CONSOLE, Resume, RunFolder, dtype_of_run, note_software
from openqwq.training.tracking.software import software
from openqwq.training.worker_group import WorkerGroup


def launch(
    recipe: Recipe,
    run_dir: Path | None,
    resume: Resume,
    stop: Any,
    is_inline: bool,
    console: ConsoleLogger | None = None,
) -> int:
    """Run a recipe in its folder; returns the exit status.

    Raises:
        OpenqwqError: nothing was started when it is a RecipeError, DataError, RunFolderError or a placement error.
    """
    console = console or ConsoleLogger()
    path = (run_dir or Path("runs") / f"{recipe.name}-seed{recipe.seed}").absolute()
    recipe = with_yarn(with_dtype(recipe, console.info, dtype_of_run(path)), path, console.warn)
    if not is_inline:
        if missing := not_yet_possible(recipe):
            raise RecipeError(f"this version cannot run the recipe: {'; '.join(missing)}")
        check_local_placement(recipe)
    if recipe.cluster.rollout.engine == "vllm":
        check_version()
    if resume == "auto" and (path / "recipe.yaml").exists() and (done := _finished_run(path, recipe)) is not None:
        console.info(f"{path} is finished; nothing to do. Report: {path / 'report.html'}")
        return 0 if done else 1
    data = preflight(recipe, console.warn)
    folder = RunFolder(path, recipe, resume)
    folder.settle("killed")
    if not folder.note_execution(is_inline):
        console.warn("the run was begun the other way (--inline or Ray); it goes on, but not bit for bit the same")
    note_software(path, software())
    console.keep(path / CONSOLE)
    console.info(f"recipe {recipe.name}, seed {recipe.seed}, run folder {path}")
    try:
        with sandbox_of_run(recipe, data, console.warn) as sandbox:
            # a verifier that fails on a canned answer is not asked for hours
            score_canned_answers(recipe, data, sandbox.urls, is_patient=True, done=folder.finished())
            warn_of_environments(recipe, data, sandbox.urls, console.warn, folder.finished())
            make_workers = workers_maker(recipe, is_inline, stop, console.warn, path)
            stop.listen()
            pipeline = Pipeline(recipe, data, folder, console, stop, make_workers, sandbox)
            passed = pipeline.run()
    except Interrupted as error:
        command = f"openqwq run {_resume_words(path)}"
        raise Interrupted(f"{error}; saved. Run the same command again to go on ({command})") from error
    except Exception as error:
        known = told(error, path)
        console.record("error", str(known))
        raise known from error
    finally:
        folder.close()
    console.info(f"report: {path / 'report.html'}")
    console.info(_verdict(recipe, passed))
    return 0 if passed else 1


def _verdict(recipe: Recipe, passed: bool) -> str:
    if not passed:
        return "a gate FAILED; see summary.json"
    has_gates = any(stage.gate != Gate() for stage in recipe.stages)
    return "every gate passed" if has_gates else "done; no stage has a gate"


def _finished_run(path: Path, recipe: Recipe) -> bool | None:
    """Whether every gate passed, if the folder holds this recipe's finished run; None if something is left to do."""
    folder = RunFolder(path, recipe, "auto")
    try:
        entries = folder.finished()
        if any(stage.name not in entries for stage in recipe.stages):
            return None
        has_passed = all(entry.has_passed for entry in entries.values())
        folder.settle("completed" if has_passed else "gate_failed")
    finally:
        folder.close()
    return has_passed


def _resume_words(path: Path) -> str:
    return f"'{path}/recipe.yaml' --run-dir '{path}'"


def check_local_placement(recipe: Recipe) -> None:
    """Refuse a placement that does not fit this machine before anything is loaded or started."""
    if recipe.cluster.address is None:
        from openqwq.training.cluster.placement import this_machine
        from openqwq.training.cluster.roles import check_fits

        check_fits(recipe.cluster, [this_machine(recipe.cluster)], "this machine")


def workers_maker(
    recipe: Recipe, is_inline: bool, stop: Any, warn: Callable[[str], None], folder: Path | None = None
) -> Callable[[], WorkerGroup]:
    """Starts the workers, and `stop.listen()` after them: Ray installs signal handlers of its own."""

    cluster = recipe.cluster if is_inline else with_object_store(recipe, warn)

    def make() -> WorkerGroup:
        workers: WorkerGroup
        if is_inline:
            workers = InlineWorkerGroup()
        else:
            from openqwq.training.cluster.ray_worker_group import RayWorkerGroup

            workers = RayWorkerGroup(cluster, folder, warn)
        stop.listen()
        return workers

    return make
