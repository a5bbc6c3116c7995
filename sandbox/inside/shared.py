"""Containers that both processes still hold after a call: a program that keeps a list of its test, and the reverse.

Each process has its own object of the same number here; what changes in one is sent with the next message.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from openqwq.sandbox.codec import Containers, NotPlainData
from openqwq.sandbox.inside import changes

_MAX_ITEMS = 5000
"""Of all shared containers together: each message looks at all of them."""
_OWN_REFERENCES = 2
"""The table's own, and that of the call which counts them."""


class Shared:
    def __init__(self) -> None:
        self.objects: list[Any] = []
        self._pictures: list[Any] = []

    def known(self) -> Containers:
        """The table that a message begins with."""
        return changes.containers(self.objects)

    def changes(self, known: Containers) -> tuple[tuple[int, object], ...]:
        """What has changed since the last message, by the numbers of `known`."""
        return changes.changes(known, self._pictures) if self.objects else ()

    def unused(self) -> tuple[int, ...]:
        """Numbers of containers that nothing else in this process holds."""
        if not self.objects:
            return ()
        inner = _num_inner(self._pictures)
        return tuple(
            number
            for number in range(len(self.objects))
            if id(self.objects[number]) not in inner and sys.getrefcount(self.objects[number]) <= _OWN_REFERENCES
        )

    def worth_sharing(self, known: Containers, start: int) -> tuple[int, ...]:
        """Numbers of containers of a message, from `start` on, that something in this process still holds."""
        if len(known.objects) == start:
            return ()
        pictures = [*map(changes.picture, known.objects[start:])]
        room = _MAX_ITEMS - sum(map(len, self._pictures))
        have = {*map(id, self.objects)}
        num_inner = _num_inner(pictures)
        found = []
        for number in range(start, len(known.objects)):
            expected = _OWN_REFERENCES + num_inner.get(id(known.objects[number]), 0)
            size = 1 + len(pictures[number - start] or ())
            if (
                sys.getrefcount(known.objects[number]) > expected
                and id(known.objects[number]) not in have
                and size <= room
            ):
                found.append(number)
                room -= size
        return tuple(found)

    def agree(self, dropped: Iterable[int], added: Sequence[object]) -> None:
        """Called on both sides with the same numbers."""
        gone = {*dropped}
        if not (added or self.objects):
            return
        self.objects = [value for number, value in enumerate(self.objects) if number not in gone] + [*added]
        self._pictures = [*map(changes.picture, self.objects)]

    def look(self) -> None:
        """Take what the containers hold now as what the other process knows."""
        self._pictures = [*map(changes.picture, self.objects)]


def _num_inner(pictures: list[Any]) -> dict[int, int]:
    """References of containers to each other, by the id of the inner one."""
    found: dict[int, int] = {}
    for picture in pictures:
        for item in _inside(picture):
            found[id(item)] = found.get(id(item), 0) + 2  # in the container and in its picture
    return found


def _inside(value: Any) -> Iterator[Any]:
    """Items of a picture, also those in tuples."""
    if isinstance(value, tuple):
        for item in value:
            if type(item) is tuple:
                yield from _inside(item)
            elif isinstance(item, list | dict | set | bytearray):
                yield item


def numbers(value: object, count: int) -> tuple[int, ...]:
    """Some numbers below `count`. NotPlainData for anything else."""
    if not (isinstance(value, tuple) and all(type(number) is int and 0 <= number < count for number in value)):
        raise NotPlainData("no list of containers")
    return value
