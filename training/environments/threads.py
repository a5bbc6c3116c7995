"""The thread in which the calls of one episode run, with an event loop of its own that lives as long as the episode.

A call may block, hang, or end with any exception: the thread is a daemon, belongs to one episode, and is left alone
when a call does not return.
"""

import asyncio
import contextlib
import errno
import inspect
import resource
import threading
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import Future, ThreadPoolExecutor
from queue import Empty, SimpleQueue
from typing import Any, TypeVar

T = TypeVar("T")
LONGEST_GRACE_SECONDS = 1.0
"""A call that awaits is cancelled at its limit and has this long to end; one that blocks is abandoned after it."""


class CallTimeout(Exception):
    """A call took longer than it may."""


class CallThread:
    """Runs what is submitted, one after another. Plain functions run outside of the event loop, so that they may start
    one themselves; coroutines all run within one task of one loop, which goes on between calls."""

    def __init__(self) -> None:
        self.deadline: float | None = None
        """When the call in progress is late, by time.monotonic(); None between calls."""
        self.is_abandoned = False
        self._is_ending = False
        self._has_come = asyncio.Event()
        self._work: SimpleQueue[tuple[Callable[[], Any], Future[Any]] | None] = SimpleQueue()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = threading.Thread(target=self._run, name="episode", daemon=True)
        self._thread.start()

    @property
    def is_current(self) -> bool:
        """Whether the caller runs in this thread."""
        return threading.current_thread() is self._thread

    def submit(self, work: Callable[[], T]) -> "Future[T]":
        """Run `work` in the thread, in which it may use `ask`."""
        future: Future[T] = Future()
        self._put((work, future))
        return future

    def end(self) -> None:
        """End the thread after what was submitted."""
        self._put(None)

    def abandon(self) -> None:
        """Leave the thread to the call that hangs in it; it ends if the call ever does."""
        self.is_abandoned = True
        self.end()

    def ask(self, function: Callable[..., Any], *arguments: Any, seconds: float) -> Any:
        """Call code of the user's and await the result where it is to be awaited. Only within the thread.

        Raises:
            CallTimeout: it awaits longer than `seconds`. One that blocks goes on; `deadline` has passed then.
            BaseException: whatever the code raises.
        """
        self.deadline = time.monotonic() + seconds + min(seconds, LONGEST_GRACE_SECONDS)
        try:
            value = function(*arguments)
            return self._awaited(value, seconds) if inspect.isawaitable(value) else value
        finally:
            self.deadline = None

    def _put(self, item: Any) -> None:
        self._work.put(item)
        if (loop := self._loop) is not None:
            with contextlib.suppress(RuntimeError):  # closed in the meantime
                loop.call_soon_threadsafe(self._has_come.set)

    def _run(self) -> None:
        while (item := self._next()) is not None and not self.is_abandoned:
            work, future = item
            try:
                future.set_result(work())
            except BaseException as error:
                future.set_exception(error)
        self._is_ending = True
        if self._loop is not None:
            with contextlib.suppress(BaseException):  # tasks that were left behind may raise anything
                self._loop.run_until_complete(_end_tasks())
                self._loop.run_until_complete(self._loop.shutdown_asyncgens())
            self._loop.close()

    def _next(self) -> Any:
        """What was submitted next. The loop runs meanwhile: a client of the user's may have to answer its server."""
        while self._loop is not None:
            try:
                return self._work.get_nowait()
            except Empty:
                with contextlib.suppress(BaseException):  # of a task that the user's code left behind
                    self._loop.run_until_complete(self._arrival())
        return self._work.get()

    async def _arrival(self) -> None:
        await self._has_come.wait()
        self._has_come.clear()

    def _awaited(self, awaitable: Awaitable[Any], seconds: float) -> Any:
        if self._loop is None:
            self._tasks: asyncio.Queue[Any] = asyncio.Queue()
            self._loop = _new_loop()
            self._server = self._loop.create_task(self._serve())
        value, error = self._loop.run_until_complete(self._served(awaitable, seconds))
        if error is not None:
            raise error
        return value

    async def _served(self, awaitable: Awaitable[Any], seconds: float) -> tuple[Any, BaseException | None]:
        done: asyncio.Future[tuple[Any, BaseException | None]] = asyncio.get_running_loop().create_future()
        await self._tasks.put((awaitable, seconds, done))
        return await done

    async def _serve(self) -> None:
        """Awaits everything in one task, since what one call enters another may have to leave in the same task."""
        while not self._is_ending:
            with contextlib.suppress(asyncio.CancelledError):  # the user's code may cancel the task that it runs in
                awaitable, seconds, done = await self._tasks.get()
                limit = asyncio.timeout(seconds)
                outcome: tuple[Any, BaseException | None]
                try:
                    async with limit:
                        outcome = await awaitable, None
                except BaseException as error:
                    outcome = None, CallTimeout() if limit.expired() else error
                if not done.done():
                    done.set_result(outcome)


class _DaemonThreads(ThreadPoolExecutor):
    """What `asyncio.to_thread` uses: a call that hangs there does not keep the process from ending either."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> "Future[Any]":
        future: Future[Any] = Future()

        def run() -> None:
            try:
                future.set_result(fn(*args, **kwargs))
            except BaseException as error:
                future.set_exception(error)

        threading.Thread(target=run, name="episode call", daemon=True).start()
        return future


def _new_loop() -> asyncio.AbstractEventLoop:
    """A loop has three open files; the process may open as many as its hard limit says before a sample fails."""
    try:
        loop = asyncio.new_event_loop()
    except OSError as error:
        if error.errno != errno.EMFILE:
            raise
        _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
        loop = asyncio.new_event_loop()
    loop.set_default_executor(_DaemonThreads(1))
    return loop


async def _end_tasks() -> None:
    tasks = asyncio.all_tasks() - {asyncio.current_task()}
    for task in tasks:
        task.cancel()
    if tasks:
        await asyncio.wait(tasks, timeout=LONGEST_GRACE_SECONDS)
