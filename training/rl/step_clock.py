"""The wall-clock seconds of a step, by phase of the loop."""

import time
from collections.abc import Iterator
from contextlib import contextmanager


class StepClock:
    """Runs from its creation to `stop()`. The schedule measures sampling and judging; the clock measures the rest."""

    def __init__(self) -> None:
        self._seconds: dict[str, float] = {}
        self._start = time.perf_counter()

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Record the time inside the `with` block under `name`."""
        begun = time.perf_counter()
        yield
        self._seconds[name] = time.perf_counter() - begun

    def stop(self) -> dict[str, float]:
        """Seconds by phase, and `time/step_seconds` of the whole step."""
        return {**self._seconds, "time/step_seconds": time.perf_counter() - self._start}
