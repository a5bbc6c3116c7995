"""Plain data crosses the border of a jail unchanged, and damaged bytes are refused rather than believed."""

from __future__ import annotations

import contextlib
import math
import tracemalloc
from collections import Counter, deque, namedtuple
from datetime import timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openqwq.sandbox.codec import Described, NotPlainData, Reference, decode, encode
from openqwq.sandbox.compare import text_difference, value_difference
from openqwq.sandbox.inside.values import describe, rebuild
from openqwq.sandbox.jobs import Compare

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text()
    | st.binary()
    | st.binary().map(bytearray)
)
ZONES = st.none() | st.timedeltas(timedelta(hours=-23), timedelta(hours=23)).map(timezone)
WELL_KNOWN = (
    st.fractions()
    | st.decimals(allow_nan=False)
    | st.dates()
    | st.datetimes(timezones=ZONES)
    | st.times(timezones=ZONES)
    | st.timedeltas()
    | st.lists(st.integers(), max_size=5).map(lambda items: deque(items, 9))
    | st.builds(range, st.integers(), st.integers(), st.integers(min_value=1))
)
Point = namedtuple("Point", "x y")
PLAIN = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner) | st.lists(inner).map(tuple) | st.dictionaries(st.text() | st.integers(), inner),
    max_leaves=20,
)


@given(PLAIN)
def test_what_is_encoded_is_decoded_with_the_same_types(value: Any) -> None:
    again = decode(encode(value))
    assert again == value
    assert repr(again) == repr(value)


@given(PLAIN)
def test_a_value_equals_itself_for_the_comparison(value: Any) -> None:
    assert value_difference(value, encode(value), Compare()) is None


@given(st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    with contextlib.suppress(NotPlainData):
        decode(data, keep_pairs=True)


def test_a_subclass_is_read_by_its_plain_base() -> None:
    class Liar(list[int]):
        def __iter__(self) -> Any:
            return iter([9, 9])

        def __eq__(self, other: object) -> bool:
            return True

        __hash__ = None  # type: ignore[assignment]

    assert decode(encode(Liar([1, 2]))) == [1, 2]


def test_other_objects_are_refused() -> None:
    with pytest.raises(NotPlainData, match="object is not plain data"):
        encode([object()])


def test_sets_compare_by_members_and_mappings_by_items() -> None:
    assert value_difference({1, (2, 3)}, encode({(2, 3), 1}), Compare()) is None
    assert value_difference({"a": 1, "b": 2}, encode({"b": 2, "a": 1}), Compare()) is None
    assert value_difference({"a": 1}, encode({"a": 2}), Compare()) is not None


@pytest.mark.parametrize(
    ("wanted", "got", "is_same"),
    [
        (1, True, False),
        (True, 1, False),
        (2, 2.0, True),
        (2**60, float(2**60), False),
        (1.0, 1, True),
        ([1, 2], (1, 2), True),
        ("1", 1, False),
        (b"1", bytearray(b"1"), True),
        (b"1", bytearray(b"2"), False),
        ("1", bytearray(b"1"), False),
        ([49], bytearray(b"1"), False),
        (None, 0, False),
        (math.inf, math.inf, True),
        ([], {}, False),
    ],
)
def test_numbers_are_equal_only_when_exactly_the_same(wanted: object, got: object, is_same: bool) -> None:
    assert (value_difference(wanted, encode(got), Compare()) is None) is is_same


@given(WELL_KNOWN)
def test_a_well_known_value_is_rebuilt_from_its_fields(value: Any) -> None:
    again = decode(encode([value], describe), resolve=rebuild)
    assert again == [value]
    assert repr(again) == repr([value])


@given(WELL_KNOWN)
def test_a_well_known_value_is_not_plain_data(value: Any) -> None:
    with pytest.raises(NotPlainData, match="is not plain data"):
        encode(value)
    for wanted in (0, [], [0, 1, 2], "", None):
        assert value_difference(wanted, encode(value, describe), Compare()) is not None


def test_a_lying_subclass_is_only_its_base_value() -> None:
    class Liar(Decimal):
        def __str__(self) -> str:
            return "9"

        def __eq__(self, other: object) -> bool:
            return True

        __hash__ = None  # type: ignore[assignment]

    again: Any = decode(encode(Liar(1), describe), resolve=rebuild)
    assert type(again) is Decimal
    assert again == 1


def test_a_named_tuple_keeps_its_names_and_goes_back_to_its_class() -> None:
    stub: Any = describe(Point(1, 2))
    assert (stub.kind, stub.fields) == ("named tuple", (Point, ("x", "y"), (1, 2)))
    away: Any = rebuild(Described("named tuple", (Reference(0), ("x", "y"), (1, 2))))
    assert (away.x, away.y, away) == (1, 2, (1, 2))
    assert type(rebuild(stub)) is Point


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("nothing", ()),
        ("fraction", (1, 0)),
        ("fraction", ("1/3", 1)),
        ("fraction", (1 << 70000, 3)),
        ("decimal", (9,)),
        ("decimal", ("nine",)),
        ("decimal", ("1e999999999",)),
        ("date", (2024, 2, 30)),
        ("date", (b"\x07\xe8\x02\x1d",)),
        ("datetime", (2024, 1, 1, 0, 0, 0, 0, 0, "UTC")),
        ("datetime", ()),
        ("timedelta", (10**30, 0, 0)),
        ("timezone", (math.nan,)),
        ("range", (0, 1, 0)),
        ("deque", ("ab", None)),
        ("deque", ([], -1)),
        ("named tuple", (None, ("__class__",), (1,))),
        ("named tuple", (None, ("x", "x"), (1, 2))),
        ("named tuple", (None, ("x",), (1, 2))),
        ("named tuple", (None, ([],), (1,))),
    ],
)
def test_damaged_fields_are_refused(kind: str, fields: tuple[Any, ...]) -> None:
    with pytest.raises(NotPlainData):
        rebuild(Described(kind, fields))


