"""Raw rows of local data, each with its place: files by their endings, several by a glob, folders of
`Dataset.save_to_disk`."""

import csv
import glob
import gzip
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import IO, Any, NamedTuple

from openqwq.training.config.files import PACKAGE, resolve_path
from openqwq.training.errors import DataError

Placed = tuple[str, Any]
"""`rows.jsonl:7` and the row that stands there. Rows are counted from 1; blank lines are no rows."""
ENDINGS = (".jsonl", ".ndjson", ".json", ".csv", ".tsv", ".parquet")
WILD = frozenset("*?[")
CHATS = frozenset(
    {"prompt", "completion", "messages", "chosen", "rejected", "conversations", "context", "tools", "function"}
)


def local_paths(source: str) -> list[Path]:
    """The files or the folder that a source names, by a glob in the order of their names; empty when it can only be a
    hub id. Looked up from the working directory, then in the package.

    Raises:
        DataError: it names local data that is not there.
    """
    if (path := resolve_path(source)) is not None:
        return [path]
    if WILD & set(source):
        for root in (Path.cwd(), PACKAGE):
            if found := sorted(glob.glob(source, root_dir=root, recursive=True)):
                return [(root / name).resolve() for name in found]
        raise DataError(f"no file matches {source!r} in {Path.cwd()} or in the package")
    if source.startswith(("/", "./", "../", "~")) or _ending(Path(source)) in ENDINGS:
        raise DataError(f"no data file {source!r} in {Path.cwd()} or in the package")
    return []


def read_paths(paths: list[Path], split: str) -> Iterator[Placed]:
    """The rows of files one after another, or of a folder that `datasets` wrote. `split`: of a DatasetDict.

    Raises:
        DataError: a file cannot be read; the message names it and the row.
    """
    return ((place, row) for place, row, _ in read_from(paths, split, Position()))


class Position(NamedTuple):
    """Where the next row of several files stands: rows before it in all of them, its file, rows before it in this file,
    and where known the byte at which it begins."""

    row: int = 0
    file: int = 0
    row_of_file: int = 0
    byte: int = 0


def read_from(paths: list[Path], split: str, start: Position) -> Iterator[tuple[str, Any, Position]]:
    """The rows from a position on, each with its place and the position behind it. JSON lines are read from their byte
    and parquet from its row group; in other files the rows before are read and passed over.

    Raises:
        DataError: as `read_paths`.
    """
    row = start.row
    is_named_twice = len({path.name for path in paths}) < len(paths)
    for number, path in enumerate(paths[start.file :], start.file):
        skipped, byte = (start.row_of_file, start.byte) if number == start.file else (0, 0)
        name = f"{path.parent.name}/{path.name}" if is_named_twice else path.name
        for in_file, (values, end) in enumerate(_rows_behind(path, split, skipped, byte), skipped + 1):
            row += 1
            yield f"{name}:{in_file}", values, Position(row, number, in_file, end)


def _rows_behind(path: Path, split: str, skipped: int, byte: int) -> Iterator[tuple[Any, int]]:
    """The rows of a file behind the first ones, each with the byte at its end, or 0."""
    if path.suffix in (".jsonl", ".ndjson"):
        yield from _json_lines_behind(path, skipped, byte)
    elif path.suffix == ".parquet":
        yield from ((row, 0) for row in _parquet(path, skipped))
    else:
        rows = _folder_rows(path, split) if path.is_dir() else _file_rows(path)
        yield from ((row, 0) for row in islice(rows, skipped, None))


def _json_lines_behind(path: Path, skipped: int, byte: int) -> Iterator[tuple[Any, int]]:
    number = skipped
    with _unreadable_told(path), path.open("rb") as file:
        file.seek(byte)
        while line := file.readline():
            if line.strip():
                number += 1
                text = line.decode("utf-8-sig" if number == 1 else "utf-8")
                yield _row_of_line(text, f"{path.name}:{number}"), file.tell()


@contextmanager
def _unreadable_told(path: Path) -> Iterator[None]:
    try:
        yield
    except UnicodeDecodeError as error:
        raise DataError(f"{path.name}: not UTF-8 at byte {error.start} of a line; save it as UTF-8") from error
    except (OSError, EOFError) as error:
        raise DataError(f"{path}: not readable: {error}") from error


def _file_rows(path: Path) -> Iterator[Any]:
    reader = READERS.get(_ending(path))
    if reader is None:
        raise DataError(f"{path}: data files end in {', '.join(ENDINGS)}, got {path.suffix or 'no suffix'!r}")
    with _unreadable_told(path):
        yield from reader(path)


def _folder_rows(path: Path, split: str) -> Iterator[Any]:
    from datasets import DatasetDict, load_from_disk

    if not any((path / name).is_file() for name in ("dataset_dict.json", "state.json")):
        held = sorted({_ending(file) for file in path.iterdir() if _ending(file) in ENDINGS})
        hint = f"name its files: '{path.name}/*{held[0]}'" if held else "it holds no data files either"
        raise DataError(f"{path} is no folder that Dataset.save_to_disk wrote; {hint}")
    try:
        loaded = load_from_disk(str(path))
    except Exception as error:  # whatever damaged files raise
        raise DataError(f"{path}: not readable by datasets: {' '.join(str(error).split())[:200]}") from error
    if isinstance(loaded, DatasetDict):
        if split not in loaded:
            raise DataError(f"{path.name} has no split {split!r}; it has {', '.join(loaded)}: set `split`")
        loaded = loaded[split]
    yield from map(without_nulls, loaded)


