"""The environments of others by name: where the adapter stands and which extra it may need."""

from collections.abc import Mapping
from importlib import import_module
from typing import Any, NamedTuple

from openqwq.training.errors import RecipeError

ROOM = "openqwq.training.environments.adapters"


class Adapter(NamedTuple):
    """Where an adapter is, and what it needs."""

    module: str
    kind: str
    extra: str | None
    """The extra that installs what it imports; None where a run has all of it."""
    about: str
    """What it is, in a line."""
    arguments: str
    """Those that it cannot be made without."""


ADAPTERS: Mapping[str, Adapter] = {
    "trl": Adapter(
        *("trl_classes", "TrlEnvironment", None),
        about="classes and functions as TRL's GRPOTrainer takes them",
        arguments="factory or tools",
    ),
    "openenv": Adapter(
        *("openenv_servers", "OpenEnvEnvironment", "openenv"),
        about="a session with a server of OpenEnv",
        arguments="url",
    ),
    "verifiers": Adapter(
        *("verifiers_hub", "VerifiersEnvironment", "verifiers"),
        about="environments of the package verifiers",
        arguments="id",
    ),
    "mcp": Adapter(
        *("mcp_servers", "McpEnvironment", "mcp"),
        about="the tools of an MCP server over stdio",
        arguments="command",
    ),
}


def adapter_class(name: str) -> Any:
    """The class of an adapter, imported now.

    Raises:
        RecipeError: a package that it needs is not installed.
    """
    adapter = ADAPTERS[name]
    try:
        return getattr(import_module(f"{ROOM}.{adapter.module}"), adapter.kind)
    except ImportError as error:
        if adapter.extra is None or (error.name or "").startswith("openqwq"):
            raise
        raise RecipeError(
            f"environment {name!r} needs a package that is not installed ({error}); "
            f"pip install 'openqwq[{adapter.extra}]'"
        ) from error


def check_arguments(name: str, arguments: Mapping[str, Any]) -> None:
    """Find what the arguments of an adapter name, before a run.

    Raises:
        RecipeError: something is not there, or makes no sense.
    """
    adapter_class(name).check(**arguments)
