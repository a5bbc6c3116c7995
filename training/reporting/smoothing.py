"""Series as they are drawn: thinned, as a moving mean, and how sure that mean is. Pure."""

import math
import random

from openqwq.training.run_folder.record import Series

MAX_POINTS = 300
"""Longer series are thinned to means of neighbouring points."""
SMOOTH_FROM = 20
"""Series with at least this many points are drawn as a moving mean over a faint raw line."""
RESAMPLES, BAND_POINTS = 120, 60
"""Bootstrapped means of a band at a step, and most steps of a band."""


def thinned(points: Series) -> Series:
    """The series with at most MAX_POINTS points, which are means of neighbours."""
    size = math.ceil(len(points) / MAX_POINTS) or 1
    chunks = [points[i : i + size] for i in range(0, len(points), size)]
    return [(chunk[-1][0], math.fsum(y for _, y in chunk) / len(chunk)) for chunk in chunks]


def smoothed(points: Series) -> Series:
    """The centred moving mean over a tenth of the series."""
    half = max(1, len(points) // 20)
    result = []
    for i, (x, _) in enumerate(points):
        window = points[max(0, i - half) : i + half + 1]
        result.append((x, math.fsum(y for _, y in window) / len(window)))
    return result


def bootstrapped(points: Series) -> tuple[Series, Series]:
    """(lower, upper) edge of the middle 95 % of `RESAMPLES` bootstrapped moving means, those of `smoothed`, at up to
    `BAND_POINTS` steps. Empty for a series that is not drawn as a moving mean. Seeded: equal series, equal band."""
    points, rng = thinned(points), random.Random(0)
    if len(points) < SMOOTH_FROM:
        return [], []
    half, every = max(1, len(points) // 20), math.ceil(len(points) / BAND_POINTS)
    low, high = [], []
    for i in sorted({*range(0, len(points), every), len(points) - 1}):
        window = [y for _, y in points[max(0, i - half) : i + half + 1]]
        means = sorted(math.fsum(rng.choices(window, k=len(window))) / len(window) for _ in range(RESAMPLES))
        cut = RESAMPLES // 40
        low.append((points[i][0], means[cut]))
        high.append((points[i][0], means[-1 - cut]))
    return low, high
