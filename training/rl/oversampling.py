"""Dynamic sampling: how many groups to sample so that enough of them carry a signal. Pure; depends on counts alone."""

import math
from collections import deque
from collections.abc import Iterable

WINDOW = 8
"""Number of past steps over which the fraction of groups with a signal is estimated."""
LARGEST = 3
"""Largest number of groups to sample per wanted group. Where almost no group carries a signal, more samples are no
remedy."""


def groups_needed(wanted: int, signal_fraction: float) -> int:
    """Number of groups to sample so that `wanted` of them carry a signal: the expected number plus one standard
    deviation. Five times in six this is enough; otherwise a second round has to wait for its longest response."""
    fraction = max(signal_fraction, 1 / LARGEST)
    expected = wanted / fraction
    spread = math.sqrt(wanted * (1 - fraction)) / fraction
    return min(math.ceil(expected + spread), LARGEST * wanted)


class SignalFraction:
    """The fraction of groups that carried a signal over the last steps; 1 before the first step."""

    def __init__(self, counts: Iterable[tuple[int, int]] = ()) -> None:
        self._counts = deque(((int(useful), int(sampled)) for useful, sampled in counts), maxlen=WINDOW)

    @property
    def value(self) -> float:
        """In [0, 1]."""
        sampled = sum(sampled for _, sampled in self._counts)
        return sum(useful for useful, _ in self._counts) / sampled if sampled else 1.0

    def note(self, useful: int, sampled: int) -> None:
        """Count a batch of complete groups; `useful` of them carry a signal."""
        if sampled:
            self._counts.append((useful, sampled))

    def state(self) -> list[tuple[int, int]]:
        """The counts as plain JSON values, to be given to the constructor."""
        return list(self._counts)
