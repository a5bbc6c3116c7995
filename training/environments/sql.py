"""The environment `sql`: one tool, `query(sql)`, over the tables of the row or a SQLite file."""

import json
import re
import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from openqwq.training.environments.contract import AssistantTurn, StepResult
from openqwq.training.environments.sqlite_guard import GuardedConnection, Limits, Table, comparable
from openqwq.training.errors import RecipeError
from openqwq.training.records import Message
from openqwq.verifiers.tool_calls import ParsedCall, check_arguments

MAX_ANSWER = 1800
"""Characters of the rows of one answer, below the 2000 that a model sees."""
MAX_SCHEMA = 400
COMMENTS = re.compile(r"--[^\n]*|/\*.*?(\*/|$)", re.DOTALL)


class SqlEnvironment:
    """Answers SQL queries about the tables of a row, or of a database file. Errors become tool messages.

    A row's tables: `extra: {tables: {NAME: {columns: [...], rows: [[...], ...]}}}`; each episode has its own in memory,
    beside those of `database`. Statements only read, unless `is_writable`; then they change the episode's copy, and a
    row with `extra: {final_tables: {...}}` is paid 1 where its tables are the named ones in the end and all others are
    as they were, else 0. A table of `final_tables` that is null must not be there.
    """

    def __init__(
        self,
        database: str | None = None,
        is_writable: bool = False,
        max_rows: int = 50,
        max_steps: int = 1_000_000,
        max_seconds: float = 2.0,
        max_value_bytes: int = 100_000,
    ) -> None:
        """`database`: a SQLite file that ships with the recipe; it is never written.

        Raises:
            RecipeError: a limit is not positive, or the file is not there.
        """
        limits = {"max_rows": max_rows, "max_steps": max_steps, "max_seconds": max_seconds}
        for name, limit in (limits | {"max_value_bytes": max_value_bytes}).items():
            if not limit > 0:
                raise RecipeError(f"{name} of the environment sql must be positive, got {limit!r}")
        if database is not None and not Path(database).is_file():
            raise RecipeError(f"no SQLite file {database!r}; `database` of the environment sql is a path")
        self._database = None if database is None else Path(database)
        self._is_writable = is_writable
        self._max_rows = max_rows
        self._limits = Limits(max_steps, max_seconds, max_value_bytes)
        self._connection: GuardedConnection | None = None
        self._expected: dict[str, Table] | None = None

    def tools(self) -> list[dict[str, Any]]:
        """The only offered function, `query(sql)`."""
        parameters = {"type": "object", "properties": {"sql": {"type": "string"}}, "required": ["sql"]}
        function = {"name": "query", "description": "Run one SQLite statement.", "parameters": parameters}
        return [{"type": "function", "function": function}]

    @staticmethod
    def example(seed: int) -> dict[str, Any]:
        """A row to try it with."""
        rows = [["pens", 12], ["cups", 40 + seed % 10], ["lamps", 3]]
        prompt = [{"role": "user", "content": "How many cups are in stock?"}]
        return {"prompt": prompt, "extra": {"tables": {"stock": {"columns": ["item", "number"], "rows": rows}}}}

    async def reset(self, task: Mapping[str, Any], seed: int) -> list[Message]:
        """Open the row's tables.

        Raises:
            ValueError: the row has no tables or odd ones, and what is wrong with them.
        """
        self._open(task, None)
        return []

    async def save(self) -> dict[str, Any]:
        """What `restore` needs: the database, where statements may have changed it."""
        return {"database": self._opened().serialized()} if self._is_writable else {}

    async def restore(self, task: Mapping[str, Any], seed: int, state: Mapping[str, Any]) -> None:
        """Go on with a saved episode of the row `task`."""
        self._open(task, state.get("database"))

    def _open(self, task: Mapping[str, Any], state: str | None) -> None:
        extra = task.get("extra")
        extra = extra if isinstance(extra, Mapping) else {}
        tables = _read_tables(task, extra, "tables")
        if not tables and self._database is None:
            raise ValueError(f"row {task.get('id')!r} has no extra.tables, and the environment sql has no `database`")
        if "final_tables" in extra and not self._is_writable:
            raise ValueError(f"row {task.get('id')!r} has final_tables; give the environment sql is_writable: true")
        final = _read_tables(task, extra, "final_tables")
        self._close()
        try:
            self._connection = self._start(tables, final, state, has_goal="final_tables" in extra)
        except (sqlite3.Error, OverflowError, UnicodeError) as error:
            raise ValueError(f"row {task.get('id')!r}: SQLite cannot hold its tables: {error}") from error

    def _start(
        self, tables: Mapping[str, Any], final: Mapping[str, Any], state: str | None, has_goal: bool
    ) -> GuardedConnection:
        in_memory = self._is_writable or bool(tables)  # a file stays as it is
        first = GuardedConnection(self._limits, self._database, in_memory=in_memory)
        first.add_tables({name: table for name, table in tables.items() if table is not None})
        if has_goal:
            merged = first.tables() | {
                name: None if table is None else comparable(*table) for name, table in final.items()
            }
            self._expected = {name: table for name, table in merged.items() if table is not None}
        if state is not None:
            first.close()
            first = GuardedConnection(self._limits, state=state)
        first.guard(self._is_writable)
        return first

    async def step(self, turn: AssistantTurn) -> StepResult:
        """One tool message per call; done when the turn has no calls."""
        answers = [self._answer(call) for call in turn.calls]
        answers += [_error(reason) for reason in turn.parse_errors]
        return StepResult([{"role": "tool", "content": text} for text in answers], done=not answers)

    async def reward(self) -> float | None:
        """1 where the tables are as the row's `final_tables` say, else 0; None for rows without them."""
        if self._expected is None:
            return None
        return float(self._opened().tables() == self._expected)

    async def close(self) -> None:
        """Release the database."""
        self._close()

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection, self._expected = None, None

    def _opened(self) -> GuardedConnection:
        if self._connection is None:
            raise RuntimeError("the environment sql was asked before reset")
        return self._connection

    def _answer(self, call: ParsedCall) -> str:
        sql = call.arguments.get("sql")
        if check_arguments(call, self.tools()) or not isinstance(sql, str):
            return _error("call query with one string argument, sql")
        connection = self._opened()
        try:
            columns, rows, changed = connection.run(sql, self._max_rows)
        except (sqlite3.Error, sqlite3.Warning, ValueError) as error:
            return _error(self._explained(connection, str(error)))
        if columns is None and not (self._is_writable and COMMENTS.sub("", sql).strip("; \t\r\n")):
            return _error("this asks nothing; write one statement that does")
        if columns is None:
            return json.dumps({"changed_rows": changed})
        return _written(columns, rows, self._max_rows)

    def _explained(self, connection: GuardedConnection, reason: str) -> str:
        if reason == "interrupted":
            return "the query takes too long; ask for less"
        if "not authorized" in reason or "authorization denied" in reason:
            return f"{reason}; {'only tables can be changed here' if self._is_writable else 'tables can only be read'}"
        if not reason.startswith("no such"):
            return reason
        known = "; ".join(f"{name}({', '.join(columns)})" for name, columns in connection.schema().items())
        return f"{reason}; tables: {known}" if len(known) <= MAX_SCHEMA else reason


