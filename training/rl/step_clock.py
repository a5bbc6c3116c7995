"""Seconds of a step by phase, as the loop sees them."""

import time
from collections.abc import Iterator
from contextlib import contextmanager


class StepClock:
    """Runs from its creation to `stop()`. Sampling and judging are measured by the schedule, the other phases here."""

    def __init__(self) -> None:
        self._seconds: dict[str, float] = {}
        self._start = time.perf_counter()

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Time inside belongs to `name`."""
        begun = time.perf_counter()
        yield
        self._seconds[name] = time.perf_counter() - begun

    def stop(self) -> dict[str, float]:
        """Seconds by phase, and of the whole step."""
        return {**self._seconds, "time/step_seconds": time.perf_counter() - self._start}
