"""What operators of a proxy compute. A number that an object makes of the test's own number is no evidence, since the
object may stand for any; neither is its order beside one."""

from __future__ import annotations

import operator
from typing import Any

from openqwq.sandbox.inside.judge import known
from openqwq.sandbox.inside.judge.known import has
from openqwq.sandbox.inside.judge.link import ask
from openqwq.sandbox.inside.judge.stubs import Stub, number_of
from openqwq.sandbox.inside.kept import BASE
from openqwq.sandbox.inside.remote import Remote, base_of

_DIFFERENCES = frozenset({"sub", "isub", "xor", "ixor"})


def _is_number(value: object) -> bool:
    return isinstance(value, int | float | complex) and not isinstance(value, Stub)


def _allows(mine: Remote, other: object) -> bool:
    """Whether the program may compute with what the test holds beside its object: wanted numbers stay away from an
    object that the test did not expect."""
    if not known.is_known(mine):
        return False
    return isinstance(other, Stub) or number_of(mine) in known.made_from or number_of(mine) in _derived


_derived: set[int] = set()


def _computed(mine: Remote, operation: str, name: str, other: Any) -> Any:
    known.forget(mine)
    value = ask(operation, mine, name, other)
    if name in _DIFFERENCES and isinstance(value, Remote) and not isinstance(other, Stub):
        known.told_wanted.add(number_of(value))
    if isinstance(value, int | float) and not isinstance(other, Stub) and not has(mine, BASE):
        raise TypeError("a number from an object and a number is no evidence: the object may stand for any")
    if isinstance(value, Remote) and (number_of(mine) in known.made_from or number_of(mine) in _derived):
        _derived.add(number_of(value))
    return value


def _binary(name: str) -> Any:
    def method(self: Remote, other: Any) -> Any:
        if has(self, BASE) and (not known.is_known(self) or _is_number(other)):
            return getattr(operator, name)(base_of(self), other)
        return _computed(self, "binary", name, other) if _allows(self, other) else NotImplemented

    return method


def _reflected(name: str) -> Any:
    def method(self: Remote, other: Any) -> Any:
        if has(self, BASE) and (not known.is_known(self) or _is_number(other)):
            return getattr(operator, name)(other, base_of(self))
        return _computed(self, "reflected", name, other) if _allows(self, other) else NotImplemented

    return method


def _ordered(name: str) -> Any:
    def method(self: Remote, other: Any) -> Any:
        if has(self, BASE) and (not known.is_known(self) or not isinstance(other, Stub)):
            return getattr(operator, name)(base_of(self), other)
        if not isinstance(other, Stub):
            raise TypeError("an order of an object and plain data is no evidence: the object may stand for any")
        return ask("binary", self, name, other) if _allows(self, other) else NotImplemented

    return method


def _unary(name: str) -> Any:
    def method(self: Remote, *arguments: Any) -> Any:
        return _computed_alone(self, name, arguments)

    return method


def _computed_alone(mine: Remote, name: str, arguments: tuple[Any, ...]) -> Any:
    key = number_of(mine), name
    if name in known.CONVERSIONS and key in known.converted:
        return known.converted[key]
    value = getattr(base_of(mine), name)(*arguments) if has(mine, BASE) else ask("unary", mine, name, *arguments)
    if isinstance(value, int | float) and number_of(mine) in known.told_wanted:
        raise TypeError("a number from a difference of an object and a number is no evidence")
    if name in known.CONVERSIONS:
        known.converted[key] = value
    if isinstance(value, Remote) and (number_of(mine) in known.made_from or number_of(mine) in _derived):
        _derived.add(number_of(value))
    return value


def install() -> None:
    """Called once in the tests' process: the operators of a proxy."""
    for name in [
        "add",
        "sub",
        "mul",
        "matmul",
        "truediv",
        "floordiv",
        "mod",
        "pow",
        "lshift",
        "rshift",
        "and",
        "or",
        "xor",
    ]:
        word = f"{name}_" if name in ("and", "or") else name
        setattr(Remote, f"__{name}__", _binary(word))
        setattr(Remote, f"__r{name}__", _reflected(word))
        setattr(Remote, f"__i{name}__", _binary(f"i{name}"))
    for name in ("lt", "le", "gt", "ge"):
        setattr(Remote, f"__{name}__", _ordered(name))
    for name in ("abs", "neg", "pos", "invert", "int", "float", "complex", "index", "round", "trunc", "floor", "ceil"):
        setattr(Remote, f"__{name}__", _unary(f"__{name}__"))
