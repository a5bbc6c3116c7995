"""Wanted against got: both sides of every boundary, and what a change of spelling may and may not do."""

from __future__ import annotations

import math
import struct
from typing import Any

import pytest

from openqwq.sandbox.codec import encode
from openqwq.sandbox.compare import text_difference, value_difference
from openqwq.sandbox.jobs import Compare
from tests.sandbox.comparing import ANY_TOLERANCE, EXACT, HALF, RELATIVE, prints, returns

BIG = 1 << 53
"""Above it, floats do not hold every integer."""


@pytest.mark.parametrize(
    ("wanted", "got", "compare", "is_same"),
    [
        (2.0, 2.5, HALF, True),
        (2.0, 1.5, HALF, True),
        (2.0, 2.5625, HALF, False),
        (2.0, 1.4375, HALF, False),
        (2.0, 2.5, EXACT, False),
        (2.0, 2.0, EXACT, True),
        (2.0, 2.0625, Compare(0.0), False),
        (2.0, 2.0, Compare(0.0), True),
        (-2.0, -2.5, HALF, True),
        (-2.0, 2.0, HALF, False),
        (0.25, -0.25, HALF, True),
        (8.0, 12.0, RELATIVE, True),
        (8.0, 4.0, RELATIVE, True),
        (8.0, 12.5, RELATIVE, False),
        (8.0, 3.5, RELATIVE, False),
        (-8.0, -12.0, RELATIVE, True),
        (-8.0, -12.5, RELATIVE, False),
        (8.0, 12.0, HALF, False),
        (0.25, 0.75, RELATIVE, True),
        (0.25, 0.8125, RELATIVE, False),
        (4.0, 7.0, RELATIVE, False),
        (math.inf, math.inf, HALF, True),
        (math.inf, -math.inf, HALF, False),
        (math.inf, 1e308, RELATIVE, False),
        (1e308, math.inf, RELATIVE, False),
    ],
)
def test_a_tolerance_is_absolute_or_grows_with_the_wanted_number(
    wanted: float, got: float, compare: Compare, is_same: bool
) -> None:
    assert returns(wanted, got, compare) is is_same
    assert returns([wanted], [got], compare) is is_same
    assert prints(f"{wanted!r}", f"{got!r} ", compare) is ((is_same and math.isfinite(wanted)) or wanted == got)


@pytest.mark.parametrize(
    ("wanted", "printed", "compare", "is_same"),
    [
        ("10", "10 10", HALF, False),
        ("10 10", "10", HALF, False),
        ("10 11", "10 11 ", HALF, True),
        ("10", "11", ANY_TOLERANCE, False),
        ("10", "9", ANY_TOLERANCE, False),
        ("10", "10", EXACT, True),
        ("10", "+10", HALF, True),
        ("10", "010", HALF, True),
        ("10", "-10", ANY_TOLERANCE, False),
        ("10", "+10", EXACT, False),
        ("10", "010", EXACT, False),
        ("10", "10.5", HALF, True),
        ("10", "10.5625", HALF, False),
        ("10", "1e1", HALF, True),
        ("10.", "10", HALF, True),
        ("10.0", "11", Compare(1.0), True),
        ("10.0", "11", HALF, False),
        (".5", "0.5", Compare(0.0), True),
        (".5", "5e-1", Compare(0.0), True),
        ("-.5", "-5E-1", Compare(0.0), True),
        ("5", "5e", HALF, False),
        ("5", ".", HALF, False),
        ("5", "0x5", HALF, False),
        ("5", "5_0", HALF, False),
        ("50", "5_0", HALF, False),
        ("5", "५", HALF, False),
        ("nan", "nan", HALF, True),
        ("nan", "NaN", HALF, False),
        ("inf", "inf", HALF, True),
        ("inf", "infinity", ANY_TOLERANCE, False),
        ("x5", "x5.0", HALF, False),
        ("x", "1", ANY_TOLERANCE, False),
        ("1", "x", ANY_TOLERANCE, False),
        ("1e999", "2e999", ANY_TOLERANCE, False),
        ("1e18", "1000000000000000001", HALF, True),
        ("1e18", "1000000000000001000", HALF, False),
        ("9" * 4000, "+" + "9" * 4000, HALF, True),
        ("9" * 4000, "+" + "9" * 3999 + "8", HALF, False),
        ("9" * 4001, "+" + "9" * 4001, HALF, False),
        ("1", "1." + "0" * 398, HALF, True),
        ("1", "1." + "0" * 399, HALF, False),
    ],
)
def test_a_printed_word_is_a_number_only_within_a_tolerance_and_an_integer_always_exact(
    wanted: str, printed: str, compare: Compare, is_same: bool
) -> None:
    assert prints(wanted, printed, compare) is is_same
    assert prints(f"a {wanted} b", f"a  {printed}\tb", compare) is (is_same and compare is not EXACT)


