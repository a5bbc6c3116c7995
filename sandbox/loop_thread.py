"""One background thread whose event loop owns a resource, so that blocking and asyncio callers can share it.

Independent of jobs. Any thread and any event loop may call, also a thread whose own loop is running.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import threading
import weakref
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from typing import Any, Generic, TypeVar

R = TypeVar("R")
T = TypeVar("T")
_END_SECONDS = 30.0
_all_threads: weakref.WeakSet[LoopThread[Any]] = weakref.WeakSet()


class SandboxClosed(RuntimeError):
    """Used after close(), closed during the call, or used in a forked process where it does not work."""


class LoopThread(Generic[R]):
    """Example: `LoopThread("x", open, close).wait(work)` runs `await work(await open())` on the background loop.

    The thread starts at the first use and ends, after `close(resource)`, with close(), with the last reference or with
    the interpreter. A forked child has no threads of its parent: there the next use opens a resource of its own, or
    raises SandboxClosed with `is_for_forks=False`.
    """

    def __init__(
        self,
        name: str,
        open_resource: Callable[[], Coroutine[Any, Any, R]],
        close_resource: Callable[[R], Coroutine[Any, Any, None]],
        is_for_forks: bool = True,
    ) -> None:
        self.name, self.is_for_forks = name, is_for_forks
        self._open, self._close = open_resource, close_resource
        self._lock = threading.Lock()
        self._life: _Life[R] | None = None
        self._end: weakref.finalize[[], Any] | None = None
        self._why_closed = ""
        _all_threads.add(self)

    def wait(self, work: Callable[[R], Coroutine[Any, Any, T]]) -> T:
        """Block this thread until the work is done; an interrupt cancels the work."""
        future = self._submit(work)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    async def join(self, work: Callable[[R], Coroutine[Any, Any, T]]) -> T:
        """The same for a caller on an event loop of its own; cancelling the caller cancels the work."""
        return await asyncio.wrap_future(self._submit(work))

    def _submit(self, work: Callable[[R], Coroutine[Any, Any, T]]) -> Future[T]:
        with self._lock:
            if self._why_closed:
                raise SandboxClosed(self._why_closed)
            if self._life is None:
                self._life = _Life(self.name, self._open, self._close)
                self._end = weakref.finalize(self, self._life.end)
            return asyncio.run_coroutine_threadsafe(self._life.call(work), self._life.loop)

    def close(self) -> None:
        """End the thread; work under way raises SandboxClosed. Safe to call twice."""
        with self._lock:
            self._why_closed = self._why_closed or f"{self.name} is closed"
            end, self._life, self._end = self._end, None, None
        if end is not None:
            end()

    def _forget_parent(self) -> None:
        """In a forked child: drop what belongs to the parent without touching it, as both share the descriptors."""
        self._lock = threading.Lock()  # another thread of the parent may have held the old one
        if self._end is not None:
            self._end.detach()
            self._life = self._end = None
            if not self.is_for_forks:
                self._why_closed = f"{self.name} belongs to the process that built it; build another one after the fork"


def _forget_parents() -> None:
    for thread in list(_all_threads):
        thread._forget_parent()


os.register_at_fork(after_in_child=_forget_parents)


class _Life(Generic[R]):
    """From the start of one thread to its end. Holds no reference to its LoopThread, so that this can be collected."""

    resource: R

    def __init__(
        self,
        name: str,
        open_resource: Callable[[], Coroutine[Any, Any, R]],
        close_resource: Callable[[R], Coroutine[Any, Any, None]],
    ) -> None:
        self._open, self._close = open_resource, close_resource
        self._calls: set[asyncio.Task[Any]] = set()
        self._is_over = asyncio.Event()
        self.loop = asyncio.new_event_loop()
        opened: Future[None] = Future()
        self._thread = threading.Thread(target=self._run, args=(opened,), name=name, daemon=True)
        self._thread.start()
        try:
            opened.result()
        except BaseException:
            self.end()
            raise

    def _run(self, opened: Future[None]) -> None:
        asyncio.set_event_loop(self.loop)
        try:
            self.loop.run_until_complete(self._live(opened))
            self.loop.run_until_complete(self.loop.shutdown_asyncgens())
        finally:
            self.loop.close()

    async def _live(self, opened: Future[None]) -> None:
        try:
            self.resource = await self._open()
        except BaseException as problem:
            opened.set_exception(problem)
            return
        opened.set_result(None)
        await self._is_over.wait()
        calls = list(self._calls)
        for call in calls:
            call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)
        await self._close(self.resource)

    async def call(self, work: Callable[[R], Coroutine[Any, Any, T]]) -> T:
        task = asyncio.current_task()
        assert task is not None
        self._calls.add(task)
        try:
            return await work(self.resource)
        except asyncio.CancelledError:
            if self._is_over.is_set():  # cancelled by close(), not by the caller
                raise SandboxClosed("the sandbox was closed during this call") from None
            raise
        finally:
            self._calls.discard(task)

    def end(self) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed already
            self.loop.call_soon_threadsafe(self._is_over.set)
        if threading.current_thread() is not self._thread:  # the collector may run in any thread
            self._thread.join(_END_SECONDS)
