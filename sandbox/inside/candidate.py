"""The program's side of an assert-style test: answers requests of the judge's process about its own objects."""

from __future__ import annotations

from typing import Any

from openqwq.sandbox.codec import NotPlainData, Reference, encode
from openqwq.sandbox.inside import channel

_MUTABLE = (list, dict, set, bytearray)


def serve(namespace: dict[str, Any], descriptor: int) -> None:
    """Answer (operation, target, arguments, keywords) until the judge closes.

    An answer is ("value", plain data, arguments after the call or None) or ("raise", exception's name, message).
    Objects that are not plain data stay here and are named by a Reference.
    """
    kept: list[object] = []

    def keep(value: object) -> object:
        kept.append(value)
        return Reference(len(kept) - 1)

    while True:
        try:
            request = channel.receive(descriptor, kept.__getitem__)
        except channel.PeerGone:
            return
        operation, target, arguments, keywords = request
        before = _snapshot(arguments)
        try:
            value = _perform(namespace, operation, target, arguments, keywords)
        except Exception as problem:
            answer: tuple[object, ...] = ("raise", _builtin_name(problem), str(problem)[:500])
        else:
            answer = ("value", value, arguments if _snapshot(arguments) != before else None)
        channel.send(descriptor, answer, keep)


def _perform(
    namespace: dict[str, Any], operation: str, target: Any, arguments: list[Any], keywords: dict[str, Any]
) -> object:
    if operation == "global":
        if target not in namespace and "Solution" in namespace and hasattr(namespace["Solution"], target):
            return getattr(namespace["Solution"](), target)
        return namespace[target]
    if operation == "call":
        return target(*arguments, **keywords)
    if operation == "attribute":
        return getattr(target, arguments[0])
    if operation == "item":
        return target[arguments[0]]
    if operation == "length":
        return len(target)
    if operation == "iterate":
        return iter(target)
    if operation == "next":
        return next(target)
    raise ValueError(f"unknown operation {operation!r}")


def _snapshot(arguments: list[Any]) -> bytes | None:
    """Plain mutable arguments as bytes: a function may change its argument in place, and tests look at that."""
    if not any(isinstance(argument, _MUTABLE) for argument in arguments):
        return None
    try:
        return encode(arguments, lambda _: Reference(0))
    except NotPlainData:
        return None


def _builtin_name(problem: Exception) -> str:
    for kind in type(problem).__mro__:
        if kind.__module__ == "builtins":
            return kind.__name__
    return "Exception"
