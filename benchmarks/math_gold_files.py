"""Golds from files of public data sets, JSON lines or one JSON list, whatever the column that holds them is called."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from openqwq.verifiers.math_answer.extract import reference_answer

ANSWER_COLUMNS = ("final_answer", "answer", "expected_answer", "ground_truth", "reference", "gold", "reward_model")
SOLUTION_COLUMNS = ("solution", "response")


@dataclass(frozen=True)
class GoldFile:
    """The different golds of a file. Example: `GoldFile("math", "solution", 500, (r"\\frac12",))`."""

    name: str
    column: str
    num_rows: int
    golds: tuple[str, ...]
    """In the order of the file."""


def read_golds(path: Path) -> GoldFile:
    """The golds of one file; ValueError when no column holds any."""
    rows = _rows(path)
    for column in (*ANSWER_COLUMNS, *SOLUTION_COLUMNS):
        read = _solution_gold if column in SOLUTION_COLUMNS else _answer_gold
        golds = dict.fromkeys(gold for row in rows if (gold := read(row.get(column))))
        if golds:
            return GoldFile(path.stem, column, len(rows), tuple(golds))
    columns = sorted({column for row in rows for column in row})
    raise ValueError(f"{path} has no golds: looked in {ANSWER_COLUMNS + SOLUTION_COLUMNS}, its columns are {columns}")


def _rows(path: Path) -> list[Mapping[str, Any]]:
    text = path.read_text(encoding="utf-8")
    if text.lstrip().startswith("["):
        rows = json.loads(text)
    else:
        rows = [json.loads(line) for line in text.splitlines() if line.strip()]
    return [row for row in rows if isinstance(row, Mapping)]


def _answer_gold(value: object) -> str | None:
    """Text or a number; of a list all parts, as one row may have several right answers that are all asked for."""
    if isinstance(value, Mapping):
        value = value.get("ground_truth", value.get("answer"))
    if isinstance(value, list):
        value = ", ".join(str(part).strip() for part in value)
    return reference_answer(value)


def _solution_gold(value: object) -> str | None:
    """What a worked solution ends in; one without a box or `####` has no gold."""
    has_end = isinstance(value, str) and (r"\boxed" in value or "####" in value)
    return reference_answer(value) if has_end else None
