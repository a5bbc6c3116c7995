"""An arm of an ablation: its recipe (overrides, seed, last stage) and its folder (stages copied from another arm)."""

import difflib
import json
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from openqwq.training.ablation.schema import Ablation, Reuse
from openqwq.training.config import Recipe
from openqwq.training.config.files import dump_recipe, load_recipe, validate
from openqwq.training.config.renamed import current_names
from openqwq.training.errors import RecipeError, RunFolderError
from openqwq.training.run_folder.folder import FREE_TO_CHANGE, read_entries, write_entries, write_text

Tree = dict[str, Any]
FREE = {*FREE_TO_CHANGE, "name"}
"""Sections in which arms may differ and still share a stage."""


def arm_recipe(ablation: Ablation, base: str, name: str, seed: int, overrides: Sequence[str]) -> Recipe:
    """The recipe of one run: the overrides of the ablation, of the arm and of the command line, then the seed; stages
    after `until` are left out.

    Raises:
        RecipeError: an override is invalid or sets the seed, or `until` names no stage.
    """
    arm = ablation.arms[name]
    for override in (*ablation.overrides, *arm.overrides, *overrides):
        if override.partition("=")[0] == "seed":
            raise RecipeError(
                f"override {override}: an ablation sets the seed itself; change `seeds` of {ablation.name}"
            )
    own = [override.replace("{seed}", str(seed)) for override in (*ablation.overrides, *arm.overrides)]
    recipe = load_recipe(base, [*own, *overrides, f"seed={seed}"])
    label = name if name == recipe.name else f"{recipe.name}-{name}"
    recipe = recipe.model_copy(update={"name": label})
    until = arm.until or ablation.until
    return cut_after(recipe, until) if until else recipe


def cut_after(recipe: Recipe, last: str) -> Recipe:
    """The recipe without the stages after `last`, and without the suites and task rewards that only they need.

    Cutting a recipe twice gives the cut at the earlier stage. So two recipes agree up to a stage if their cuts after it
    are equal.
    """
    tree: Tree = recipe.model_dump(mode="json")
    names = [stage["name"] for stage in tree["stages"]]
    if last not in names:
        raise RecipeError(f"recipe {recipe.name} has no stage {last!r}{nearest(last, names)}")
    dropped = names[names.index(last) + 1 :]
    tree["stages"] = tree["stages"][: names.index(last) + 1]
    wanted = {suite for stage in tree["stages"] for suite in stage.get("evaluate", ())}
    for watch in ("regression_check", "tripwire"):
        wanted |= {suite for stage in tree["stages"] for suite in (stage.get(watch) or {}).get("suites", ())}
    tree["evaluation"]["suites"] = {k: v for k, v in tree["evaluation"]["suites"].items() if k in wanted}
    tree["rewards"]["tasks"] = _without(tree["rewards"]["tasks"], dropped)
    listed = {str(index): use for index, use in enumerate(tree["rewards"]["for_rows"])}
    tree["rewards"]["for_rows"] = list(_without(listed, dropped).values())
    for suite in tree["evaluation"]["suites"].values():
        suite["rewards"] = _without(suite["rewards"], dropped)
    return validate(tree, recipe.name)


def _without(rewards: Mapping[str, Any], dropped: Sequence[str]) -> Tree:
    """The rewards that use no model of a dropped stage."""
    return {
        key: reward
        for key, reward in rewards.items()
        if not any(f"{{stage:{name}}}" in repr(reward) for name in dropped)
    }


def check_reuse(name: str, recipe: Recipe, source: Recipe, reuse: Reuse) -> None:
    """Check that a run of `recipe` may reuse stages of a run of `source`.

    Raises:
        RecipeError: the two recipes differ before the end of `reuse.through`.
    """
    mine, theirs = (_fixed(cut_after(r, reuse.through).model_dump(mode="json"), FREE) for r in (recipe, source))
    differing = sorted(key for key in mine if mine[key] != theirs[key])
    if differing:
        raise RecipeError(
            f"arm {name} cannot reuse {reuse.arm} through {reuse.through}: their recipes differ up to there "
            f"in {', '.join(differing)}; reuse fewer stages or none"
        )


def check_folder(target: Path, recipe: Recipe) -> None:
    """Check that a run folder of an earlier session holds a run of this recipe.

    Raises:
        RunFolderError: it holds the run of another recipe.
    """
    saved = target / "recipe.yaml"
    if saved.is_file():
        there = current_names(yaml.safe_load(saved.read_text()) or {}, warn=False)
        here = recipe.model_dump(mode="json")
        differing = sorted(k for k, v in _fixed(here, FREE_TO_CHANGE).items() if there.get(k) != v)
        if differing:
            raise RunFolderError(
                f"run folder {target} holds a run of another recipe (differs in {', '.join(differing)}); "
                f"choose another folder with --run-dir, or remove it"
            )


def _fixed(tree: Tree, free: set[str]) -> Tree:
    return {key: value for key, value in tree.items() if key not in free}


def seed_folder(target: Path, recipe: Recipe, source: Path, reuse: Reuse) -> None:
    """Create the run folder of an arm with another run's finished stages. The folder exists only when it is complete.

    It gets the stages' models, entries, log lines and sample rollouts, and the evaluations that the recipe asks for up
    to `reuse.through`; other evaluations are measured again, because the arms may define them differently.

    Raises:
        RunFolderError: the other run has not finished the stages.
    """
    if (target / "recipe.yaml").exists():
        return
    names = [stage.name for stage in recipe.stages]
    names = names[: names.index(reuse.through) + 1]
    done = read_entries(source)
    missing = [name for name in names if name not in done]
    if missing:
        raise RunFolderError(f"{source} has not finished {', '.join(missing)}, which {target.name} takes from it")
    part = target.with_name(f".{target.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    for name in names:
        shutil.copytree(source / done[name].model, part / done[name].model)
        if (source / "rollouts" / name).is_dir():
            shutil.copytree(source / "rollouts" / name, part / "rollouts" / name)
    suites = set(cut_after(recipe, reuse.through).evaluation.suites)
    for path in (source / "evals" / f"{name}.json" for name in names):
        if path.exists():
            report = json.loads(path.read_text())
            report["suites"] = {k: v for k, v in report["suites"].items() if k in suites}
            write_text(part / "evals" / path.name, json.dumps(report))
    write_text(part / "metrics.jsonl", _lines_of(source / "metrics.jsonl", names))
    write_entries(part, [replace(done[name], reused_from=done[name].reused_from or source.name) for name in names])
    write_text(part / "recipe.yaml", dump_recipe(recipe))
    shutil.rmtree(target, ignore_errors=True)
    os.replace(part, target)


def _lines_of(metrics: Path, stages: Sequence[str]) -> str:
    """The log lines of these stages."""
    if not metrics.exists():
        return ""
    lines = [line for line in metrics.read_text().splitlines() if line.endswith("}")]
    return "".join(line + "\n" for line in lines if json.loads(line).get("stage") in stages)


def nearest(word: str, known: Sequence[str]) -> str:
    """A suggestion to append to an error message."""
    close = difflib.get_close_matches(word, known, n=1, cutoff=0.5)
    return f"; did you mean {close[0]!r}?" if close else f"; known are {', '.join(sorted(known))}"