@pytest.mark.parametrize(
    ("wanted", "got", "compare", "is_same"),
    [
        (10, 11, ANY_TOLERANCE, False),
        (10, 10, EXACT, True),
        (10, 10.0, EXACT, True),
        (10.0, 10, EXACT, True),
        (10, 10.5, HALF, True),
        (10, 10.5, EXACT, False),
        (10.0, 11, Compare(1.0), True),
        (10.0, 11, HALF, False),
        (BIG, float(BIG), EXACT, True),
        (float(BIG), BIG, EXACT, True),
        (2 * BIG, 2.0 * BIG, EXACT, False),
        (2.0 * BIG, 2 * BIG, EXACT, False),
        (-2 * BIG, -2.0 * BIG, EXACT, False),
        (2 * BIG, 2.0 * BIG, HALF, True),
        (BIG + 1, float(BIG), HALF, False),
        (BIG + 1, float(BIG), Compare(1.0), True),
        (-BIG - 1, -float(BIG), HALF, False),
        (float(BIG), BIG + 1, HALF, True),
        (4, 3.5, HALF, True),
        (4, 3.4375, HALF, False),
        (4, 6.5, RELATIVE, False),
        (4 * BIG, 2.5 * BIG, RELATIVE, True),
        (8, 5.0, RELATIVE, True),
        (10**400, 1.0, ANY_TOLERANCE, False),
        (1.0, 10**400, ANY_TOLERANCE, False),
        (True, 1, ANY_TOLERANCE, False),
        (1, True, ANY_TOLERANCE, False),
        (False, 0.0, ANY_TOLERANCE, False),
        (True, True, EXACT, True),
        (True, False, EXACT, False),
        (None, False, EXACT, False),
        (0, None, EXACT, False),
        ("1", 1, ANY_TOLERANCE, False),
        ("1", "1.0", ANY_TOLERANCE, False),
        ("a", "b", ANY_TOLERANCE, False),
        (1j, 1j, EXACT, True),
        (1j, 2j, ANY_TOLERANCE, False),
        (1j, 0.0, ANY_TOLERANCE, False),
        (complex(1), 1.0, EXACT, False),
        (complex(1), 1, ANY_TOLERANCE, False),
        (None, None, EXACT, True),
        (1e300, 1e300, EXACT, True),
        (1e300, -1e300, EXACT, False),
    ],
)
def test_a_returned_value_is_compared_by_its_type_and_an_integer_always_exact(
    wanted: object, got: object, compare: Compare, is_same: bool
) -> None:
    assert returns(wanted, got, compare) is is_same
    assert returns([0, (wanted,)], ([0][0], [got]), compare) is is_same
    assert returns({"a": wanted, "b": 1}, {"b": 1, "a": got}, compare) is is_same