def without_nulls(row: dict[str, Any]) -> dict[str, Any]:
    """A row of an Arrow table without the nulls inside chats and tools: where they hold different keys, Arrow writes
    the missing ones as null."""
    return {key: _pruned(value) if key in CHATS else value for key, value in row.items()}


def _pruned(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _pruned(part) for key, part in value.items() if part is not None}
    if isinstance(value, list):
        return [_pruned(part) for part in value]
    return value


def _ending(path: Path) -> str:
    return Path(path.name.removesuffix(".gz")).suffix


def _opened(path: Path, newline: str | None = None) -> IO[str]:
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding="utf-8-sig", newline=newline)
    return path.open(encoding="utf-8-sig", newline=newline)


def _json_lines(path: Path) -> Iterator[Any]:
    with _opened(path, newline="\n") as file:  # other ends of lines stand inside texts
        for number, line in enumerate(filter(str.strip, file), 1):
            yield _row_of_line(line, f"{path.name}:{number}")


def _row_of_line(line: str, place: str) -> dict[str, Any]:
    try:
        return _as_row(json.loads(line), place)
    except (json.JSONDecodeError, RecursionError) as error:
        raise DataError(f"{place}: not JSON: {getattr(error, 'msg', error)}") from error


def _json(path: Path) -> Iterator[Any]:
    """A list of rows; an object that holds one list of them, such as `{"data": [...]}`; or JSON lines."""
    with _opened(path) as file:
        text = file.read()
    try:
        tree = json.loads(text)
    except json.JSONDecodeError as error:
        if text.lstrip().startswith("{") and error.msg == "Extra data":
            yield from _json_lines(path)
            return
        raise DataError(f"{path.name}: not JSON: {error.msg} in line {error.lineno}") from error
    except RecursionError as error:
        raise DataError(f"{path.name}: not JSON: {error}") from error
    if isinstance(tree, dict):
        lists = {key: value for key, value in tree.items() if isinstance(value, list)}
        if len(lists) > 1 or (not lists and not tree):
            raise DataError(f"{path.name}: more than one list of rows: {', '.join(lists) or 'none'}; keep one")
        tree = next(iter(lists.values())) if lists else [tree]
    if not isinstance(tree, list):
        raise DataError(f"{path.name}: a data file holds a list of rows, got {type(tree).__name__}")
    for number, row in enumerate(tree, 1):
        yield _as_row(row, f"{path.name}:{number}")


def _as_row(row: Any, place: str) -> dict[str, Any]:
    if isinstance(row, list) and row and all(isinstance(turn, dict) for turn in row):
        # a chat that stands for itself, as Open-Reasoner-Zero writes its problems
        return {"conversations": row}
    if not isinstance(row, dict):
        raise DataError(f"{place}: a row is an object, got {type(row).__name__}")
    return row


def _separated(path: Path) -> Iterator[Any]:
    """A first line of names, then rows of texts, of which an empty one is null."""
    csv.field_size_limit(sys.maxsize)
    with _opened(path, newline="") as file:
        head = file.readline()
        file.seek(0)
        separator = "\t" if _ending(path) == ".tsv" else ";" if ";" in head and "," not in head else ","
        lines = csv.reader(file, delimiter=separator, strict=True)
        try:
            names = next(lines, [])
            if repeated := {name for name in names if names.count(name) > 1}:
                raise DataError(f"{path.name}: column {min(repeated)!r} stands twice in its first line")
            for number, values in enumerate(filter(None, lines), 1):
                if len(values) != len(names):
                    raise DataError(f"{path.name}:{number}: {len(values)} values for {len(names)} columns")
                yield {name: value or None for name, value in zip(names, values, strict=True)}
        except csv.Error as error:
            raise DataError(f"{path.name}: line {lines.line_num}: {error}") from error


def _parquet(path: Path, skipped: int = 0) -> Iterator[Any]:
    import pyarrow
    import pyarrow.parquet as parquet

    try:
        file = parquet.ParquetFile(path)
        groups = list(range(file.num_row_groups))
        while groups and skipped >= file.metadata.row_group(groups[0]).num_rows:
            skipped -= file.metadata.row_group(groups.pop(0)).num_rows
        rows = (row for batch in file.iter_batches(batch_size=1000, row_groups=groups) for row in batch.to_pylist())
        yield from map(without_nulls, islice(rows, skipped, None))
    except pyarrow.ArrowException as error:
        raise DataError(f"{path.name}: not readable as parquet: {error}") from error


READERS: dict[str, Callable[[Path], Iterator[Any]]] = {
    ".jsonl": _json_lines,
    ".ndjson": _json_lines,
    ".json": _json,
    ".csv": _separated,
    ".tsv": _separated,
    ".parquet": _parquet,
}
