"""Plain data as bytes: how arguments and return values cross the border of a jail. No pickle, no code.

The reader may get bytes of a hostile program: it never calls anything by name, never recurses deeper than MAX_DEPTH,
and can leave mappings as pairs so that no hash table is built from keys that an attacker chose.
"""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

MAX_DEPTH = 400
_SIMPLE = {b"n": None, b"y": True, b"x": False}
_SEQUENCES = (list, tuple)
_SETS = (set, frozenset)
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
"""Turns an object that is not plain, or of a subclass of tuple, into a Described, a Reference or plain data."""
Resolve = Callable[[Any], object]
"""Turns a Reference or a Described back into the object that it stands for; may raise NotPlainData."""


def _block(tag: bytes, body: bytes) -> bytes:
    return tag + struct.pack("<Q", len(body)) + body


def encode(value: object, reduce: Reduce | None = None) -> bytes:
    """Bytes of plain data. Other values go through `reduce`; without it NotPlainData is raised.

    A subclass of a plain type is read by the methods of its plain base, so that none of its own methods runs.
    """
    return _packed(value, reduce, 0)


def _packed(value: object, reduce: Reduce | None, depth: int) -> bytes:
    out: list[bytes] = []
    _write(value, out, reduce, depth)
    return b"".join(out)


def _write(value: Any, out: list[bytes], reduce: Reduce | None, depth: int) -> None:
    if depth > MAX_DEPTH:
        raise NotPlainData(f"nested deeper than {MAX_DEPTH}")
    kind = type(value)
    if value is None:
        out.append(b"n")
    elif value is True:
        out.append(b"y")
    elif value is False:
        out.append(b"x")
    elif issubclass(kind, int):
        out.append(_block(b"i", int.__format__(value, "x").encode()))
    elif issubclass(kind, float):
        out.append(b"g" + struct.pack("<d", float.__add__(value, 0.0) if kind is not float else value))
    elif issubclass(kind, str):
        out.append(_block(b"u", str.encode(value, "utf-8", "surrogatepass")))
    elif issubclass(kind, bytes):
        out.append(_block(b"b", bytes.__getitem__(value, slice(None))))
    elif issubclass(kind, complex):
        pair = complex.__add__(value, 0j)
        out.append(b"c" + struct.pack("<dd", pair.real, pair.imag))
    elif issubclass(kind, _SEQUENCES):
        base = list if issubclass(kind, list) else tuple
        if base is tuple and kind is not tuple and reduce is not None:
            _write(reduce(value), out, reduce, depth + 1)
            return
        items = [*base.__iter__(value)]
        tag = b"l" if base is list else b"t"
        packed = _write_uniform(items)
        if packed is not None:
            out.append(tag.upper() + packed)
            return
        out.append(tag + struct.pack("<Q", len(items)))
        for item in items:
            _write(item, out, reduce, depth + 1)
    elif issubclass(kind, dict):
        out.append(b"d" + struct.pack("<Q", dict.__len__(value)))
        for key, item in dict.items(value):
            _write(key, out, reduce, depth + 1)
            _write(item, out, reduce, depth + 1)
    elif issubclass(kind, _SETS):
        base_set: Any = set if issubclass(kind, set) else frozenset
        members = sorted(_packed(item, reduce, depth + 1) for item in base_set.__iter__(value))
        out.append((b"s" if base_set is set else b"f") + struct.pack("<Q", len(members)))
        out.extend(members)
    elif issubclass(kind, bytearray):
        out.append(_block(b"a", bytes(bytearray.__getitem__(value, slice(None)))))
    elif kind is Reference:
        out.append(b"r" + struct.pack("<Q", value.number))
    elif kind is Described:
        out.append(b"w")
        _write(value.kind, out, None, depth + 1)
        _write(value.fields, out, reduce, depth + 1)
    elif reduce is not None:
        _write(reduce(value), out, reduce, depth + 1)
    else:
        raise NotPlainData(f"{kind.__name__} is not plain data")


def _write_uniform(items: list[Any]) -> bytes | None:
    """A list of only int, or only float, in one block: long answers cost no loop in Python."""
    if len(items) < 4:
        return None
    kinds = {*map(type, items)}
    if kinds == {int}:
        return _block(b"i", b",".join([b"%x" % item for item in items]))
    if kinds == {float}:
        return _block(b"g", struct.pack(f"<{len(items)}d", *items))
    return None


def decode(data: bytes, keep_pairs: bool = False, resolve: Resolve | None = None) -> Any:
    """Read bytes of `encode`. `keep_pairs` leaves mappings and sets as `Pairs`; `resolve` gives objects back."""
    reader = _Reader(data, keep_pairs, resolve)
    try:
        value = reader.read(0)
    except (struct.error, IndexError, ValueError, OverflowError, TypeError) as problem:
        raise NotPlainData(f"damaged data: {problem}") from problem
    if reader.at != len(data):
        raise NotPlainData(f"{len(data) - reader.at} bytes after the end of the value")
    return value


class _Reader:
    def __init__(self, data: bytes, keep_pairs: bool, resolve: Resolve | None) -> None:
        self.data, self.at = data, 0
        self.keep_pairs, self.resolve = keep_pairs, resolve

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
        if depth > MAX_DEPTH:
            raise NotPlainData(f"nested deeper than {MAX_DEPTH}")
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
            pairs = []  # no comprehension, which is a second frame a level: MAX_DEPTH must fit the interpreter's stack
            for _ in range(self._count()):
                pairs.append((self.read(depth + 1), self.read(depth + 1)))
            if self.keep_pairs:
                return Pairs("d", tuple(pairs))
            _check_hashes([key for key, _ in pairs])
            return dict(pairs)
        if tag in (b"s", b"f"):
            members = []
            for _ in range(self._count()):
                members.append(self.read(depth + 1))
            if self.keep_pairs:
                return Pairs(tag.decode(), tuple(members))
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
        raise NotPlainData(f"unknown tag {tag!r}")

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
