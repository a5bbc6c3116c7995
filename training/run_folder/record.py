"""Reads a run folder for the report. Anything that is missing, incomplete or malformed is absent from the record."""

import fcntl
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from openqwq.training.answers.files import answer_files, read_answers
from openqwq.training.answers.record import Answer
from openqwq.training.config.renamed import current_metric, current_names
from openqwq.training.errors import RecipeError, RunFolderError
from openqwq.training.run_folder.entry import StageEntry
from openqwq.training.run_folder.folder import SOFTWARE
from openqwq.training.run_folder.lenient import Row, mapping, number, rows_of

KINDS_WITH_POLICY = ("sft", "rl")
Series = list[tuple[float, float]]
"""(step, value), ascending."""


@dataclass(frozen=True)
class RunRecord:
    """The contents of a run folder, as plain JSON."""

    path: Path
    recipe_text: str
    """`recipe.yaml`, verbatim."""
    recipe: Row
    summary: Row
    metrics: Sequence[Row]
    """Lines of `metrics.jsonl`."""
    is_in_use: bool
    """Whether a process holds the folder's lock."""

    @property
    def stages(self) -> list[StageEntry]:
        """Stages in order: first those of the recipe, updated from the summary, then those that only the summary
        has."""
        done = {str(row.get("name")): row for row in rows_of(self.summary.get("stages"))}
        planned = {str(row.get("name")): _plan(row) for row in rows_of(self.recipe.get("stages"))}
        return [StageEntry.from_json({**planned.get(name, {}), **done.get(name, {})}) for name in {**planned, **done}]

    @property
    def finished(self) -> set[str]:
        """Names of the finished stages."""
        return {str(row.get("name")) for row in rows_of(self.summary.get("stages"))}

    @property
    def software(self) -> list[Row]:
        """What the run was made by, the oldest first; more than one where it went on with other versions."""
        return rows_of(_read_json(_read_text(self.path / SOFTWARE)))

    @property
    def has_gates(self) -> bool:
        """Whether a finished stage has a gate with conditions."""
        return any(stage.gate and stage.gate.checks for stage in self.stages)

    @property
    def status(self) -> str:
        """The summary's status, but `killed` if that is `running` and no process holds the lock."""
        status = str(self.summary.get("status") or ("running" if self.is_in_use else "not started"))
        return "killed" if status == "running" and not self.is_in_use else status

    def series(self, stage: str, name: str) -> Series:
        """A metric of a stage by step; if a step was logged twice, the last line counts."""
        values: dict[float, float] = {}
        for line in self.metrics:
            step, value = number(line.get("step")), number(line.get(name))
            if line.get("stage") == stage and step is not None and value is not None:
                values[step] = value
        return sorted(values.items())

    def metric_names(self, stage: str, prefix: str) -> list[str]:
        """Names of a stage's metrics that start with `prefix`, in the order of the log."""
        lines = [line for line in self.metrics if line.get("stage") == stage]
        return list(dict.fromkeys(name for line in lines for name in line if str(name).startswith(prefix)))

    def last_step(self, stage: str) -> int:
        """The last logged step of a stage."""
        steps = [number(line.get("step")) or 0.0 for line in self.metrics if line.get("stage") == stage]
        return int(max(steps, default=0.0))

    def extensions(self, stage: str) -> list[str]:
        """How the stage was extended, in words: `after step 8: steps 8 -> 10`."""
        said = []
        for note in rows_of(_read_json(_read_text(self.path / "extensions.json"))):
            changes = {
                str(key).removeprefix(f"stages.{stage}."): mapping(value)
                for key, value in mapping(note.get("changes")).items()
            }
            if note.get("stage") == stage and changes:
                words = [
                    "other prompts" if key == "prompts" else f"{key} {value.get('before')} -> {value.get('after')}"
                    for key, value in changes.items()
                    if not key.startswith("stages.")
                ]
                said.append(f"after step {note.get('after_step')}: {', '.join(words)}")
        return said

    def rollout_steps(self, stage: str) -> list[int]:
        """Steps whose rollouts were logged, ascending."""
        files = answer_files(self.path / "rollouts" / stage, "step_*")
        stems = [path.name.removeprefix("step_").partition(".")[0] for path in files]
        return sorted(int(stem) for stem in stems if stem.isdecimal())

    def rollout_bytes(self, stage: str, step: int) -> int:
        """Size of a step's rollouts on the disk."""
        return sum(path.stat().st_size for path in answer_files(self.path / "rollouts" / stage, f"step_{step}"))

    def rollouts(self, stage: str, step: int) -> list[Answer]:
        """The logged rollouts of a step, as far as they can be read."""
        files = answer_files(self.path / "rollouts" / stage, f"step_{step}")
        return [answer for path in files for answer in read_answers(path, is_lenient=True)]


def read_run(path: Path) -> RunRecord:
    """The record of a run folder.

    Raises:
        RunFolderError: it is not a folder, or it holds neither a recipe nor a summary nor metrics.
    """
    if not path.is_dir():
        raise RunFolderError(f"no run folder {path}; a run writes to runs/<recipe>-seed<seed> or to its --run-dir")
    if not any((path / name).is_file() for name in ("recipe.yaml", "summary.json", "metrics.jsonl")):
        raise RunFolderError(
            f"{path} is no run folder: it holds no recipe.yaml, summary.json or metrics.jsonl; name the folder that "
            f"`openqwq run` printed"
        )
    recipe_text = _read_text(path / "recipe.yaml")
    return RunRecord(
        path=path,
        recipe_text=recipe_text,
        recipe=_read_yaml(recipe_text),
        summary=mapping(_read_json(_read_text(path / "summary.json"))),
        metrics=[
            {current_metric(str(name)): value for name, value in line.items()}
            for line in _read_lines(path / "metrics.jsonl")
        ],
        is_in_use=_is_locked(path / ".lock"),
    )


def _plan(stage: Row) -> Row:
    """An entry's fields that are known from the recipe."""
    algorithm = mapping(stage.get("algorithm")).get("name")
    return {"name": stage.get("name"), "kind": stage.get("kind"), "steps": stage.get("steps"), "algorithm": algorithm}


def _read_text(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""


def _read_json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _read_yaml(text: str) -> Row:
    try:
        return mapping(current_names(yaml.safe_load(text), warn=False))
    except (yaml.YAMLError, RecipeError, RecursionError):
        return {}


def _read_lines(path: Path) -> list[Row]:
    return rows_of([_read_json(line) for line in _read_text(path).splitlines()])


def _is_locked(path: Path) -> bool:
    """Whether a process holds the run folder's lock."""
    try:
        with path.open() as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False
