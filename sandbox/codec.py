"""Plain data as bytes: how arguments and return values cross the border of a jail. No pickle, no code.

The reader may get bytes of a hostile program: it never calls anything by name, never recurses deeper than MAX_DEPTH,
and can leave mappings as pairs so that no hash table is built from keys that an attacker chose.
"""

from __future__ import annotations

import struct
from collections import Counter, deque
from collections.abc import Callable, Sequence
from typing import Any

MAX_DEPTH = 400
MUTABLE = (list, dict, set, bytearray, deque)
"""Containers that a function may change in place."""
STAYING = ("object", "held")
"""Kinds of a Described that stand for an object which stays where it is."""
_SIMPLE = {b"n": None, b"y": True, b"x": False}
_UNFINISHED = object()
_MAX_MEAN_SAME_HASH = 64
"""Ordinary keys seldom share a hash; an example is a pair of numbers with -1 or -2, which have one hash."""


class NotPlainData(TypeError):
    """A value, or bytes, outside of the plain types."""


class Pairs:
    """A mapping ('d') or a set ('s', 'f'), read without building it: items in order."""

    __slots__ = ("items", "kind")

    def __init__(self, kind: str, items: tuple[Any, ...]) -> None:
        self.kind, self.items = kind, items


class Reference:
    """An object that stays in the other process, named by a number."""

    __slots__ = ("number",)

    def __init__(self, number: int) -> None:
        self.number = number


class Described:
    """A value of another type, by the name of its kind and plain fields. Example: `Described("range", (0, 9, 1))`."""

    __slots__ = ("fields", "kind")

    def __init__(self, kind: str, fields: tuple[Any, ...]) -> None:
        self.kind, self.fields = kind, fields


Reduce = Callable[[Any], object]
"""Turns an object that is not plain, or of a subclass of a plain type, into a Described, a Reference or plain data."""
Resolve = Callable[[Any], object]
"""Turns a Reference or a Described back into the object that it stands for; may raise NotPlainData."""


class Containers:
    """Mutable containers in the order in which they were met, so that both processes number them alike: a container
    that is met twice is one object on the other side too, and may hold itself."""

    def __init__(self, known: Sequence[object] = (), kinds: tuple[type, ...] = MUTABLE) -> None:
        self.objects: list[object] = [*known]
        self.kinds = kinds
        self._numbers = {id(value): number for number, value in enumerate(self.objects)}

    def number(self, value: object) -> int | None:
        """The number of a container that was met before; a new one gets the next number, and None."""
        number = self._numbers.setdefault(id(value), len(self.objects))
        if number < len(self.objects):
            return number
        self.objects.append(value)
        return None

    def put(self, number: int, value: object) -> None:
        """The container of a number that was taken before it could be read."""
        self.objects[number] = value
        self._numbers[id(value)] = number


_WHOLE = slice(None)
_BASES: dict[type, Callable[[Any], object]] = {
    int: int.__index__,
    float: float.__pos__,
    str: lambda value: str.__getitem__(value, _WHOLE),
    bytes: lambda value: bytes.__getitem__(value, _WHOLE),
    complex: complex.__pos__,
    list: lambda value: [*list.__iter__(value)],
    tuple: lambda value: (*tuple.__iter__(value),),
    dict: lambda value: dict(dict.items(value)),
    set: lambda value: {*set.__iter__(value)},
    frozenset: lambda value: frozenset((*frozenset.__iter__(value),)),
    bytearray: lambda value: bytearray(bytearray.__getitem__(value, _WHOLE)),
}
_PLAIN = {type(None), bool, *_BASES, Reference, Described}


def _block(tag: bytes, body: bytes) -> bytes:
    return tag + struct.pack("<Q", len(body)) + body


def encode(value: object, reduce: Reduce | None = None, known: Containers | None = None) -> bytes:
    """Bytes of plain data. Other values go through `reduce`; without it NotPlainData is raised.

    A subclass of a plain type is read by the methods of its plain base, so that none of its own methods runs.
    """
    return _packed(value, reduce, 0, known)


def base_value(value: Any) -> object:
    """The value of a subclass of a plain type, as an object of that type. NotPlainData for anything else."""
    for base, read in _BASES.items():
        if issubclass(type(value), base):
            return read(value)
    raise NotPlainData(f"{type(value).__name__} is not plain data")


