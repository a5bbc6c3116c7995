"""Labelled cases from a JSONL file: what a verifier is asked, and the verdict that it should give."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from openqwq.verifiers.base import Row, VerifierError
from openqwq.verifiers.function_verifiers import columns_of
from openqwq.verifiers.json_safe import NotJsonSafe, json_safe

_OWN_COLUMNS = ("response", "correct", "expected", "tol")
_GOLD_COLUMNS = (
    "reference", "gold", "answer", "solution", "ground_truth", "final_answer", "expected_answer", "target",
)  # fmt: skip
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
    gold_column: str = "reference"
    """The file's name of the column that holds the right answer; empty when no column is known to."""

    @property
    def gold(self) -> str:
        """The right answer as text, for people; empty where no column is known to hold it."""
        return shown_gold(self.question.row.get(self.gold_column))


@dataclass(frozen=True)
class Selection:
    """Which rows of a file, and how its columns are called. Example: Selection({"reference": "gold"}, {}, 100)."""

    columns: Mapping[str, str]
    """Our name of a column -> the file's."""
    where: Mapping[str, str]
    """Column of the file -> the text its value must have."""
    limit: int | None
    """The first so many of the rows, or all."""


def shown_gold(reference: object) -> str:
    """A reference as text, for people; empty for None and for what holds nothing."""
    if isinstance(reference, Mapping) and "answer" in reference:
        reference = reference["answer"]
    if isinstance(reference, str):
        return reference
    if reference is None or reference in ({}, []):
        return ""
    return json.dumps(reference, ensure_ascii=False)


def check_columns(rows: Sequence[Row], needed: Sequence[str], verifier: str) -> None:
    """Refuse rows of which none has a column that the verifier cannot do without.

    Raises:
        UnusableCases: with the columns that there are, and the option that names another one.
    """
    there = dict.fromkeys(column for row in rows for column in columns_of(row))
    for name in needed:
        if name not in there:
            near = [column for column in _GOLD_COLUMNS if column in there] if name in _GOLD_COLUMNS else []
            near += difflib.get_close_matches(name, there, n=1)
            raise UnusableCases(
                f"no row has a column {name!r}, which {verifier} needs; they have "
                f"{', '.join(map(repr, there)) or 'none'}: --column {name}={near[0] if near else 'NAME'} takes that one"
            )


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
            raise UnusableCases(f"{place}: no column {theirs!r} (asked for as {ours}){_near(theirs, record)}")
        renamed[ours] = record[theirs]
        if ours in _OWN_COLUMNS:
            renamed.pop(theirs, None)  # the verifier never sees a label
    if "reference" not in renamed and "gold" in renamed:
        renamed["reference"] = renamed["gold"]
    identity = str(renamed.get("id", place.rpartition(", ")[2]))
    question = Question(identity, _response(renamed, place), _row(renamed, place))
    return Case(question, _label(renamed, place), str(renamed.get("category") or ""), _gold_column(renamed, columns))


def _gold_column(record: Mapping[str, Any], columns: Mapping[str, str]) -> str:
    if "reference" in columns:
        return columns["reference"]
    names = [name for name in _GOLD_COLUMNS if record.get(name) is not None]
    return "gold" if names[:2] == ["reference", "gold"] else names[0] if names else ""


def _row(record: Mapping[str, Any], place: str) -> dict[str, Any]:
    """What the verifier sees, as plain JSON: Python's reader lets NaN and halves of surrogate pairs pass."""
    try:
        row: dict[str, Any] = json_safe({key: value for key, value in record.items() if key not in _OWN_COLUMNS})
    except NotJsonSafe as error:
        raise UnusableCases(f"{place}: {error}") from error
    return row


def _response(record: Mapping[str, Any], place: str) -> str:
    if "response" not in record:
        problem = f"no column 'response'{_near('response', record)}; --column response=NAME names another one"
        raise UnusableCases(f"{place}: {problem}")
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
        raise UnusableCases(
            f"{place}: no label: a row needs correct (true or false) or expected (a number){found}; "
            f"it has {', '.join(map(repr, record))}; --column correct=NAME names one"
        )
    if not isinstance(expected, int | float) or not 0 <= expected <= 1:
        raise UnusableCases(f"{place}: expected is a number in [0, 1], as scores are, got {expected!r}")
    tolerance = record.get("tol", DEFAULT_TOLERANCE)
    if not isinstance(tolerance, int | float) or tolerance < 0:
        raise UnusableCases(f"{place}: tol is a number that is not negative, got {tolerance!r}")
    return Label(float(expected), float(tolerance))


def _near(name: str, record: Mapping[str, Any]) -> str:
    near = difflib.get_close_matches(name, record, n=1)
    meant = f"; did you mean {near[0]!r}?" if near else ""
    return f"{meant}; it has {', '.join(map(repr, record)) or 'none'}"
