"""A stop request that is answered in time: is there time to finish the step, and when is sampling cut short?"""

import math
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Protocol, runtime_checkable

from openqwq.training.errors import Interrupted

RECENT = 5
"""Steps whose longest time is that of the next one."""
UNKNOWN = 0.5
"""Part of the bound that a step may go on for when nothing of the stage has been measured yet."""
LEAST_SAVE_SECONDS = 2.0
LEAST_CHECK_SECONDS = 0.01
"""Less is a step in which none was due."""
LEAST_WITHIN, MOST_WITHIN, UNKNOWN_WITHIN = 120.0, 1800.0, 240.0
"""Seconds: limits of a bound that is derived, and the bound where nothing is known of a step."""
MARGIN = 1.25
"""Of what was measured or planned."""


def derived_within(step: float, save: float) -> float:
    """Whole seconds in which a step and a checkpoint of so many seconds can be done, within the limits."""
    return min(max(math.ceil(MARGIN * (step + max(save, LEAST_SAVE_SECONDS))), LEAST_WITHIN), MOST_WITHIN)


class CutShort(Interrupted):
    """The work inside a `cutting` block was ended before its time, because the run was asked to stop."""


@runtime_checkable
class Stopping(Protocol):
    """A request to stop. `within`: seconds from the request to the end of the run. `follows_steps`: whether these may
    change with the steps that are measured."""

    within: float
    follows_steps: bool

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
    follows_steps = False
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
    """Seconds of the last steps, and what they say of the step in progress. A check that is due in a step (regression
    check, tripwire) is measured apart from it."""

    def __init__(self) -> None:
        self._steps: deque[float] = deque(maxlen=RECENT)
        self._rests: deque[float] = deque(maxlen=RECENT)
        """From the last sample to the end of the step."""
        self._saves: deque[float] = deque(maxlen=RECENT)
        self._checks: deque[float] = deque(maxlen=RECENT)
        self._check = 0.0
        """What checks of the step in progress took."""
        self._expected = 0.0
        """What checks of the step in progress will take."""
        self._begun_at = self._sampled_at = self._saved_at = time.monotonic()

    def begin(self, has_check: bool = False) -> None:
        """A step begins; `has_check`: one is due in it."""
        self._begun_at, self._check = time.monotonic(), 0.0
        self._expected = self.check_seconds if has_check else 0.0

    def sampled(self) -> None:
        """Its samples are complete."""
        self._sampled_at = time.monotonic()

    @contextmanager
    def checking(self) -> Iterator[None]:
        """A check, if the `with` block runs one."""
        begun = time.monotonic()
        yield
        self._check += time.monotonic() - begun

    def finished(self) -> None:
        """It is done, but for a checkpoint."""
        now = time.monotonic() - self._check
        self._steps.append(now - self._begun_at)
        self._rests.append(now - self._sampled_at)
        if self._check > LEAST_CHECK_SECONDS:
            self._checks.append(self._check)

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
        return max([*self._saves, LEAST_SAVE_SECONDS]) * MARGIN

    @property
    def check_seconds(self) -> float:
        """Of the checks of a step in which one was due; 0 before the first."""
        return max(self._checks, default=0.0)

    @property
    def uncut_seconds(self) -> float:
        """What follows the last sample of a step with a check, and is never cut short; 0 before the first step."""
        return max(self._rests) + self.check_seconds + self.save_seconds if self._rests else 0.0

    def within(self) -> float | None:
        """The bound in which the longest of these steps can be finished; None before the first one."""
        if not self._steps:
            return None
        return derived_within(max(self._steps) + self.check_seconds, max(self._saves, default=0.0))

    def cut_at(self, asked_at: float, within: float, may_wait: bool = False) -> float:
        """When sampling of the step in progress is cut: at once, where the step would not be done in time; else at the
        last moment at which the rest of the step still fits. `may_wait`: in place of at once, at the last moment for a
        checkpoint, since batches are being sampled that one has to hold."""
        if not self._steps:
            return asked_at + UNKNOWN * within
        deadline = asked_at + within - self.save_seconds
        if self._begun_at + max(self._steps) + self._expected > deadline:
            return max(asked_at, deadline) if may_wait else asked_at
        return deadline - max(self._rests) - self._expected

    def has_time(self, asked_at: float, within: float) -> bool:
        """Whether the update and what follows it can be done in time, now that all is sampled."""
        if not self._rests:
            return time.monotonic() < asked_at + UNKNOWN * within
        return time.monotonic() + max(self._rests) + self._expected + self.save_seconds < asked_at + within
