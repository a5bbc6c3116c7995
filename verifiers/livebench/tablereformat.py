"""Tables that were to be written in another format: equal when names, order of rows and values are."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from itertools import takewhile

from openqwq.verifiers.livebench.marks import NoAnswer, enclosed, solutions
from openqwq.verifiers.livebench.table_reading import (
    Cell,
    Table,
    UnreadableTable,
    of_cells,
    of_records,
    read_table,
    separated,
)

LATE_WORDING = "2025-04-25"
"""From this release on questions name the format in a line of its own."""
_TOLERANCE = 1e-6
_LEAD = re.compile(r"\s*+(?:Here|Input)\b[^\n]*?\b(?:format|table)\s*+[:)]\s*+", re.IGNORECASE)
_OPENING_FENCE = re.compile(r"```[^\n]*\n")
_SEPARATORS = {"csv": ",", "tsv": "\t"}


def wanted_format(asked: str, is_late: bool) -> str | None:
    """The format that a question asks for, in small letters."""
    if is_late:
        lines = [line for line in asked.split("\n") if "Target Format" in line]
        return lines[-1].partition("Target Format: ")[2].strip().lower() if lines else None
    _, found, behind = asked.partition("Please convert the Input Table from ")
    return behind.partition("format to ")[2].partition(" format")[0].lower() if found else None


def table_reformat(gold: Table, text: str, form: str, is_late: bool) -> float:
    """Is the answer, or a table of the gold's columns inside it, the gold?

    Raises:
        NoAnswer: what looks like that table is none.
    """
    text = _without_fences(text)
    lead = _LEAD.match(text)
    text = text[lead.end() :].strip() if lead else text
    try:
        return float(any(same_table(said, gold) for said in _tables(gold, text, form, is_late)))
    except UnreadableTable as error:
        raise NoAnswer(str(error)) from error


def same_table(said: Table, gold: Table) -> bool:
    """Columns in any order, rows in the same; a column `index` counts in neither."""
    said, gold = _without_index(said), _without_index(gold)
    if len(said.rows) != len(gold.rows) or sorted(said.columns) != sorted(gold.columns):
        return False
    places = [said.columns.index(name) for name in gold.columns]
    return all(
        _same_cell(row[place], wanted)
        for row, right in zip(said.rows, gold.rows, strict=True)
        for place, wanted in zip(places, right, strict=True)
    )


def _same_cell(said: Cell, gold: Cell) -> bool:
    if said is None or gold is None:
        return said is gold
    if isinstance(said, int | float) and isinstance(gold, int | float):
        return abs(said - gold) < _TOLERANCE
    if isinstance(said, str) and isinstance(gold, str):
        return said.strip() == gold.strip()
    return said == gold


def _without_index(table: Table) -> Table:
    table = table.with_plain_names()
    kept = [place for place, name in enumerate(table.columns) if name != "index"]
    return Table(
        tuple(table.columns[place] for place in kept), tuple(tuple(row[place] for place in kept) for row in table.rows)
    )


def _tables(gold: Table, text: str, form: str, is_late: bool) -> Iterator[Table]:
    """The whole answer; where that is no table, or another one, what stands below the gold's header."""
    is_read = False
    try:
        yield read_table(form, text, is_late)
        is_read = True
    except UnreadableTable:
        pass
    if form == "csv" or (form == "tsv" and not is_read):
        names = gold.with_plain_names().columns if is_read else gold.columns
        yield from _below_header(text, _SEPARATORS[form].join(names), _SEPARATORS[form])
    elif form == "jsonl":
        yield from _objects(text, gold.columns)


def _below_header(text: str, header: str, separator: str) -> Iterator[Table]:
    """The table from the line that is the header on, with as few lines cut off at its end as let it be read."""
    lines = text.strip().split("\n")
    start = next((place for place, line in enumerate(lines) if line.strip() == header.strip()), None)
    if start is None:
        return
    records = separated("\n".join(lines[start:]), separator, may_end_early=True)
    width = max(map(len, records[:2]), default=0)
    yield of_cells(list(takewhile(lambda record: len(record) <= width, records)))


def _objects(text: str, names: Sequence[str]) -> Iterator[Table]:
    """The lines that are JSON objects and mention all columns."""
    records = []
    for line in text.strip().split("\n"):
        if len(line) > 1 and line[0] == "{" and line[-1] == "}" and all(name in line for name in names):
            try:
                records.append(json.loads(line))
            except (ValueError, RecursionError):
                continue
    if records:
        yield of_records(records, has_numbers_as_texts=False)


def _without_fences(text: str) -> str:
    if found := solutions(text, across_lines=True):
        text = found[-1].strip()
    for opening in ("```json\n", "```html\n"):
        if found := enclosed(text, opening, "```", across_lines=True):
            return found[-1].strip()
    if match := _OPENING_FENCE.match(text):
        text = text[match.end() :]
    return text.replace("&amp;", "&").replace("```", "").strip()
