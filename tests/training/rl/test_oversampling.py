"""How many groups are drawn under dynamic sampling."""

import random

from hypothesis import given
from hypothesis import strategies as st

from openqwq.training.rl.oversampling import LARGEST, SignalFraction, groups_needed


@given(wanted=st.integers(1, 500), share=st.floats(0, 1))
def test_never_fewer_than_wanted_and_never_more_than_the_bound(wanted: int, share: float) -> None:
    assert wanted <= groups_needed(wanted, share) <= LARGEST * wanted
    assert groups_needed(wanted, 1.0) == wanted


def test_one_round_is_enough_five_times_in_six() -> None:
    draw = random.Random(0)
    needed = groups_needed(128, 0.7)
    enough = sum(sum(draw.random() < 0.7 for _ in range(needed)) >= 128 for _ in range(2000))
    assert 0.80 < enough / 2000 < 0.92


def test_the_share_is_that_of_the_last_steps_and_survives_a_checkpoint() -> None:
    share = SignalFraction()
    assert share.value == 1.0
    share.note(0, 0)
    for _ in range(20):
        share.note(1, 10)
    for _ in range(8):
        share.note(6, 8)
    assert share.value == SignalFraction(share.state()).value == 0.75
