"""Seconds of a step by phase, as the loop sees them."""

import time


class StepClock:
    """`mark(name)`: the time since the last mark belongs to `name`."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._start = self._last = time.perf_counter()

    def mark(self, name: str) -> None:
        """Book the time since the last mark, and the whole step so far."""
        now = time.perf_counter()
        self.seconds[name] = now - self._last
        self._last = now
        self.seconds["time/step_seconds"] = now - self._start

    def skip(self) -> None:
        """Somebody else has booked the time since the last mark."""
        self._last = time.perf_counter()
