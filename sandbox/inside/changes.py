"""What a call changed in place: containers of a request are looked at before and after it."""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Sequence
from operator import is_
from typing import Any

from openqwq.sandbox.codec import MUTABLE, Containers, NotPlainData


def containers(known: Sequence[object] = ()) -> Containers:
    """An empty table of containers; arrays of numpy count as such where it is loaded."""
    return Containers(known, (*MUTABLE, *_arrays()))


def pictures(known: Containers) -> list[Any]:
    """What each container holds, one level deep."""
    return [*map(picture, known.objects)]


def changes(known: Containers, before: list[Any]) -> tuple[tuple[int, object], ...]:
    """(number, contents) of each container that no longer holds what it held."""
    return tuple(
        (number, _contents(value))
        for number, (value, old) in enumerate(zip(known.objects, before, strict=False))
        if old is not None and not _is_same(old, picture(value))
    )


def apply(known: Containers, changed: Sequence[Any]) -> None:
    """Change the containers of this side alike. NotPlainData when a change does not fit its container."""
    for change in changed:
        match change:
            case (int(number), contents) if 0 <= number < len(known.objects):
                _fill(known.objects[number], contents)
            case _:
                raise NotPlainData("a change of no container")


def _arrays() -> tuple[type, ...]:
    kind = getattr(sys.modules.get("numpy"), "ndarray", None)
    return (kind,) if isinstance(kind, type) else ()


def _are_arrays(*values: Any) -> bool:
    return all(isinstance(value, _arrays()) for value in values)


def picture(value: Any) -> Any:
    """What a container holds, one level deep; None for what is none."""
    kind = type(value)
    if issubclass(kind, dict):
        return (*dict.keys(value), *dict.values(value))
    for base in (list, set, deque):
        if issubclass(kind, base):
            return (*base.__iter__(value),)
    if issubclass(kind, bytearray):
        return bytes(value)
    return [value.dtype, value.shape, value.tobytes()] if issubclass(kind, _arrays()) else None


def _is_same(old: Any, new: Any) -> bool:
    if isinstance(old, tuple):
        return len(old) == len(new) and all(map(is_, old, new))
    return bool(old == new)


def _contents(value: Any) -> object:
    if isinstance(value, dict):
        return dict(dict.items(value))
    if isinstance(value, list | deque):
        return [*picture(value)]
    if isinstance(value, set):
        return {*set.__iter__(value)}
    return bytes(value) if isinstance(value, bytearray) else value.copy()


def _fill(mine: Any, contents: Any) -> None:
    if isinstance(mine, list) and type(contents) is list:
        mine[:] = contents
    elif isinstance(mine, dict) and type(contents) is dict:
        mine.clear()
        dict.update(mine, contents)
    elif isinstance(mine, set) and type(contents) is set:
        mine.clear()
        mine.update(contents)
    elif isinstance(mine, deque) and type(contents) is list:
        mine.clear()
        mine.extend(contents)
    elif isinstance(mine, bytearray) and type(contents) is bytes:
        mine[:] = contents
    elif _are_arrays(mine, contents) and mine.shape == contents.shape:
        mine[...] = contents
    else:
        raise NotPlainData("a change that does not fit its container")
