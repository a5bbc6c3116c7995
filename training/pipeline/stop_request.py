"""Ctrl-C and SIGTERM: a run ends in time, a checkpoint behind it. Implements `rl.stopping.Stopping` by signals."""

import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from openqwq.training.rl.stopping import CutShort


class StopRequest:
    """Ctrl-C or SIGTERM asks once; the run saves and stops within `within` seconds. A second Ctrl-C ends it there.

    Where work may be cut short (`cutting`), the main thread gets a KeyboardInterrupt when its time has come, once;
    Ray's waits end with it, too. It leaves the block as CutShort.
    """

    def __init__(self) -> None:
        self.within = float("inf")
        self.follows_steps = False
        self.asked_at: float | None = None
        self._at: Callable[[float], float] | None = None
        self._is_due = False

    @property
    def is_asked(self) -> bool:
        """Whether a signal came."""
        return self.asked_at is not None

    def listen(self) -> None:
        """Take the signals. Called again after Ray started, which installs handlers of its own."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._ask)
        signal.signal(signal.SIGALRM, self._ring)

    def __call__(self) -> bool:
        return self.is_asked

    @contextmanager
    def cutting(self, at: Callable[[float], float]) -> Iterator[None]:
        """End the block at the time `at(asked_at)`."""
        with self._planned(at):
            try:
                yield
            except KeyboardInterrupt as error:
                if not self.has_cut(error):
                    raise
                raise CutShort("cut short") from None

    def has_cut(self, error: BaseException) -> bool:
        """Whether an error is the end of a block whose time had come, in either of its forms."""
        is_due, self._is_due = self._is_due, False
        return isinstance(error, CutShort) or (isinstance(error, KeyboardInterrupt) and is_due)

    @contextmanager
    def shielded(self) -> Iterator[None]:
        """Let the block come to its end."""
        with self._planned(None):
            yield

    @contextmanager
    def _planned(self, at: Callable[[float], float] | None) -> Iterator[None]:
        before, self._at = self._at, at
        self._arm()
        try:
            yield
        except BaseException:  # the block around this one must not be cut while it is left
            self._at = before
            self._set_alarm(0.0)
            raise
        self._at = before
        self._arm()

    def _arm(self) -> None:
        """Set the alarm for the block that is open, if the run was asked to stop."""
        if self.asked_at is None:
            return
        delay = 0.0 if self._at is None else max(self._at(self.asked_at) - time.monotonic(), 1e-3)
        if delay != float("inf"):
            self._set_alarm(delay)

    @staticmethod
    def _set_alarm(delay: float) -> None:
        """0 is none."""
        if threading.current_thread() is threading.main_thread():
            signal.setitimer(signal.ITIMER_REAL, delay)

    def _ask(self, number: int, _frame: object) -> None:
        if self.is_asked and number == signal.SIGINT:
            raise KeyboardInterrupt
        if not self.is_asked:
            self.asked_at = time.monotonic()
            within = "" if self.within == float("inf") else f", within {self.within:g} s also in the middle of it"
            print(f"openqwq: stopping after this step{within}; a checkpoint will be saved", file=sys.stderr)
            self._arm()

    def _ring(self, _number: int, _frame: object) -> None:
        if self._at is None or self.asked_at is None:
            return
        if time.monotonic() < self._at(self.asked_at) - 1e-3:
            return self._arm()
        self._at, self._is_due = None, True  # once: what the block does to end itself is not interrupted
        raise KeyboardInterrupt
