"""Finds, when data is loaded, texts of tests that no program can be judged by: no Python, or nothing that is asked."""

from __future__ import annotations

import ast
from collections.abc import Sequence

from openqwq.verifiers.base import VerifierError

_MAX_CHARACTERS = 200_000
"""Longer texts are left to the jail, as parsing them takes a second."""


def refuse_what_asks_nothing(texts: Sequence[str]) -> None:
    """Raises VerifierError for a text that is no Python, and when no text asserts or calls anything."""
    trees = [python_of(text, f"asserts[{index}]") for index, text in enumerate(texts)]
    if all(tree is not None and not _asks(tree) for tree in trees):
        raise VerifierError("the tests assert and call nothing, so nothing is asked of a program")


def python_of(text: str, name: str) -> ast.Module | None:
    """The tree of a text, or None for one that is too long to be looked at here. Raises VerifierError."""
    if len(text) > _MAX_CHARACTERS:
        return None
    try:
        return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as problem:
        raise VerifierError(f"{name} is no Python: {str(problem)[:150]}") from problem


def _asks(tree: ast.Module) -> bool:
    return any(isinstance(node, ast.Assert | ast.Call) for node in ast.walk(tree))
