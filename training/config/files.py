"""Reads a recipe: YAML, `key=value` overrides, paths, and errors that name the nearest right key."""

import difflib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError

import openqwq
from openqwq.training.config import Recipe
from openqwq.training.config.renamed import current_names, current_override
from openqwq.training.config.section import Section
from openqwq.training.errors import RecipeError
from openqwq.verifiers.registry import is_location

PACKAGE = Path(openqwq.__file__).resolve().parent
File = TypeVar("File", bound=Section)


def load_recipe(path_or_name: str, overrides: Sequence[str] = ()) -> Recipe:
    """Read a recipe file (or a shipped recipe by name), apply `key=value` overrides, and validate it.

    Overrides address nested keys by dots; a list entry is addressed by its index or by its `name`:
    `seed=1`, `stages.stage1.steps=2`, `sandbox.url=http://127.0.0.1:8080`. Values are read as YAML.

    Raises:
        RecipeError: unknown file or key, malformed YAML, or a value the schema does not allow.
    """
    path = find_recipe(path_or_name)
    tree = apply_overrides(_read_yaml(path), overrides)
    return validate(with_code_paths(tree, (Path.cwd(), path.parent), is_last=True), where=path.name)


def find_recipe(path_or_name: str) -> Path:
    """The file itself, or `recipes/NAME.yaml` of the package."""
    shipped = PACKAGE / "recipes" / (path_or_name.removeprefix("recipes/").removesuffix(".yaml") + ".yaml")
    for candidate in (Path(path_or_name), shipped):
        if candidate.is_file():
            return candidate.resolve()
    recipes = (PACKAGE / "recipes").rglob("*.yaml")
    names = sorted(str(p.relative_to(PACKAGE / "recipes")) for p in recipes if p.parent.name != "suites")
    bare = path_or_name.rpartition("/")[2].removesuffix(".yaml")
    near = difflib.get_close_matches(path_or_name.removeprefix("recipes/"), names, n=1, cutoff=0.6) or [
        name for name in names if name.rpartition("/")[2] == f"{bare}.yaml"
    ]
    hint = f"did you mean {near[0].removesuffix('.yaml')}? Shipped" if near else "shipped"
    raise RecipeError(f"no recipe {path_or_name!r} in {Path.cwd()}; {hint} recipes are {', '.join(names)}")


def _read_yaml(path: Path, extended_by: tuple[Path, ...] = ()) -> dict[str, Any]:
    if path in extended_by:
        circle = " -> ".join(one.name for one in (*extended_by[extended_by.index(path) :], path))
        raise RecipeError(f"{path}: recipes extend each other in a circle: {circle}")
    try:
        tree = yaml.safe_load(path.read_text())
    except (yaml.YAMLError, OSError, UnicodeDecodeError) as error:
        raise RecipeError(f"{path}: not readable as YAML: {' '.join(str(error).split())}") from error
    if not isinstance(tree, dict):
        raise RecipeError(f"{path}: a recipe is a mapping of keys, got {type(tree).__name__}")
    if "arms" in tree and "recipe" in tree:
        raise RecipeError(f"{path} is an ablation, no recipe; `openqwq ablate {path}` runs it")
    if "columns" in tree and "sources" in tree:
        raise RecipeError(f"{path} is a suite, no recipe; `openqwq eval MODEL --suite {path}` measures a model on it")
    own: dict[str, Any] = with_code_paths(current_names(tree), (path.parent,), is_last=False)
    base = own.pop("extends", None)
    if base is None:
        return own
    parent = path.parent / base if (path.parent / base).is_file() else find_recipe(base)
    return merge(_read_yaml(parent.resolve(), (*extended_by, path)), own)


