"""The tests' proxies of objects that stay in the program's process, and their requests over the socket.

An answer is plain data, a well-known value (`values.py`), or another proxy. A proxy offers what tests do with objects,
but nothing that decides a comparison: it equals only itself and is neither true nor false.
"""

from __future__ import annotations

import builtins
from collections import deque
from collections.abc import Iterator
from typing import Any, NoReturn

from openqwq.sandbox.codec import Described, NotPlainData, Reference
from openqwq.sandbox.inside import channel, values

_PEER = 4
trouble: list[tuple[str, str]] = []
"""(status, detail) of the problem after which the run has no meaning. A test text cannot swallow it."""
_remotes: dict[int, Remote] = {}
_exception_classes: dict[int, type[Exception]] = {}


class NoVerdict(BaseException):
    """The run cannot go on, see `trouble`. Not an Exception, so that no test text can swallow it."""


def give_up(status: str, words: str) -> NoReturn:
    trouble.append((status, words))
    raise NoVerdict(words)


class Remote:
    # An object in the program's process. No docstring: `__doc__` is that of the object.
    __slots__ = ("__number",)

    def __init__(self, number: int) -> None:
        object.__setattr__(self, "_Remote__number", number)

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        return ask("call", self, *arguments, **keywords)

    def __getattr__(self, name: str) -> Any:
        return ask("attribute", self, name)

    @property
    def __doc__(self) -> Any:  # type: ignore[override]
        return ask("attribute", self, "__doc__")

    def __setattr__(self, name: str, value: Any) -> None:
        ask("set attribute", self, name, value)

    def __getitem__(self, key: Any) -> Any:
        return ask("item", self, key)

    def __setitem__(self, key: Any, value: Any) -> None:
        ask("set item", self, key, value)

    def __delitem__(self, key: Any) -> None:
        ask("delete item", self, key)

    def __len__(self) -> int:
        return int(ask("length", self))

    def __iter__(self) -> Iterator[Any]:
        iterator = ask("iterate", self)
        return iterator if isinstance(iterator, Remote) else iter(iterator)

    def __next__(self) -> Any:
        return ask("next", self)

    def __str__(self) -> str:
        return _text(ask("text", self))

    def __repr__(self) -> str:
        return _text(ask("representation", self))

    def __format__(self, spec: str) -> str:
        return _text(ask("format", self, spec))

    def __enter__(self) -> Any:
        return ask("enter", self)

    def __exit__(self, kind: object, problem: BaseException | None, trace: object) -> None:
        """Pass an exception to the program, which cannot swallow it: it could be that of an assert."""
        if problem is None:
            ask("exit", self, None, None)
        elif isinstance(problem, Exception):
            origin = _origin(problem)
            name, cause = (type(problem).__name__, str(problem)) if origin is None else (None, origin)
            ask("exit", self, name, cause)

    def __instancecheck__(self, value: object) -> bool:
        return ask("is instance", self, value) is True

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Remote) and self is not other:
            # Whether they are equal is the program's own claim, so neither answer is evidence.
            give_up("unsupported", "the test compares two objects of the program with each other")
        return self is other

    def __hash__(self) -> int:
        return hash(number_of(self))

    def __bool__(self) -> bool:
        raise TypeError("the program returned an object that is not plain data, where a truth value is needed")

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("an object of the program can be copied only by the program")


number_of = Remote._Remote__number.__get__  # type: ignore[attr-defined]  # the slot, whatever names the object has


def _text(answer: object) -> str:
    if not isinstance(answer, str):
        raise TypeError("the program's object has no text")
    return answer


def ask(operation: str, target: object, /, *arguments: Any, **keywords: Any) -> Any:
    """Ask the program. Raises its exception as a built-in one, or as a local class where the class is its own."""
    if trouble:
        raise NoVerdict
    try:
        frame = channel.pack((operation, target, list(arguments), keywords), _reduce)
    except NotPlainData as problem:
        give_up("unsupported", f"an argument of the test cannot be passed to the program: {problem}")
    try:
        channel.send(_PEER, frame)
        answer = channel.receive(_PEER, _resolve)
    except channel.PeerGone:
        give_up("gone", "the program ended before it answered")
    except NotPlainData as problem:
        give_up("wrong_output", f"the program's answer is not plain data: {problem}")
    match answer:
        case ("value", value, None):
            return value
        case ("value", value, [*changed]) if len(changed) == len(arguments):
            for mine, theirs in zip(arguments, changed, strict=True):
                _update(mine, theirs)
            return value
        case ("raise", kind, [*details], str(text), (Remote() | None) as origin):
            raise _exception(operation, kind, details, text, origin)
    give_up("wrong_output", "the program's answer does not have the form of an answer")


