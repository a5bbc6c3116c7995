"""Reads JSON values that may be missing or malformed: unusable ones are left out, and nothing raises."""

import math
from collections.abc import Mapping
from typing import Any

Row = Mapping[str, Any]


def number(value: Any) -> float | None:
    """A finite number, or None."""
    if type(value) is float:
        return value if math.isfinite(value) else None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return float(value) if abs(float(value)) < float("inf") else None
    except OverflowError:
        return None


def mapping(value: Any) -> Row:
    """A mapping, or an empty one."""
    return value if isinstance(value, Mapping) else {}


def rows_of(value: Any) -> list[Row]:
    """The mappings in a list, or none."""
    return [entry for entry in value if isinstance(entry, Mapping)] if isinstance(value, list | tuple) else []
