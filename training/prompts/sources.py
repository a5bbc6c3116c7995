"""Loads the rows of a data set (a file or a hub id) as prompts: makes them JSON-safe and maps their columns."""

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from openqwq.training.config import PromptSource, Source
from openqwq.training.config.files import resolve_path
from openqwq.training.errors import DataError
from openqwq.training.records import Prompt
from openqwq.verifiers.json_safe import NotJsonSafe, json_safe


def load_rows(source: Source) -> list[dict[str, Any]]:
    """The rows of `source` with our column names, as plain JSON values, which a checkpoint restores exactly.

    Raises:
        DataError: the data set cannot be read, a value has no JSON form, or a mapped column is missing.
    """
    path = resolve_path(source.source)
    raw = list(_read_file(path)) if path is not None else list(_read_hub(source))
    start, stop = source.rows or (0, len(raw))
    label = path.name if path is not None else source.source
    return [_with_our_columns(row, source, f"{label}:{i + 1}") for i, row in enumerate(raw) if start <= i < stop]


def _read_file(path: Path) -> Iterator[dict[str, Any]]:
    if path.suffix == ".jsonl":
        text = path.read_text(encoding="utf-8")
        for number, line in enumerate(text.split("\n"), 1):  # splitlines would split rows that hold U+2028
            if not line.strip():
                continue
            try:
                row = json.loads(line)
            except json.JSONDecodeError as error:
                raise DataError(f"{path.name}:{number}: not JSON: {error.msg}") from error
            if not isinstance(row, dict):
                raise DataError(f"{path.name}:{number}: a row is an object, got {type(row).__name__}")
            yield row
    elif path.suffix == ".parquet":
        import pyarrow.parquet as parquet

        yield from parquet.read_table(path).to_pylist()
    else:
        raise DataError(f"{path}: data files end in .jsonl or .parquet, got {path.suffix or 'no suffix'!r}")


def _read_hub(source: Source) -> Iterable[dict[str, Any]]:
    if source.source.endswith((".jsonl", ".parquet")):
        raise DataError(f"no data file {source.source!r} in {Path.cwd()} or in the package")
    from datasets import load_dataset

    try:
        return [dict(row) for row in load_dataset(source.source, source.subset, split=source.split)]
    except Exception as error:  # the hub client raises many kinds of errors; all mean that it is not readable
        raise DataError(
            f"data set {source.source!r} (subset {source.subset}, split {source.split}) is neither a local file "
            f"nor readable from the hub: {type(error).__name__}: {' '.join(str(error).split())[:200]}"
        ) from error


def _with_our_columns(row: Mapping[str, Any], source: Source, location: str) -> dict[str, Any]:
    try:
        row = json_safe(row)
    except NotJsonSafe as error:
        raise DataError(f"{location}: {error}") from error
    mapped = dict(row)
    for ours, theirs in source.columns.items():
        if isinstance(theirs, str):
            mapped[ours] = _column(row, theirs, location)
        else:
            mapped[ours] = {inner: _column(row, name, location) for inner, name in theirs.items()}
    if isinstance(mapped.get("prompt"), str):
        mapped["prompt"] = source.template.replace("{prompt}", mapped["prompt"])
    return mapped


def _column(row: Mapping[str, Any], name: str, location: str) -> Any:
    """A column, or by a dotted path what lies inside one, which may be a text of JSON."""
    if name in row:
        return row[name]
    first, *path = name.split(".")
    if not path or first not in row:
        raise DataError(
            f"{location}: column {name!r} is missing; the row has {', '.join(sorted(row))}. Map it with `columns:`"
        )
    value = row[first]
    for done, part in enumerate(path, 1):
        place = ".".join([first, *path[: done - 1]])
        value = _inside(value, part, place, location)
    return value


def _inside(value: Any, part: str, place: str, location: str) -> Any:
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError) as error:
            raise DataError(f"{location}: {place} is a text that is not JSON, so it has no {part!r}") from error
    if isinstance(value, list) and part.isdigit() and int(part) < len(value):
        return value[int(part)]
    if isinstance(value, dict) and part in value:
        return value[part]
    has = ", ".join(sorted(value)) if isinstance(value, dict) else f"a {type(value).__name__}"
    raise DataError(f"{location}: {place} has no {part!r}; it has {has}")


def to_prompt(row: Mapping[str, Any], source: Source, location: str) -> Prompt:
    """One row as a Prompt, whose `row` keeps every column for the verifiers. `location` (file and line) names the row
    in messages, and is its id if it has none."""
    task = source.task if row.get("task") is None else row["task"]
    if task is None:
        raise DataError(f"{location}: column 'task' is missing; add it or set `task:` on the source")
    for needed in ("prompt", "reference"):
        _column(row, needed, location)
    text = row["prompt"]
    messages: tuple[Mapping[str, Any], ...]
    if isinstance(text, str):
        messages = ({"role": "user", "content": text},)
    elif isinstance(text, list) and text and all(isinstance(m, Mapping) and "role" in m for m in text):
        messages = tuple(text)
    else:
        raise DataError(f"{location}: column 'prompt' is text or a list of chat messages, got {type(text).__name__}")
    prompt_id = str(location if row.get("id") is None else row["id"])
    complete = {**row, "id": prompt_id, "task": task, "prompt": list(messages)}
    return Prompt(
        id=prompt_id,
        task=str(task),
        messages=messages,
        row=complete,
        tools=tuple(row.get("tools") or ()),
        source=source.source,
        is_replay=isinstance(source, PromptSource) and source.replay,
    )


def load_prompts(source: Source) -> list[Prompt]:
    """All prompts of a source; their ids are unique.

    Raises:
        DataError: there are no rows, a column is missing, or two rows have the same id.
    """
    first = source.rows[0] if source.rows else 0  # rows without an id are named by their line in the whole file
    name = Path(source.source).name
    prompts = [to_prompt(row, source, f"{name}:{i}") for i, row in enumerate(load_rows(source), first + 1)]
    if not prompts:
        raise DataError(f"{source.source}: no rows (rows: {source.rows})")
    seen: set[str] = set()
    for prompt in prompts:
        if prompt.id in seen:
            raise DataError(f"{source.source}: id {prompt.id!r} is in more than one row")
        seen.add(prompt.id)
    return prompts
