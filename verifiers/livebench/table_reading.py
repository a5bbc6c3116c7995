"""Tables in CSV, TSV, JSON, JSON lines, HTML and Markdown, read with the types that pandas would give their columns.

A cell is missing (None), a truth value, a number or a text. A column of texts becomes one of numbers when all are.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from html import unescape
from typing import Any

Cell = None | bool | float | str | list[Any] | dict[str, Any]
MAX_CELLS = 200_000
MAX_COLUMNS = 2_000
MAX_CHARS = 300_000
MAX_NUMBER = 2**64
_MISSING = frozenset(
    ("", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>", "N/A", "NA")
) | frozenset(("NULL", "NaN", "None", "n/a", "nan", "null"))
_TRUTHS = {"True": True, "TRUE": True, "true": True, "False": False, "FALSE": False, "false": False}
_NUMBER = re.compile(
    r"\s*+[-+]?(?:\d++\.?\d*+(?:[eE][-+]?\d++)?|\.\d++(?:[eE][-+]?\d++)?|inf|infinity)\s*+", re.I | re.A
)
_GROUPED = re.compile(r"-?[\d,]*+(?:\.\d*+)?", re.A)
_TABLE_TAG = re.compile(r"<(/?)(table|thead|tbody|tfoot|tr|td|th)(?![\w-])([^<>]*+)>", re.IGNORECASE)
_ANY_TAG = re.compile(r"<[!?/]?[A-Za-z!-][^<>]*+>")
_COLSPAN = re.compile(r"colspan\s*+=\s*+[\"']?(\d{1,6})", re.IGNORECASE | re.ASCII)
_BLANKS = re.compile(r"[\r\n]+|\s{2,}")


class UnreadableTable(ValueError):
    """The text is no table of the format."""


@dataclass(frozen=True)
class Table:
    """Example: Table(("a", "b"), ((1.0, "x"), (2.0, None)))."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]

    def with_plain_names(self) -> Table:
        return replace(self, columns=tuple(name.strip() for name in self.columns))


def read_table(form: str, text: str, is_late: bool = False) -> Table:
    """The table of a text. `is_late`: as questions of 2025-04-25 and later are read.

    Raises:
        UnreadableTable: there is none.
    """
    reader = (_LATE_READERS if is_late else _READERS).get(form)
    if reader is None:
        raise UnreadableTable(f"the format {form!r} is none of {', '.join(_READERS)}")
    if len(text) > MAX_CHARS:
        raise UnreadableTable(f"more than {MAX_CHARS} characters")
    try:
        return reader(text)
    except (KeyError, TypeError, AttributeError, RecursionError, csv.Error) as error:
        raise UnreadableTable(f"no {form}: {type(error).__name__}: {error}"[:200]) from error


def of_records(records: Sequence[Mapping[str, Any]], has_numbers_as_texts: bool = True) -> Table:
    """A row for each object; what an object lacks is missing. Texts of numbers are numbers, as pandas has it."""
    names = tuple(dict.fromkeys(name for record in records for name in record))
    _check_size(len(names) * len(records))
    columns = [[record.get(name) for record in records] for name in names]
    if any(isinstance(value, int) and abs(value) > MAX_NUMBER for column in columns for value in column):
        raise UnreadableTable("a whole number of more than 64 bits")
    if has_numbers_as_texts:
        columns = [_json_column(column) for column in columns]
    return Table(names, tuple(zip(*columns, strict=True)) if names else ())


def of_cells(records: Sequence[Sequence[str]], *, has_groups: bool = False) -> Table:
    """A header and rows of texts. Cells that a row lacks are missing; where the first row has more cells than the
    header, its first ones name the row and are left out.

    Raises:
        UnreadableTable: no header, or a later row with more cells than the first.
    """
    if not records:
        raise UnreadableTable("no header")
    header, *rows = records
    if len(header) > MAX_COLUMNS:
        raise UnreadableTable(f"more than {MAX_COLUMNS} columns")
    width = max(len(header), len(rows[0]) if rows else 0)
    if any(len(row) > width for row in rows):
        raise UnreadableTable(f"a row of more than {width} cells")
    _check_size(width * len(rows))
    cells = [[*row, *[""] * (width - len(row))][width - len(header) :] for row in rows]
    columns = [_text_column([row[place] for row in cells], has_groups) for place in range(len(header))]
    return Table(_names(header), tuple(zip(*columns, strict=True)))


