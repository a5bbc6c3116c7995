"""What a test patches in a module of the standard library is patched in the program's process too; so are seeds."""

from __future__ import annotations

import importlib
import random
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

from openqwq.sandbox.inside.judge import link

_OWN = ("builtins", "sys", "unittest", "pytest", "__main__")
"""Modules of which each process has its own state; of `builtins` and `sys` the program asks here anyway."""


def install(has_mock: bool) -> None:
    """Called once, before the first text, when a text patches or seeds anything."""
    random.seed = _seeding(random.seed, "random")
    if "numpy" in sys.modules:
        of_numpy: Any = sys.modules["numpy"].random
        of_numpy.seed = _seeding(of_numpy.seed, "numpy.random")
    if has_mock:
        _follow(importlib.import_module("unittest.mock")._patch)


def _seeding(seed: Callable[..., Any], place: str) -> Any:
    def both(*arguments: Any) -> Any:
        link.tell("seed", place, *arguments)
        return seed(*arguments)

    return both


def _follow(patch: Any) -> None:
    enter, leave = patch.__enter__, patch.__exit__

    def __enter__(self: Any) -> Any:
        value = enter(self)
        put(self.target, self.attribute, getattr(self.target, self.attribute))
        return value

    def __exit__(self: Any, *problem: Any) -> Any:
        take_back(self.target, self.attribute)
        return leave(self, *problem)

    patch.__enter__, patch.__exit__ = __enter__, __exit__


def _is_shared(target: object) -> bool:
    return type(target) is ModuleType and target.__name__.partition(".")[0] not in _OWN


def put(target: Any, name: str, value: Any) -> None:
    """Put a value in the place of an attribute of a module, on the program's side."""
    if _is_shared(target):
        link.tell("patch", target.__name__, name, value)


def take_back(target: Any, name: str) -> None:
    if _is_shared(target):
        link.tell("patch back", target.__name__, name)
