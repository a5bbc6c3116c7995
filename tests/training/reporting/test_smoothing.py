"""Series as they are drawn: thinned, as a moving mean, with a bootstrapped band."""

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from openqwq.training.reporting.smoothing import SMOOTH_FROM, bootstrapped, smoothed, thinned

SERIES = st.lists(st.floats(0, 1), min_size=1, max_size=60).map(lambda values: list(enumerate(values)))


def test_a_long_series_is_thinned_and_keeps_its_mean() -> None:
    points = [(float(i), float(i % 2)) for i in range(6000)]
    short = thinned(points)
    assert len(short) == 300 and short[-1][0] == 5999
    assert sum(y for _, y in short) / 300 == pytest.approx(0.5)


@given(SERIES)
def test_a_moving_mean_stays_within_the_data(points: list[tuple[float, float]]) -> None:
    values, smooth = [y for _, y in points], [y for _, y in smoothed(points)]
    assert len(smooth) == len(values)
    assert min(values) - 1e-9 <= min(smooth) and max(smooth) <= max(values) + 1e-9


@settings(max_examples=10)
@given(SERIES)
def test_a_band_is_around_the_moving_mean_or_absent(points: list[tuple[float, float]]) -> None:
    low, high = bootstrapped(points)
    assert len(low) == len(high) == (len(points) if len(points) >= SMOOTH_FROM else 0)
    spread = max(y for _, y in points) - min(y for _, y in points)
    for (x, below), (_, above) in zip(low, high, strict=True):
        assert below <= above and above - below <= spread + 1e-9 and 0 <= x < len(points)
    assert bootstrapped(points) == (low, high)


def test_a_band_covers_the_middle_95_percent_of_what_a_moving_mean_would_be() -> None:
    noise = random.Random(0)
    low, high = bootstrapped([(float(i), noise.gauss(0, 1)) for i in range(300)])
    widths = [above - below for (_, below), (_, above) in zip(low, high, strict=True)]
    assert len(low) == 61 and low[-1][0] == 299
    assert sum(widths) / len(widths) == pytest.approx(2 * 1.96 / 31**0.5, rel=0.1)
