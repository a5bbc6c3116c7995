"""Reads a run folder for the report. Anything that is missing, incomplete or malformed is absent from the record."""

import fcntl
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import yaml

from openqwq.training.answers.files import answer_files, read_answers
from openqwq.training.answers.record import Answer
from openqwq.training.config.renamed import current_metric, current_names
from openqwq.training.errors import RecipeError, RunFolderError
from openqwq.training.run_folder.entry import StageEntry
from openqwq.training.run_folder.folder import CONSOLE, SOFTWARE
from openqwq.training.run_folder.lenient import Row, mapping, number, rows_of

KINDS_WITH_POLICY = ("sft", "rl")
Series = list[tuple[float, float]]
"""(step, value), ascending."""


@dataclass(frozen=True)
class Said:
    """A line of the run's console. Example: `Said(1764.5, "warning", "stage1", 12, "alert kl: ...")`"""

    time: float
    kind: str
    """`info`, `warning`, or `error`: what ended a session."""
    stage: str
    step: int
    text: str


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

    @cached_property
    def said(self) -> list[Said]:
        """What the run said, over all its sessions, but for progress."""
        rows = rows_of([_read_json(line) for line in _read_text(self.path / CONSOLE).splitlines()])
        return [
            Said(
                number(row.get("time")) or 0.0,
                str(row.get("kind")),
                str(row.get("stage")),
                int(number(row.get("step")) or 0),
                str(row.get("text")),
            )
            for row in rows
        ]

    @property
    def has_gates(self) -> bool:
        """Whether a finished stage has a gate with conditions."""
        return any(stage.gate and stage.gate.checks for stage in self.stages)

    @property
    def status(self) -> str:
        """The summary's status, but `killed` if that is `running` and no process holds the lock."""
        status = str(self.summary.get("status") or ("running" if self.is_in_use else "not started"))
        return "killed" if status == "running" and not self.is_in_use else status

    @cached_property
    def _steps(self) -> Mapping[str, Sequence[tuple[float, Row]]]:
        """(step, line) of every stage, in the order of the log."""
        found: dict[str, list[tuple[float, Row]]] = {}
        for line in self.metrics:
            if (step := number(line.get("step"))) is not None:
                found.setdefault(str(line.get("stage")), []).append((step, line))
        return found

    @cached_property
    def _names(self) -> Mapping[str, Sequence[str]]:
        """Names of every stage's metrics, in the order of the log."""
        found: dict[str, dict[str, None]] = {}
        for line in self.metrics:
            found.setdefault(str(line.get("stage")), {}).update(dict.fromkeys(map(str, line)))
        return {stage: list(names) for stage, names in found.items()}

    def series(self, stage: str, name: str) -> Series:
        """A metric of a stage by step; if a step was logged twice, the last line counts."""
        values: dict[float, float] = {}
        for step, line in self._steps.get(stage, ()):
            if name in line and (value := number(line[name])) is not None:
                values[step] = value
        return sorted(values.items())

    def metric_names(self, stage: str, prefix: str) -> list[str]:
        """Names of a stage's metrics that start with `prefix`, in the order of the log."""
        return [name for name in self._names.get(stage, ()) if name.startswith(prefix)]

    def last_step(self, stage: str) -> int:
        """The last logged step of a stage."""
        return int(max((step for step, _ in self._steps.get(stage, ())), default=0.0))

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
        try:
            files = answer_files(self.path / "rollouts" / stage, "step_*")
        except (OSError, ValueError):  # a name of the summary or the log that no folder can have
            return []
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
    return replace(read_without_metrics(path), metrics=metrics_of(_read_text(path / "metrics.jsonl")))


def read_without_metrics(path: Path) -> RunRecord:
    """The record of a run folder but for its metrics, for who has read them."""
    recipe_text = _read_text(path / "recipe.yaml")
    return RunRecord(
        path=path,
        recipe_text=recipe_text,
        recipe=_read_yaml(recipe_text),
        summary=mapping(_read_json(_read_text(path / "summary.json"))),
        metrics=(),
        is_in_use=_is_locked(path / ".lock"),
    )


def metrics_of(lines: str) -> list[Row]:
    """The rows of a `metrics.jsonl`, by their present names; lines that cannot be read are left out."""
    return [
        {current_metric(str(name)): value for name, value in row.items()}
        for row in rows_of([_read_json(line) for line in lines.splitlines()])
    ]


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
