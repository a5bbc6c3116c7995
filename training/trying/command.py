"""`openqwq env list` and `openqwq env try`: finds the environment, its row and who plays."""

import inspect
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from openqwq.training.config import EnvironmentUse
from openqwq.training.environments.adapters.names import ADAPTERS
from openqwq.training.environments.catalogue import available_environments, environment_class, environment_factory
from openqwq.training.environments.episode import EpisodeFailure, episode_makers
from openqwq.training.errors import DataError, RecipeError
from openqwq.training.prompts.openai_rows import as_objects
from openqwq.training.trying.play import play
from openqwq.training.trying.players import Hand, Model, Player
from openqwq.training.trying.screen import Screen
from openqwq.verifiers.tool_calls import tool_functions


@dataclass(frozen=True)
class TryOptions:
    """What `openqwq env try` was asked. Example: `TryOptions("guess", seed=3)`"""

    name: str
    model: str | None = None
    row: str | None = None
    """`FILE` or `FILE:N`."""
    arguments: str | None = None
    """A JSON object."""
    seed: int = 0
    turns: int = 16
    tokens: int = 512


def list_environments() -> int:
    """Print the names of all environments, what each is and its tools; 0."""
    screen = Screen(sys.stdout)
    names = available_environments()
    width = max(map(len, names))
    for name in names:
        about, tools = _described(name)
        screen.line(f"{name:{width}}  {about}".rstrip())
        screen.line(f"{'':{width}}  {tools}")
    screen.line("\nTry one: openqwq env try NAME; your own: openqwq env try path.py:Attribute")
    return 0


def try_environment(options: TryOptions) -> int:
    """Play an episode; 0, or 1 when the environment failed.

    Raises:
        OpenqwqError: environment, arguments, row or model cannot be used.
    """
    screen = Screen(sys.stdout)
    use = EnvironmentUse(name=options.name, arguments=_arguments(options.arguments))
    maker = episode_makers({options.name: use})[options.name]
    row = _complete(_row(options), options.name)
    player: Player = Hand(sys.stdin, screen)
    if options.model is not None:
        player = Model(options.model, options.seed, options.tokens, screen)
    turns = options.turns if options.model is not None else sys.maxsize
    try:
        reward = play(maker, row, player, screen, options.seed, turns)
    except EpisodeFailure as failure:
        screen.labelled("problem", f"{failure} (in a run, the sample would be masked)")
        return 1
    screen.labelled("reward", "none of the environment's own" if reward is None else f"{reward:g}")
    return 0


def _described(name: str) -> tuple[str, str]:
    """What an environment says of itself, and the names of its tools."""
    if (adapter := ADAPTERS.get(name)) is not None:
        needs = f"; pip install 'openqwq[{adapter.extra}]'" if adapter.extra else ""
        return adapter.about, f"needs arguments: {adapter.arguments}{needs} (docs/environments_of_others.md)"
    try:
        found = environment_class(name)
        environment: Any = environment_factory(name)()
        names = list(tool_functions(list(environment.tools())))
        tools = f"tools: {', '.join(names)}" if names else "tools: those of the row"
    except Exception as error:  # of others' packages, too: the list is of all that there are
        return "", f"cannot be made without arguments: {' '.join(str(error).split())[:150]}"
    text = inspect.getdoc(inspect.getmodule(found)) or inspect.getdoc(found) or ""
    first = " ".join(text.split("\n\n")[0].split())
    about = first.removeprefix(f"The environment `{name}`: ")
    return about.partition(". ")[0].rstrip("."), tools


def _arguments(text: str | None) -> dict[str, Any]:
    if text is None:
        return {}
    try:
        found = json.loads(text)
    except ValueError as error:
        raise RecipeError(f"--arguments is no JSON: {error}") from error
    if not isinstance(found, dict):
        raise RecipeError(f"--arguments is {text!r:.60}; needed: a JSON object")
    return found


def _row(options: TryOptions) -> dict[str, Any]:
    """The row that was asked for, else the environment's example, else one that holds nothing."""
    if options.row is not None:
        return _row_of_file(options.row)
    example = getattr(environment_class(options.name), "example", None)
    return dict(example(options.seed)) if callable(example) else {}


def _row_of_file(place: str) -> dict[str, Any]:
    path, _, number = place.rpartition(":")
    if not path or not number.isdigit():
        path, number = place, "1"
    try:
        lines = [line for line in Path(path).read_text(encoding="utf-8").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"--row {place}: the file cannot be read: {getattr(error, 'strerror', None) or error}") from (
            error
        )
    if not 1 <= int(number) <= len(lines):
        raise DataError(f"--row {place}: the file has {len(lines)} rows, there is no row {number}")
    try:
        row = json.loads(lines[int(number) - 1])
    except ValueError as error:
        raise DataError(f"--row {place}: row {number} is no JSON: {error}") from error
    if not isinstance(row, dict):
        raise DataError(f"--row {place}: row {number} is {type(row).__name__}; needed: a JSON object")
    return as_objects(row, f"--row {place}")


def _complete(row: Mapping[str, Any], name: str) -> dict[str, Any]:
    """The row as an environment gets it in a run, its prompt as messages."""
    prompt = row.get("prompt") or []
    messages = [{"role": "user", "content": prompt}] if isinstance(prompt, str) else prompt
    if not isinstance(messages, list) or not all(
        isinstance(one, Mapping) and {"role", "content"} <= set(one) for one in messages
    ):
        raise DataError(f"row {row.get('id', '?')!r}: prompt is {prompt!r:.60}; needed: a text or chat messages")
    return {"id": "try", "task": name, **row, "prompt": messages}
