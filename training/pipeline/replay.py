"""Computes logged steps of a run again and reports whether they are the same, bit for bit.

The work is done by the run's own code in a scratch folder, from the newest checkpoint before the step that is still
there, or from the start of the stage. The run's folder is only read.
"""

import json
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from openqwq.training.config import Recipe, RlStage
from openqwq.training.config.files import validate
from openqwq.training.config.renamed import current_metric, current_names
from openqwq.training.console import ConsoleLogger
from openqwq.training.errors import CheckpointError, Interrupted, RecipeError
from openqwq.training.pipeline.launch import check_local_placement, workers_maker
from openqwq.training.pipeline.pipeline import Pipeline
from openqwq.training.pipeline.preflight import preflight
from openqwq.training.pipeline.sandbox_service import sandbox_of_run
from openqwq.training.pipeline.stages import rerun_rl_stage
from openqwq.training.run_folder.folder import RunFolder, read_entries, write_entries

CLOCK = "time/"
"""Names that begin like this are clocks: they differ from run to run."""


def replay(run_dir: Path, step: int, stage_name: str | None) -> int:
    """Re-compute step `step`; returns 0 when it is identical, else 1.

    Raises:
        RecipeError: no such run, stage or step.
    """
    recipe = _recipe_of(run_dir)
    stage = _stage_of(recipe, run_dir, step, stage_name)
    console = ConsoleLogger()
    is_inline = _is_inline(run_dir)
    if not is_inline:
        check_local_placement(recipe)
    with tempfile.TemporaryDirectory(prefix="openqwq-replay-") as name:
        scratch = Path(name) / "run"
        start = _copy_until(run_dir, scratch, recipe, stage, step)
        console.info(f"replaying {stage.name} from {'its start' if start == 0 else f'step {start}'} to step {step}")
        _run(recipe, stage, scratch, step, console, is_inline)
        return _compare(run_dir, scratch, stage.name, range(start + 1, step + 1), console)


def _recipe_of(run_dir: Path) -> Recipe:
    saved = run_dir / "recipe.yaml"
    if not saved.is_file():
        raise RecipeError(f"{run_dir} is no run folder: it has no recipe.yaml")
    return validate(current_names(yaml.safe_load(saved.read_text()), warn=False), str(saved))


def _stage_of(recipe: Recipe, run_dir: Path, step: int, name: str | None) -> RlStage:
    stages = [stage for stage in recipe.stages if isinstance(stage, RlStage) and name in (None, stage.name)]
    if not stages:
        raise RecipeError(f"no RL stage {name!r} in this run; it has {[s.name for s in recipe.stages]}")
    logged = [stage for stage in stages if step in logged_steps(run_dir, stage.name)]
    if not logged:
        known = {stage.name: len(logged_steps(run_dir, stage.name)) for stage in stages}
        raise RecipeError(f"step {step} is not in the log; logged steps by stage: {known}")
    return logged[-1]


def logged_steps(run_dir: Path, stage: str) -> dict[int, dict[str, Any]]:
    """Step -> its metrics without clocks; the lines of one step are merged, a regression check's among them."""
    path = run_dir / "metrics.jsonl"
    steps: dict[int, dict[str, Any]] = {}
    for line in path.read_text().splitlines() if path.is_file() else ():
        entry = json.loads(line)
        if entry["stage"] == stage:
            numbers = {current_metric(name): value for name, value in entry.items() if not name.startswith(CLOCK)}
            steps.setdefault(entry["step"], {}).update(numbers)
    return steps


def _is_inline(run_dir: Path) -> bool:
    path = run_dir / "execution.json"
    return bool(json.loads(path.read_text())["inline"]) if path.is_file() else False


def _copy_until(run_dir: Path, scratch: Path, recipe: Recipe, stage: RlStage, step: int) -> int:
    """A run folder that is about to do the steps behind the newest checkpoint before `step`; returns that step."""
    scratch.mkdir()
    shutil.copy(run_dir / "recipe.yaml", scratch)
    if (run_dir / "evals").is_dir():
        shutil.copytree(run_dir / "evals", scratch / "evals")
    done, names = read_entries(run_dir), [s.name for s in recipe.stages]
    earlier = [name for name in names[: names.index(stage.name)] if name in done]
    write_entries(scratch, [done[name] for name in earlier])
    (scratch / "checkpoints" / stage.name).mkdir(parents=True)
    for name in earlier:
        (scratch / "checkpoints" / name).symlink_to((run_dir / "checkpoints" / name).absolute())
    store = RunFolder.checkpoint_store(run_dir, stage.name, 1)
    for saved in reversed([s for s in store.steps() if s < step]):
        try:
            store.read(saved)
        except CheckpointError:
            continue  # damaged: an older one, or the start, will do
        (scratch / "checkpoints" / stage.name / f"step_{saved}").symlink_to(store.path(saved).absolute())
        return saved
    return 0


def _run(recipe: Recipe, stage: RlStage, scratch: Path, step: int, console: ConsoleLogger, is_inline: bool) -> None:
    data = preflight(recipe, console.warn)
    folder = RunFolder(scratch, recipe, "auto")

    def reached() -> bool:
        return step in logged_steps(scratch, stage.name)

    with sandbox_of_run(recipe, data, console.warn) as sandbox:
        make_workers = workers_maker(recipe, is_inline, _NoStop(), console.warn)
        pipeline = Pipeline(recipe, data, folder, console, reached, make_workers, sandbox)
        try:
            rerun_rl_stage(pipeline.enter(stage), stage)
        except Interrupted:
            pass  # raised when the replay stops after the step
        finally:
            pipeline.close()
            folder.close()


class _NoStop:
    """A replay ends by itself; Ctrl-C ends it at once."""

    def listen(self) -> None:
        """Leaves the signals as they are."""


def _compare(run_dir: Path, scratch: Path, stage: str, steps: range, console: ConsoleLogger) -> int:
    logged, again = logged_steps(run_dir, stage), logged_steps(scratch, stage)
    is_same = True
    for step in steps:
        differing = _differences(logged.get(step, {}), again.get(step, {}))
        file = Path("rollouts") / stage / f"step_{step}.jsonl.gz"
        if (run_dir / file).is_file() and (run_dir / file).read_bytes() != (scratch / file).read_bytes():
            differing.append("rollouts")
        is_same = is_same and not differing
        console.info(f"{stage} step {step}: " + (f"DIFFERS in {', '.join(differing)}" if differing else "identical"))
    return 0 if is_same else 1


def _differences(a: Mapping[str, Any], b: Mapping[str, Any]) -> list[str]:
    # by their text: NaN equals itself there, and every bit of a float shows
    return [name for name in sorted({*a, *b}) if repr(a.get(name)) != repr(b.get(name))]
