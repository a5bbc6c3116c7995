"""Whether a source holds the rows that a suite was written for: how many, and which."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from openqwq.training.config import PromptSource, Source
from openqwq.training.errors import DataError
from openqwq.verifiers.json_safe import NotJsonSafe, json_safe


def rows_sha256(rows: Iterable[Any]) -> str:
    """SHA-256 of rows in their order, each as JSON with sorted keys on a line of its own: one number for a file, its
    copy in another format, and the hub.

    Raises:
        DataError: a row has no JSON form.
    """
    digest = hashlib.sha256()
    for row in rows:
        digest.update(_line(row))
    return digest.hexdigest()


def _line(row: Any) -> bytes:
    try:
        return json.dumps(json_safe(row), sort_keys=True, separators=(",", ":")).encode() + b"\n"
    except NotJsonSafe as error:
        raise DataError(str(error)) from error


def is_streamed(source: Source) -> bool:
    """True where the rows are never all read at once."""
    return isinstance(source, PromptSource) and source.streaming


def check_rows(source: Source, rows: Sequence[Any]) -> None:
    """Compare all rows of the source, as they stand in the data, with its `sha256`.

    Raises:
        DataError: they are others.
    """
    if source.sha256 is not None and (found := rows_sha256(rows)) != source.sha256:
        raise DataError(
            f"{source.source}: its {len(rows)} rows have sha256={found}, wanted is sha256={source.sha256}; these are "
            "other rows, or the same in another order or with other columns"
        )


def check_number(source: Source, rows: Sequence[Mapping[str, Any]]) -> None:
    """Compare the number of different rows with the source's `num_rows`, unless the source takes a part of them.

    Raises:
        DataError: there are more or fewer.
    """
    if source.num_rows is None or source.rows is not None or is_streamed(source):
        return
    found = len({_line(row) for row in rows})
    if found != source.num_rows:
        same = f" different ones among {len(rows)}" if found != len(rows) else ""
        raise DataError(
            f"{source.source}: num_rows={source.num_rows} rows are wanted, there are {found}{same}; name all of its "
            "files (a glob takes several), or a part on purpose by its key `rows`, such as [0, 100]"
        )
