"""Labelled cases from a JSONL file: what a verifier is asked, and the verdict that it should give."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from openqwq.verifiers.base import VerifierError
from openqwq.verifiers.json_safe import NotJsonSafe, json_safe

_OWN_COLUMNS = ("response", "correct", "expected", "tol")
DEFAULT_TOLERANCE = 1e-6


class UnusableCases(VerifierError):
    """The file of cases is missing, a line cannot be read, or a row lacks a column."""


@dataclass(frozen=True)
class Question:
    """What a verifier is asked. Example: Question("q1", "\\\\boxed{4}", {"reference": "4"})."""

    id: str
    """The row's own id, or `line N`."""
    response: str
    """The answer to grade."""
    row: dict[str, Any]
    """Every column but response and label, JSON-safe: the verifier never sees the label."""


@dataclass(frozen=True)
class Label:
    """What the score should be. Example: Label(1.0, None) for `correct: true`, Label(0.25, 0.01) for a number."""

    score: float
    """1 or 0 for `correct`, the number of `expected`."""
    tolerance: float | None
    """How far a score may lie from `score`; None for `correct`, where only the threshold of pay counts."""


@dataclass(frozen=True)
class Case:
    """One labelled row. Example: Case(Question("q1", "4", {"reference": "4"}), Label(1.0, None), "integer")."""

    question: Question
    label: Label
    category: str
    """Groups the table; empty when the row has none."""

    @property
    def gold(self) -> str:
        """The reference as text, for people."""
        reference = self.question.row.get("reference")
        if isinstance(reference, Mapping) and "answer" in reference:
            reference = reference["answer"]
        return reference if isinstance(reference, str) else json.dumps(reference, ensure_ascii=False)


@dataclass(frozen=True)
class Selection:
    """Which rows of a file, and how its columns are called. Example: Selection({"reference": "gold"}, {}, 100)."""

    columns: Mapping[str, str]
    """Our name of a column -> the file's."""
    where: Mapping[str, str]
    """Column of the file -> the text its value must have."""
    limit: int | None
    """The first so many of the rows, or all."""


def load_cases(path: Path, selection: Selection) -> list[Case]:
    """The cases of a JSONL file, in order.

    Raises:
        UnusableCases: with the line, what is wrong with it and what it needs.
    """
    chosen = _matching(_records(path), selection.where)
    cases = [_case(record, place, selection.columns) for place, record in islice(chosen, selection.limit)]
    if not cases:
        wanted = "".join(f" with {column} = {value}" for column, value in selection.where.items())
        raise UnusableCases(f"{path} has no rows{wanted}")
    return cases


def _records(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    try:
        with path.open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, start=1):
                if line.strip():
                    yield f"{path}, line {number}", _record(line, f"{path}, line {number}")
    except OSError as error:
        raise UnusableCases(f"cannot read the cases {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UnusableCases(f"{path} is not UTF-8 text: {error}") from error


def _record(line: str, place: str) -> dict[str, Any]:
    try:
        record = json.loads(line)
    except ValueError as error:
        raise UnusableCases(f"{place}: not JSON: {error}; a file of cases has one JSON object a line") from error
    if not isinstance(record, dict):
        raise UnusableCases(f"{place}: a case is a JSON object, got {type(record).__name__}")
    return record


def _matching(
    records: Iterator[tuple[str, dict[str, Any]]], where: Mapping[str, str]
) -> Iterator[tuple[str, dict[str, Any]]]:
    for place, record in records:
        if all(str(record.get(column)) == value for column, value in where.items()):
            yield place, record


def _case(record: Mapping[str, Any], place: str, columns: Mapping[str, str]) -> Case:
    renamed = dict(record)
    for ours, theirs in columns.items():
        if theirs not in record:
            raise UnusableCases(f"{place}: has no column {theirs!r} (asked for as {ours}){_near(theirs, record)}")
        renamed[ours] = record[theirs]
    if "reference" not in renamed and "gold" in renamed:
        renamed["reference"] = renamed["gold"]
    identity = str(renamed.get("id", place.rpartition(", ")[2]))
    question = Question(identity, _response(renamed, place), _row(renamed, place))
    return Case(question, _label(renamed, place), str(renamed.get("category") or ""))


def _row(record: Mapping[str, Any], place: str) -> dict[str, Any]:
    """What the verifier sees, as plain JSON: Python's reader lets NaN and halves of surrogate pairs pass."""
    try:
        row: dict[str, Any] = json_safe({key: value for key, value in record.items() if key not in _OWN_COLUMNS})
    except NotJsonSafe as error:
        raise UnusableCases(f"{place}: {error}") from error
    return row


def _response(record: Mapping[str, Any], place: str) -> str:
    if "response" not in record:
        raise UnusableCases(
            f"{place}: no column 'response'{_near('response', record)}; --column response=NAME renames one"
        )
    value = record["response"]
    if isinstance(value, str):
        return value
    if isinstance(value, Sequence) and all(_is_repeated_text(part) for part in value):
        return "".join(text * repeats for text, repeats in value)
    raise UnusableCases(f"{place}: response is a text or a list of [text, repeats], got {str(value)[:60]!r}")


def _is_repeated_text(part: object) -> bool:
    return isinstance(part, list) and len(part) == 2 and isinstance(part[0], str) and type(part[1]) is int


def _label(record: Mapping[str, Any], place: str) -> Label:
    correct, expected = record.get("correct"), record.get("expected")
    if isinstance(correct, bool):
        return Label(float(correct), None)
    if expected is None:
        found = "" if correct is None else f", got correct={correct!r}"
        raise UnusableCases(f"{place}: no label: a row needs correct (true or false) or expected (a number){found}")
    if not isinstance(expected, int | float) or not 0 <= expected <= 1:
        raise UnusableCases(f"{place}: expected is a number in [0, 1], as scores are, got {expected!r}")
    tolerance = record.get("tol", DEFAULT_TOLERANCE)
    if not isinstance(tolerance, int | float) or tolerance < 0:
        raise UnusableCases(f"{place}: tol is a number that is not negative, got {tolerance!r}")
    return Label(float(expected), float(tolerance))


def _near(name: str, record: Mapping[str, Any]) -> str:
    near = difflib.get_close_matches(name, record, n=1)
    return f"; did you mean {near[0]!r}?" if near else f"; it has {', '.join(map(repr, record)) or 'none'}"