def _written(columns: list[str], rows: Sequence[Sequence[Any]], max_rows: int) -> str:
    """As JSON; rows beyond a limit are left out, and a note says so."""
    shown: list[list[Any]] = []
    room = MAX_ANSWER
    for row in rows[:max_rows]:
        values = [_json_value(value) for value in row]
        room -= len(json.dumps(values, ensure_ascii=False))
        if room < 0 and shown:
            break
        shown.append(values)
    answer: dict[str, Any] = {"columns": columns, "rows": shown}
    if len(shown) < len(rows):
        answer["note"] = f"only the first {len(shown)} rows are shown"
    return json.dumps(answer, ensure_ascii=False)


def _json_value(value: Any) -> Any:
    if isinstance(value, bytes):
        return f"x'{value[:100].hex()}'" + (f"... {len(value)} bytes" if len(value) > 100 else "")
    if isinstance(value, float) and value - value != 0:  # infinite
        return str(value)
    return value


def _error(reason: str) -> str:
    return json.dumps({"error": reason}, ensure_ascii=False)


def _read_tables(task: Mapping[str, Any], extra: Mapping[str, Any], key: str) -> dict[str, Any]:
    """Name -> (columns, rows), or None, from the form of a row.

    Raises:
        ValueError: it has another form; the message names row, table and what is wrong.
    """
    where = f"row {task.get('id')!r}: extra.{key}"
    given = extra.get(key) or {}
    if not isinstance(given, Mapping):
        raise ValueError(
            f"{where} must map a table's name to {{columns: [...], rows: [[...], ...]}}, got {given!r:.80}"
        )
    return {str(name): _read_table(f"{where}.{name}", table, key == "final_tables") for name, table in given.items()}


def _read_table(where: str, table: Any, may_be_null: bool) -> tuple[list[str], list[list[Any]]] | None:
    if table is None and may_be_null:
        return None
    columns, rows = (table.get("columns"), table.get("rows")) if isinstance(table, Mapping) else (None, None)
    if not isinstance(columns, list) or not columns or not all(isinstance(column, str) for column in columns):
        raise ValueError(f"{where} needs columns, a list of at least one name, got {columns!r:.80}")
    for row in rows if isinstance(rows, list) else [rows]:
        if not isinstance(row, list) or len(row) != len(columns):
            raise ValueError(f"{where} needs rows of {len(columns)} values each, got {row!r:.80}")
        for value in row:
            if value is not None and not isinstance(value, (str, int, float)):
                raise ValueError(f"{where} holds {value!r:.80}; a value is a text, a number or null")
    return columns, rows if isinstance(rows, list) else []
