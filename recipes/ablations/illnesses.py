"""Judges that make a run ill on purpose, for `illnesses.yaml`."""

from collections.abc import Mapping
from typing import Any


def never(response: str, row: Mapping[str, Any]) -> bool:
    """A dead verifier: says no to everything."""
    return False


def always(response: str, row: Mapping[str, Any]) -> bool:
    """Says yes to everything."""
    return True


def long(response: str, row: Mapping[str, Any]) -> float:
    """Pays length in place of the answer, up to 200 characters."""
    return min(1.0, len(response) / 200)