@pytest.mark.parametrize(
    ("wanted", "printed", "compare", "is_same"),
    [
        (BIG + 1, f"{BIG}.0", HALF, False),
        (BIG + 1, f"{BIG}.0", Compare(1.0), True),
        (BIG, f"{BIG}.5", HALF, True),
        (BIG, f"{BIG}.5625", HALF, False),
        (-BIG - 1, f"-{BIG}.0", HALF, False),
        (BIG - 1, f"{BIG - 1}.0", HALF, True),
        (BIG - 1, f"{BIG}.0", HALF, False),
        (2 * BIG, f"{2 * BIG + 1}.", Compare(1.0), True),
        (2 * BIG, f"{2 * BIG + 1}.5", Compare(1.0), False),
        (4 * BIG, f"{5 * BIG // 2}.0", RELATIVE, True),
        (4 * BIG, f"{6 * BIG + 1}.0", RELATIVE, False),
        (2 * BIG, "0", ANY_TOLERANCE, False),
        (2 * BIG, "0.0", ANY_TOLERANCE, True),
        (2 * BIG, "1e-999999999", ANY_TOLERANCE, True),
    ],
)
def test_a_printed_number_near_a_large_integer_is_compared_digit_by_digit(
    wanted: int, printed: str, compare: Compare, is_same: bool
) -> None:
    assert prints(str(wanted), printed, compare) is is_same


@pytest.mark.parametrize(
    ("wanted", "got", "is_same"),
    [
        ([1, 2], [1, 2], True),
        ([1, 2], (1, 2), True),
        ((1, 2), [1, 2], True),
        ([1, 2], [2, 1], False),
        ([1, 2], [1, 2, 2], False),
        ([1, 2], [1], False),
        ([], [1], False),
        ([[1], 2.5], [(1,), 3.0], True),
        ([1], 1, False),
        ([1], {1}, False),
        ({1}, [1], False),
        ({1, 2}, {2, 1}, True),
        ({1, 2}, frozenset({1, 2}), True),
        (frozenset({1}), {1}, True),
        ({1}, {2}, False),
        ({1}, {1, 2}, False),
        ({1, 2}, {1}, False),
        ({1.0}, {1.25}, False),
        ({1}, {1: 1}, False),
        ({1: 1}, {1}, False),
        ({}, [], False),
        ([], {}, False),
        ({}, set(), False),
        ({"a": 1}, {"a": 1}, True),
        ({"a": 1.0}, {"a": 1.5}, True),
        ({"a": 1.0}, {"a": 1.75}, False),
        ({"a": 1}, {"b": 1}, False),
        ({"a": 1}, {"a": 1, "b": 1}, False),
        ({"a": 1, "b": 1}, {"a": 1}, False),
        ({"a": 1, "b": 2}, {"a": 2, "b": 1}, False),
        ({1: "x", 2: "y"}, {2: "y", 1: "x"}, True),
        ({1: "x", 2: "y"}, {2: "x", 1: "y"}, False),
        ({"1": "x", "2": "y"}, {1: "x", 2: "y"}, True),
        ({"1": "x", "2": "y"}, {1: "x", 2: "x"}, False),
        ({"1": "x", "2": "y"}, {1: "x", "1": "x"}, False),
        ({"1": "x"}, {1: "x", "1": "x"}, False),
        ({"1.5": 1, "true": 2, "null": 3}, {1.5: 1, True: 2, None: 3}, True),
        ({"1": "x"}, {(1,): "x"}, False),
        ({1: "x"}, {"1": "x"}, False),
        ({None: 1}, {"a": 1}, False),
        ({1: "x"}, {True: "x"}, False),
        ({1: "x"}, {1.0: "x"}, False),
        ({None: 1, (1, 2): 2}, {(1, 2): 2, None: 1}, True),
        ({(1, 2): 2}, {(1, 3): 2}, False),
        ({b"k": 1}, {"k": 1}, False),
        (b"ab", bytearray(b"ab"), True),
        (bytearray(b"ab"), b"ab", True),
        (b"ab", b"ac", False),
        (b"a", "a", False),
        ("a", b"a", False),
    ],
)
def test_collections_are_compared_by_their_kind_items_and_keys(wanted: Any, got: Any, is_same: bool) -> None:
    assert returns(wanted, got, HALF) is is_same
    assert returns([wanted, 0], [got, 0], HALF) is is_same


def pairs(kind: bytes, *parts: object) -> bytes:
    """A mapping or a set with these parts, as no Python object could hold them."""
    count = len(parts) // 2 if kind == b"d" else len(parts)
    return kind + struct.pack("<Q", count) + b"".join(map(encode, parts))


