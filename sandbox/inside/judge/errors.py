"""Exceptions of the program in the tests' process: as built-in ones, those of the library, or local classes."""

from __future__ import annotations

import builtins
import sys
from collections import deque
from typing import Any

from openqwq.sandbox.codec import NotPlainData
from openqwq.sandbox.inside.judge.stubs import Stub, ask, make_remote, told
from openqwq.sandbox.inside.kept import CLASS

classes: dict[int, type[Exception]] = {}
"""Local classes by the numbers of the program's own."""
_raised: deque[BaseException] = deque(maxlen=100)


class Exits:
    """Whether a text names `SystemExit`: that of the program is an exception for it, and not the program's end."""

    are_wanted = False


def was_raised(problem: BaseException) -> bool:
    """Whether the program raised this very exception."""
    return any(problem is one for one in _raised)


def is_of_program(problem: BaseException | None) -> bool:
    """Whether an exception, or one that it came from, was raised by the program."""
    while problem is not None:
        if was_raised(problem):
            return True
        problem = problem.__cause__ or problem.__context__
    return False


def built_in(name: object) -> type[Exception]:
    kind = getattr(builtins, name, None) if isinstance(name, str) else None
    if not (isinstance(kind, type) and issubclass(kind, Exception)):
        raise NotPlainData("a class that is no built-in exception")
    return kind


def of_library(place: object, name: object) -> type[Exception] | None:
    """An exception class of the standard library, of a module that is loaded here already. Not one of unittest: in a
    program it must not skip a test."""
    if not (isinstance(place, str) and isinstance(name, str)):
        return None
    if place.partition(".")[0] not in sys.stdlib_module_names - {"unittest"}:
        return None
    kind = getattr(sys.modules.get(place), name, None)
    return kind if isinstance(kind, type) and issubclass(kind, Exception) and kind.__module__ == place else None


def of_program(number: object, name: object, bases: object) -> type[Exception]:
    """A local class for an exception class of the program, so that a test can catch it by its name."""
    if not (isinstance(number, int) and isinstance(name, str) and isinstance(bases, tuple) and bases):
        raise NotPlainData("damaged exception class")
    if not all(isinstance(base, type) and issubclass(base, Exception) for base in bases):
        raise NotPlainData("an exception class with another base")
    if number not in classes:
        body = {
            "__getattr__": _attribute_of_origin,
            "__str__": _text_of_origin,
            "__new__": _new,
            "__init__": _made_here,
        }
        told.setdefault(number, (number, CLASS))
        classes[number] = type(name, bases, body)
    return classes[number]


class _Making:
    """Whether an answer brings an exception; else the test makes one, as the program's class would."""

    is_answer = False


def _new(kind: type[Exception], *arguments: Any, **keywords: Any) -> Any:
    if _Making.is_answer or kind not in classes.values():
        return Exception.__new__(kind, *arguments)
    number = next(number for number, one in classes.items() if kind is one)
    return ask("call", make_remote[0](number), *arguments, **keywords)


def _made_here(self: Exception, *arguments: Any, **keywords: Any) -> None:
    """All of it is done by `_new`."""


def origin_of(problem: object) -> Stub | None:
    """The program's exception that a local one stands for."""
    origin = problem.__dict__.get("_origin") if type(problem) in classes.values() else None
    return origin if isinstance(origin, Stub) else None


def _attribute_of_origin(self: Exception, name: str) -> Any:
    origin = origin_of(self)
    if origin is None:
        raise AttributeError(name)
    return ask("attribute", origin, name)


def _text_of_origin(self: Exception) -> str:
    return Exception.__str__(self) if origin_of(self) is None else str(self.__dict__["_text"])


def raised(operation: str, kind: Any, details: list[Any], text: str, origin: object) -> BaseException:
    problem = made(operation, kind, details, text, origin)
    _raised.append(problem)
    return problem


def made(operation: str, kind: Any, details: list[Any], text: str, origin: object) -> BaseException:
    if kind == "exit" and Exits.are_wanted:
        return SystemExit(*details)
    if isinstance(origin, Exception):  # of the test's own, on its way back
        return origin
    if not (isinstance(kind, type) and issubclass(kind, Exception)):
        return RuntimeError("the program raised what is no exception")
    if issubclass(kind, StopIteration) and operation != "next":  # in a test it would end a loop without an error
        return RuntimeError(f"the program raised {kind.__name__}: {text}")
    _Making.is_answer = True
    try:
        problem = kind(*details)
    except Exception:  # such as a group of exceptions, whose members stay in the program
        if kind.__module__ != "builtins":
            return Exception.__new__(kind, *details)
        return RuntimeError(f"the program raised {kind.__name__}: {text}")
    finally:
        _Making.is_answer = False
    if kind in classes.values():
        problem.__dict__.update(_origin=origin, _text=text)
    return problem