def _packed(value: object, reduce: Reduce | None, depth: int, known: Containers | None) -> bytes:
    out: list[bytes] = []
    _write(value, out, reduce, depth, known)
    return b"".join(out)


def _stays(reduced: object) -> bool:
    """Whether only the name of an object crosses."""
    return type(reduced) is Reference or (type(reduced) is Described and reduced.kind in STAYING)


def _write(value: Any, out: list[bytes], reduce: Reduce | None, depth: int, known: Containers | None) -> None:
    if depth > MAX_DEPTH:
        raise NotPlainData(f"nested deeper than {MAX_DEPTH}")
    kind = type(value)
    reduced = None if reduce is None or kind in _PLAIN else reduce(value)
    if _stays(reduced):
        _write(reduced, out, reduce, depth + 1, known)
        return
    if known is not None and issubclass(kind, known.kinds):
        number = known.number(value)
        if number is not None:
            out.append(b"m" + struct.pack("<Q", number))
            return
        out.append(b"k")
    if reduced is not None:
        _write(reduced, out, reduce, depth + 1, known)
        return
    if kind not in _PLAIN:
        value = base_value(value)
        kind = type(value)
    if value is None or kind is bool:
        out.append(b"n" if value is None else b"y" if value else b"x")
    elif kind is int:
        out.append(_block(b"i", b"%x" % value))
    elif kind is float:
        out.append(b"g" + struct.pack("<d", value))
    elif kind is str:
        out.append(_block(b"u", value.encode("utf-8", "surrogatepass")))
    elif kind is bytes:
        out.append(_block(b"b", value))
    elif kind is complex:
        out.append(b"c" + struct.pack("<dd", value.real, value.imag))
    elif kind is list or kind is tuple:
        tag = b"l" if kind is list else b"t"
        packed = _write_uniform(value)
        if packed is not None:
            out.append(tag.upper() + packed)
            return
        out.append(tag + struct.pack("<Q", len(value)))
        for item in value:
            _write(item, out, reduce, depth + 1, known)
    elif kind is dict:
        out.append(b"d" + struct.pack("<Q", len(value)))
        for key, item in value.items():
            _write(key, out, reduce, depth + 1, known)
            _write(item, out, reduce, depth + 1, known)
    elif kind is set or kind is frozenset:
        members = sorted(_packed(item, reduce, depth + 1, None) for item in value)
        out.append((b"s" if kind is set else b"f") + struct.pack("<Q", len(members)))
        out.extend(members)
    elif kind is bytearray:
        out.append(_block(b"a", bytes(value)))
    elif kind is Reference:
        out.append(b"r" + struct.pack("<Q", value.number))
    else:
        out.append(b"w")
        _write(value.kind, out, None, depth + 1, None)
        _write(value.fields, out, reduce, depth + 1, known)


def _write_uniform(items: Sequence[Any]) -> bytes | None:
    """A list of only int, or only float, in one block: long answers cost no loop in Python."""
    if len(items) < 4:
        return None
    kinds = {*map(type, items)}
    if kinds == {int}:
        return _block(b"i", b",".join([b"%x" % item for item in items]))
    if kinds == {float}:
        return _block(b"g", struct.pack(f"<{len(items)}d", *items))
    return None


def decode(
    data: bytes,
    keep_pairs: bool = False,
    resolve: Resolve | None = None,
    known: Containers | None = None,
    max_depth: int = MAX_DEPTH,
) -> Any:
    """Read bytes of `encode`. `keep_pairs` leaves mappings and sets as `Pairs`; `resolve` gives objects back; `known`
    holds the containers that the writer's `known` held, and takes those of these bytes."""
    reader = _Reader(data, keep_pairs, resolve, known, max_depth)
    try:
        value = reader.read(0)
    except (struct.error, IndexError, ValueError, OverflowError, TypeError) as problem:
        raise NotPlainData(f"damaged data: {problem}") from problem
    if reader.at != len(data):
        raise NotPlainData(f"{len(data) - reader.at} bytes after the end of the value")
    return value


