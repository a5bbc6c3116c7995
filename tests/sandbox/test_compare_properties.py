"""What a change of spelling, order or number may and may not do to the comparison of an answer."""

from __future__ import annotations

from typing import Any

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from openqwq.sandbox.jobs import Compare
from tests.sandbox.comparing import ANY_TOLERANCE, EXACT, prints, returns

WORDS = st.text(st.characters(codec="utf-8", exclude_categories=("Z", "C")), min_size=1, max_size=4)
LINES = st.lists(st.lists(WORDS, min_size=1, max_size=3).map(" ".join), min_size=1, max_size=5)
SPACE = st.text(" \t\r\v\f", max_size=3)
NUMBERS = st.decimals(-1000, 1000, places=3).map(str)


@settings(max_examples=20)
@given(LINES, st.data())
def test_space_at_the_end_of_lines_and_lines_at_the_end_change_nothing(lines: list[str], data: st.DataObject) -> None:
    printed = "\n".join(line + data.draw(SPACE) for line in lines) + "\n" * data.draw(st.integers(0, 3))
    wanted = "\n".join(line + data.draw(SPACE) for line in lines) + "\n" * data.draw(st.integers(0, 3))
    assert prints(wanted, printed) and prints(printed, wanted)


@settings(max_examples=20)
@given(LINES, st.data())
def test_space_before_a_word_counts_without_a_tolerance_only(lines: list[str], data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(lines) - 1))
    moved = [*lines[:at], " " + lines[at].replace(" ", "  "), *lines[at + 1 :]]
    assert not prints("\n".join(lines), "\n".join(moved))
    assert prints("\n".join(lines), "\n".join(moved), Compare(0.0))


@settings(max_examples=20)
@given(LINES, st.data())
def test_lines_in_another_order_twice_or_left_out_are_another_text(lines: list[str], data: st.DataObject) -> None:
    at = data.draw(st.integers(0, len(lines) - 1))
    for changed in ([*lines[:at], *lines[at + 1 :]], [*lines[:at], lines[at], *lines[at:]], [*lines, "", lines[at]]):
        for compare in (EXACT, ANY_TOLERANCE):
            assert not prints("\n".join(lines), "\n".join(changed), compare)
    shuffled = data.draw(st.permutations(lines))
    assert prints("\n".join(lines), "\n".join(shuffled)) is (shuffled == lines)


@settings(max_examples=20)
@given(NUMBERS)
def test_the_spelling_of_a_number_counts_without_a_tolerance_only(number: str) -> None:
    value = float(number)
    spellings = {f"{value:.4f}", f"{value:e}", f"{value:+.3f}", f"{number}0"} - {number}
    assert spellings
    for spelling in spellings:
        assert prints(number, spelling, Compare(1e-9)) and not prints(number, spelling)
    assume(value)
    flipped = number.removeprefix("-") if value < 0 else f"-{number}"
    assert not prints(number, flipped, Compare(1e-9)) and not returns(value, -value, Compare(1e-9))


@settings(max_examples=20)
@given(st.floats(-100, 100), st.floats(-100, 100), st.sampled_from([0.0, 1e-3, 0.5, 1.0]))
def test_an_absolute_tolerance_looks_at_the_distance_alone(wanted: float, got: float, tolerance: float) -> None:
    is_near = abs(wanted - got) <= tolerance
    assert returns(wanted, got, Compare(tolerance)) is is_near is returns(got, wanted, Compare(tolerance))
    assert prints(repr(wanted), repr(got), Compare(tolerance)) is is_near


PLAIN = st.recursive(
    st.integers() | st.text(max_size=3) | st.booleans() | st.none(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=2), inner, max_size=4),
    max_leaves=8,
)


@settings(max_examples=20)
@given(st.dictionaries(st.text(max_size=2), PLAIN, min_size=1, max_size=5), st.data())
def test_the_order_of_a_mapping_is_nothing_and_each_of_its_items_counts(wanted: Any, data: st.DataObject) -> None:
    order = data.draw(st.permutations(list(wanted)))
    assert returns(wanted, {key: wanted[key] for key in order})
    assert not returns(wanted, {key: wanted[key] for key in order[1:]})
    assert not returns(wanted, {**wanted, order[0]: [wanted[order[0]]]}, ANY_TOLERANCE)
    assert not returns(wanted, {**wanted, "a new key": None})


@settings(max_examples=20)
@given(st.lists(PLAIN, min_size=1, max_size=5), st.data())
def test_the_order_and_the_number_of_a_lists_items_count(wanted: list[Any], data: st.DataObject) -> None:
    order = data.draw(st.permutations(wanted))
    assert returns(wanted, tuple(wanted))
    assert returns(wanted, order) is (repr(order) == repr(wanted))
    assert not returns(wanted, [*wanted, wanted[-1]], ANY_TOLERANCE) and not returns(wanted, wanted[:-1])
