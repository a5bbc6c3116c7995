"""Data analysis: column types, join mappings, runs of months. Tables in another format: tablereformat.py."""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from openqwq.verifiers.livebench.marks import NoAnswer, enclosed, last_box, needed_box, solutions, without_text_command

MAX_LITERAL_CHARS = 100_000
MAX_SIGNS = 2_000
"""Plus, minus and tilde: Python reads chains of them by recursion."""
_NO_WORD = re.compile(r"[^\w]")
_QUOTED_TEXT = re.compile(r"\\text{['|\"]([^'|\"}]*+)['|\"]}")


def column_type(gold: str, text: str) -> float:
    """The answer, or its last box, is or ends in the gold; case and whatever is no letter or digit do not count."""
    said = without_text_command(needed_box(text)) if r"\boxed{" in text else text
    return float(bare(said).endswith(bare(gold)))


def bare(text: str) -> str:
    return _NO_WORD.sub("", text.lower())


def table_join(gold: Mapping[str, str], text: str) -> float:
    """F1 of the pairs of columns, to two places; a wrong partner counts as a false positive and a false negative."""
    said = _mapping(text)
    if not said:
        return 0.0
    right = sum(1 for key, value in said.items() if gold.get(key) and gold[key] == value)
    wrong = len(said) - right
    wrong_partner = sum(1 for key, value in said.items() if gold.get(key) and gold[key] != value)
    missed = wrong_partner + sum(1 for key in gold if not said.get(key))
    return round(100 * (2 * right / (2 * right + wrong + missed))) / 100


def consecutive_events(gold: Mapping[Any, Any], text: str) -> float:
    """Shared (user, months) pairs over all: each that is missing or wrong on either side counts.

    Raises:
        NoAnswer: the last solution is JSON of another kind.
    """
    said = _events(text)
    right = sum(1 for user, months in gold.items() if user in said and said[user] == months)
    return round(right / (len(gold) + len(said) - right), 4)


def read_events(listed: Sequence[Any]) -> dict[Any, Any]:
    """user_id -> max_consecutive_growth_months, of those that are objects with a user."""
    rows = [row for row in listed if isinstance(row, dict) and "user_id" in row]
    return {row["user_id"]: row.get("max_consecutive_growth_months") for row in rows}


def _events(text: str) -> dict[Any, Any]:
    found = solutions(text, across_lines=True, ignore_case=True)
    try:
        listed = json.loads(found[-1]) if found else []
        return read_events(listed or [])
    except (ValueError, TypeError, RecursionError) as error:  # no JSON, a number, or a list as a user
        raise NoAnswer(f"no list of users: {type(error).__name__}") from error


def _mapping(text: str) -> dict[Any, Any]:
    """A Python dictionary: the whole answer, else its last block of code, else its last box."""
    if found := solutions(text, across_lines=True):
        text = found[-1].strip()
    said = _literal(text)
    if said is None:
        said = _literal(_dictionary_text(text).replace("null", "None"))
    return {key: value for key, value in said.items() if value is not None} if isinstance(said, dict) else {}


def _dictionary_text(text: str) -> str:
    line = text.replace("\n", "")
    for fence in ("```python", "```json", "```"):
        if found := enclosed(line, fence, "```"):
            return found[-1]
    if r"\boxed" in text and (box := last_box(line)) is not None:
        return _QUOTED_TEXT.sub(r"'\1'", box).replace("\\", "")
    return text


def _literal(text: str) -> object:
    """The value of a Python literal, or None for what is none."""
    if len(text) > MAX_LITERAL_CHARS or sum(map(text.count, "+-~")) > MAX_SIGNS:
        return None
    try:
        return ast.literal_eval(text)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return None