def separated(text: str, separator: str, *, has_padding: bool = False, may_end_early: bool = False) -> list[list[str]]:
    """The records of separated values; empty lines are none. `may_end_early`: without a last one that is not complete.

    Raises:
        UnreadableTable: a quotation never ends.
    """
    try:
        found = _records(text, separator, has_padding, is_strict=True)
    except csv.Error as error:
        found = _records(text, separator, has_padding, is_strict=False)
        if "unexpected end" in str(error):
            if not may_end_early:
                raise UnreadableTable("a quotation never ends") from error
            found.pop()
    return [record for record in found if len(record) > 1 or (record and record[0].strip())]


def _records(text: str, separator: str, has_padding: bool, is_strict: bool) -> list[list[str]]:
    lines = io.StringIO(text, newline="")
    return [*csv.reader(lines, delimiter=separator, strict=is_strict, skipinitialspace=has_padding)]


def _names(header: Sequence[str]) -> tuple[str, ...]:
    """`a`, `a.1` for a name that stands there twice, `Unnamed: 2` for none."""
    copies: dict[str, int] = {}
    names = []
    for place, given in enumerate(header):
        original = name = given or f"Unnamed: {place}"
        while name in copies:
            name = f"{original}.{copies[original]}"
            copies[original] += 1
        copies[name] = 1
        names.append(name)
    return tuple(names)


def _text_column(texts: Sequence[str], has_groups: bool) -> list[Cell]:
    if has_groups:
        texts = [text.replace(",", "") if "," in text and _GROUPED.fullmatch(text) else text for text in texts]
    given = [text for text in texts if text not in _MISSING]
    if all(_NUMBER.fullmatch(text) for text in given):
        return [None if text in _MISSING else float(text) for text in texts]
    if all(text in _TRUTHS for text in given):
        return [_TRUTHS.get(text) for text in texts]
    return [None if text in _MISSING else text for text in texts]


def _json_column(values: list[Cell]) -> list[Cell]:
    given = [value for value in values if value is not None]
    is_numeric = all((isinstance(value, str) and _NUMBER.fullmatch(value)) or _is_number(value) for value in given)
    return [float(value) if isinstance(value, str) else value for value in values] if is_numeric else values


def _is_number(value: Cell) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _check_size(num_cells: int) -> None:
    if num_cells > MAX_CELLS:
        raise UnreadableTable(f"more than {MAX_CELLS} cells")


def _json(text: str) -> Table:
    """Objects by the names of their rows, a list of objects, or lines of them; a table with its schema."""
    try:
        value = json.loads(text)
    except ValueError:
        return _json_lines(text)
    if isinstance(value, dict) and "schema" in value and isinstance(value.get("data"), list):
        keys = set(value["schema"].get("primaryKey", ()))
        value = [{name: cell for name, cell in row.items() if name not in keys} for row in value["data"]]
    records = [*value.values()] if isinstance(value, dict) else value
    if not isinstance(records, list) or not records or not all(isinstance(record, dict) for record in records):
        raise UnreadableTable("no objects as rows")
    return of_records(records)


def _json_lines(text: str) -> Table:
    try:
        records = [json.loads(line) for line in text.strip().split("\n") if line.strip()]
    except ValueError as error:
        raise UnreadableTable(f"a line that is no JSON: {error}") from error
    if not records or not all(isinstance(record, dict) for record in records):
        raise UnreadableTable("a line that is no object")
    return of_records(records)


