"""Seconds of a step by phase."""

import time
from collections.abc import Iterable, Iterator, Sequence

from openqwq.training.records import Rollout


class StepClock:
    """Sampling ends when the last chunk has come; judging goes on meanwhile and only its rest is exposed."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self._start = self._last = time.perf_counter()

    def timed(self, chunks: Iterable[Sequence[Rollout]]) -> Iterator[Sequence[Rollout]]:
        """Pass chunks through; the end of the stream is the end of sampling."""
        yield from chunks
        self.mark("time/rollout_seconds")

    def mark(self, name: str) -> None:
        """The time since the last mark belongs to `name`."""
        now = time.perf_counter()
        self.seconds[name] = now - self._last
        self._last = now
        self.seconds["time/step_seconds"] = now - self._start
