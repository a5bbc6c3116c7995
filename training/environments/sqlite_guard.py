"""SQLite connections on which a model's statements may run: what they may do, how long, and how large values may be.

Independent of conversations."""

import math
import sqlite3
import time
import zlib
from base64 import b64decode, b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Table = tuple[tuple[str, ...], tuple[tuple[Any, ...], ...]]
"""Column names, and rows sorted by their values, so that two tables compare as multisets."""

READ_ACTIONS = frozenset({sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_RECURSIVE})
WRITE_ACTIONS = frozenset(
    {
        sqlite3.SQLITE_INSERT,
        sqlite3.SQLITE_UPDATE,
        sqlite3.SQLITE_DELETE,
        sqlite3.SQLITE_CREATE_TABLE,
        sqlite3.SQLITE_DROP_TABLE,
        sqlite3.SQLITE_ALTER_TABLE,
        sqlite3.SQLITE_CREATE_INDEX,
        sqlite3.SQLITE_DROP_INDEX,
        sqlite3.SQLITE_REINDEX,
    }
)
PRAGMAS = frozenset(
    {"table_info", "table_xinfo", "table_list", "index_list", "index_info", "foreign_key_list", "page_count"}
)
"""Those that only describe tables; `page_count` is what `serialize` asks. All others are refused, `writable_schema` and
`query_only` among them."""
FORBIDDEN_FUNCTIONS = frozenset({"load_extension", "fts3_tokenizer", "sqlite_log", "printf", "format"})
"""`printf('%.1000000000c', 'x')` counts to its precision within one instruction, where nothing can stop it."""
INSTRUCTIONS_A_LOOK = 20
"""SQLite's instructions between two looks at the limits: one on long texts can take a tenth of a second."""


@dataclass(frozen=True)
class Limits:
    """What one statement may cost."""

    max_steps: int
    """Instructions of SQLite's virtual machine: the same statement ends at the same place on every machine."""
    max_seconds: float
    """For the few instructions that take long. Unlike `max_steps` it depends on the machine's load."""
    max_value_bytes: int
    """Largest text or blob."""
    max_pages: int = 4096
    """Largest size of a database that may be written, in pages of 4 KiB."""


