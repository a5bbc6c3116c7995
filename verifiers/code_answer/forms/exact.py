"""Refuses test values that JSON would change: a program that needs a tuple, a set or a number as a key must not fail
because it got something else."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from openqwq.verifiers.base import VerifierError

_PLAIN = (str, int, float, bool, type(None))
_PARTS = ("input", "output")


def refuse_inexact(reference: Any) -> None:
    """Look at `tests` of a reference before it is made JSON-safe. A wanted tuple is fine: it equals a list.

    Raises:
        VerifierError: an argument or wanted value is no plain JSON.
    """
    tests = reference.get("tests") if isinstance(reference, Mapping) else None
    for index, test in enumerate(tests if isinstance(tests, list | tuple) else ()):
        for part in _PARTS if isinstance(test, Mapping) else ():
            value = test.get(part)
            if part == "input" and isinstance(value, tuple):
                value = list(value)  # of arguments
            kind = _inexact(value, (list, tuple) if part == "output" else (list,))
            if kind:
                raise VerifierError(f"tests[{index}].{part} holds a {kind}, which JSON cannot carry as it is")


def _inexact(value: Any, lists: tuple[type[Any], ...]) -> str:
    """Type of the first part that JSON would change, or nothing. numpy arrays stand for lists."""
    if type(value).__module__ == "numpy":
        return ""
    if isinstance(value, lists):
        return next((kind for item in value if (kind := _inexact(item, lists))), "")
    if isinstance(value, Mapping):
        keys = next((f"key of type {type(key).__name__}" for key in value if not isinstance(key, str)), "")
        return keys or next((kind for item in value.values() if (kind := _inexact(item, lists))), "")
    return "" if isinstance(value, _PLAIN) else type(value).__name__