def with_code_paths(node: Any, roots: Sequence[Path], is_last: bool) -> Any:
    """A copy in which `path.py:function` names (verifiers, environments) and `chat_template` files hold absolute paths.

    A name in a recipe counts from the folder of the file in which it stands; otherwise, as in an override, from the
    working directory. The contents of `arguments` are left as they are: only the verifier reads them. Those of an
    environment may name code as well, such as a class for TRL.

    Raises:
        RecipeError: `is_last`, and a file is under none of the roots.
    """
    if isinstance(node, list):
        return [with_code_paths(entry, roots, is_last) for entry in node]
    if not isinstance(node, dict):
        return node
    changed: dict[str, Any] = {}
    for key, value in node.items():
        if key in ("name", "environment") and isinstance(value, str) and is_location(value):
            changed[key] = _code_path(value, roots, is_last)
        elif key == "chat_template" and isinstance(value, str) and "." in value:  # a shipped one has a bare name
            changed[key] = _absolute(value, value, roots, is_last) or value
        elif key == "environment" and isinstance(value, dict) and "arguments" in value:
            changed[key] = {
                **with_code_paths(value, roots, is_last),
                "arguments": _with_absolute_places(value["arguments"], roots),
            }
        else:
            changed[key] = value if key == "arguments" else with_code_paths(value, roots, is_last)
    return changed


def _with_absolute_places(node: Any, roots: Sequence[Path]) -> Any:
    """The arguments of an environment, with the places of code in files that are there made absolute."""
    if isinstance(node, dict):
        return {key: _with_absolute_places(value, roots) for key, value in node.items()}
    if isinstance(node, list):
        return [_with_absolute_places(value, roots) for value in node]
    return _code_path(node, roots, is_last=False) if isinstance(node, str) and is_location(node) else node


def _code_path(name: str, roots: Sequence[Path], is_last: bool) -> str:
    file, _, attribute = name.rpartition(":")
    path = _absolute(name, file, roots, is_last)
    return name if path is None else f"{path}:{attribute}"


def _absolute(name: str, file: str, roots: Sequence[Path], is_last: bool) -> str | None:
    """The first of the files that is there; None if none is and it is not the last try."""
    candidates = [(root / Path(file).expanduser()).resolve() for root in roots]
    for candidate in candidates:
        if candidate.is_file():
            return str(candidate)
    if is_last:
        tried = " nor ".join(dict.fromkeys(map(str, candidates)))
        raise RecipeError(f"no such file for {name!r}: neither {tried}")
    return None


def merge(base: dict[str, Any], change: dict[str, Any]) -> dict[str, Any]:
    """`change` laid over `base`: mappings merge by key, `stages` by name, a null drops the key or the stage, everything
    else is replaced. A stage with a new name and a `kind` follows the others."""
    merged = dict(base)
    for key, value in change.items():
        old = merged.get(key)
        if value is None:
            merged.pop(key, None)
        elif isinstance(old, dict) and isinstance(value, dict):
            merged[key] = merge(old, value)
        elif key == "stages" and isinstance(old, list) and isinstance(value, dict):
            added = {name: changes for name, changes in value.items() if name not in {stage["name"] for stage in old}}
            unknown = [name for name, stage in added.items() if not (isinstance(stage, dict) and "kind" in stage)]
            if unknown:
                raise RecipeError(
                    f"stages: {sorted(unknown)} not in the recipe that is extended; a stage of its own has a `kind`"
                )
            for name, changes in value.items():
                if changes is not None and not isinstance(changes, dict):
                    raise RecipeError(
                        f"stages.{name}: a stage is a mapping of keys, or null to drop it; got {changes!r}"
                    )
            changed = [(stage, value.get(stage["name"], {})) for stage in old]
            merged[key] = [merge(stage, changes) for stage, changes in changed if changes is not None]
            merged[key] += [{"name": name, **stage} for name, stage in added.items()]
        else:
            merged[key] = value
    return merged


def apply_overrides(tree: dict[str, Any], overrides: Sequence[str]) -> dict[str, Any]:
    """A copy of `tree` with each `a.b.c=value` set."""
    copy: dict[str, Any] = yaml.safe_load(yaml.safe_dump(tree))
    for override in overrides:
        key, equals, text = override.partition("=")
        if not equals or not key:
            raise RecipeError(f"an override is key=value, got {override!r}")
        try:
            value = yaml.safe_load(text)
        except yaml.YAMLError as error:
            raise RecipeError(f"override {key}: {text!r} is not YAML") from error
        key, value = current_override(key, value)
        _set(copy, key.split("."), value, key)
    return copy