def test_keys_that_share_their_hash_are_refused_before_a_table_is_built() -> None:
    keys = [k * (2**61 - 1) for k in range(1000)]
    for colliding in (dict.fromkeys(keys), set(keys), frozenset(keys)):
        with pytest.raises(NotPlainData, match="same hash"):
            decode(encode(colliding))
    plane = {(x, y, z) for x in range(-5, 5) for y in range(-5, 5) for z in range(-5, 5)}  # -1 and -2 have one hash
    assert max(Counter(map(hash, plane)).values()) == 8
    assert decode(encode(plane)) == plane


@pytest.mark.parametrize(
    ("wanted", "printed", "is_same"),
    [
        ("9", "9 \r\n\t\n", True),
        ("9\n16", "9\f\n16\v", True),
        ("9", "9\u00a0", False),
        ("9", "9\u2028", False),
        ("9", "9\x1c", False),
        ("", "\n \n", True),
        ("", "x", False),
        ("x", "", False),
        ("9\n", "9\n\n9\n", False),
        ("1 2", "1\v2", True),
        ("1 2", "1\u00a02", False),
        ("1.5", "1.5000001", True),
        (f"{10**18}", "1e18", True),
        (f"{10**18}", f"{10**18}.", True),
        (f"{10**18}", f"{10**18}.0000001", True),
        (f"{10**18}", f"{10**18 + 1}.0", False),
        (f"-{10**18}", f"-{10**18}.5", False),
        ("9", "1e999999999", False),
        (f"{10**18}", "1e-999999999", False),
        (f"{10**18}", "9e" + "9" * 300, False),
    ],
)
def test_printed_text_within_a_tolerance(wanted: str, printed: str, is_same: bool) -> None:
    assert (text_difference(wanted, printed.encode(), Compare(1e-6)) is None) is is_same


def test_a_flood_of_lines_is_not_kept_in_memory() -> None:
    tracemalloc.start()
    try:
        assert text_difference("1\n2\n", b"1\n" * 1_000_000, Compare(1e-6)) == "line 2 is '1', wanted '2'"
        assert text_difference("1\n" * 1000 + "2", b"1\n" * 1_000_000, Compare()) == "line 1001 is '1', wanted '2'"
        assert text_difference("1 2", b"1 " * 1_000_000, Compare(1e-6)) is not None
        assert tracemalloc.get_traced_memory()[1] < 10_000_000
    finally:
        tracemalloc.stop()


def test_a_large_returned_number_is_compared_exactly_within_a_tolerance() -> None:
    assert value_difference(10**18, encode(float(10**18)), Compare(1e-6)) is None
    assert value_difference(10**18 + 1, encode(float(10**18)), Compare(1e-6)) is not None
    assert value_difference(10**400, encode(1.0), Compare(1e-6)) is not None


def test_a_tolerance_applies_inside_of_nested_data() -> None:
    assert value_difference([[0.3333]], encode([[1 / 3]]), Compare(1e-3)) is None
    assert value_difference([1000.0], encode([1000.5]), Compare(1e-3)) is not None
    assert value_difference([1000.0], encode([1000.5]), Compare(1e-3, rel=True)) is None
