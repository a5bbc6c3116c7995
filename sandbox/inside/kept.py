"""Objects of the program that stay in its process, each with one number, and what is told about them."""

from __future__ import annotations

import builtins
import enum
import sys
import types
from typing import Any

from openqwq.sandbox.codec import Described, NotPlainData, base_value
from openqwq.sandbox.inside import values

CLASS, FUNCTION, ENUM, EQUALS, HASHES, TRUE, AWAITABLE, GENERATOR, DEFINED, BASE = "cfeqhtagd:"
"""Traits: a class; a function; a member of an enumeration; its class defines equality, a hash; it is true as all
objects are; it can be awaited; it is a generator, a function of Python; it has the value of a plain type, whose name
follows."""
_BASES = (int, float, str, bytes, complex, list, tuple, dict, set, frozenset, bytearray)


class Kept:
    def __init__(self) -> None:
        self.objects: list[object] = []
        self.named: set[type] = set()
        """Classes that the test knows by name: their objects stay objects, also those of a subclass of list."""
        self._numbers: dict[int, int] = {}
        self._traits: dict[int, str] = {}

    def reduce(self, value: object) -> object:
        """A Described or plain data for any value of the program."""
        kind = type(value)
        if isinstance(value, type) and issubclass(value, Exception):
            return self.exception_class(value)
        if isinstance(value, Exception):
            origin = None if self.is_built_in(type(value)) else self.keep(value)
            return Described("exception", (kind, [*BaseException.args.__get__(value)], text_of(value), origin))  # type: ignore[attr-defined]
        if isinstance(value, enum.Enum):
            return self.keep(value)
        if self.named and not self.named.isdisjoint(kind.__mro__) and _has_methods(kind):
            return self.keep(value)
        described = values.describe(value)
        if described is not None:
            return described
        try:
            return base_value(value)
        except NotPlainData:
            return self.keep(value)

    def keep(self, value: Any) -> Described:
        kind = type(value)
        return Described("object", (self._number(value), self._number(kind), self._traits_of(kind)))

    def exception_class(self, kind: type[Exception]) -> Described:
        if self.is_built_in(kind):
            return Described("built-in exception class", (kind.__name__,))
        bases = tuple(base for base in kind.__bases__ if issubclass(base, Exception))
        own = (self._number(kind), kind.__name__, bases)
        if kind.__module__.partition(".")[0] in sys.stdlib_module_names:
            return Described("library exception class", (kind.__module__, kind.__name__, *own))
        return Described("exception class", own)

    @staticmethod
    def is_built_in(kind: type[Exception]) -> bool:
        return builtins.__dict__.get(kind.__name__) is kind

    @staticmethod
    def is_class_name(name: str) -> bool:
        return name.lstrip("_")[:1].isupper()

    def _number(self, value: object) -> int:
        number = self._numbers.setdefault(id(value), len(self.objects))
        if number == len(self.objects):
            self.objects.append(value)
        return number

    def _traits_of(self, kind: Any) -> str:
        traits = self._traits.get(id(kind))
        if traits is None:
            traits = CLASS if issubclass(kind, type) else ""
            traits += FUNCTION if issubclass(kind, _FUNCTIONS) else ""
            traits += EQUALS if _defines(kind, "__eq__") else ""
            traits += HASHES if _defines(kind, "__hash__") else ""
            traits += ENUM if issubclass(kind, enum.Enum) else ""
            traits += AWAITABLE if issubclass(kind, types.CoroutineType) else ""
            traits += DEFINED if kind is types.FunctionType else ""
            traits += GENERATOR if issubclass(kind, types.GeneratorType) else ""
            traits += TRUE if not hasattr(kind, "__bool__") and not hasattr(kind, "__len__") else ""
            traits += next((BASE + base.__name__ for base in _BASES if issubclass(kind, base)), "")
            self._traits[id(kind)] = traits
        return traits


_FUNCTIONS = (types.FunctionType, types.MethodType, types.BuiltinFunctionType, types.ModuleType)


def text_of(problem: Exception) -> str:
    try:
        return str(problem)
    except Exception:
        return ""


def _has_methods(kind: type) -> bool:
    """Whether a class offers more than the type that it is made of: fields of a named tuple are not more."""
    return any(
        isinstance(what, types.FunctionType | property | classmethod | staticmethod) and not name.startswith("_")
        for base in kind.__mro__
        for name, what in vars(base).items()
        if base.__flags__ & _HEAP_TYPE
    )


def _defines(kind: Any, name: str) -> bool:
    """Whether a class defines a method of its own, and not only one of a type that is built in."""
    for base in kind.__mro__:
        if name in base.__dict__:
            return base.__flags__ & _HEAP_TYPE != 0 and base.__dict__[name] is not None
    return False


_HEAP_TYPE = 1 << 9
