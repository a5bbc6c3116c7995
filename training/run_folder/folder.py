"""The run folder: its lock, its finished stages, and the paths in it. Files are written whole or not at all."""

import contextlib
import fcntl
import json
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any, Literal

import yaml

from openqwq.training.config import Recipe
from openqwq.training.config.files import dump_recipe
from openqwq.training.config.renamed import current_names
from openqwq.training.errors import RunFolderError
from openqwq.training.run_folder.checkpoint import CheckpointStore
from openqwq.training.run_folder.entry import StageEntry
from openqwq.training.run_folder.extension import extension
from openqwq.training.run_folder.mirror import CheckpointMirror, read_text_of, write_text_to

FREE_TO_CHANGE = {"logging", "cluster", "sandbox", "description", "keep_checkpoints", "checkpoints", "plan"}
"""Sections that may differ between the start of a run and its resumption."""


EXTENSIONS = "extensions.json"
SOFTWARE = "software.json"
CONSOLE = "console.jsonl"
"""What the run said, but for progress."""
Resume = Literal["auto", "never", "extend"]
MARKS_OF_A_RUN = (".lock", "execution.json", "state.json", "summary.json", "metrics.jsonl")
"""Beside `recipe.yaml`, which may be anybody's recipe."""


class RunFolder:
    """A run's folder, locked until `close` or the end of the process, even if it is killed."""

    def __init__(self, path: Path, recipe: Recipe, resume: Resume) -> None:
        """Open or create the folder. With `extend` the run goes on with the changes that `extension` allows, which
        `extensions.json` keeps.

        Raises:
            RunFolderError: it holds a run of another recipe, is in use, or holds a run although `resume` is `never`.
        """
        self.path = path
        self._stores: dict[str, CheckpointStore] = {}
        saved = path / "recipe.yaml"
        if path.exists() and not path.is_dir():
            raise RunFolderError(f"run folder {path} is a file; choose another with --run-dir")
        is_run = saved.exists() and any((path / name).exists() for name in MARKS_OF_A_RUN)
        if is_run:
            if resume == "never":
                raise RunFolderError(f"run folder {path} already holds a run; choose another with --run-dir")
            if resume == "auto":
                _refuse_other_recipe(path, _read_recipe(saved), recipe)
        elif path.is_dir() and any(p.name != ".lock" for p in path.iterdir()):
            raise RunFolderError(f"run folder {path} is not empty and holds no run; choose another with --run-dir")
        try:
            path.mkdir(parents=True, exist_ok=True)
            self._lock = _lock(path)
            if is_run and resume == "extend":
                self._extend(recipe)
            if not saved.exists():
                write_text(saved, dump_recipe(recipe))
        except OSError as error:
            raise RunFolderError(
                f"run folder {path} cannot be written: {error.strerror}; choose another with --run-dir, or make room"
            ) from error

    def _extend(self, recipe: Recipe) -> None:
        saved = self.path / "recipe.yaml"
        done = self._steps_done([stage.name for stage in recipe.stages])
        found = extension(_read_recipe(saved), recipe.model_dump(mode="json"), frozenset(FREE_TO_CHANGE), done)
        if not found.changes:
            return
        entries = self.finished()
        reopened = entries.pop(found.stage, None) if found.stage is not None else None
        note = {
            "stage": found.stage,
            "after_step": done.get(found.stage) if found.stage is not None else None,
            "changes": {key: {"before": before, "after": after} for key, (before, after) in found.changes.items()},
            "new_prompts": sorted(found.new_prompts),
            "entry": None if reopened is None else reopened.to_json(),
        }
        write_text(self.path / EXTENSIONS, json.dumps([*self.extensions(), note], indent=1) + "\n")
        if reopened is not None:  # it is measured again when it ends again; what it had reached stays beside
            measured = self.evals / f"{reopened.name}.json"
            if measured.exists():
                measured.rename(self.evals / f"{reopened.name}_step_{done[reopened.name]}.json")
            if (answers := self.evals / reopened.name).is_dir():
                answers.rename(self.evals / f"{reopened.name}_step_{done[reopened.name]}")
            write_entries(self.path, entries.values())
        write_text(saved, dump_recipe(recipe))

    def extensions(self) -> list[dict[str, Any]]:
        """How the run was extended, the oldest first."""
        path = self.path / EXTENSIONS
        return list(json.loads(path.read_text())) if path.exists() else []

    def has_new_prompts(self, stage: str, step: int) -> bool:
        """Whether the prompts of a stage changed after its checkpoint of a step was written."""
        return any(stage in note["new_prompts"] and (note["after_step"] or 0) >= step for note in self.extensions())

    def _steps_done(self, stages: Iterable[str]) -> dict[str, int]:
        """Stage that has begun -> its last step, that of its newest checkpoint."""
        entries, done = self.finished(), dict[str, int]()
        for name in stages:
            steps = CheckpointStore(self.path / "checkpoints" / name, 1).steps()
            if name in entries or steps:
                done[name] = max([*steps, entries[name].steps or 0] if name in entries else steps)
        return done

    @property
    def evals(self) -> Path:
        """Folder of the evaluations, one file per policy."""
        return self.path / "evals"

    def checkpoints(
        self, stage: str, keep: int, recipe: Recipe | None = None, warn: Callable[[str], None] = lambda _: None
    ) -> CheckpointStore:
        """The checkpoints of a stage, as the recipe keeps them; the same object at every call.

        Raises:
            RunFolderError: the storage holds those of another recipe.
        """
        if stage not in self._stores:
            folder = self.path / "checkpoints" / stage
            self._stores[stage] = CheckpointStore(folder, keep)
            if recipe is not None:
                how = recipe.checkpoints
                limit = None if how.keep_gb is None else how.keep_gb * 1e9
                mirror = self._mirror(stage, recipe) if how.storage else None
                self._stores[stage] = CheckpointStore(folder, keep, limit, how.verify, how.background, mirror, warn)
        return self._stores[stage]

    def _mirror(self, stage: str, recipe: Recipe) -> CheckpointMirror:
        """The place of a stage's checkpoints in object storage, under the run's name. The recipe lies beside them."""
        root = f"{(recipe.checkpoints.storage or '').rstrip('/')}/{self.path.resolve().name}"
        saved = read_text_of(f"{root}/recipe.yaml")
        text = (self.path / "recipe.yaml").read_text()
        if saved is not None and not self.extensions():
            try:
                _refuse_other_recipe(Path(root), yaml.safe_load(saved), recipe)
            except RunFolderError as error:
                raise RunFolderError(f"checkpoints.storage: {error}, which names a place of its own there") from error
        if saved != text:
            write_text_to(f"{root}/recipe.yaml", text)
        return CheckpointMirror(f"{root}/{stage}")

    @staticmethod
    def checkpoint_store(path: Path, stage: str, keep: int) -> CheckpointStore:
        """The checkpoints of a stage of the run in `path`, which may be locked by another process."""
        return CheckpointStore(path / "checkpoints" / stage, keep)

    def note_execution(self, is_inline: bool) -> bool:
        """Record whether the run is executed inline (without Ray); returns whether this is the same as at its start.
        The two ways batch samples differently, which changes the last bits of all numbers."""
        path = self.path / "execution.json"
        if path.exists():
            return bool(json.loads(path.read_text())["inline"]) == is_inline
        write_text(path, json.dumps({"inline": is_inline}) + "\n")
        return True

    def work(self, stage: str) -> Path:
        """The scratch folder of a supervised stage, for its own checkpoints and progress; removed after the stage."""
        folder = self.path / "work" / stage
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def clear_work(self, stage: str) -> None:
        """Remove a stage's scratch folder."""
        shutil.rmtree(self.path / "work" / stage, ignore_errors=True)

    def finished(self) -> dict[str, StageEntry]:
        """Entries of the finished stages by name, in order."""
        return read_entries(self.path)

    def mark_finished(self, entry: StageEntry) -> None:
        """Record a finished stage."""
        done = {**self.finished(), entry.name: entry}
        write_entries(self.path, done.values())

    def newest_step(self, stage: str) -> int:
        """The step of a stage's newest checkpoint, 0 without one."""
        own = [int(path.name[11:]) for path in (self.path / "work" / stage).glob("checkpoint-*[0-9]")]
        return max([*CheckpointStore(self.path / "checkpoints" / stage, 1).steps(), *own], default=0)

    def write_summary(self, summary: Mapping[str, Any]) -> None:
        """Write `summary.json`; where the disk is full, over the one that is there."""
        path, text = self.path / "summary.json", json.dumps(summary, indent=2) + "\n"
        try:
            write_text(path, text)
        except OSError:
            if not path.exists():
                raise
            with path.open("r+") as file:  # room that the file has already
                file.truncate(file.write(text))

    def settle(self, status: str) -> None:
        """Write the status of a run that ended without a word: its summary still says `running`, but nobody holds the
        folder that is locked here."""
        path = self.path / "summary.json"
        try:
            said = json.loads(path.read_text())
        except (OSError, ValueError):  # none, or one that was cut short
            return
        if said.get("status") == "running":
            self.write_summary({**said, "status": status})

    def close(self) -> None:
        """Release the lock."""
        self._lock.close()


