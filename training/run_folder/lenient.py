"""Reads JSON values that may be missing or malformed: unusable ones are left out, and nothing raises."""

from collections.abc import Mapping
from typing import Any

Row = Mapping[str, Any]


MOST = 1e100
"""A larger number is a broken one: sums and squares of such must stay finite."""


def number(value: Any) -> float | None:
    """A finite number of at most `MOST`, or None."""
    if type(value) is float:
        return value if abs(value) <= MOST else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if abs(value) <= MOST else None


def mapping(value: Any) -> Row:
    """A mapping, or an empty one."""
    return value if isinstance(value, Mapping) else {}


def rows_of(value: Any) -> list[Row]:
    """The mappings in a list, or none."""
    return [entry for entry in value if isinstance(entry, Mapping)] if isinstance(value, list | tuple) else []
