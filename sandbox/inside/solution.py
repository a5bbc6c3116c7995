"""The program's side of an assert-style test: answers the requests of the tests' process about its objects."""

from __future__ import annotations

import builtins
import operator
from collections import deque
from collections.abc import Callable
from typing import Any

from openqwq.sandbox.codec import Described, NotPlainData, Reference, encode
from openqwq.sandbox.inside import channel, values

_MUTABLE = (list, dict, set, bytearray, deque)


class _Kept:
    """Objects that stay in this process, each with one number while the program runs."""

    def __init__(self) -> None:
        self.objects: list[object] = []
        self.numbers: dict[int, int] = {}

    def number(self, value: object) -> Reference:
        number = self.numbers.setdefault(id(value), len(self.objects))
        if number == len(self.objects):
            self.objects.append(value)
        return Reference(number)

    def reduce(self, value: object) -> object:
        if isinstance(value, type) and issubclass(value, Exception):
            return self.exception_class(value)
        described = values.describe(value)
        return self.number(value) if described is None else described

    def exception_class(self, kind: type[Exception]) -> Described:
        if _is_built_in(kind):
            return Described("built-in exception class", (kind.__name__,))
        bases = tuple(base for base in kind.__bases__ if issubclass(base, Exception))
        return Described("exception class", (self.number(kind), kind.__name__, bases))

    def resolve(self, stub: Reference | Described) -> object:
        return self.objects[stub.number] if isinstance(stub, Reference) else values.rebuild(stub)


def _is_built_in(kind: type[Exception]) -> bool:
    return builtins.__dict__.get(kind.__name__) is kind


def serve(namespace: dict[str, Any], descriptor: int) -> None:
    """Answer (operation, target, arguments, keywords) until the tests close.

    An answer is ("value", value, arguments after the call or None) or ("raise", exception's class, its arguments, its
    text, the exception when its class is the program's own). What is neither plain data nor a well-known value stays
    here and is named by a Reference.
    """
    kept = _Kept()
    operations = {**_OPERATIONS, "global": lambda name: _global(namespace, name)}
    while True:
        try:
            request = channel.receive(descriptor, kept.resolve)
        except channel.PeerGone:
            return
        operation, target, arguments, keywords = request
        before = _snapshot(arguments, kept)
        try:
            value = operations[operation](target, *arguments, **keywords)
        except Exception as problem:
            details = [*BaseException.args.__get__(problem)]  # type: ignore[attr-defined]
            origin = None if _is_built_in(type(problem)) else kept.number(problem)
            answer: tuple[object, ...] = ("raise", type(problem), details, _text(problem), origin)
        else:
            answer = ("value", value, arguments if _snapshot(arguments, kept) != before else None)
        channel.send(descriptor, channel.pack(answer, kept.reduce))


def _text(problem: Exception) -> str:
    try:
        return str(problem)
    except Exception:
        return ""


def _global(namespace: dict[str, Any], name: str) -> object:
    if name not in namespace and "Solution" in namespace and hasattr(namespace["Solution"], name):
        return getattr(namespace["Solution"](), name)
    return namespace[name]


def _leave(target: Any, name: str | None, problem: Any) -> None:
    """Leave a context: without an exception, with one of the program, or with one of the test by name and text."""
    if name is not None:
        kind = builtins.__dict__.get(name)
        good = isinstance(kind, type) and issubclass(kind, Exception)
        problem = kind(problem) if good and kind is not None else RuntimeError(f"{name}: {problem}")
    target.__exit__(None if problem is None else type(problem), problem, None)


_OPERATIONS: dict[str, Callable[..., object]] = {
    "call": lambda target, /, *arguments, **keywords: target(*arguments, **keywords),
    "attribute": getattr,
    "set attribute": setattr,
    "item": operator.getitem,
    "set item": operator.setitem,
    "delete item": operator.delitem,
    "length": len,
    "iterate": iter,
    "next": next,
    "text": str,
    "representation": repr,
    "format": format,
    "enter": lambda target: target.__enter__(),
    "exit": _leave,
    "is instance": lambda target, value: type.__instancecheck__(target, value),
}


def _snapshot(arguments: list[Any], kept: _Kept) -> bytes | None:
    """Plain mutable arguments as bytes: a function may change its argument in place, and tests look at that."""
    if not any(isinstance(argument, _MUTABLE) for argument in arguments):
        return None
    try:
        return encode(arguments, kept.reduce)
    except NotPlainData:
        return None
