"""Finds a verifier by its name: built in, of an installed package, `path.py:function` or `package.module:function`.

A module of checks is imported only when its name is asked for.
"""

from __future__ import annotations

import difflib
import importlib
import warnings
from collections.abc import Callable, Iterable
from functools import cache
from typing import TYPE_CHECKING, Any, cast

from openqwq.verifiers.base import UnknownVerifier, Verifier, VerifierError
from openqwq.verifiers.building import build
from openqwq.verifiers.user_functions import (
    function_verifier,
    is_importable,
    is_plain_grader,
    load_importable,
    load_user_verifier,
)

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

ENTRY_POINT_GROUP = "openqwq.verifiers"

BUILT_IN = {
    "math": "openqwq.verifiers.math_answer.verifier:MathVerifier",
    "code": "openqwq.verifiers.code_answer.verifier:CodeVerifier",
    "choice": "openqwq.verifiers.choice:ChoiceVerifier",
    "as_published": "openqwq.verifiers.as_published:AsPublishedVerifier",
    "think_format": "openqwq.verifiers.rules.think_format:ThinkFormatVerifier",
    "role_leak": "openqwq.verifiers.rules.role_leak:RoleLeakVerifier",
    "instructions": "openqwq.verifiers.rules.instructions:InstructionsVerifier",
    "ifeval": "openqwq.verifiers.ifeval.verifier:IfevalVerifier",
    "refusal": "openqwq.verifiers.rules.refusal:RefusalVerifier",
    "length": "openqwq.verifiers.rules.length:LengthVerifier",
    "repetition": "openqwq.verifiers.rules.repetition:RepetitionVerifier",
    "language": "openqwq.verifiers.rules.language:LanguageVerifier",
    "tool_call": "openqwq.verifiers.tool_verifiers:ToolCallVerifier",
    "tool_use": "openqwq.verifiers.tool_verifiers:ToolUseVerifier",
    "bfcl": "openqwq.verifiers.bfcl.verifier:BfclVerifier",
    "environment": "openqwq.verifiers.environment_reward:EnvironmentVerifier",
    "reward_model": "openqwq.verifiers.reward_model:RewardModelVerifier",
    "judge": "openqwq.verifiers.judge:JudgeVerifier",
    "livebench": "openqwq.verifiers.livebench.verifier:LivebenchVerifier",
    "placebo": "openqwq.verifiers.placebo:PlaceboVerifier",
}


def available_verifiers() -> list[str]:
    """Names that get_verifier knows here: the built-in ones and those of installed packages."""
    return sorted({*BUILT_IN, *(entry.name for entry in _entry_points())})


def get_verifier(name_or_path: str, **kwargs: Any) -> Verifier:
    """The verifier of this name: built in, from an entry point, or a function by its place:
    `path/to/file.py:function` or `package.module:function`.

    Raises UnknownVerifier for an unknown name, VerifierError for a plug-in that cannot be loaded and for keyword
    arguments that the verifier does not take.
    """
    if is_location(name_or_path):
        return load_user_verifier(name_or_path, kwargs)
    if is_importable(name_or_path):
        return load_importable(name_or_path, kwargs)
    factory = _find_factory(name_or_path)
    if is_plain_grader(factory):
        return function_verifier(name_or_path, factory, kwargs)
    return build(name_or_path, factory, kwargs)


def is_built_in(verifier: object) -> bool:
    """True for an object of a class of BUILT_IN; False for users' own, also where they derive from such a class."""
    return f"{type(verifier).__module__}:{type(verifier).__qualname__}" in BUILT_IN.values()


def is_location(name: str) -> bool:
    """True for `path/to/file.py:function`, which loads a file; False for a registered name."""
    return ".py:" in name


def names_code(name: str) -> bool:
    """True where the name says which code to run: a row of data may use such a name only if a recipe lists it."""
    return is_location(name) or is_importable(name)


def _find_factory(name: str) -> Callable[..., Any]:
    if name in BUILT_IN:
        _warn_of_namesakes()
        module_name, attribute = BUILT_IN[name].split(":")
        return cast(Callable[..., Any], getattr(importlib.import_module(module_name), attribute))
    plug_ins = {entry.value: entry for entry in _entry_points() if entry.name == name}  # found twice counts once
    if len(plug_ins) > 1:
        raise VerifierError(
            f"{name!r} is registered by {' and by '.join(map(_owner, plug_ins.values()))}; uninstall one"
        )
    for entry in plug_ins.values():
        return _load(entry)
    near = difflib.get_close_matches(name, available_verifiers(), n=3, cutoff=0.4)
    hint = f"did you mean {' or '.join(near)}?" if near else f"known: {', '.join(available_verifiers())}."
    raise UnknownVerifier(
        f"no verifier is named {name!r}; {hint} Your own: path/to/file.py:function or package.module:function"
    )


@cache  # once in a process: reading the entry points of all packages takes milliseconds
def _warn_of_namesakes() -> None:
    for entry in _entry_points():
        if entry.name in BUILT_IN:
            warnings.warn(
                f"{entry.name!r} is built in; the verifier of {_owner(entry)} has the same name and is not used",
                stacklevel=4,
            )


def _entry_points() -> Iterable[EntryPoint]:
    from importlib.metadata import entry_points  # here, as it would double the time of `import openqwq.verifiers`

    return entry_points(group=ENTRY_POINT_GROUP)


def _owner(entry: EntryPoint) -> str:
    package = entry.dist.name if entry.dist is not None else "an unknown package"
    return f"{package} ({entry.value})"


def _load(entry: EntryPoint) -> Callable[..., Any]:
    try:
        found = entry.load()
    except Exception as error:  # whatever a foreign module raises when it is imported
        raise VerifierError(
            f"verifier {entry.name!r} of {_owner(entry)} cannot be loaded: {type(error).__name__}: {error}"
        ) from error
    if not callable(found):
        raise VerifierError(f"verifier {entry.name!r} of {_owner(entry)} is no function or class, got {found!r}")
    return cast(Callable[..., Any], found)
