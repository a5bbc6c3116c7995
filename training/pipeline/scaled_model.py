"""A recipe's model with its positions scaled by YaRN: a folder with another config.json, and links to the model's other
files. Whoever loads it (trainer, reference, critic, engines), and every checkpoint and export, has the same
positions."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

from openqwq.training.config import Recipe, RlStage
from openqwq.training.config.context_budget import held_tokens, largest_budget, scaled_by_yarn
from openqwq.training.errors import RecipeError
from openqwq.training.models import locate
from openqwq.training.planning.shapes import folder_of


def with_yarn(recipe: Recipe, beside: Path, warn: Callable[[str], None], may_download: bool = True) -> Recipe:
    """The recipe with the scaled model in place of its own, which is written to `<beside>-yarn`; the same recipe where
    it asks for none, or its model is scaled so already. Without `may_download` a model that is not on this machine
    stays as it is, with a warning.

    Raises:
        RecipeError: the model's positions cannot be scaled so, or it is not to be had.
    """
    if recipe.yarn is None:
        return recipe
    folder = folder_of(recipe.model)
    if folder is None and not may_download:
        warn(f"model {recipe.model!r} is not on this machine: its scaling by yarn is not checked")
        return recipe
    folder = folder or _downloaded(recipe.model)
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    scaled = scaled_by_yarn(config, recipe.yarn, recipe.model)
    if scaled["rope_parameters"] == config.get("rope_parameters"):
        return recipe
    before, wanted = held_tokens(config), largest_budget(recipe)
    if before is not None and wanted is not None and wanted <= before and _trains(recipe):
        warn(
            f"yarn changes short texts too, and no conversation of this recipe is longer than {wanted} tokens, of "
            f"which the model holds {before}: train without it, and scale the export (openqwq export --yarn)"
        )
    target = beside.with_name(f"{beside.name}-yarn").absolute()
    _write(folder, scaled, target)
    return recipe.model_copy(update={"model": str(target)})


def _trains(recipe: Recipe) -> bool:
    return any(isinstance(stage, RlStage) for stage in recipe.stages)


def _downloaded(model: str) -> Path:
    locate(model)  # refuses a folder that is not there
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(model))
    except (OSError, ValueError) as error:
        raise RecipeError(f"model {model!r} cannot be loaded: {' '.join(str(error).split())[:300]}") from error


def _write(folder: Path, config: dict[str, object], target: Path) -> None:
    """Written beside and moved, so that it is whole or not there; what is there already stays."""
    text = json.dumps(config, indent=2) + "\n"
    names = {path.name for path in folder.iterdir()}
    is_there = target.is_dir() and {path.name for path in target.iterdir() if path.exists()} == names
    if is_there and (target / "config.json").read_text(encoding="utf-8") == text:
        return
    half = target.with_name(f"{target.name}.{os.getpid()}")
    half.mkdir(parents=True)
    for path in sorted(folder.iterdir()):
        if path.name != "config.json":
            (half / path.name).symlink_to(path.resolve())
    (half / "config.json").write_text(text, encoding="utf-8")
    if target.exists():
        shutil.rmtree(target)  # of an earlier start; it holds links
    half.rename(target)
