"""A stop request that is answered in time: is there time to finish the step, and when is sampling cut short?"""

import time
from collections import deque
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol, runtime_checkable

from openqwq.training.errors import Interrupted

RECENT = 5
"""Steps whose longest time is that of the next one."""
UNKNOWN = 0.5
"""Part of the bound that a step may go on for when nothing of the stage has been measured yet."""
LEAST_SAVE_SECONDS = 2.0


class CutShort(Interrupted):
    """The work inside a `cutting` block was ended before its time, because the run was asked to stop."""


@runtime_checkable
class Stopping(Protocol):
    """A request to stop. `within`: seconds from the request to the end of the run."""

    within: float

    @property
    def asked_at(self) -> float | None:
        """`time.monotonic()` of the request; None before it."""

    def __call__(self) -> bool:
        """Whether the run was asked to stop."""

    def cutting(self, at: Callable[[float], float]) -> AbstractContextManager[None]:
        """End what the `with` block does at the time `at(asked_at)`, which may be past, by raising CutShort."""

    def shielded(self) -> AbstractContextManager[None]:
        """Let what the `with` block does come to its end."""

    def has_cut(self, error: BaseException) -> bool:
        """Whether an error that left a `cutting` block is its cut. An interruption that comes while the block is being
        left is a KeyboardInterrupt still."""


class Patient:
    """A request that is looked at between steps and cuts nothing. Implements Stopping."""

    within = float("inf")
    asked_at = None

    def __init__(self, is_asked: Callable[[], bool]) -> None:
        self._is_asked = is_asked

    def __call__(self) -> bool:
        return self._is_asked()

    def cutting(self, at: Callable[[float], float]) -> AbstractContextManager[None]:
        return nullcontext()

    def shielded(self) -> AbstractContextManager[None]:
        return nullcontext()

    def has_cut(self, error: BaseException) -> bool:
        return isinstance(error, CutShort)


def stopping_of(should_stop: Callable[[], bool]) -> Stopping:
    """Itself, where it can cut work short; any other callable is asked between steps."""
    return should_stop if isinstance(should_stop, Stopping) else Patient(should_stop)


class StepTimes:
    """Seconds of the last steps, and what they say of the step in progress."""

    def __init__(self) -> None:
        self._steps: deque[float] = deque(maxlen=RECENT)
        self._rests: deque[float] = deque(maxlen=RECENT)
        """From the last sample to the end of the step."""
        self._saves: deque[float] = deque(maxlen=RECENT)
        self._begun_at = self._sampled_at = self._saved_at = time.monotonic()

    def begin(self) -> None:
        """A step begins."""
        self._begun_at = time.monotonic()

    def sampled(self) -> None:
        """Its samples are complete."""
        self._sampled_at = time.monotonic()

    def finished(self) -> None:
        """It is done, but for a checkpoint."""
        now = time.monotonic()
        self._steps.append(now - self._begun_at)
        self._rests.append(now - self._sampled_at)

    def saved(self, seconds: float) -> None:
        """A checkpoint was written."""
        self._saves.append(seconds)
        self._saved_at = time.monotonic()

    @property
    def since_save(self) -> float:
        """Seconds since the last checkpoint of this session, or since its start."""
        return time.monotonic() - self._saved_at

    @property
    def save_seconds(self) -> float:
        """Of a checkpoint, with a margin."""
        return max([*self._saves, LEAST_SAVE_SECONDS]) * 1.25

    def cut_at(self, asked_at: float, within: float, may_wait: bool = False) -> float:
        """When sampling of the step in progress is cut: at once, where the step would not be done in time; else at the
        last moment at which the rest of the step still fits. `may_wait`: in place of at once, at the last moment for a
        checkpoint, since batches are being sampled that one has to hold."""
        if not self._steps:
            return asked_at + UNKNOWN * within
        deadline = asked_at + within - self.save_seconds
        if self._begun_at + max(self._steps) > deadline:
            return max(asked_at, deadline) if may_wait else asked_at
        return deadline - max(self._rests)

    def has_time(self, asked_at: float, within: float) -> bool:
        """Whether the update and what follows it can be done in time, now that all is sampled."""
        if not self._rests:
            return time.monotonic() < asked_at + UNKNOWN * within
        return time.monotonic() + max(self._rests) + self.save_seconds < asked_at + within
