"""The environments that ship with openqwq, by name, and users' own by their place."""

import runpy
from collections.abc import Callable
from pathlib import Path

from openqwq.training.environments.bfcl import BfclEnvironment
from openqwq.training.environments.calculator import CalculatorEnvironment
from openqwq.training.environments.contract import Environment
from openqwq.training.environments.search import SearchEnvironment
from openqwq.training.environments.sql import SqlEnvironment
from openqwq.training.errors import RecipeError

BUILT_IN: dict[str, Callable[[], Environment]] = {
    "calculator": CalculatorEnvironment,
    "bfcl": BfclEnvironment,
    "search": SearchEnvironment,
    "sql": SqlEnvironment,
}


def environment_factory(name: str) -> Callable[[], Environment]:
    """The class that a recipe's `environment:` names, as a built-in name or as `path.py:Class`.

    Raises:
        RecipeError: there is no such environment.
    """
    if name in BUILT_IN:
        return BUILT_IN[name]
    path, _, attribute = name.rpartition(":")
    if path.endswith(".py") and Path(path).is_file():
        factory: Callable[[], Environment] | None = runpy.run_path(path).get(attribute)
        if factory is not None:
            return factory
    raise RecipeError(f"no environment {name!r}; built in are {', '.join(BUILT_IN)}, or give path.py:Class")
