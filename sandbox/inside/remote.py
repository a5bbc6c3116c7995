"""The tests' proxies of objects that stay in the program's process.

What an object computes is asked; whether it equals something is decided here, because a program's word on that is no
evidence. Its word on an order, on membership and on truth counts only for objects that the test knows as objects:
those of a class that it names, and those on which it has used a method.
"""

from __future__ import annotations

import operator
import types
from collections.abc import Iterator
from typing import Any, NoReturn

from openqwq.sandbox.inside.judge import errors
from openqwq.sandbox.inside.judge.link import ask, give_up
from openqwq.sandbox.inside.judge.stubs import Stub, make_remote, number_of, told
from openqwq.sandbox.inside.kept import BASE, CLASS, DEFINED, ENUM, EQUALS, FUNCTION, GENERATOR, HASHES, TRUE

named: set[int] = set()
"""Numbers of the classes that the test knows by name."""
_BASE_TYPES = {
    kind.__name__: kind for kind in (int, float, str, bytes, complex, list, tuple, dict, set, frozenset, bytearray)
}
_OF_CONTAINERS = {"add", "append", "clear", "discard", "extend", "get", "insert", "pop", "remove", "update"}
_OF_PLAIN_DATA = frozenset(name for kind in _BASE_TYPES.values() for name in dir(kind)) - _OF_CONTAINERS
"""Names that a test uses where it wants a list or a text: they do not show that it wants an object."""
_touched: set[int] = set()
_made_from: dict[int, list[Any]] = {}
"""Plain arguments of the objects that the test has made itself."""


class Remote(Stub):
    # No docstring: `__doc__` is that of the object.
    __slots__ = ()

    def __new__(cls, number: Any, *derived: Any) -> Any:
        """Also the class statement of a test that derives from a class of the program: its metaclass is this one."""
        return _derived_class(number, *derived) if derived else super().__new__(cls)

    def __init__(self, number: Any, *derived: Any) -> None:
        if not derived:
            super().__init__(number)

    def __call__(self, *arguments: Any, **keywords: Any) -> Any:
        value = ask("call", self, *arguments, **keywords)
        if isinstance(value, Remote) and _has(self, CLASS) and told[number_of(value)][0] == number_of(self):
            _made_from.setdefault(number_of(value), [*arguments, *keywords.values()])
        return value

    def __getattr__(self, name: str) -> Any:
        value = ask("attribute", self, name)
        if not name.startswith("__") and name not in _OF_PLAIN_DATA:
            _touched.add(number_of(self))
        if isinstance(value, Remote) and _has(value, CLASS) and number_of(self) in named:
            named.add(number_of(value))
        return value

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        """For `isinstance`: a generator, a function, or the plain type of which the object's class is made."""
        if _has(self, GENERATOR):
            return types.GeneratorType
        if _has(self, DEFINED):
            return types.FunctionType
        return _BASE_TYPES.get(told[number_of(self)][1].partition(BASE)[2], Remote)

    @property
    def __doc__(self) -> Any:  # type: ignore[override]
        return ask("attribute", self, "__doc__")

    def __setattr__(self, name: str, value: Any) -> None:
        ask("set attribute", self, name, value)

    def __delattr__(self, name: str) -> None:
        ask("delete attribute", self, name)

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

    def __reversed__(self) -> Any:
        return ask("reversed", self)

    def __next__(self) -> Any:
        return ask("next", self)

    def __contains__(self, value: Any) -> bool:
        if _is_known(self):
            return _truth(ask("contains", self, value))
        return any(item is value or item == value for item in self)

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
            origin = errors.origin_of(problem)
            name, cause = (type(problem).__name__, str(problem)) if origin is None else (None, origin)
            ask("exit", self, name, cause)

    def __instancecheck__(self, value: object) -> bool:
        return ask("is instance", self, value) is True

    def __subclasscheck__(self, value: object) -> bool:
        return ask("is subclass", self, value) is True

    def __eq__(self, other: object) -> bool:
        return self is other or _equals(self, other)

    def __ne__(self, other: object) -> bool:
        return not self == other

    def __hash__(self) -> int:
        return int(ask("hash", self)) if _has(self, HASHES) and _is_known(self) else hash(number_of(self))

    def __bool__(self) -> bool:
        if any(_has(self, trait) for trait in (CLASS, FUNCTION, TRUE)):
            return True
        if _has(self, BASE):
            return bool(_base(self))
        if _is_known(self):
            return _truth(ask("truth", self))
        raise TypeError("the program returned an object that is not plain data, where a truth value is needed")

    def __copy__(self) -> Any:
        return ask("copy", self)

    def __deepcopy__(self, memo: object) -> Any:
        return ask("deep copy", self)

    def __reduce_ex__(self, protocol: object) -> NoReturn:
        raise TypeError("an object of the program can be copied only by the program")


make_remote[0] = Remote


def type_of(value: object, *others: Any) -> Any:
    """`type` for the names of a test text: that of a program's object is the program's class."""
    if isinstance(value, Stub) and not others:
        return ask("attribute", value, "__class__")
    return type(value, *others)


