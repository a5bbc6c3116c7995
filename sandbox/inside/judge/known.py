"""What the tests' process knows of the program's objects: which it has used as objects, and what to doubt."""

from __future__ import annotations

from typing import Any

from openqwq.sandbox.inside.judge.stubs import Stub, number_of, told
from openqwq.sandbox.inside.kept import BASE

named: set[int] = set()
"""Numbers of the classes that the test knows by name."""
CONVERSIONS = frozenset({"__float__", "__int__", "__index__", "__complex__"})
touched: set[int] = set()
doubtful: set[int] = set()
"""Numbers of classes that the program put in the place of a value: nothing of theirs is known any more."""
told_wanted: set[int] = set()
"""Objects made by a difference with plain data of the test: what they say of themselves may follow from it."""
converted: dict[tuple[int, str], Any] = {}
rows: dict[int, list[Any]] = {}
made_from: dict[int, list[Any]] = {}
"""Plain arguments of the objects that the test has made itself."""


def has(remote: Stub, trait: str) -> bool:
    traits = told[number_of(remote)][1]
    return trait in traits if trait == BASE else trait in traits.partition(BASE)[0]


def is_known(remote: Stub) -> bool:
    """Whether the test knows the object as one, and does not merely get it where plain data is wanted."""
    number = number_of(remote)
    if number in doubtful or told[number][0] in doubtful:
        return False
    return number in touched or number in named or told[number][0] in named


def forget(remote: Stub) -> None:
    """What the object was as a number or as a row: it may change now."""
    number = number_of(remote)
    rows.pop(number, None)
    for name in CONVERSIONS:
        converted.pop((number, name), None)


def know_class(number: int, is_named: bool) -> None:
    """A class that a text has fetched by a name: by that of a class, or by one under which it expects a function."""
    if is_named:
        named.add(number)
    elif number in named:
        doubtful.add(number)
