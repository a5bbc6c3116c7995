"""Which data is looked at: the sources of a recipe, or a file with words such as `form=gsm8k`."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import yaml
from pydantic import ValidationError

from openqwq.training.config import Recipe, RewardModelStage, Rewards, RlStage, SftStage, Source
from openqwq.training.config.files import load_recipe, suggest
from openqwq.training.errors import RecipeError
from openqwq.training.evaluation.examination import suite_rewards
from openqwq.training.prompts.forms import mathematics, programs
from openqwq.verifiers.registry import available_verifiers

Kind = Literal["prompts", "demonstrations", "pairs"]
STAND_IN = "data/tiny/base"
"""The embedded model, by whose tokenizer lengths are counted where no recipe names another."""


@dataclass(frozen=True)
class Chosen:
    """One source, what it is for, and what judges it."""

    where: str
    """`stage1`, `suite math`, or the source itself."""
    source: Source
    kind: Kind | None
    """None: to be seen from its rows."""
    rewards: Rewards
    is_suite: bool = False


@dataclass(frozen=True)
class Selection:
    """What `openqwq data` looks at."""

    recipe: Recipe
    """For its model, chat template and sandbox; a recipe without stages where none was given."""
    sources: tuple[Chosen, ...]


def choose(asked: str | None, recipe_name: str | None, words: Sequence[str]) -> Selection:
    """The data that a command names. `asked`: a source, or the name of a stage or a suite of the recipe; None: all of
    the recipe's. `words`: `key=value` for the recipe, or without one for the source.

    Raises:
        RecipeError: neither is given, or a word is none of a source's.
    """
    if recipe_name is None:
        if asked is None:
            raise RecipeError("name a source, or a recipe with --recipe")
        source = _source(asked, words)
        return Selection(_bare_recipe(), (Chosen(asked, source, None, _rewards()),))
    recipe = load_recipe(recipe_name, words)
    listed = _listed(recipe)
    if asked is None:
        return Selection(recipe, tuple(listed))
    found = tuple(one for one in listed if asked in (one.where, one.where.removeprefix("suite "), one.source.source))
    if not found and not Path(asked).exists():
        names = [one.where for one in listed] + [one.source.source for one in listed]
        raise RecipeError(f"{recipe.name} has no data {asked!r}{suggest(asked, list(dict.fromkeys(names)))}")
    return Selection(recipe, found or (Chosen(asked, _source(asked, ()), None, recipe.rewards),))


def _listed(recipe: Recipe) -> list[Chosen]:
    listed = []
    for stage in recipe.stages:
        if isinstance(stage, RlStage):
            rewards = stage.rewards or recipe.rewards
            listed += [Chosen(stage.name, source, "prompts", rewards) for source in stage.prompts]
        elif isinstance(stage, SftStage):
            listed.append(Chosen(stage.name, stage.demonstrations, "demonstrations", recipe.rewards))
        elif isinstance(stage, RewardModelStage):
            for source in (stage.pairs, stage.held_out):
                listed.append(Chosen(stage.name, source, "pairs", recipe.rewards, source is stage.held_out))
    for name, suite in recipe.evaluation.suites.items():
        rewards = suite_rewards(recipe.rewards, recipe.evaluation, name)
        listed += [Chosen(f"suite {name}", source, "prompts", rewards, True) for source in suite.sources]
    return listed


def _source(asked: str, words: Sequence[str]) -> Source:
    keys: dict[str, Any] = {"source": asked}
    for word in words:
        key, _, text = word.partition("=")
        if key not in Source.model_fields:
            raise RecipeError(f"a source has no key {key!r}{suggest(key, list(Source.model_fields))}")
        keys[key] = yaml.safe_load(text)
    for task, forms in (("math", mathematics.FORMS), ("code", programs.FORMS)):
        if keys.get("form") in forms:
            keys.setdefault("task", task)
    try:
        return Source.model_validate(keys)
    except ValidationError as error:
        fault = error.errors()[0]
        raise RecipeError(f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}, got {fault['input']!r}") from error


def _bare_recipe() -> Recipe:
    return Recipe.model_validate({"name": "data", "model": STAND_IN, "stages": []})


def _rewards() -> Rewards:
    """For every task a verifier of its name."""
    names = {name: name for name in available_verifiers()} | {"tools": "tool_call"}
    return Rewards.model_validate({"tasks": {task: {"verifiers": [{"name": name}]} for task, name in names.items()}})
