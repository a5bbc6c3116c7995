"""How many groups are sampled under dynamic sampling."""

import random

from hypothesis import given
from hypothesis import strategies as st

from openqwq.training.rl.oversampling import LARGEST, SignalFraction, groups_needed


@given(wanted=st.integers(1, 500), fraction=st.floats(0, 1))
def test_never_fewer_than_wanted_and_never_more_than_the_bound(wanted: int, fraction: float) -> None:
    assert wanted <= groups_needed(wanted, fraction) <= LARGEST * wanted
    assert groups_needed(wanted, 1.0) == wanted


def test_one_round_is_enough_five_times_in_six() -> None:
    generator = random.Random(0)
    needed = groups_needed(128, 0.7)
    enough = sum(sum(generator.random() < 0.7 for _ in range(needed)) >= 128 for _ in range(2000))
    assert 0.80 < enough / 2000 < 0.92


def test_the_fraction_is_that_of_the_last_steps_and_survives_a_checkpoint() -> None:
    fraction = SignalFraction()
    assert fraction.value == 1.0
    fraction.note(0, 0)
    for _ in range(20):
        fraction.note(1, 10)
    for _ in range(8):
        fraction.note(6, 8)
    assert fraction.value == SignalFraction(fraction.state()).value == 0.75
