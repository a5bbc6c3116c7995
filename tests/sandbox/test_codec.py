"""Plain data crosses the wall unchanged, and damaged bytes are refused rather than believed."""

from __future__ import annotations

import contextlib
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openqwq.sandbox.codec import NotPlainData, decode, encode
from openqwq.sandbox.compare import value_difference
from openqwq.sandbox.jobs import Compare

SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary()
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
        (None, 0, False),
        (math.inf, math.inf, True),
        ([], {}, False),
    ],
)
def test_numbers_are_equal_only_when_exactly_the_same(wanted: object, got: object, is_same: bool) -> None:
    assert (value_difference(wanted, encode(got), Compare()) is None) is is_same


def test_a_tolerance_applies_inside_of_nested_data() -> None:
    assert value_difference([[0.3333]], encode([[1 / 3]]), Compare(1e-3)) is None
    assert value_difference([1000.0], encode([1000.5]), Compare(1e-3)) is not None
    assert value_difference([1000.0], encode([1000.5]), Compare(1e-3, rel=True)) is None