def _update(mine: Any, theirs: Any) -> None:
    """Copy what a call changed in the program's copy back into the test's own object."""
    if type(mine) is type(theirs) and mine is not theirs:
        if isinstance(mine, list | bytearray):
            mine[:] = theirs
        elif isinstance(mine, dict | set):
            mine.clear()
            mine.update(theirs)
        elif isinstance(mine, deque):
            mine.clear()
            mine.extend(theirs)


def _reduce(value: object) -> object:
    if isinstance(value, Remote):
        return Reference(number_of(value))
    for number, kind in _exception_classes.items():
        if value is kind:
            return Reference(number)
    origin = _origin(value)
    if origin is not None:
        return Reference(number_of(origin))
    described = values.describe(value)
    if isinstance(described, Described) and isinstance(described.fields[0], type):
        return Described(described.kind, (None, *described.fields[1:]))  # a named tuple of the test's own class
    if described is None:
        problem = f"the test hands a {type(value).__name__} to the program; only plain data can be handed over"
        give_up("unsupported", problem)
    return described


def _resolve(stub: Reference | Described) -> object:
    if isinstance(stub, Reference):
        return _remotes.setdefault(stub.number, Remote(stub.number))
    if stub.kind == "exception class":
        return _exception_class(*stub.fields)
    if stub.kind == "built-in exception class":
        return _built_in_exception(*stub.fields)
    return values.rebuild(stub)


def _built_in_exception(name: object) -> type[Exception]:
    kind = getattr(builtins, name, None) if isinstance(name, str) else None
    if not (isinstance(kind, type) and issubclass(kind, Exception)):
        raise NotPlainData("a class that is no built-in exception")
    return kind


def _exception_class(place: object, name: object, bases: object) -> type[Exception]:
    """A local class for an exception class of the program, so that a test can catch it by its name."""
    if not (isinstance(place, Remote) and isinstance(name, str) and isinstance(bases, tuple) and bases):
        raise NotPlainData("damaged exception class")
    if not all(isinstance(base, type) and issubclass(base, Exception) for base in bases):
        raise NotPlainData("an exception class with another base")
    number = number_of(place)
    if number not in _exception_classes:
        body = {"__getattr__": _attribute_of_origin, "__str__": _text_of_origin}
        _exception_classes[number] = type(name, bases, body)
    return _exception_classes[number]


def _origin(problem: object) -> Remote | None:
    """The program's exception that a local one stands for."""
    origin = problem.__dict__.get("_origin") if type(problem) in _exception_classes.values() else None
    return origin if isinstance(origin, Remote) else None


def _attribute_of_origin(self: Exception, name: str) -> Any:
    origin = _origin(self)
    if origin is None:
        raise AttributeError(name)
    return getattr(origin, name)


def _text_of_origin(self: Exception) -> str:
    return Exception.__str__(self) if _origin(self) is None else str(self.__dict__["_text"])


def _exception(operation: str, kind: Any, details: list[Any], text: str, origin: Remote | None) -> Exception:
    if not (isinstance(kind, type) and issubclass(kind, Exception)):
        return RuntimeError("the program raised what is no exception")
    if issubclass(kind, StopIteration) and operation != "next":  # in a test it would end a loop without an error
        return RuntimeError(f"the program raised {kind.__name__}: {text}")
    try:
        problem = kind(*details)
    except Exception:  # such as a group of exceptions, whose members stay in the program
        return RuntimeError(f"the program raised {kind.__name__}: {text}")
    if kind in _exception_classes.values():
        problem.__dict__.update(_origin=origin, _text=text)
    return problem
