"""The bytes of plain data: bounds from both sides, subclasses by their base, and bytes that nobody wrote."""

from __future__ import annotations

import math
import struct
from typing import Any

import pytest

from openqwq.sandbox.codec import MAX_DEPTH, Described, NotPlainData, Pairs, Reference, decode, encode


def nested(depth: int, kind: str = "list") -> Any:
    value: Any = 0
    for _ in range(depth):
        value = {"list": lambda v: [v], "tuple": lambda v: (v,), "dict": lambda v: {"k": v}}[kind](value)
    return value


@pytest.mark.parametrize("kind", ["list", "tuple", "dict"])
def test_values_are_nested_up_to_a_depth(kind: str) -> None:
    assert MAX_DEPTH == 400
    deepest = nested(400, kind)
    assert decode(encode(deepest)) == deepest
    with pytest.raises(NotPlainData, match="nested deeper than 400"):
        encode(nested(401, kind))


def test_bytes_are_read_up_to_the_same_depth() -> None:
    one = b"l" + struct.pack("<Q", 1)
    assert decode(one * 400 + b"n") is not None
    with pytest.raises(NotPlainData, match="nested deeper than 400"):
        decode(one * 401 + b"n")
    with pytest.raises(NotPlainData):
        decode(b"d" + struct.pack("<Q", 1) + one * 400 + b"nn")


def test_described_values_and_their_fields_count_for_the_depth() -> None:
    chain: Any = 0
    for _ in range(200):
        chain = Described("x", (chain,))
    assert encode(chain)
    with pytest.raises(NotPlainData, match="deeper"):
        encode([chain])
    with pytest.raises(NotPlainData, match="deeper"):
        encode((chain,))


@pytest.mark.parametrize(
    ("value", "data"),
    [
        (None, b"n"),
        (True, b"y"),
        (False, b"x"),
        (-255, b"i\3\0\0\0\0\0\0\0-ff"),
        (1.5, b"g" + struct.pack("<d", 1.5)),
        ("é", b"u\2\0\0\0\0\0\0\0\xc3\xa9"),
        ("\ud800", b"u\3\0\0\0\0\0\0\0\xed\xa0\x80"),
        (b"ab", b"b\2\0\0\0\0\0\0\0ab"),
        (bytearray(b"ab"), b"a\2\0\0\0\0\0\0\0ab"),
        (1 - 2j, b"c" + struct.pack("<dd", 1, -2)),
        ([], b"l" + bytes(8)),
        ((), b"t" + bytes(8)),
        ({}, b"d" + bytes(8)),
        (set(), b"s" + bytes(8)),
        (frozenset(), b"f" + bytes(8)),
        ([None, True], b"l\2\0\0\0\0\0\0\0ny"),
        ({None: True}, b"d\1\0\0\0\0\0\0\0ny"),
        ({True, None}, b"s\2\0\0\0\0\0\0\0ny"),
        ([1, 2, 17, -1], b"Li" + struct.pack("<Q", 9) + b"1,2,11,-1"),
        ((0.5,) * 4, b"Tg" + struct.pack("<Q4d", 32, *[0.5] * 4)),
    ],
)
def test_each_kind_has_its_bytes_and_comes_back(value: Any, data: bytes) -> None:
    assert encode(value) == data
    again = decode(data)
    assert again == value and type(again) is type(value)


@pytest.mark.parametrize(
    ("items", "is_uniform"),
    [
        ([1, 2, 3], False),
        ([1, 2, 3, 4], True),
        ([1, 2, 3, True], False),
        ([1, 2, 3, 4.0], False),
        ([1.0] * 3, False),
        ([1.0] * 4, True),
        (["a"] * 4, False),
    ],
)
def test_four_numbers_of_one_kind_are_one_block(items: list[Any], is_uniform: bool) -> None:
    assert encode(items)[:1] == (b"L" if is_uniform else b"l")
    assert encode(tuple(items))[:1] == (b"T" if is_uniform else b"t")
    for value in (items, tuple(items)):
        again = decode(encode(value))
        assert again == value and [type(item) for item in again] == [type(item) for item in items]
        assert type(again) is type(value)


def test_floats_keep_their_bits() -> None:
    values = [-0.0, math.inf, -math.inf, 5e-324, 1e308]
    for again in (decode(encode(values)), [decode(encode(value)) for value in values]):
        assert [struct.pack("<d", value) for value in again] == [struct.pack("<d", value) for value in values]
    assert math.isnan(decode(encode(math.nan)))


