"""What an environment reads of its row: parts of `extra` and `reference`, refused in one line where they are odd."""

from collections.abc import Mapping
from typing import Any, TypeVar

from openqwq.training.errors import DataError

T = TypeVar("T")


def given_part(task: Mapping[str, Any], column: str, name: str, kind: type[T], default: T) -> T:
    """`column.name` of a row, or the default where the row does not have it.

    Raises:
        DataError: it is of another type.
    """
    holder = task.get(column)
    value = holder.get(name) if isinstance(holder, Mapping) else None
    if value is None:
        return default
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        words = {int: "a whole number", dict: "an object", list: "a list", str: "a text"}.get(kind, kind.__name__)
        raise row_fault(task, f"{column}.{name} is {value!r:.60}; needed: {words}")
    return value


def row_fault(task: Mapping[str, Any], problem: str) -> DataError:
    """The error of a row that an environment cannot begin."""
    return DataError(f"row {task.get('id', '?')!r}: {problem}")
