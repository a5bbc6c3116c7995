"""Which recipe an evaluation follows: that of `--recipe`, that of the run the model lies in, or none but the suites."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from openqwq.training.config import Evaluation, Recipe, Sampling, Suite
from openqwq.training.config.data import Source
from openqwq.training.config.files import apply_overrides, load_recipe, validate
from openqwq.training.config.renamed import current_names
from openqwq.training.config.suites import SETTINGS, Published, SuiteFile, load_suite, shipped_suites
from openqwq.training.errors import RecipeError
from openqwq.training.run_folder.folder import read_entries

PREFIX = "suites."
_KEYS_OF_SUITES = {*SuiteFile.model_fields, *Source.model_fields} - set(Recipe.model_fields)


@dataclass(frozen=True)
class Choice:
    """What to evaluate."""

    recipe: Recipe
    published: Mapping[str, Sequence[Published]]
    """Suite -> what others measured."""
    stage_models: Mapping[str, str]
    """Stage of the model's run -> its model: suites may be judged by its reward model."""


def choose(
    model: str,
    suites: Sequence[str],
    recipe_name: str | None,
    overrides: Sequence[str],
    settings: str | None = None,
    samples: int | None = None,
) -> Choice:
    """The recipe with its model and its suites; a suite that the recipe does not define is a shipped one or a file.
    Overrides `suites.NAME.key=value` change such a suite, all others the recipe.

    Raises:
        RecipeError: an unknown suite, settings or recipe.
    """
    for key in (word.partition("=")[0] for word in overrides):
        first = key.partition(".")[0]
        if first in _KEYS_OF_SUITES:
            raise RecipeError(
                f"{first} is a key of a suite, not of a recipe; write {PREFIX}{_name(suites[0])}.{key}=..."
            )
    own = [word.removeprefix(PREFIX) for word in overrides if word.startswith(PREFIX)]
    folder = run_folder_of(model)
    recipe = _recipe(model, folder, recipe_name, [word for word in overrides if not word.startswith(PREFIX)])
    defined, published = recipe.evaluation.suites, dict[str, Sequence[Published]]()
    chosen: dict[str, Suite] = {}
    for word in dict.fromkeys(suites):
        is_file, name = _is_file(word), _name(word)
        if is_file or name not in defined:
            changes = [change.partition(".")[2] for change in own if change.partition(".")[0] == name]
            file = _load(word, changes, defined)
            chosen[name], published[name] = file.plain(settings), file.published
        else:
            sampling = defined[name].sampling if settings is None else _settings(settings)
            chosen[name] = defined[name].model_copy(update={"sampling": sampling})
        if samples is not None:
            chosen[name] = chosen[name].model_copy(update={"samples_per_prompt": samples})
    stray = {word.partition(".")[0] for word in own} - set(published)
    if stray:
        raise RecipeError(f"suites.{min(stray)}: no such suite of a file is evaluated; evaluated are {list(chosen)}")
    evaluation = recipe.evaluation.model_copy(update={"suites": chosen})
    return Choice(
        recipe.model_copy(update={"evaluation": evaluation, "model": model}), published, stage_models_of(folder)
    )


def _is_file(suite: str) -> bool:
    return Path(suite).suffix in (".yaml", ".yml")


def _name(suite: str) -> str:
    return Path(suite).stem if _is_file(suite) else suite


def _load(name: str, changes: Sequence[str], defined: Iterable[str]) -> SuiteFile:
    try:
        return load_suite(name, changes)
    except RecipeError as error:
        if name in shipped_suites() or _is_file(name):
            raise
        known = ", ".join(sorted(defined))
        more = f"the recipe has {known}" if known else "name the recipe of another suite with --recipe"
        raise RecipeError(f"{error}; {more}") from error


def _settings(name: str) -> Sampling:
    if name not in SETTINGS:
        raise RecipeError(f"no settings {name!r}; there are {', '.join(SETTINGS)}")
    return SETTINGS[name]


def _recipe(model: str, folder: Path | None, name: str | None, overrides: Sequence[str]) -> Recipe:
    if name is not None:
        return load_recipe(name, overrides)
    if folder is not None:
        tree = current_names(yaml.safe_load((folder / "recipe.yaml").read_text()), warn=False)
        return validate(apply_overrides(tree, overrides), str(folder / "recipe.yaml"))
    bare = {
        "name": "evaluation",
        "model": model,
        "stages": [],
        "evaluation": Evaluation().model_dump(mode="json"),
        "cluster": {"rollout": {"workers": 1}},
    }
    return validate(apply_overrides(bare, overrides), "the command")


def run_folder_of(model: str) -> Path | None:
    """The run folder that a model lies in."""
    return next((p for p in Path(model).absolute().parents if (p / "recipe.yaml").is_file()), None)


def stage_models_of(folder: Path | None) -> dict[str, str]:
    """Finished stage of a run -> its model folder."""
    return {} if folder is None else {name: str(folder / e.model) for name, e in read_entries(folder).items()}