@pytest.mark.parametrize(
    ("wanted", "data"),
    [
        ({"a": 1, "b": 1}, pairs(b"d", "a", 1, "a", 1)),
        ({"a": 1}, pairs(b"d", "a", 1, "a", 1)),
        ({1, 2}, pairs(b"s", 1, 1)),
        ({1}, pairs(b"s", 1, 1)),
        ({"a": 1, "b": 1}, pairs(b"d", "a", 1, {1}, 1)),
        ({1, 2}, pairs(b"s", 1, frozenset({2}))),
    ],
)
def test_a_key_that_comes_twice_or_is_a_collection_matches_nothing(wanted: Any, data: bytes) -> None:
    assert value_difference(wanted, data, EXACT) is not None


NESTED = ({frozenset({1}): 1, "b": 2}, {"b": 2, frozenset({1}): 1})


def test_a_mapping_with_a_set_as_its_key_equals_only_one_in_the_same_order() -> None:
    assert returns(NESTED[0], NESTED[0]) and not returns(*NESTED)


@pytest.mark.parametrize(
    ("wanted", "printed", "words"),
    [
        ("1\n2", "1", "the output ends before line 2, wanted '2'"),
        ("1", "1\n\n3", "line 2 is '', wanted no more than 1 lines"),
        ("1\n2\n3", "1\n4\n5", "line 2 is '4', wanted '2'"),
        ("1", "", "the output ends before line 1, wanted '1'"),
        ("", "1", "line 1 is '1', wanted no more than 0 lines"),
        ("a" * 80, "b" * 80, f"line 1 is '{'b' * 80}', wanted '{'a' * 80}'"),
        ("a" * 81, "b" * 81, f"line 1 is '{'b' * 80}', wanted '{'a' * 80}'"),
        ("é" * 81, "\N{GRINNING FACE}" * 81, f"line 1 is '{chr(0x1F600) * 80}', wanted '{'é' * 80}'"),
    ],
)
def test_the_first_difference_of_texts_is_told_in_words(wanted: str, printed: str, words: str) -> None:
    assert text_difference(wanted, printed.encode(), EXACT) == words


def test_only_the_start_of_a_long_line_is_read_for_the_words() -> None:
    line = b"\xf0\x9f\x98\x80" * 79 + b"abcd" + b"e" * 400
    assert text_difference("x", line, EXACT) == f"line 1 is '{chr(0x1F600) * 79}a', wanted 'x'"
    assert text_difference("x", b"\xff" * 9, EXACT) == f"line 1 is '{chr(0xFFFD) * 9}', wanted 'x'"


@pytest.mark.parametrize(
    ("wanted", "got", "words"),
    [
        (1, 2, "returned 2, wanted 1"),
        ("a" * 118, 2, f"returned 2, wanted '{'a' * 118}'"),
        ("a" * 119, 2, f"returned 2, wanted '{'a' * 116}..."),
        (2, (1 << 1999) + 1, f"returned {str((1 << 1999) + 1)[:117]}..., wanted 2"),
        (2, (1 << 2000) - 1, f"returned {str((1 << 2000) - 1)[:117]}..., wanted 2"),
        (2, 1 << 2000, "returned an integer of 2001 bits, wanted 2"),
        (2, [10**5000], "returned a list, wanted 2"),
    ],
)
def test_the_difference_of_values_is_told_shortly(wanted: object, got: object, words: str) -> None:
    assert value_difference(wanted, encode(got), EXACT) == words


def test_a_value_far_longer_than_the_wanted_one_is_not_decoded() -> None:
    wanted = "w" * 91  # 100 bytes encoded
    longest = 4 * 100 + 65536
    assert str(value_difference(wanted, encode("x" * (longest - 9)), EXACT)).startswith("returned 'xxx")
    words = f"the returned value is {longest + 1} bytes long, the wanted one 100"
    assert value_difference(wanted, encode("x" * (longest - 8)), EXACT) == words