class GuardedConnection:
    """A database of one episode, in memory, or a file that is only read.

    Statements run one at a time and in autocommit; transactions, triggers, views and virtual tables, attached
    databases, extensions and pragmas that change anything are refused by SQLite's authorizer, before anything runs.
    """

    def __init__(
        self, limits: Limits, database: Path | None = None, state: str | None = None, in_memory: bool = True
    ) -> None:
        """Open a copy of `database` in memory, or the file itself, only for reading; without one, nothing.

        `state`: what `serialized` gave; it stands for `database`.

        Raises:
            sqlite3.Error: the file is no database, or cannot be read.
        """
        self._limits = limits
        self._is_writable = False
        self._steps, self._deadline = 0, math.inf
        if state is not None or database is None:
            self._connection = _connect(":memory:")
        else:
            self._connection = _connect(f"{database.resolve().as_uri()}?mode=ro")
        if state is not None:
            self._connection.deserialize(zlib.decompress(b64decode(state)))
        self._connection.execute("SELECT count(*) FROM sqlite_master").fetchone()  # a file may be no database
        if database is not None and state is None and in_memory:
            file, self._connection = self._connection, _connect(":memory:")
            file.backup(self._connection)
            file.close()

    def add_tables(self, tables: Mapping[str, tuple[Sequence[str], Sequence[Sequence[Any]]]]) -> None:
        """Make tables, before `guard`. Names are quoted and values bound, so that none of them is read as SQL.

        Raises:
            sqlite3.Error, OverflowError, UnicodeError: a table that SQLite cannot hold.
        """
        for name, (columns, rows) in tables.items():
            named = ", ".join(map(quoted, columns))
            self._connection.execute(f"CREATE TABLE {quoted(name)} ({named})")
            places = ", ".join("?" * len(columns))
            self._connection.executemany(f"INSERT INTO {quoted(name)} VALUES ({places})", rows)

    def guard(self, is_writable: bool) -> None:
        """From now on statements are limited."""
        self._is_writable = is_writable
        connection = self._connection
        connection.execute(f"PRAGMA max_page_count = {self._limits.max_pages}")
        connection.execute("PRAGMA temp_store = FILE")  # large sorts leave memory
        connection.execute("PRAGMA trusted_schema = OFF")
        if not is_writable:
            connection.execute("PRAGMA query_only = ON")
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, self._limits.max_value_bytes)
        connection.setlimit(sqlite3.SQLITE_LIMIT_SQL_LENGTH, min(10_000, self._limits.max_value_bytes))
        connection.setlimit(sqlite3.SQLITE_LIMIT_EXPR_DEPTH, 100)
        connection.setlimit(sqlite3.SQLITE_LIMIT_COMPOUND_SELECT, 50)
        connection.setlimit(sqlite3.SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 100)
        connection.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
        connection.setlimit(sqlite3.SQLITE_LIMIT_WORKER_THREADS, 0)
        connection.set_authorizer(self._allows)
        connection.set_progress_handler(self._is_over, INSTRUCTIONS_A_LOOK)

    def _allows(self, action: int, first: str | None, second: str | None, _schema: str | None, _by: str | None) -> int:
        if action in READ_ACTIONS or (self._is_writable and action in WRITE_ACTIONS):
            return sqlite3.SQLITE_OK
        if action == sqlite3.SQLITE_FUNCTION and (second or "").lower() not in FORBIDDEN_FUNCTIONS:
            return sqlite3.SQLITE_OK
        if action == sqlite3.SQLITE_PRAGMA and first in PRAGMAS:
            return sqlite3.SQLITE_OK
        return sqlite3.SQLITE_DENY

    def _is_over(self) -> bool:
        self._steps += INSTRUCTIONS_A_LOOK
        return self._steps > self._limits.max_steps or time.monotonic() > self._deadline

    def run(self, statement: str, max_rows: int) -> tuple[list[str] | None, list[tuple[Any, ...]], int]:
        """Columns (None for a statement without a result), at most `max_rows + 1` rows, and how many rows a writing
        statement changed.

        Raises:
            sqlite3.Error, sqlite3.Warning, ValueError: the statement is refused, wrong, or beyond a limit.
        """
        self._steps, self._deadline = 0, time.monotonic() + self._limits.max_seconds
        cursor = self._connection.execute(statement)
        try:
            rows = cursor.fetchmany(max_rows + 1)
            columns = [str(column[0]) for column in cursor.description] if cursor.description else None
            return columns, rows, max(0, cursor.rowcount)
        finally:
            cursor.close()

    def schema(self) -> dict[str, list[str]]:
        """Table -> its columns, without SQLite's own tables."""
        names = [name for (name,) in self._unlimited("SELECT name FROM sqlite_master WHERE type = 'table'")]
        names = sorted(name for name in names if not name.startswith("sqlite_"))
        return {name: [row[1] for row in self._unlimited(f"PRAGMA table_info({quoted(name)})")] for name in names}

    def tables(self) -> dict[str, Table]:
        """All that the database holds."""
        return {
            name: comparable(columns, self._unlimited(f"SELECT * FROM {quoted(name)}"))
            for name, columns in self.schema().items()
        }

    def _unlimited(self, statement: str) -> list[tuple[Any, ...]]:
        self._steps, self._deadline = -(10**15), math.inf
        return self._connection.execute(statement).fetchall()

    def serialized(self) -> str:
        """The whole database as text."""
        return b64encode(zlib.compress(self._connection.serialize())).decode()

    def close(self) -> None:
        """Release the database."""
        self._connection.close()


def _connect(address: str) -> sqlite3.Connection:
    """In autocommit. Nobody but one instance holds it, whose calls come one after another, from any thread."""
    return sqlite3.connect(address, uri=True, isolation_level=None, check_same_thread=False)


def quoted(name: str) -> str:
    """An identifier of SQL."""
    return '"' + name.replace('"', '""') + '"'


def comparable(columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> Table:
    """A table whose rows are sorted: by type, then by value, since SQLite's values of two types have no order."""
    return tuple(columns), tuple(sorted((tuple(row) for row in rows), key=lambda row: [_sort_key(v) for v in row]))


def _sort_key(value: Any) -> tuple[int, Any]:
    if value is None:
        return 0, 0
    if isinstance(value, (int, float)):
        return 1, value
    return (2, value) if isinstance(value, str) else (3, bytes(value))
