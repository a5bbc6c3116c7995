"""Finds a user's own verifier: a plain function in a file or a module, a class, a reward function of TRL or verl, or
what makes one. How they are called: function_verifiers.py."""

from __future__ import annotations

import difflib
import importlib
import importlib.util
import inspect
import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from openqwq.verifiers.base import Verifier, VerifierError
from openqwq.verifiers.building import build, check_arguments, refuse_unknown
from openqwq.verifiers.function_verifiers import BatchFunctionVerifier, FunctionVerifier, VerlFunctionVerifier

_IMPORTABLE = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*:[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*")
_TRL = {"completions", "completion_ids"}
_VERL = {"solution_str", "ground_truth"}


def is_importable(name: str) -> bool:
    """True for `package.module:function`, as in `trl.rewards:accuracy_reward`."""
    return bool(_IMPORTABLE.fullmatch(name)) and ".py:" not in name


def load_importable(location: str, kwargs: Mapping[str, Any]) -> Verifier:
    """The verifier at `package.module:name`, as `load_user_verifier` has it for a file.

    Raises:
        VerifierError: the module fails to import, has no such name, or the name is nothing that can be called so.
    """
    module_name, _, attribute = location.partition(":")
    try:
        target: Any = importlib.import_module(module_name)
    except Exception as error:  # whatever a foreign module raises when it is imported
        is_file = Path(f"{module_name.replace('.', '/')}.py").is_file()
        hint = f"; a file is named with its ending: {module_name.replace('.', '/')}.py:{attribute}" if is_file else ""
        raise VerifierError(f"{module_name} fails to import: {type(error).__name__}: {error}{hint}") from error
    for part in attribute.split("."):
        names = [name for name in dir(target) if not name.startswith("_")]
        if (target := getattr(target, part, None)) is None:
            near = difflib.get_close_matches(part, names, n=3, cutoff=0.5)
            hint = f"did you mean {' or '.join(near)}?" if near else f"it has: {', '.join(names[:20]) or 'none'}"
            raise VerifierError(f"{module_name} has no {attribute!r}; {hint}")
    if not callable(target):
        raise VerifierError(f"{location} is no function or class, it is {target!r:.60}")
    return _from_callable(location, target, kwargs, load_importable)


def _from_callable(
    location: str, target: Callable[..., Any], kwargs: Mapping[str, Any], load: Callable[..., Verifier]
) -> Verifier:
    if isinstance(target, type):
        return build(location, target, kwargs)
    verifier = function_verifier(location, target, kwargs)
    verifier.reload = (load, (location, dict(kwargs)))
    return verifier


def load_user_verifier(location: str, kwargs: Mapping[str, Any]) -> Verifier:
    """The verifier at `path/to/file.py:name`; name is a function, a TRL batch function or a class with `verify`.

    A relative path is looked up from the working directory. (A recipe looks in its own folder first.)
    """
    path, _, attribute = location.rpartition(":")
    module = _load_module(Path(path).expanduser().resolve())
    target = getattr(module, attribute, None)
    if not callable(target):
        own = [name for name, value in vars(module).items() if getattr(value, "__module__", "") == module.__name__]
        raise VerifierError(f"{path} has no function or class {attribute!r}; it has: {', '.join(own) or 'none'}")
    return _from_callable(location, target, kwargs, load_user_verifier)


def is_plain_grader(function: Callable[..., Any]) -> bool:
    """True for a function that grades itself: (response, row), TRL's (completions, ...), verl's (solution_str, ...);
    not for one that makes a verifier."""
    if isinstance(function, type):
        return False
    names = list(inspect.signature(function).parameters)
    return bool(_TRL & set(names)) or set(names) >= _VERL or names[:2] == ["response", "row"]


def function_verifier(location: str, function: Callable[..., Any], kwargs: Mapping[str, Any]) -> FunctionVerifier:
    """Wrap a function by the names of its parameters: `completions` or `completion_ids` make it TRL's, `solution_str`
    and `ground_truth` verl's. One that takes none of these, but can be called with `kwargs` alone, makes the
    function, as TRL's `get_soft_overlong_punishment(max_completion_len, soft_punish_cache)` does.

    Raises:
        VerifierError: it can be called in neither way, or does not take an argument.
    """
    try:
        names = set(inspect.signature(function).parameters)
    except (TypeError, ValueError) as error:  # written in C
        raise VerifierError(
            f"{location} does not say what it takes; wrap it in a function of (response, row)"
        ) from error
    refuse_unknown(location, function, kwargs)
    if _TRL & names:
        return BatchFunctionVerifier(location, function, kwargs)
    if names >= _VERL:
        return VerlFunctionVerifier(location, function, kwargs)
    try:
        check_arguments(location, function, ("response", "row"), kwargs)
    except VerifierError as error:
        if (made := _made_by(location, function, kwargs)) is not None:
            return made
        raise VerifierError(f"{error}; a verifier takes (response, row), TRL's takes (completions, ...)") from error
    return FunctionVerifier(location, function, kwargs)


def _made_by(location: str, maker: Callable[..., Any], kwargs: Mapping[str, Any]) -> FunctionVerifier | None:
    """The verifier of the function that a maker returns; None where it cannot be called or returns something else."""
    try:
        inspect.signature(maker).bind(**kwargs)
    except TypeError:
        return None
    try:
        made = maker(**kwargs)
    except Exception as error:  # the arguments come from a recipe: one line, no traceback
        raise VerifierError(f"{location} cannot be called: {type(error).__name__}: {error}") from error
    return function_verifier(location, made, {}) if callable(made) and is_plain_grader(made) else None


def _load_module(path: Path) -> ModuleType:
    if not path.is_file():
        raise VerifierError(f"no such verifier file: {path}")
    spec = importlib.util.spec_from_file_location(f"openqwq_user_{path.stem}_{abs(hash(str(path)))}", path)
    if spec is None or spec.loader is None:
        raise VerifierError(f"cannot load {path} as Python")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses and pickle look their module up by name
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[spec.name]
        raise VerifierError(f"{path} fails to import: {type(error).__name__}: {error}") from error
    return module
