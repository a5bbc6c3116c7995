"""Builds a verifier from its class or factory, and checks arguments against what a function takes.

Which class a name stands for: registry.py. Functions as verifiers: user_functions.py.
"""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

from openqwq.verifiers.base import Verifier, VerifierError


def build(name: str, factory: Callable[..., Any], kwargs: Mapping[str, Any]) -> Verifier:
    """Call a verifier's class or factory."""
    check_arguments(name, factory, (), kwargs)
    try:
        verifier = factory(**kwargs)
    except VerifierError:
        raise
    except Exception as error:  # the arguments come from a recipe: one line, no traceback
        raise VerifierError(f"verifier {name!r} cannot be built: {type(error).__name__}: {error}") from error
    missing = [
        part for part in ("name", "verify", "verify_many", "check_reference", "close") if not hasattr(verifier, part)
    ]
    if missing:
        raise VerifierError(
            f"{name!r} gives a {type(verifier).__name__} without {missing[0]}; derive it from VerifierBase"
        )
    return cast(Verifier, verifier)


def check_arguments(
    name: str, function: Callable[..., Any], positional: Sequence[str], kwargs: Mapping[str, Any]
) -> None:
    """Raise VerifierError unless `function(*positional, **kwargs)` is a possible call."""
    refuse_unknown(name, function, kwargs)
    try:
        inspect.signature(function).bind(*positional, **kwargs)
    except TypeError as error:
        call = ", ".join([*positional, *(f"{key}=..." for key in kwargs)])
        raise VerifierError(f"verifier {name!r} cannot be called with ({call}): {error}") from error


def refuse_unknown(name: str, function: Callable[..., Any], kwargs: Mapping[str, Any]) -> None:
    """Raise VerifierError for the first key that `function` does not take, with a suggestion."""
    accepted = inspect.signature(function).parameters
    if any(parameter.kind is inspect.Parameter.VAR_KEYWORD for parameter in accepted.values()):
        return
    for key in kwargs:
        if key not in accepted:
            near = difflib.get_close_matches(key, accepted, n=1)
            hint = f"did you mean {near[0]}?" if near else f"it takes: {', '.join(accepted) or 'none'}"
            raise VerifierError(f"verifier {name!r} does not take the argument {key!r}; {hint}")