def _set(node: Any, path: list[str], value: Any, key: str) -> None:
    for depth, part in enumerate(path):
        last = depth == len(path) - 1
        if isinstance(node, list):
            index = _list_index(node, part, key)
            if last:
                node[index] = value
                return
            node = node[index]
        elif isinstance(node, dict):
            if last:
                node[part] = value
                return
            if node.get(part) is None:
                node[part] = {}
            node = node[part]
        else:
            raise RecipeError(f"override {key}: {'.'.join(path[:depth])} is a value, it has no key {part!r}")


def _list_index(node: list[Any], part: str, key: str) -> int:
    names = [str(entry.get("name", i)) if isinstance(entry, dict) else str(i) for i, entry in enumerate(node)]
    if part in names:
        return names.index(part)
    if part.isdigit() and int(part) < len(node):
        return int(part)
    raise RecipeError(f"override {key}: no entry {part!r}{suggest(part, names)}")


def validate(tree: dict[str, Any], where: str) -> Recipe:
    """`tree` as a Recipe, or one RecipeError with a line per fault."""
    return validated(Recipe, tree, where)


def validated(kind: type[File], tree: dict[str, Any], where: str) -> File:
    """`tree` as what the file holds, or one RecipeError with a line per fault."""
    try:
        return kind.model_validate(tree)
    except ValidationError as error:
        lines = [f"{where}: {_explain(fault, kind)}" for fault in error.errors()]
        raise RecipeError("\n".join(lines)) from error


def _explain(fault: Any, root: type[Section]) -> str:
    kinds = {"sft", "rl", "reward_model"}
    location = [str(part) for part in fault["loc"] if str(part) not in kinds]
    key = ".".join(location) or ("recipe" if root is Recipe else "suite")
    if fault["type"] == "extra_forbidden":
        return f"{key}: unknown key{suggest(location[-1], _fields_at(fault['loc'][:-1], root))}"
    if fault["type"] == "missing":
        return f"{key}: required key is missing"
    message = fault["msg"].removeprefix("Value error, ")
    shown = "" if isinstance(fault["input"], dict | list) else f", got {fault['input']!r}"
    return f"{key}: {message}{shown}"


def _fields_at(location: Sequence[str | int], root: type[Section]) -> list[str]:
    """Field names of the section at a validation error's location."""
    model: Any = root
    for part in location:
        if isinstance(part, int):
            continue
        fields = getattr(model, "model_fields", {})
        if part in fields:
            model = _section_of(fields[part].annotation, None) or model
        else:
            model = _section_of(model, str(part)) or model
        if part == "stages":
            model = Recipe.model_fields["stages"].annotation
    return list(getattr(model, "model_fields", {}))


def _section_of(annotation: Any, kind: str | None) -> Any:
    """The first section class inside an annotation; of a union of stages the one with this `kind`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        tag = annotation.model_fields.get("kind")
        if kind is None or (tag is not None and kind in getattr(tag.annotation, "__args__", ())):
            return annotation
        return None
    for argument in getattr(annotation, "__args__", ()):
        found = _section_of(argument, kind)
        if found is not None:
            return found
    return None


def suggest(word: str, known: Sequence[str], before: str = "") -> str:
    """The end of an error about an unknown word: the nearest known one, with what stands before it, or all of them."""
    close = difflib.get_close_matches(word, known, n=1, cutoff=0.5)
    if close:
        return f"; did you mean {before + close[0]!r}?"
    return f"; known are {', '.join(sorted(known))}" if known else ""


def resolve_path(text: str) -> Path | None:
    """A local path named in a recipe: looked up from the working directory, then in the package."""
    for root in (Path.cwd(), PACKAGE):
        path = root / Path(text).expanduser()
        if path.exists():
            return path.resolve()
    return None


def dump_recipe(recipe: Recipe) -> str:
    """The resolved recipe as YAML, every default spelled out."""
    return yaml.safe_dump(recipe.model_dump(mode="json"), sort_keys=False, allow_unicode=True)
