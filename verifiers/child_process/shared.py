"""What a process holds once for each of its settings, and closes when it exits."""

from __future__ import annotations

import atexit
import os
import threading
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar


class _Closable(Protocol):
    def close(self) -> None: ...


Settings = TypeVar("Settings")
Held = TypeVar("Held", bound=_Closable)


class Shared(Generic[Settings, Held]):
    """One object of a kind for each settings, made when it is first asked for; any thread may ask.

    A forked child begins with none: the parent's belong to the parent, and another thread may have held the lock.
    """

    def __init__(self, make: Callable[[Settings], Held]) -> None:
        self._make = make
        self._begin()
        os.register_at_fork(after_in_child=self._begin)
        atexit.register(self.close)

    def _begin(self) -> None:
        self._held: dict[Settings, Held] = {}
        self._lock = threading.Lock()

    def get(self, settings: Settings) -> Held:
        with self._lock:
            if settings not in self._held:
                self._held[settings] = self._make(settings)
            return self._held[settings]

    def close(self) -> None:
        """Close all of them. They stay, and start again what they need."""
        with self._lock:
            held = list(self._held.values())
        for each in held:
            each.close()
