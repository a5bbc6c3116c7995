"""Event loops in threads of their own, for code of others that has to stay in one loop or may block."""

import asyncio
import atexit
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")

SECONDS_TO_END = 8.0
"""How long what still runs in a loop may take to end: longer than a process that ignores SIGTERM takes."""


class OwnLoop:
    """An event loop in a daemon thread. What is awaited here from any other loop runs there.

    A coroutine that blocks holds this loop alone; one that is cancelled here is cancelled there.
    """

    def __init__(self, name: str) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._serve, name=name, daemon=True)
        self._thread.start()

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_forever()
        finally:
            left = asyncio.all_tasks(self._loop)
            for task in left:
                task.cancel()
            if left:
                self._loop.run_until_complete(asyncio.wait(left, timeout=SECONDS_TO_END))
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())
            self._loop.close()

    async def run(self, work: Coroutine[Any, Any, T]) -> T:
        """The result of `work`, which runs in this loop.

        Raises:
            RuntimeError: the loop was stopped.
        """
        if self._loop.is_closed():
            work.close()
            raise RuntimeError("the environment is closed")
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work, self._loop))

    def stop(self) -> None:
        """End the loop as soon as nothing blocks it, without waiting for that. What runs in it is cancelled."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._loop.stop)

    def join(self) -> None:
        """Wait until a stopped loop has ended; not for ever."""
        self._thread.join(SECONDS_TO_END + 1)


_shared: dict[str, OwnLoop] = {}
_lock = threading.Lock()


def shared_loop(name: str) -> OwnLoop:
    """The loop of this name, which lives as long as the process; for code that waits and never blocks."""
    with _lock:
        if name not in _shared:
            _shared[name] = OwnLoop(name)
        return _shared[name]


@atexit.register
def _end_shared() -> None:
    """Leave no process behind that something in a shared loop holds."""
    for loop in _shared.values():
        loop.stop()
    for loop in _shared.values():
        loop.join()
