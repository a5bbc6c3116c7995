"""Rows as plain JSON: every type that parquet, datasets and pandas give, and the same after a round trip."""

from __future__ import annotations

import enum
import json
import math
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import PurePosixPath
from typing import Any
from uuid import UUID

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openqwq.verifiers.json_safe import MAX_DEPTH, NotJsonSafe, json_safe


class Level(enum.IntEnum):
    HIGH = 3


@pytest.mark.parametrize(
    ("value", "safe"),
    [
        (date(2024, 5, 1), "2024-05-01"),
        (datetime(2024, 5, 1, 2, 3, 4, tzinfo=UTC), "2024-05-01T02:03:04+00:00"),
        (time(2, 3), "02:03:00"),
        (timedelta(minutes=1, milliseconds=500), 60.5),
        ("é".encode(), "é"),
        (b"\xff\x00", "/wA="),
        (Decimal("3.00"), 3),
        (Decimal("0.1"), 0.1),
        (Decimal("0.1234567890123456789"), "0.1234567890123456789"),
        (Decimal("1E+1000000"), "1E+1000000"),
        (2**80, 2**80),
        (Level.HIGH, 3),
        (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (PurePosixPath("a/b"), "a/b"),
        ({"b", "a"}, ["a", "b"]),
        (frozenset({10, 9, 2.5}), [2.5, 9, 10]),
        ((1, (2,)), [1, [2]]),
        ({1: "a", None: "b", 1.5: "c"}, {"1": "a", "null": "b", "1.5": "c"}),
        ([math.nan, math.inf, -math.inf, Decimal("nan")], [None, "Infinity", "-Infinity", None]),
        ("a\ud800b", "a\ufffdb"),
        ("\ud83d\ude00", "😀"),
    ],
)
def test_a_value_of_python_has_one_json_form(value: object, safe: object) -> None:
    assert json_safe(value) == safe and type(json_safe(value)) is type(safe)


@pytest.mark.parametrize(
    ("value", "safe"),
    [
        (np.int8(3), 3),
        (np.float32(0.5), 0.5),
        (np.bool_(True), True),
        (np.str_("a"), "a"),
        (np.array(4), 4),
        (np.array([[1.0, np.nan]]), [[1.0, None]]),
        (np.array([{"x": np.array([1])}, None], object), [{"x": [1]}, None]),
        (np.datetime64("2024-05-01T00:00:00", "ns"), "2024-05-01T00:00:00"),
        (np.datetime64("NaT"), None),
        (np.timedelta64(1500, "ms"), 1.5),
        (np.ma.array([1, 2], mask=[False, True]), [1, None]),
    ],
)
def test_a_value_of_numpy_is_the_python_value_that_it_holds(value: object, safe: object) -> None:
    assert json_safe(value) == safe and type(json_safe(value)) is type(safe)


def test_pandas_marks_of_a_missing_value_are_none() -> None:
    pandas = pytest.importorskip("pandas")
    stamp = pandas.Timestamp("2024-05-01")
    assert json_safe([pandas.NaT, pandas.NA, stamp]) == [None, None, "2024-05-01T00:00:00"]


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"meta": [0, 1, 2, object()]}, r"^row\['meta'\]\[3\] has the type object"),
        ({"z": {1: 1j}}, r"^row\['z'\]\['1'\] has the type complex"),
        ({"a": np.array([1j])}, r"^row\['a'\]\[0\] has the type complex"),
        ({"a": np.timedelta64(1, "Y")}, "years or months"),
        ({"n": 10**4300}, r"^row\['n'\] is an integer of more than 4300 digits"),
        ({1: "a", "1": "b"}, "two keys with the text '1'"),
    ],
)
def test_what_has_no_json_form_is_refused_with_the_way_to_it(row: dict[Any, Any], words: str) -> None:
    with pytest.raises(NotJsonSafe, match=words) as caught:
        json_safe(row)
    assert "\n" not in str(caught.value)


def test_a_value_that_holds_itself_is_refused() -> None:
    endless: list[Any] = []
    endless.append(endless)
    with pytest.raises(NotJsonSafe, match=f"more than {MAX_DEPTH} deep"):
        json_safe(endless)


_TEXTS = st.text(st.characters(codec=None), max_size=8)  # lone surrogates too
_SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats() | _TEXTS | st.binary(max_size=4)
    | st.decimals(allow_nan=False) | st.dates() | st.datetimes() | st.times() | st.timedeltas() | st.uuids()
    | st.just(Level.HIGH) | st.floats(width=32).map(np.float32) | st.integers(0, 9).map(np.int64)
)  # fmt: skip
_VALUES = st.recursive(
    _SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.integers() | st.none() | st.text("abc", max_size=3), inner, max_size=4)
        | st.sets(_SCALARS, max_size=4)
        | st.tuples(inner, inner)
    ),
    max_leaves=12,
)


@settings(max_examples=300, deadline=None)
@given(_VALUES)
def test_a_safe_value_is_the_same_after_strict_json_and_after_a_second_time(value: Any) -> None:
    safe = json_safe(value)
    read = json.loads(json.dumps(safe, allow_nan=False))
    assert repr(read) == repr(safe) == repr(json_safe(read))
    json.dumps(safe, ensure_ascii=False).encode()


@settings(deadline=None)
@given(st.lists(_SCALARS, max_size=8), st.randoms(use_true_random=False))
def test_a_set_gives_the_same_list_in_whatever_order_it_was_filled(items: list[Any], shuffle: Any) -> None:
    items = list(set(items))
    other = list(items)
    shuffle.shuffle(other)
    assert repr(json_safe(set(items))) == repr(json_safe(set(other)))
