"""How often a stage is begun again after a loss, and the wait for machines that come back."""

import time
from collections.abc import Callable
from typing import TypeVar

from openqwq.training.errors import ClusterError, DeadlineExpired, WorkerLost

MAX_RESTARTS = 3
"""Times in a row that a stage is begun again from the same checkpoint."""
MAX_EXPIRIES = 1
"""Of these, times after an answer that did not come in time: each costs a whole deadline, and a program that stands
still would stand still again."""
BACK_SECONDS = 900.0
"""How long a run that lost workers waits for machines that it can start them on: a preempted one comes back."""
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 2.0, 30.0

T = TypeVar("T")


class Restarts:
    """The losses of one stage. Counted anew from each new checkpoint: a run of weeks on machines that come and go is
    lost more often than three times, and gets on."""

    def __init__(self, newest: Callable[[], int]) -> None:
        """`newest`: the step of the newest checkpoint, 0 without one."""
        self._newest = newest
        self._from = newest()
        self._num_lost = self._num_expired = 0

    def allows(self, error: ClusterError) -> bool:
        """Note a loss. Returns whether the stage may be begun again."""
        if not isinstance(error, WorkerLost | DeadlineExpired):
            return False
        newest = self._newest()
        if newest > self._from:
            self._from, self._num_lost, self._num_expired = newest, 0, 0
        self._num_lost += 1
        self._num_expired += isinstance(error, DeadlineExpired)
        return self._num_lost <= MAX_RESTARTS and self._num_expired <= MAX_EXPIRIES


def when_there_is_room(
    make: Callable[[], T], warn: Callable[[str], None], should_give_up: Callable[[], bool] = lambda: False
) -> T:
    """What `make` makes, tried again while it finds no machines, for `BACK_SECONDS`.

    Raises:
        ClusterError: it finds none in that time; or another error of making it, at once.
    """
    deadline, pause, is_said = time.monotonic() + BACK_SECONDS, FIRST_PAUSE_SECONDS, False
    while True:
        try:
            return make()
        except ClusterError as error:
            is_waiting = type(error) is ClusterError and time.monotonic() + pause < deadline
            if not is_waiting or should_give_up():
                raise
            if not is_said:
                warn(f"{error}; waiting up to {BACK_SECONDS / 60:g} min for machines that come back")
            is_said = True
        time.sleep(pause)
        pause = min(2 * pause, LONGEST_PAUSE_SECONDS)