def _derived_class(name: str, bases: tuple[Any, ...], body: dict[str, Any]) -> Any:
    if "__classcell__" in body:
        give_up("unsupported", "a method of the test calls super() of a class of the program")
    own = {key: value for key, value in body.items() if key not in ("__module__", "__qualname__", "__doc__")}
    made = ask("derive", list(bases), name, own)
    if isinstance(made, Remote):
        named.add(number_of(made))
    return made


def _has(remote: Stub, trait: str) -> bool:
    traits = told[number_of(remote)][1]
    return trait in traits if trait == BASE else trait in traits.partition(BASE)[0]


def _is_known(remote: Stub) -> bool:
    """Whether the test knows the object as one, and does not merely get it where plain data is wanted."""
    number = number_of(remote)
    return number in _touched or number in named or told[number][0] in named


def _base(remote: Stub) -> Any:
    value = ask("base", remote)
    if isinstance(value, Stub):
        give_up("wrong_output", "the program's object has no plain value")
    return value


def _text(answer: object) -> str:
    if not isinstance(answer, str):
        raise TypeError("the program's object has no text")
    return answer


def _truth(answer: object) -> bool:
    if not isinstance(answer, bool):
        raise TypeError("the program's object is neither true nor false")
    return answer


def _equals(mine: Remote, other: Any) -> bool:
    """Unequal is believed. Equal needs evidence: the same plain value, or the same fields, in which the arguments are
    found from which the test made its own object."""
    if _has(mine, BASE):
        return bool(_base(mine) == (_base(other) if isinstance(other, Remote) and _has(other, BASE) else other))
    if isinstance(other, Remote) and _has(other, BASE):
        return _equals(other, mine)
    if not _has(mine, EQUALS) or _has(mine, ENUM) or other is None:
        return isinstance(other, Remote) and _has(other, EQUALS) and not _has(other, ENUM) and _equals(other, mine)
    is_alike = isinstance(other, Remote) and told[number_of(mine)][0] == told[number_of(other)][0]
    if is_alike and _has_equal_fields(mine, other):
        return True
    is_made = any(isinstance(one, Remote) and _is_known(one) and number_of(one) in _made_from for one in (mine, other))
    if not is_made or _truth(ask("equal", mine, other)) is False:
        return False
    give_up("unsupported", "the test needs the program's word that two of its objects are equal")


def _has_equal_fields(mine: Remote, other: Remote) -> bool:
    match ask("fields", mine), ask("fields", other):
        case (dict(fields), place), (dict(others), other_place) if fields and fields == others and place != other_place:
            pass
        case _:
            return False
    found = [*fields.values()]
    return all(argument in found for one in (mine, other) for argument in _made_from.get(number_of(one), ()))


def _allows(mine: Remote, other: object) -> bool:
    """Whether the program may compute with what the test holds beside its object: wanted numbers stay away from an
    object that the test did not expect."""
    if not _is_known(mine):
        return False
    return isinstance(other, Stub) or number_of(mine) in _made_from or number_of(mine) in _derived


_derived: set[int] = set()


def _computed(mine: Remote, operation: str, name: str, other: Any) -> Any:
    value = ask(operation, mine, name, other)
    if isinstance(value, int | float) and not isinstance(other, Stub) and not _has(mine, BASE):
        raise TypeError("a number from an object and a number is no evidence: the object may stand for any")
    if isinstance(value, Remote) and (number_of(mine) in _made_from or number_of(mine) in _derived):
        _derived.add(number_of(value))
    return value


def _binary(name: str) -> Any:
    def method(self: Remote, other: Any) -> Any:
        if _has(self, BASE) and not _is_known(self):
            return getattr(operator, name)(_base(self), other)
        return _computed(self, "binary", name, other) if _allows(self, other) else NotImplemented

    return method


def _reflected(name: str) -> Any:
    def method(self: Remote, other: Any) -> Any:
        if _has(self, BASE) and not _is_known(self):
            return getattr(operator, name)(other, _base(self))
        return _computed(self, "reflected", name, other) if _allows(self, other) else NotImplemented

    return method


def _ordered(name: str) -> Any:
    def method(self: Remote, other: Any) -> Any:
        if _has(self, BASE) and not _is_known(self):
            return getattr(operator, name)(_base(self), other)
        return ask("binary", self, name, other) if _allows(self, other) else NotImplemented

    return method


def _unary(name: str) -> Any:
    def method(self: Remote, *arguments: Any) -> Any:
        return _computed_alone(self, name, arguments)

    return method


def _computed_alone(mine: Remote, name: str, arguments: tuple[Any, ...]) -> Any:
    value = ask("unary", mine, name, *arguments)
    if isinstance(value, Remote) and (number_of(mine) in _made_from or number_of(mine) in _derived):
        _derived.add(number_of(value))
    return value


for _name in [
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
    _word = f"{_name}_" if _name in ("and", "or") else _name
    setattr(Remote, f"__{_name}__", _binary(_word))
    setattr(Remote, f"__r{_name}__", _reflected(_word))
    setattr(Remote, f"__i{_name}__", _binary(f"i{_name}"))
for _name in ("lt", "le", "gt", "ge"):
    setattr(Remote, f"__{_name}__", _ordered(_name))
for _name in ("abs", "neg", "pos", "invert", "int", "float", "complex", "index", "round", "trunc", "floor", "ceil"):
    setattr(Remote, f"__{_name}__", _unary(f"__{_name}__"))
