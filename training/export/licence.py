"""The licence of an export: stated, or read from what the model or its base says; never invented."""

import os
import re
from pathlib import Path
from typing import Any

import yaml
from huggingface_hub import ModelCard

from openqwq.training.config.files import resolve_path
from openqwq.training.config.hub import stay_away_if_unreachable
from openqwq.training.errors import RecipeError
from openqwq.training.export.origin import read_json
from openqwq.training.export.public import hub_id

_ID = re.compile(r"[a-z0-9][a-z0-9.+-]*")


def find_licence(stated: str | None, *models: str | None) -> str | None:
    """The licence that is stated, else that of the first of `models` (folders or hub ids) whose card has one.

    Raises:
        RecipeError: the stated one is not spelled as the hub spells licences.
    """
    if stated is not None:
        if not _ID.fullmatch(stated):
            raise RecipeError(f"--license {stated!r} is no identifier of the hub, such as apache-2.0, mit or other")
        return stated
    for model in models:
        found = _of_model(model) if model else None
        if found:
            return found
    return None


def _of_model(model: str) -> str | None:
    place = resolve_path(model)
    if place is not None:
        return _of_text(place / "README.md") or _of_config(place / "config.json")
    if hub_id(model) is None:
        return None
    stay_away_if_unreachable()
    if os.environ.get("HF_HUB_OFFLINE"):
        return None
    try:
        return _spelled(getattr(ModelCard.load(model).data, "license", None))
    except Exception:  # a hub that does not answer, or has no card, says nothing about the licence
        return None


def _of_text(card: Path) -> str | None:
    try:
        return _spelled(getattr(ModelCard(card.read_text(encoding="utf-8")).data, "license", None))
    except (OSError, ValueError, AttributeError, yaml.YAMLError):
        return None


def _of_config(config: Path) -> str | None:
    try:
        return _spelled(read_json(config).get("license"))
    except RecipeError:
        return None


def _spelled(found: Any) -> str | None:
    return found.lower() if isinstance(found, str) and _ID.fullmatch(found.lower()) else None