def note_software(folder: Path, software: Mapping[str, Any]) -> None:
    """Record in `software.json` what a folder's results are made by from here on: an entry for each change."""
    path = folder / SOFTWARE
    noted: list[Any] = json.loads(path.read_text()) if path.exists() else []
    if not noted or noted[-1] != software:
        write_text(path, json.dumps([*noted, software], indent=1) + "\n")


def read_entries(path: Path) -> dict[str, StageEntry]:
    """Entries of the finished stages of the run in `path`, which may be locked by another process."""
    file = path / "state.json"
    done: dict[str, Any] = json.loads(file.read_text()) if file.exists() else {}
    return {name: StageEntry.from_json({"name": name, **entry}) for name, entry in done.items()}


def write_entries(path: Path, entries: Iterable[StageEntry]) -> None:
    """Write `state.json` of a run folder."""
    write_text(path / "state.json", json.dumps({entry.name: entry.to_json() for entry in entries}, indent=1))


def write_text(path: Path, text: str) -> None:
    """Write a file whole or not at all."""
    write_bytes(path, text.encode())


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.part")
    with temporary.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)


@contextlib.contextmanager
def hold(path: Path) -> Iterator[None]:
    """Make a folder and keep other processes out of it inside the `with` block.

    Raises:
        RunFolderError: it cannot be written, or another process holds it.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
        lock = _lock(path)
    except OSError as error:
        raise RunFolderError(f"folder {path} cannot be written: {error.strerror}; choose another") from error
    try:
        yield
    finally:
        lock.close()


def _lock(path: Path) -> IO[str]:
    file = (path / ".lock").open("a+")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise RunFolderError(
            f"folder {path} is in use by another process; wait for it or choose another (--run-dir, --out)"
        ) from error
    return file


def dtype_of_run(path: Path) -> str | None:
    """The number format that the run in a folder began in; None where there is no run."""
    saved = path / "recipe.yaml"
    dtype = _read_recipe(saved).get("dtype") if saved.is_file() else None
    return dtype if isinstance(dtype, str) and dtype != "auto" else None


def _read_recipe(saved: Path) -> dict[str, Any]:
    try:
        tree = current_names(yaml.safe_load(saved.read_text()), warn=False)
    except (yaml.YAMLError, UnicodeDecodeError):
        tree = None
    if not isinstance(tree, dict):
        raise RunFolderError(f"{saved} is not the recipe of a run; choose another folder with --run-dir")
    return tree


def _refuse_other_recipe(path: Path, saved: Mapping[str, Any], recipe: Recipe) -> None:
    now = recipe.model_dump(mode="json")
    for key in dict.fromkeys([*now, *saved]):
        if key not in FREE_TO_CHANGE and saved.get(key) != now.get(key):
            where, old, new = first_difference(key, saved.get(key), now.get(key))
            raise RunFolderError(
                f"run folder {path} holds a run of another recipe: {where} is {old!r} there and {new!r} here; "
                f"choose another folder with --run-dir, or go on with more steps, another learning rate or other "
                f"prompts by --resume extend"
            )


def first_difference(where: str, old: Any, new: Any) -> tuple[str, Any, Any]:
    """The dotted key of the first value that differs, with both values."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key in dict.fromkeys([*new, *old]):
            if old.get(key) != new.get(key):
                return first_difference(f"{where}.{key}", old.get(key), new.get(key))
    if isinstance(old, list) and isinstance(new, list) and len(old) == len(new):
        i = next(i for i, value in enumerate(new) if old[i] != value)
        label = old[i].get("name", i) if isinstance(old[i], dict) else i
        return first_difference(f"{where}.{label}", old[i], new[i])
    return where, old, new
