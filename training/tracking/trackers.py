"""All trackers of a run: built by name, told each step once, and dropped with a warning where one fails."""

import importlib.metadata
import json
import math
import time
import uuid
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from openqwq.training.config import Logging, Recipe
from openqwq.training.config.files import suggest
from openqwq.training.errors import RecipeError
from openqwq.training.tracking.software import versions
from openqwq.training.tracking.tensorboard_tracker import TensorboardTracker
from openqwq.training.tracking.tracker import TrackedRun, Tracker
from openqwq.training.tracking.wandb_tracker import TrackioTracker, WandbTracker

ENTRY_POINT_GROUP = "openqwq.trackers"
BUILT_IN: dict[str, Callable[..., Any]] = {
    "wandb": WandbTracker,
    "tensorboard": TensorboardTracker,
    "trackio": TrackioTracker,
}
EVALUATION = "evaluation"
"""Name, beside the stages, under which accuracies stand: step 0 is the recipe's model, step n the n-th stage."""
SETTLED_SECONDS = 30.0
"""Age from which on a step that was sent counts as arrived, also when the run is killed. Of a killed run the steps of
this time are sent again, with the same numbers at the same place."""
MEMORY = "tracking.json"
"""File of the run folder that holds the run's id for trackers, and the last step of each stage that was sent."""


def build_trackers(logging: Logging) -> dict[str, Tracker]:
    """The trackers that a recipe names, by their names.

    Raises:
        RecipeError: one does not exist, takes other arguments, or cannot be used here.
    """
    found: dict[str, Tracker] = {}
    if logging.wandb != "off":
        found["wandb"] = WandbTracker(logging.wandb_project, logging.wandb)
    for use in logging.trackers:
        if use.name in found:
            raise RecipeError(f"logging.trackers: {use.name} is named twice, or beside logging.wandb")
        try:
            found[use.name] = _maker(use.name)(**use.arguments)
        except TypeError as error:
            raise RecipeError(f"logging.trackers: {use.name} does not take these arguments: {error}") from error
    for tracker in found.values():
        if hasattr(tracker, "check"):
            tracker.check()
    return found


def _maker(name: str) -> Callable[..., Tracker]:
    if name in BUILT_IN:
        return BUILT_IN[name]
    installed = {entry.name: entry for entry in importlib.metadata.entry_points(group=ENTRY_POINT_GROUP)}
    if name not in installed:
        raise RecipeError(f"logging.trackers: no tracker is named {name!r}{suggest(name, [*BUILT_IN, *installed])}")
    try:
        made: Callable[..., Tracker] = installed[name].load()
    except Exception as error:  # whatever a foreign module raises when it is imported
        raise RecipeError(f"logging.trackers: {name} fails to import: {type(error).__name__}: {error}") from error
    return made


class Trackers:
    """The started trackers of a run."""

    def __init__(self, trackers: Mapping[str, Tracker], run: TrackedRun, warn: Callable[[str], None]) -> None:
        """Start them.

        Raises:
            RecipeError: one cannot be used as the recipe asks.
        """
        self._memory, self._warn = run.folder / MEMORY, warn
        self._earlier: dict[str, int] = dict(_read(self._memory).get("sent", {}))
        self._settled = dict(self._earlier)
        self._recent: deque[tuple[float, str, int]] = deque()
        self._id = run.id
        self._open = dict(trackers)
        self._tell(lambda tracker: tracker.start(run))

    def log(self, stage: str, step: int, numbers: Mapping[str, float]) -> None:
        """Numbers of a step; nothing where an earlier session sent the step."""
        if self._is_new(stage, step):
            self._tell(lambda tracker: tracker.log(stage, step, numbers))
            self._remember(stage, step)

    def table(self, stage: str, step: int, name: str, rows: Sequence[Mapping[str, Any]]) -> None:
        """Rows of a step; nothing where an earlier session sent them."""
        key = f"{stage}/{name}"
        if rows and self._is_new(key, step):
            self._tell(lambda tracker: tracker.table(stage, step, name, rows))
            self._remember(key, step)

    def _is_new(self, key: str, step: int) -> bool:
        """Accuracies are measured once, and again where a stage was extended."""
        return step > self._earlier.get(key, -1) or key.partition("/")[0] == EVALUATION

    def close(self) -> None:
        """End the session of every tracker; what was sent has arrived then."""
        self._tell(lambda tracker: tracker.close())
        if self._open:
            self._settle(math.inf)
        self._open = {}

    def _tell(self, call: Callable[[Tracker], None]) -> None:
        for name, tracker in list(self._open.items()):
            try:
                call(tracker)
            except RecipeError:
                raise
            except Exception as error:  # a service that is away must not cost a training
                del self._open[name]
                words = f"{type(error).__name__}: {' '.join(str(error).split())[:200]}"
                self._warn(
                    f"the tracker {name} failed ({words}); the run goes on without it, metrics.jsonl has everything"
                )

    def _remember(self, key: str, step: int) -> None:
        if self._open:
            self._recent.append((time.monotonic(), key, step))
            self._settle(time.monotonic() - SETTLED_SECONDS)

    def _settle(self, until: float) -> None:
        """Remember what was sent before `until`: trackers send in the background, and a kill loses the rest."""
        while self._recent and self._recent[0][0] < until:
            _, key, step = self._recent.popleft()
            self._settled[key] = max(step, self._settled.get(key, -1))
        self._memory.write_text(json.dumps({"id": self._id, "sent": self._settled}) + "\n")


def start_trackers(recipe: Recipe, folder: Path, warn: Callable[[str], None]) -> Trackers:
    """Build and start the trackers of a run.

    Raises:
        RecipeError: as `build_trackers`.
    """
    stages = (*(stage.name for stage in recipe.stages), EVALUATION)
    config = {"recipe": recipe.model_dump(mode="json"), "versions": versions()}
    return start_named(recipe.logging, f"{recipe.name}-seed{recipe.seed}", folder, stages, config, warn)


def start_named(
    logging: Logging,
    name: str,
    folder: Path,
    stages: tuple[str, ...],
    config: Mapping[str, Any],
    warn: Callable[[str], None],
) -> Trackers:
    """Build and start trackers of what is kept in `folder` and has this name. The folder keeps its id.

    Raises:
        RecipeError: as `build_trackers`.
    """
    trackers = build_trackers(logging)
    safe = "".join(sign if sign.isalnum() else "-" for sign in name)
    run_id = _read(folder / MEMORY).get("id") or f"{safe}-{uuid.uuid4().hex[:8]}"
    run = TrackedRun(run_id, name, folder, stages, config)
    if trackers:  # before the first step: a session that ends earlier is the same run, too
        (folder / MEMORY).write_text(json.dumps({"sent": {}, **_read(folder / MEMORY), "id": run.id}) + "\n")
    return Trackers(trackers, run, warn)


def _read(path: Path) -> dict[str, Any]:
    """The memory of earlier sessions; nothing where there is none or a kill has cut it."""
    try:
        tree = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return tree if isinstance(tree, dict) else {}
