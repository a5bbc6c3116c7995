"""Finds what a call test asks for in a program, and calls it; lists become nodes, and back, where a row says so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from openqwq.sandbox.inside import nodes


def called(
    namespace: Mapping[str, Any],
    entry_point: str,
    arguments: Sequence[Any],
    kinds: Sequence[str],
    classes: Mapping[str, Any],
) -> Any:  # Any: whatever the program returns
    """The result of the function or method. Raises NameError without one.

    `kinds`: of each argument and, last, of the result (`nodes.py`); `classes`: those of nodes, where the program has
    none of its own.
    """
    function = _function(namespace, entry_point)
    if function is None:
        raise NameError(f"the program defines no {entry_point!r}")
    kinds = kinds or _annotated_kinds(function)
    if not kinds:
        return function(*arguments)
    names = {**classes, **namespace["__builtins__"].__dict__, **namespace}
    given = [nodes.built(kind, value, names) for kind, value in zip(kinds, arguments, strict=False)]
    given += arguments[len(kinds) :]
    return nodes.flattened(kinds[-1], function(*given), given)


def _annotated_kinds(function: Any) -> Sequence[str]:
    """Kinds by the program's own annotations, for rows without starter code."""
    notes = getattr(function, "__annotations__", None)
    code = getattr(getattr(function, "__func__", function), "__code__", None)
    if not isinstance(notes, dict) or code is None or "Node" not in str(notes):
        return ()
    names = [name for name in code.co_varnames[: code.co_argcount] if name not in ("self", "cls")]
    kinds = [_kind(str(notes.get(name, ""))) for name in (*names, "return")]
    return kinds if any(kinds) else ()


def _kind(annotation: str) -> str:
    name = next((name for name in ("ListNode", "TreeNode") if name in annotation), "")
    is_list = annotation.removeprefix("typing.").lower().startswith("list[")
    return f"[{name}]" if name and is_list else name


def _function(namespace: Mapping[str, Any], entry_point: str) -> Any:  # Any: whatever the program calls so
    """The method of the class that the row names, or of `Solution`; a global function; or the method of the one other
    class of the program that has it."""
    owner, _, name = entry_point.rpartition(".")
    for kind in (owner, "Solution"):
        if hasattr(namespace.get(kind), name):
            return getattr(namespace[kind](), name)
    if name in namespace:
        return namespace[name]
    own = [value for value in namespace.values() if isinstance(value, type) and value.__module__ == "solution"]
    having = [kind for kind in own if name in kind.__dict__]
    return getattr(having[0](), name) if len(having) == 1 else None