def _markdown(text: str) -> Table:
    """As columns between `|`: the outer ones are empty, the first inner one names the rows and is left out, and the
    line below the header is a row. It makes all columns texts."""
    table = of_cells(separated(text, "|", has_padding=True))
    kept = [place for place in range(len(table.columns)) if place != 1]
    if len(kept) == len(table.columns):
        raise UnreadableTable("no second column")
    return Table(
        tuple(table.columns[place] for place in kept), tuple(tuple(row[place] for place in kept) for row in table.rows)
    )


def _late_markdown(text: str) -> Table:
    header, *lines = text.strip().split("\n")
    table = of_cells(separated("\n".join([header, *lines[1:]]), "|", has_padding=True))
    return Table(table.columns[1:-1], tuple(row[1:-1] for row in table.rows))


def _html(text: str) -> Table:
    """The tables of a page, each with one row of headings, below each other."""
    tables = [table for table in _html_tables(text) if any(cell for row in table for cell in row.cells)]
    if not tables:
        raise UnreadableTable("no table")
    read = [_html_table(table) for table in tables]
    if any(table.columns != read[0].columns for table in read):
        raise UnreadableTable("several tables of different columns")
    return Table(read[0].columns, tuple(row for table in read for row in table.rows))


def _html_table(rows: Sequence[_HtmlRow]) -> Table:
    head, body, foot = ([row for row in rows if row.part == part] for part in ("thead", "tbody", "tfoot"))
    while not any(row.part == "thead" for row in rows) and body and body[0].is_heading:
        head.append(body.pop(0))
    headings = [row.cells for row in head if any(row.cells)]
    if len(headings) != 1:
        raise UnreadableTable(f"{len(headings)} rows of headings")
    cells = [headings[0], *(row.cells for row in (*body, *foot))]
    width = max(map(len, cells))
    _check_size(width * len(cells))
    padded = [[*row, *[""] * (width - len(row))] for row in cells]
    return of_cells([padded[0], *(row for row in padded[1:] if width > 1 or row[0])], has_groups=True)


@dataclass
class _HtmlRow:
    part: str
    cells: list[str]
    is_heading: bool = True


def _html_tables(text: str) -> list[list[_HtmlRow]]:
    """The rows of all tables. End tags of cells and rows may be missing; other tags are left out of the cells."""
    tables: list[list[_HtmlRow]] = []
    open_tables: list[list[_HtmlRow]] = []
    part, start, span = "tbody", None, 1
    for tag in _TABLE_TAG.finditer(text):
        ends, name = bool(tag[1]), tag[2].lower()
        rows = open_tables[-1] if open_tables else []
        if start is not None and rows:
            rows[-1].cells.extend([_cell_text(text[start : tag.start()])] * span)
        start = None
        if name == "table" and not ends:
            open_tables.append([])
            tables.append(open_tables[-1])
        elif name == "table":
            open_tables = open_tables[:-1]
        elif name in ("thead", "tbody", "tfoot"):
            part = "tbody" if ends else name
        elif name == "tr" and not ends:
            rows.append(_HtmlRow(part, []))
        elif name in ("td", "th") and not ends and rows:
            rows[-1].is_heading = rows[-1].is_heading and name == "th"
            width = _COLSPAN.search(tag[3])
            start, span = tag.end(), min(int(width[1]), 1_000) if width else 1
    if start is not None and open_tables and open_tables[-1]:
        open_tables[-1][-1].cells.extend([_cell_text(text[start:])] * span)
    return tables


def _cell_text(text: str) -> str:
    return _BLANKS.sub(" ", unescape(_ANY_TAG.sub("", text)).strip())


_READERS: Mapping[str, Callable[[str], Table]] = {
    "csv": lambda text: of_cells(separated(text, ",")),
    "tsv": lambda text: of_cells(separated(text, "\t")),
    "json": _json,
    "jsonl": _json_lines,
    "html": _html,
    "markdown": _markdown,
}
_LATE_READERS = {**_READERS, "markdown": _late_markdown}
