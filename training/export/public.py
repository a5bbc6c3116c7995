"""A recipe as it may be shown to others: without places, addresses, keys, and the sections that say where it ran."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from openqwq.training.config.files import resolve_path

PRIVATE = ("cluster", "sandbox", "logging")
"""Sections of a recipe on which no number of a run depends, and which name machines, projects and accounts."""
LEFT_OUT = "(left out)"
USUAL_FOLDERS = ("checkpoints", "data", "models", "recipes", "rows", "runs")
"""A path that begins so is none of the hub's, also when it is not here any more."""
_SECRET = re.compile(r"(^|[_-])(api_?key|key|token|secret|passw(or)?d|credentials?|authorization)$", re.IGNORECASE)
_KEY = re.compile(r"\b(hf_[A-Za-z0-9]{16,}|sk-[\w-]{16,}|(?i:bearer) \S+)")
_ADDRESS = re.compile(r"\b(?!hf:)[a-z][a-z0-9+.-]*://[^\s'\"]+", re.IGNORECASE)
_PLACE = re.compile(r"(?<![\w/.:}])(?:~|[A-Za-z]:)?[/\\](?:[^\s/\\'\"]+[/\\])+")
"""The folders of an absolute path; what stands behind them is its name."""
_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
_FILE = re.compile(r"\.(jsonl?|csv|tsv|txt|parquet|gz|arrow|py|jinja|ya?ml)$")


def public_recipe(recipe: Mapping[str, Any]) -> dict[str, Any]:
    """The recipe without what is nobody else's business."""
    return {str(key): public(value, str(key)) for key, value in recipe.items() if key not in PRIVATE}


def public(value: Any, key: str = "") -> Any:
    """A JSON value whose texts hold no address, no absolute path and no key."""
    if isinstance(value, Mapping):
        return {str(name): public(inner, str(name)) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [public(inner, key) for inner in value]
    if not isinstance(value, str):
        return value
    return LEFT_OUT if _SECRET.search(key) and value else public_text(value)


def public_text(text: str) -> str:
    """A text in which addresses are left out, and absolute paths are names: `/home/a/mine.py:f` becomes `mine.py:f`."""
    text = _PLACE.sub("", _ADDRESS.sub(LEFT_OUT, _KEY.sub(LEFT_OUT, text)))
    return text.lstrip("~/\\") if text.startswith(("/", "~/", "\\")) and " " not in text else text


def hub_id(name: Any, run: Path | None = None) -> str | None:
    """`name`, if it is an id of the hub: spelled as one, and no file or folder from here, from the package, or from
    where the run in the folder `run` may have been started."""
    if not isinstance(name, str) or not _HUB_ID.fullmatch(name) or _FILE.search(name):
        return None
    if name.split("/")[0] in USUAL_FOLDERS or resolve_path(name) is not None:
        return None
    return None if run is not None and any((above / name).exists() for above in run.absolute().parents) else name
