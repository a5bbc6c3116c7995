"""Calls that are written as Python text, `[f(a=1), g(b="x")]`: BFCL's prompt form, and its multi-turn references.

Nothing is evaluated: the text is parsed, and its values are read from the tree.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from openqwq.verifiers.tool_calls import MAX_CALLS, ParsedCall

MAX_CHARACTERS = 100_000
UNPACKED = "**"
"""Stands for the name of an argument such as `**options`; no function has it."""
_MAX_EXPONENT = 64
_UNREADABLE = (SyntaxError, ValueError, TypeError, RecursionError, MemoryError, ArithmeticError)
_OPERATIONS: dict[type[ast.AST], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
}


@dataclass(frozen=True)
class Call:
    """One call of a scenario's method. Example: Call("sort", ("report.txt",))."""

    name: str
    positional: tuple[Any, ...] = ()
    arguments: dict[str, Any] = field(default_factory=dict)


def python_calls(text: str) -> list[ParsedCall]:
    """The calls of an answer in BFCL's prompt form; brackets and code marks around it may be missing.

    As the official reader has it: arguments without a name are passed over, a name stands for itself as text, a call
    without named arguments is its own text, and a sign before a number makes it negative, whichever sign it is.

    Raises:
        ValueError: it is no list of calls.
    """
    listed = text.strip("`\n ")
    listed = listed if listed.startswith("[") else "[" + listed
    listed = listed if listed.endswith("]") else listed + "]"
    if len(listed) > MAX_CHARACTERS:
        raise ValueError(f"longer than {MAX_CHARACTERS} characters")
    try:
        body = ast.parse(listed.strip().strip("'"), mode="eval").body
        items = body.elts if isinstance(body, ast.List | ast.Tuple | ast.Set) else None
        if items is None or not all(isinstance(item, ast.Call) for item in items):
            raise ValueError("it is not a list of calls")
        if len(items) > MAX_CALLS:
            raise ValueError(f"more than {MAX_CALLS} calls")
        return [ParsedCall(*_named(item)) for item in items if isinstance(item, ast.Call)]
    except _UNREADABLE as error:
        raise ValueError(f"not calls in Python: {error}"[:200]) from error


def literal_call(text: str) -> Call:
    """One call of a multi-turn reference, such as `mv(source='a', destination='b')` or `sort('a')`.

    Raises:
        ValueError: it is not a call of a plain name with literal arguments.
    """
    try:
        node = ast.parse(text.strip(), mode="eval").body
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
            raise ValueError("not a call of a name")
        named = {}
        for keyword in node.keywords:
            if keyword.arg is None:
                raise ValueError("an argument has no name")
            named[keyword.arg] = ast.literal_eval(keyword.value)
        return Call(node.func.id, tuple(map(ast.literal_eval, node.args)), named)
    except _UNREADABLE as error:
        raise ValueError(f"{text[:80]!r} is not a call with literal arguments: {error}"[:200]) from error


def _named(call: ast.Call) -> tuple[str, dict[str, Any]]:
    parts = []
    place = call.func
    while isinstance(place, ast.Attribute):
        parts.append(place.attr)
        place = place.value
    if isinstance(place, ast.Name):
        parts.append(place.id)
    return ".".join(reversed(parts)), {keyword.arg or UNPACKED: _value(keyword.value) for keyword in call.keywords}


def _value(node: ast.AST | None) -> Any:
    if isinstance(node, ast.Constant):
        return "..." if node.value is Ellipsis else node.value
    if isinstance(node, ast.UnaryOp) and isinstance(node.operand, ast.Constant):
        return -node.operand.value  # type: ignore[operator]  # what has no negative raises TypeError, as it should
    if isinstance(node, ast.List):
        return [_value(item) for item in node.elts]
    if isinstance(node, ast.Tuple):
        return tuple(_value(item) for item in node.elts)
    if isinstance(node, ast.Dict):
        return {_value(key): _value(item) for key, item in zip(node.keys, node.values, strict=True)}
    if isinstance(node, ast.BinOp):
        return _computed(node)
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Call):
        return dict([_named(node)]) if node.keywords else ast.unparse(node)
    if isinstance(node, ast.Subscript):
        return f"{ast.unparse(node.value)}[{ast.unparse(node.slice)}]"
    raise ValueError(f"a value is a {type(node).__name__}")


def _computed(node: ast.AST) -> Any:
    """The value of a sum or product of constants."""
    if isinstance(node, ast.Constant) and isinstance(node.value, int | float | str):
        return node.value
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return -_computed(node.operand)
    if isinstance(node, ast.BinOp) and type(node.op) in _OPERATIONS:
        left, right = _computed(node.left), _computed(node.right)
        is_text = isinstance(left, str) or isinstance(right, str)
        if is_text and not isinstance(node.op, ast.Add):
            raise ValueError("only texts are joined, by +")
        if isinstance(node.op, ast.Pow) and abs(right) > _MAX_EXPONENT:
            raise ValueError(f"an exponent is beyond {_MAX_EXPONENT}")
        return _OPERATIONS[type(node.op)](left, right)
    raise ValueError(f"{type(node).__name__} is not computed")
