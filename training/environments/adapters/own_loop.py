"""Event loops in threads of their own, for code of others that has to stay in one loop or may block."""

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class OwnLoop:
    """An event loop in a daemon thread. What is awaited here from any other loop runs there.

    A coroutine that blocks holds this loop alone; one that is cancelled here is cancelled there.
    """

    def __init__(self, name: str) -> None:
        self._loop = asyncio.new_event_loop()
        threading.Thread(target=self._serve, name=name, daemon=True).start()

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_forever()
        finally:
            for task in asyncio.all_tasks(self._loop):
                task.cancel()
            self._loop.run_until_complete(asyncio.sleep(0))
            self._loop.close()

    async def run(self, work: Coroutine[Any, Any, T]) -> T:
        """The result of `work`, which runs in this loop.

        Raises:
            RuntimeError: the loop was stopped.
        """
        return await asyncio.wrap_future(self.begin(work))

    def begin(self, work: Coroutine[Any, Any, T]) -> Any:
        """Begin `work` without waiting for it. Returns its `concurrent.futures.Future`.

        Raises:
            RuntimeError: the loop was stopped.
        """
        if self._loop.is_closed():
            work.close()
            raise RuntimeError("the environment is closed")
        return asyncio.run_coroutine_threadsafe(work, self._loop)

    def stop(self) -> None:
        """End the loop as soon as nothing blocks it, without waiting for that."""
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._loop.stop)


_shared: dict[str, OwnLoop] = {}
_lock = threading.Lock()


def shared_loop(name: str) -> OwnLoop:
    """The loop of this name, which lives as long as the process; for code that waits and never blocks."""
    with _lock:
        if name not in _shared:
            _shared[name] = OwnLoop(name)
        return _shared[name]