class _Reader:
    def __init__(
        self, data: bytes, keep_pairs: bool, resolve: Resolve | None, known: Containers | None, max_depth: int
    ) -> None:
        self.data, self.at = data, 0
        self.keep_pairs, self.resolve, self.known, self.max_depth = keep_pairs, resolve, known, max_depth

    def _count(self) -> int:
        (count,) = struct.unpack_from("<Q", self.data, self.at)
        self.at += 8
        if count > len(self.data) - self.at:
            raise NotPlainData(f"says {count} items or bytes, only {len(self.data) - self.at} bytes are left")
        return int(count)

    def _take(self) -> bytes:
        count = self._count()
        self.at += count
        return self.data[self.at - count : self.at]

    def read(self, depth: int) -> Any:
        if depth > self.max_depth:
            raise NotPlainData(f"nested deeper than {self.max_depth}")
        tag = self.data[self.at : self.at + 1]
        self.at += 1
        if tag in _SIMPLE:
            return _SIMPLE[tag]
        if tag == b"i":
            return int(self._take(), 16)
        if tag == b"g":
            self.at += 8
            return struct.unpack_from("<d", self.data, self.at - 8)[0]
        if tag == b"u":
            return self._take().decode("utf-8", "surrogatepass")
        if tag == b"b":
            return self._take()
        if tag == b"a":
            return bytearray(self._take())
        if tag == b"c":
            self.at += 16
            return complex(*struct.unpack_from("<dd", self.data, self.at - 16))
        if tag in (b"L", b"T"):
            return self._uniform(tag)
        if tag in (b"l", b"t"):
            items = []
            for _ in range(self._count()):
                items.append(self.read(depth + 1))
            return items if tag == b"l" else tuple(items)
        if tag == b"d":
            pairs = [(self.read(depth + 1), self.read(depth + 1)) for _ in range(self._count())]
            if self.keep_pairs:
                return Pairs("d", tuple(pairs))
            _check_hashes([key for key, _ in pairs])
            return dict(pairs)
        if tag in (b"s", b"f"):
            members = tuple(self.read(depth + 1) for _ in range(self._count()))
            if self.keep_pairs:
                return Pairs(tag.decode(), members)
            _check_hashes(members)
            return set(members) if tag == b"s" else frozenset(members)
        if tag == b"r" and self.resolve is not None:
            self.at += 8
            return self.resolve(Reference(*struct.unpack_from("<Q", self.data, self.at - 8)))
        if tag == b"w" and self.resolve is not None:
            kind, fields = self.read(depth + 1), self.read(depth + 1)
            if type(kind) is not str or type(fields) is not tuple:
                raise NotPlainData("a described value without a name or fields")
            return self.resolve(Described(kind, fields))
        if tag in (b"k", b"m") and self.known is not None:
            return self._container(self.known, depth) if tag == b"k" else self._met(self.known.objects)
        raise NotPlainData(f"unknown tag {tag!r}")

    def _container(self, known: Containers, depth: int) -> object:
        """A container that may be met again, also inside of itself when it is a list."""
        objects, number = known.objects, len(known.objects)
        objects.append(_UNFINISHED)
        if self.data[self.at : self.at + 1] == b"l":
            self.at += 1
            items: list[Any] = []
            known.put(number, items)
            for _ in range(self._count()):
                items.append(self.read(depth + 1))
            return items
        value = self.read(depth)
        known.put(number, value)
        return value

    def _met(self, objects: list[object]) -> object:
        (number,) = struct.unpack_from("<Q", self.data, self.at)
        self.at += 8
        value = objects[number]
        if value is _UNFINISHED:
            raise NotPlainData("a container inside of itself that is no list")
        return value

    def _uniform(self, tag: bytes) -> list[Any] | tuple[Any, ...]:
        kind = self.data[self.at : self.at + 1]
        self.at += 1
        body = self._take()
        if kind == b"i":
            values: list[Any] = [int(part, 16) for part in body.split(b",")]
        else:
            values = list(struct.unpack(f"<{len(body) // 8}d", body))
        return values if tag == b"L" else tuple(values)


def _check_hashes(keys: Sequence[object]) -> None:
    """Refuse keys whose table would take a time that grows with the square of their number."""
    if len(keys) > _MAX_MEAN_SAME_HASH:
        num_compared = sum(count * count for count in Counter(map(hash, keys)).values())
        if num_compared > _MAX_MEAN_SAME_HASH * len(keys):
            raise NotPlainData(f"{len(keys)} keys, too many with the same hash")
