"""The tests' proxies of objects that stay in the program's process.

What an object computes is asked; whether it equals something is decided here, because a program's word on that is no
evidence. Its word on an order, on membership and on truth counts only for objects that the test knows as objects:
those of a class that it names, and those on which it has used a method.
"""

from __future__ import annotations

import itertools
import types
from collections.abc import Iterator
from typing import Any, NoReturn

from openqwq.sandbox.inside.judge import errors, known
from openqwq.sandbox.inside.judge.known import has
from openqwq.sandbox.inside.judge.link import ask, give_up
from openqwq.sandbox.inside.judge.stubs import Stub, make_remote, number_of, told
from openqwq.sandbox.inside.kept import BASE, CLASS, DEFINED, ENUM, EQUALS, FUNCTION, GENERATOR, HASHES, TRUE

_BASE_TYPES = {
    kind.__name__: kind for kind in (int, float, str, bytes, complex, list, tuple, dict, set, frozenset, bytearray)
}
_OF_CONTAINERS = {"add", "append", "clear", "discard", "extend", "get", "insert", "pop", "remove", "update"}
_OF_PLAIN_DATA = frozenset(name for kind in _BASE_TYPES.values() for name in dir(kind)) - _OF_CONTAINERS
"""Names that a test uses where it wants a list or a text: they do not show that it wants an object."""
_SET_WORDS = frozenset(
    ["difference", "symmetric_difference", "union", "intersection", "issubset", "issuperset", "isdisjoint", "index"]
)
"""What a test asks of plain data: an object that it did not expect would be told the wanted value."""
_REFUSED = ("__array", "__dlpack", "__buffer__", "__cuda")
"""Attributes by which numpy reads memory, or lets an object decide what it is."""


_MAX_ROWS = 100_000


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
        is_made = isinstance(value, Remote) and has(self, CLASS) and told[number_of(value)][0] == number_of(self)
        if is_made and number_of(self) not in known.doubtful:
            known.made_from.setdefault(number_of(value), [*arguments, *keywords.values()])
        return value

    def __getattr__(self, name: str) -> Any:
        if name.startswith(_REFUSED):
            raise AttributeError(name)
        if name in _SET_WORDS and not known.is_known(self):
            if not has(self, BASE):
                raise AttributeError(f"{name} of an object where plain data is wanted")
            return getattr(base_of(self), name)
        known.forget(self)
        value = ask("attribute", self, name)
        if not name.startswith("__") and name not in _OF_PLAIN_DATA:
            known.touched.add(number_of(self))
        if isinstance(value, Remote) and has(value, CLASS) and not name.startswith("__"):
            if not has(self, CLASS) or not name[:1].isupper():
                known.doubtful.add(number_of(value))
            elif number_of(self) in known.named:
                known.named.add(number_of(value))
        return value

    @property  # type: ignore[misc]
    def __class__(self) -> Any:
        """For `isinstance`: a generator, a function, or the plain type of which the object's class is made."""
        if has(self, GENERATOR):
            return types.GeneratorType
        if has(self, DEFINED):
            return types.FunctionType
        return _BASE_TYPES.get(told[number_of(self)][1].partition(BASE)[2], Remote)

    @property
    def __doc__(self) -> Any:  # type: ignore[override]
        return ask("attribute", self, "__doc__")

    def __setattr__(self, name: str, value: Any) -> None:
        known.forget(self)
        ask("set attribute", self, name, value)

    def __delattr__(self, name: str) -> None:
        ask("delete attribute", self, name)

    def __getitem__(self, key: Any) -> Any:
        rows = _rows_of(self) if isinstance(key, int | slice) else None
        return ask("item", self, key) if rows is None else rows[key]

    def __setitem__(self, key: Any, value: Any) -> None:
        known.forget(self)
        ask("set item", self, key, value)

    def __delitem__(self, key: Any) -> None:
        known.forget(self)
        ask("delete item", self, key)

    def __len__(self) -> int:
        rows = _rows_of(self)
        return int(ask("length", self)) if rows is None else len(rows)

    def __iter__(self) -> Iterator[Any]:
        if (rows := _rows_of(self)) is not None:
            return iter(rows)
        iterator = ask("iterate", self)
        return iterator if isinstance(iterator, Remote) else iter(iterator)

    def __reversed__(self) -> Any:
        return ask("reversed", self)

    def __next__(self) -> Any:
        return ask("next", self)

    def __contains__(self, value: Any) -> bool:
        if known.is_known(self):
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
        return int(ask("hash", self)) if has(self, HASHES) and known.is_known(self) else hash(number_of(self))

    def __bool__(self) -> bool:
        if any(has(self, trait) for trait in (CLASS, FUNCTION, TRUE)):
            return True
        if has(self, BASE):
            return bool(base_of(self))
        if known.is_known(self):
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
        known.named.add(number_of(made))
    return made


def _rows_of(remote: Remote) -> list[Any] | None:
    """The items of an object that stands where plain data is wanted, read once, since its length, order and items must
    not differ from look to look. None for all others."""
    number = number_of(remote)
    is_other = any(has(remote, trait) for trait in (CLASS, FUNCTION, GENERATOR, BASE))
    if is_other or known.is_known(remote):
        return None
    if number not in known.rows:
        try:
            length = int(ask("length", remote))
        except Exception:
            return None
        if not 0 <= length <= _MAX_ROWS:
            return None
        iterator = ask("iterate", remote)
        items = list(itertools.islice(iterator, length + 1))
        if len(items) != length:
            raise TypeError("an object whose length is not that of its items")
        known.rows[number] = items
    return known.rows[number]


def callable_of(value: object) -> bool:
    """`callable` for the names of a test text."""
    if not isinstance(value, Stub):
        return callable(value)
    if any(has(value, trait) for trait in (CLASS, FUNCTION)):
        return True
    try:
        ask("attribute", value, "__call__")
    except Exception:
        return False
    return True


def _is_liar(mine: Remote) -> bool:
    """Whether an object claims to equal a text that no test holds."""
    try:
        return _truth(ask("equal", mine, "\u2063 \u2063"))
    except Exception:  # an honest one may look for attributes
        return False


def base_of(remote: Stub) -> Any:
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
    if has(mine, BASE):
        return bool(base_of(mine) == (base_of(other) if isinstance(other, Remote) and has(other, BASE) else other))
    if isinstance(other, Remote) and has(other, BASE):
        return _equals(other, mine)
    if not has(mine, EQUALS) or has(mine, ENUM) or other is None:
        return isinstance(other, Remote) and has(other, EQUALS) and not has(other, ENUM) and _equals(other, mine)
    is_alike = isinstance(other, Remote) and told[number_of(mine)][0] == told[number_of(other)][0]
    if is_alike and _has_equal_fields(mine, other):
        return True
    if not isinstance(other, Remote):
        return False  # plain data is wanted
    is_made = any(known.is_known(one) and number_of(one) in known.made_from for one in (mine, other))
    if not is_made or _truth(ask("equal", mine, other)) is False or _is_liar(mine):
        return False
    give_up("unsupported", "the test needs the program's word that two of its objects are equal")


def _has_equal_fields(mine: Remote, other: Remote) -> bool:
    match ask("fields", mine), ask("fields", other):
        case (dict(fields), place), (dict(others), other_place) if fields and fields == others and place != other_place:
            pass
        case _:
            return False
    found = [*fields.values()]
    return all(argument in found for one in (mine, other) for argument in known.made_from.get(number_of(one), ()))
