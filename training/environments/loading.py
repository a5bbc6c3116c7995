"""Users' own environments by their place, `path.py:Attribute`: a class, what makes an environment, or typed functions.

A file is run once in a process and again when it has changed, so that all samples share its module. A tool is told from
a function that makes an environment by what it says that it returns.
"""

import difflib
import hashlib
import inspect
import sys
import typing
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from openqwq.training.environments.contract import Environment
from openqwq.training.errors import RecipeError

_modules: dict[tuple[str, str], ModuleType] = {}


def is_location(name: str) -> bool:
    """True for `path/to/file.py:Attribute`."""
    return ".py:" in name


def attribute_of(location: str) -> Any:
    """What stands at `path.py:Attribute`.

    Raises:
        RecipeError: no such file or attribute, or the file does not run.
    """
    path, _, attribute = location.rpartition(":")
    module = _module(Path(path).expanduser().resolve())
    found = getattr(module, attribute, None)
    if found is None:
        own = [name for name, value in vars(module).items() if getattr(value, "__module__", "") == module.__name__]
        near = difflib.get_close_matches(attribute, own, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"it has {', '.join(own) or 'none of its own'}"
        raise RecipeError(f"no environment {location!r}: the file has no {attribute!r}; {hint}")
    return found


def is_maker(found: Any, arguments: Mapping[str, Any]) -> bool:
    """Whether calling `found` with `arguments` makes an environment; otherwise it is a typed function or several.

    A class makes one, and so does any other object that can be called. A function does where it says that it returns
    an environment, or says nothing and can be called with the arguments alone.
    """
    if not callable(found) or isinstance(found, list | tuple):
        return False
    if not inspect.isroutine(found):
        return True
    returned = _returned(found)
    if isinstance(returned, str):  # its name is not there at run time
        return "nvironment" in returned
    if returned is not inspect.Parameter.empty:
        return hasattr(returned, "step")
    needed = [one for one in inspect.signature(found).parameters.values() if one.default is inspect.Parameter.empty]
    return all(
        one.name in (*arguments, "sandbox_urls") or one.kind in (one.VAR_KEYWORD, one.VAR_POSITIONAL) for one in needed
    )


def of_functions(name: str, found: Any) -> Callable[..., Environment]:
    """A factory of environments whose tools are these typed functions.

    Raises:
        RecipeError: it is no function and no list of some, or a function does not say what a tool must.
    """
    functions = list(found) if isinstance(found, list | tuple) else [found]
    if not functions or not all(callable(function) for function in functions):
        raise RecipeError(
            f"environment {name!r} is {type(found).__name__} ({found!r:.60}); it has to be a class, a function that "
            f"makes an environment, a typed function or a list of typed functions"
        )
    try:
        from openqwq.training.environments import functions as room  # type: ignore[attr-defined, unused-ignore]
    except ImportError as error:
        raise RecipeError(
            f"environment {name!r}: this version has no typed functions as tools; give a class"
        ) from error
    kind = room.FunctionEnvironment
    kind(functions)  # refused here and not in the middle of a run
    return lambda: typing.cast(Environment, kind(functions))


def _returned(function: Callable[..., Any]) -> Any:
    """The annotation of what a function returns, also where it is written as text."""
    try:
        return typing.get_type_hints(function).get("return", inspect.Parameter.empty)
    except Exception:  # a name that is not imported; what else is raised depends on the annotation
        return inspect.signature(function).return_annotation


def _module(path: Path) -> ModuleType:
    if not path.is_file():
        raise RecipeError(f"no environment in {path}: no such file")
    source = path.read_bytes()
    key = (str(path), hashlib.sha256(source).hexdigest())
    if key in _modules:
        return _modules[key]
    module = ModuleType(f"openqwq_environment_{path.stem}_{key[1][:16]}")
    module.__file__ = str(path)
    sys.modules[module.__name__] = module  # dataclasses and pickle look their module up by name
    try:  # not by the import system, whose cached bytes know a change by the second
        exec(compile(source, str(path), "exec"), module.__dict__)
    except Exception as error:
        del sys.modules[module.__name__]
        raise RecipeError(f"{path} fails to import: {type(error).__name__}: {error}") from error
    return _modules.setdefault(key, module)
