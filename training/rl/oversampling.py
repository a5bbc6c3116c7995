"""How many groups are drawn so that enough of them carry a signal. Pure, by counts alone."""

import math
from collections import deque
from collections.abc import Iterable

WINDOW = 8
"""Steps that are looked back on."""
LARGEST = 3.0
"""Groups drawn for one that is wanted, at most: where nearly nothing carries a signal, more draws will not mend it."""


def groups_needed(wanted: int, signal_fraction: float) -> int:
    """Groups to draw for `wanted` with a signal: what is expected and a standard deviation more, so that five times in
    six no second round is needed, which would wait for a longest response again."""
    share = max(signal_fraction, 1 / LARGEST)
    expected = wanted / share
    spread = math.sqrt(wanted * (1 - share)) / share
    return min(math.ceil(expected + spread), math.ceil(LARGEST * wanted))


class SignalFraction:
    """The share of groups that carried a signal, over the last steps; 1 until something is known."""

    def __init__(self, counts: Iterable[tuple[int, int]] = ()) -> None:
        self._counts = deque(((int(useful), int(drawn)) for useful, drawn in counts), maxlen=WINDOW)

    @property
    def value(self) -> float:
        """In [0, 1]."""
        drawn = sum(drawn for _, drawn in self._counts)
        return sum(useful for useful, _ in self._counts) / drawn if drawn else 1.0

    def note(self, useful: int, drawn: int) -> None:
        """One step's groups."""
        if drawn:
            self._counts.append((useful, drawn))

    def state(self) -> list[tuple[int, int]]:
        """JSON-safe; the constructor's argument."""
        return list(self._counts)
