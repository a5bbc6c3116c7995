"""The answers of one suite on the disk: written as they are judged, taken over by the next session."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

from openqwq.training.answers.files import append_answers, cut_incomplete_end, read_answers
from openqwq.training.answers.record import Answer, is_of
from openqwq.training.config import Recipe
from openqwq.training.errors import RunFolderError
from openqwq.training.evaluation.examination import Examination, suite_rewards
from openqwq.training.models import fingerprint
from openqwq.training.records import SampleRequest
from openqwq.training.rewards.judging import LASTING_ERROR
from openqwq.training.run_folder.folder import first_difference, write_text

DECISIVE = ("weights", "dtype", "engine", "chat_template", "sampling", "rewards", "columns")
"""What must be the same for answers to be taken over. Each of them says itself which prompt and which seed it has."""


class KeptAnswers:
    """Answers by (id, sample); without a path in memory only. In memory they are without their tokens."""

    def __init__(self, path: Path | None = None) -> None:
        """Take over what is there, as far as it is complete."""
        self._path = path
        self._answers: dict[tuple[str, int], Answer] = {}
        if path is not None and path.exists():
            cut_incomplete_end(path)
            self._answers = {answer.key: _lighter(answer) for answer in read_answers(path)}

    def __iter__(self) -> Iterator[Answer]:
        return iter(self._answers.values())

    def has(self, request: SampleRequest) -> bool:
        """Whether this sample is there: of this prompt as it is now and with this seed, and judged."""
        answer = self._answers.get((request.prompt.id, request.index))
        return (
            answer is not None
            and answer.seed == request.seed
            and answer.error in (None, LASTING_ERROR)
            and answer.finish_reason != "error"
            and is_of(answer, request.prompt.messages)
        )

    def add(self, answers: Iterable[Answer]) -> None:
        """Add answers, all of them or none where the process is killed meanwhile."""
        added = list(answers)
        if self._path is not None:
            append_answers(self._path, added)
        self._answers |= {answer.key: _lighter(answer) for answer in added}


def _lighter(answer: Answer) -> Answer:
    """The answer without its tokens, which no result needs: 2,000 answers of 32k tokens would take gigabytes."""
    return replace(answer, tokens=(), loss_mask=(), logprobs=())


def open_kept(
    folder: Path, suite: str, about: Mapping[str, Any], otherwise: Literal["refuse", "begin_again"]
) -> KeptAnswers:
    """The kept answers `<folder>/<suite>.jsonl.gz`. `<suite>.about.json` beside them says what they are answers of;
    those of something else are refused or begun again.

    Raises:
        RunFolderError: they are of something else.
    """
    path, note = folder / f"{suite}.jsonl.gz", folder / f"{suite}.about.json"
    wanted, held = json.loads(json.dumps(about)), read_about(note)
    for key in DECISIVE if path.exists() else ():
        if held.get(key) == wanted.get(key):
            continue
        if otherwise == "refuse":
            where, old, new = first_difference(key, held.get(key), wanted.get(key))
            raise RunFolderError(
                f"{path} holds answers of another evaluation: {where} is {old!r} there and {new!r} here; choose "
                f"another --out, or judge them again by `openqwq regrade`"
            )
        path.unlink()
        break
    write_text(note, json.dumps(wanted, indent=1) + "\n")
    return KeptAnswers(path)


def about_answers(recipe: Recipe, model: str, asked: Examination, endpoint: str | None = None) -> dict[str, Any]:
    """What the answers to a suite are answers of. `suite` and `rewards` say how to judge them again."""
    suite = recipe.evaluation.suites[asked.suite].model_dump(mode="json")
    return {
        "weights": f"{endpoint} {model}" if endpoint else fingerprint(model),
        "dtype": recipe.dtype,
        "engine": "endpoint" if endpoint else recipe.cluster.rollout.engine,
        "chat_template": recipe.chat_template,
        "seed": asked.seed,
        "sampling": asked.sampling.model_dump(mode="json", exclude={"max_batch"}),
        "rewards": {**recipe.rewards.model_dump(mode="json"), "tasks": _tasks(recipe, asked.suite)},
        "columns": dict(asked.columns),
        "suite": suite,
    }


def _tasks(recipe: Recipe, suite: str) -> dict[str, Any]:
    """The rewards by which a suite's answers are judged."""
    tasks = suite_rewards(recipe.rewards, recipe.evaluation, suite).tasks
    return {name: task.model_dump(mode="json") for name, task in tasks.items()}


def read_about(note: Path) -> Mapping[str, Any]:
    """What kept answers are answers of; empty where that is not known."""
    try:
        known = json.loads(note.read_text())
    except (OSError, ValueError):
        return {}
    return known if isinstance(known, dict) else {}