class Lies:
    """Says something else than its base by every method that anybody might call."""

    def __eq__(self, other: object) -> bool:
        return True

    def __hash__(self) -> int:
        return 0

    def __iter__(self) -> Any:
        return iter([9])

    def __len__(self) -> int:
        return 9

    def __add__(self, other: object) -> Any:
        return 9.0

    def __format__(self, spec: str) -> str:
        return "9"

    def __getitem__(self, key: object) -> Any:
        return b"9"

    def encode(self, *words: str) -> bytes:
        return b"9"

    def items(self) -> Any:
        return [(9, 9)]


@pytest.mark.parametrize(
    "base", [5, 2.5, "text", b"bytes", 1 + 2j, [1, 2], (1, 2), {"a": 1}, {1, 2}, frozenset({1}), bytearray(b"x")]
)
def test_a_lying_subclass_is_read_as_its_base(base: Any) -> None:
    lying = type("Lying", (Lies, type(base)), {})(base)
    assert encode(lying) == encode(base)


def test_other_objects_go_through_reduce_and_come_back_through_resolve() -> None:
    class Thing:
        pass

    thing = Thing()
    data = encode([thing, {"k": thing}, (1,)], lambda one: Reference(7) if one is thing else one)
    numbers: list[int] = []

    def resolve(reference: Any) -> str:
        numbers.append(reference.number)
        return "thing"

    assert decode(data, resolve=resolve) == ["thing", {"k": "thing"}, (1,)]
    assert numbers == [7, 7]
    with pytest.raises(NotPlainData, match="unknown tag b'r'"):
        decode(data)
    described = encode(thing, lambda one: Described("kind", (1, [2])))
    assert decode(described, resolve=lambda one: (one.kind, one.fields)) == ("kind", (1, [2]))
    with pytest.raises(NotPlainData, match="unknown tag b'w'"):
        decode(described)
    with pytest.raises(NotPlainData, match="Thing is not plain data"):
        encode([thing])


@pytest.mark.parametrize(
    ("kind", "fields"), [(encode(5), encode(())), (encode("a"), encode([])), (encode(b"a"), encode(()))]
)
def test_a_described_value_has_a_name_and_a_tuple(kind: bytes, fields: bytes) -> None:
    with pytest.raises(NotPlainData, match="a described value without a name or fields"):
        decode(b"w" + encode(kind) + encode(fields), resolve=lambda one: one)


def test_mappings_and_sets_may_be_left_as_pairs() -> None:
    read = decode(encode([{"a": {1}}, frozenset({2})]), keep_pairs=True)
    assert [type(one) for one in read] == [Pairs, Pairs]
    assert (read[0].kind, read[1].kind, read[1].items) == ("d", "f", (2,))
    ((key, inner),) = read[0].items
    assert (key, inner.kind, inner.items) == ("a", "s", (1,))


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "unknown tag b''"),
        (b"z", "unknown tag b'z'"),
        (b"nn", "1 bytes after the end of the value"),
        (b"i\2\0\0\0\0\0\0\0f", "says 2 items or bytes, only 1 bytes are left"),
        (b"l\2\0\0\0\0\0\0\0n", "says 2 items or bytes, only 1 bytes are left"),
        (b"l\xff\xff\xff\xff\xff\xff\xff\xff", "only 0 bytes are left"),
        (b"i\1\0\0\0\0\0\0\0z", "damaged data"),
        (b"i\1\0\0", "damaged data"),
        (b"g\0\0", "damaged data"),
        (b"c" + bytes(15), "damaged data"),
        (b"u\1\0\0\0\0\0\0\0\xff", "damaged data"),
        (b"Li\1\0\0\0\0\0\0\0,", "damaged data"),
        (b"Lg\7\0\0\0\0\0\0\0" + bytes(7), "damaged data"),
        (b"d\1\0\0\0\0\0\0\0" + b"l" + bytes(8) + b"n", "damaged data"),
        (b"s\1\0\0\0\0\0\0\0" + b"l" + bytes(8), "damaged data"),
    ],
)
def test_bytes_that_nobody_wrote_are_refused(data: bytes, words: str) -> None:
    with pytest.raises(NotPlainData, match=words):
        decode(data)


def colliding(groups: int, size: int) -> list[int]:
    """`groups` hashes, each shared by `size` numbers."""
    prime = 2**61 - 1
    return [1000 + group + prime * number for group in range(groups) for number in range(size)]


@pytest.mark.parametrize(("groups", "size", "is_read"), [(1, 64, True), (1, 65, False), (4, 64, True), (4, 65, False)])
def test_keys_may_share_a_hash_as_ordinary_ones_do(groups: int, size: int, is_read: bool) -> None:
    keys = colliding(groups, size)
    assert len(set(map(hash, keys))) == groups
    for value in (dict.fromkeys(keys), set(keys), frozenset(keys)):
        if is_read:
            assert decode(encode(value)) == value
        else:
            with pytest.raises(NotPlainData, match=f"{len(keys)} keys, too many with the same hash"):
                decode(encode(value))
