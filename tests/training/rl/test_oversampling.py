"""How many groups are sampled under dynamic sampling."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openqwq.training.rl.oversampling import LARGEST, SignalFraction, groups_needed


@given(wanted=st.integers(1, 500), fraction=st.floats(0, 1))
def test_never_fewer_than_wanted_and_never_more_than_the_bound(wanted: int, fraction: float) -> None:
    assert wanted <= groups_needed(wanted, fraction) <= LARGEST * wanted
    assert groups_needed(wanted, 1.0) == wanted


@pytest.mark.parametrize(
    ("wanted", "fraction", "needed"),
    [
        (4, 0.5, 11),  # 4 / .5 + sqrt(4 x .5) / .5 = 8 + 2.83
        (128, 0.7, 192),  # 182.86 + 8.85
        (100, 0.4, 270),  # 250 + 19.36 = 269.4
        (100, 0.34, 300),  # 294.1 + 23.9, but at most three per wanted one
        (5, 0.0, 15),
        (1, 0.9, 2),  # 1.11 + .35
    ],
)
def test_the_number_is_the_expected_one_and_a_standard_deviation(wanted: int, fraction: float, needed: int) -> None:
    assert groups_needed(wanted, fraction) == needed


def test_one_round_is_enough_five_times_in_six() -> None:
    generator = random.Random(0)
    needed = groups_needed(128, 0.7)
    enough = sum(sum(generator.random() < 0.7 for _ in range(needed)) >= 128 for _ in range(2000))
    assert 0.80 < enough / 2000 < 0.92


def test_the_fraction_is_that_of_the_last_steps_and_survives_a_checkpoint() -> None:
    fraction = SignalFraction()
    assert fraction.value == 1.0
    fraction.note(0, 0)
    assert (fraction.value, fraction.state()) == (1.0, [])
    fraction.note(1, 10)
    fraction.note(7, 10)
    assert fraction.value == 0.4  # over all groups
    for useful in (0, 8, 1, 3, 8, 2, 8):
        fraction.note(useful, 8)
    assert fraction.value == (7 + 30) / (10 + 56)  # the first of nine steps is out
    other = SignalFraction(fraction.state())
    assert other.value == fraction.value and other.state() == fraction.state()
    other.note(8, 8)
    assert other.value == 38 / 64 and len(other.state()) == 8
