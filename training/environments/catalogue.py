"""Finds an environment by its name: built in, an adapter to those of others (adapters/), of an installed package, or a
user's own by its place (loading.py)."""

import difflib
import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from importlib.metadata import EntryPoint, entry_points
from typing import Any, cast

from openqwq.training.config import EnvironmentUse
from openqwq.training.environments.adapters.names import ADAPTERS, adapter_class, check_arguments
from openqwq.training.environments.bfcl import BfclEnvironment
from openqwq.training.environments.booking import BookingTools
from openqwq.training.environments.calculator import CalculatorEnvironment
from openqwq.training.environments.contract import Environment
from openqwq.training.environments.files import FilesTools
from openqwq.training.environments.guess import GuessTools
from openqwq.training.environments.loading import attribute_of, is_location, is_maker, of_functions
from openqwq.training.environments.python import PythonEnvironment
from openqwq.training.environments.search import SearchEnvironment
from openqwq.training.environments.sql import SqlEnvironment
from openqwq.training.errors import RecipeError

Factory = Callable[[], Environment]
ENTRY_POINT_GROUP = "openqwq.environments"
SANDBOX_URLS = "sandbox_urls"
"""The parameter of a factory that gets the addresses of the run's sandbox."""

BUILT_IN: dict[str, Any] = {
    "bfcl": BfclEnvironment,
    "booking": BookingTools,
    "calculator": CalculatorEnvironment,
    "files": FilesTools,
    "guess": GuessTools,
    "python": PythonEnvironment,
    "search": SearchEnvironment,
    "sql": SqlEnvironment,
}
"""Classes of environments, and classes whose typed methods are tools."""


def environment_factory(use: EnvironmentUse | str, sandbox_urls: Sequence[str] = ()) -> Factory:
    """What makes the environment of one sample. `use`: as a recipe's `environment` has it.

    `sandbox_urls` is passed to a factory that has a parameter of this name, unless the recipe's arguments set it.

    Raises:
        RecipeError: there is no such environment, it cannot be loaded, or does not take the arguments.
    """
    if isinstance(use, str):
        use = EnvironmentUse(name=use)
    found = _find(use.name)
    factory = found if is_maker(found, use.arguments) else of_functions(use.name, found)
    made = with_arguments(use.name, factory, use.arguments, sandbox_urls)
    if use.name in ADAPTERS:
        check_arguments(use.name, use.arguments)
    return made


def environment_class(name: str) -> Any:
    """What the name stands for: a class, a function, a list of functions.

    Raises:
        RecipeError: there is no such environment, or it cannot be loaded.
    """
    return _find(name)


def available_environments() -> list[str]:
    """The names of the built-in environments, of the adapters, and of those of installed packages."""
    return sorted({*BUILT_IN, *ADAPTERS, *(entry.name for entry in _entry_points())})


def takes_sandbox(use: EnvironmentUse | str) -> bool:
    """Whether the environment asks for the run's sandbox.

    Raises:
        RecipeError: as `environment_factory`.
    """
    given = {} if isinstance(use, str) else use.arguments
    found = _find(use if isinstance(use, str) else use.name)
    may_ask = is_maker(found, given) or isinstance(found, type)
    return may_ask and SANDBOX_URLS in _parameters(found) and SANDBOX_URLS not in given


def with_arguments(
    name: str, factory: Callable[..., Environment], arguments: Mapping[str, Any], sandbox_urls: Sequence[str]
) -> Factory:
    """The factory with its arguments, which are checked against what it takes.

    Raises:
        RecipeError: it does not take one of them, or lacks one.
    """
    parameters = _parameters(factory)
    takes_any = any(one.kind is inspect.Parameter.VAR_KEYWORD for one in parameters.values())
    for key in arguments:
        if key not in parameters and not takes_any:
            near = difflib.get_close_matches(key, parameters, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"it takes {', '.join(parameters) or 'none'}"
            raise RecipeError(f"environment {name!r} does not take the argument {key!r}; {hint}")
    given = dict(arguments)
    if SANDBOX_URLS in parameters:
        given.setdefault(SANDBOX_URLS, list(sandbox_urls))
    try:
        inspect.signature(factory).bind(**given)
    except TypeError as error:
        raise RecipeError(
            f"environment {name!r} cannot be made with the arguments {sorted(given)}: {error}; give them under "
            f"`environment: {{name: ..., arguments: ...}}`"
        ) from error
    except ValueError:  # written in C, it does not say what it takes
        pass
    return cast(Factory, partial(factory, **given)) if given else factory


def _parameters(factory: Callable[..., Any]) -> Mapping[str, inspect.Parameter]:
    try:
        return inspect.signature(factory).parameters
    except ValueError:  # written in C
        return {"arguments": inspect.Parameter("arguments", inspect.Parameter.VAR_KEYWORD)}


def _find(name: str) -> Any:
    """The class, function or list that a name stands for."""
    if name in BUILT_IN:
        return BUILT_IN[name]
    if name in ADAPTERS:
        return adapter_class(name)
    if is_location(name):
        return attribute_of(name)
    plug_ins = {entry.value: entry for entry in _entry_points() if entry.name == name}  # found twice counts once
    if len(plug_ins) > 1:
        owners = " and by ".join(map(_owner, plug_ins.values()))
        raise RecipeError(f"environment {name!r} is registered by {owners}; uninstall one")
    for entry in plug_ins.values():
        return _load(entry)
    known = available_environments()
    near = difflib.get_close_matches(name, known, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]!r}? " if near else ""
    raise RecipeError(f"no environment {name!r}; {hint}there are {', '.join(known)}, or give path.py:Attribute")


def _entry_points() -> Iterable[EntryPoint]:
    return entry_points(group=ENTRY_POINT_GROUP)


def _owner(entry: EntryPoint) -> str:
    package = entry.dist.name if entry.dist is not None else "an unknown package"
    return f"{package} ({entry.value})"


def _load(entry: EntryPoint) -> Any:
    try:
        return entry.load()
    except Exception as error:  # whatever a foreign module raises when it is imported
        raise RecipeError(
            f"environment {entry.name!r} of {_owner(entry)} cannot be loaded: {type(error).__name__}: {error}"
        ) from error
