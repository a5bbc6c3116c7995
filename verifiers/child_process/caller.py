"""The caller's side: starts a child, asks it under a deadline, kills it.

Started by exec and never by fork, so it is safe in threads, in Ray actors and beside CUDA.
"""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import subprocess
import sys
import time
from collections.abc import Mapping
from typing import Any

from openqwq.verifiers.child_process.environment import child_environment


class NotStarted(Exception):
    """No child could be started, or it did not get ready; the text says why."""


class Ended(Exception):
    """The child ended before it answered: killed from outside, or by what it was asked."""


class ChildProcess:
    """A child that runs `server.serve` in a module. Used by one thread at a time; after TimeoutError it must be killed.

    Example: ChildProcess("openqwq.verifiers.math_answer.worker", str(2 << 30)).
    """

    def __init__(self, module: str, *arguments: str) -> None:
        """Start it, without waiting until it is ready.

        Raises:
            NotStarted
        """
        command = [sys.executable, "-m", module, *arguments]
        try:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=child_environment({"CUDA_VISIBLE_DEVICES": ""}),
                start_new_session=True,  # Ctrl-C in the terminal goes to the caller alone
            )
        except OSError as error:
            raise NotStarted(f"cannot start {' '.join(command)}: {error}") from error
        assert self._process.stdin is not None and self._process.stdout is not None
        self._requests, self._replies = self._process.stdin, self._process.stdout
        self._is_ready = False
        self._buffer = bytearray()

    @property
    def pid(self) -> int:
        return self._process.pid

    def has_ended(self) -> bool:
        return self._process.poll() is not None

    def wait_ready(self, seconds: float) -> None:
        """Wait until it has loaded what it needs. One that does not get ready is killed.

        Raises:
            NotStarted
        """
        if self._is_ready:
            return
        try:
            reply = self._receive(time.monotonic() + seconds)
            why = reply.get("failed", "its first message is no greeting")
        except TimeoutError:
            reply, why = {}, f"it is not ready after {seconds:g} s"
        except Ended:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(timeout=1)  # the pipe closes a moment before the process is gone
            reply, why = {}, f"exit code {self._process.poll()}"
        if "ready" not in reply:
            self.kill()
            raise NotStarted(str(why))
        self._is_ready = True

    def ask(self, request: Mapping[str, Any], seconds: float) -> dict[str, Any]:
        """The reply to a request. The child knows its time as well, for the case that no caller is left to kill it.

        Raises:
            TimeoutError: no whole reply in time. Ended: there will be none.
        """
        deadline = time.monotonic() + seconds
        self._send(json.dumps({**request, "seconds": seconds}).encode() + b"\n", deadline)
        return self._receive(deadline)

    def kill(self) -> None:
        with contextlib.suppress(OSError):
            self._process.kill()
        for stream in (self._requests, self._replies):
            with contextlib.suppress(OSError):
                stream.close()
        self._process.wait()

    def _send(self, line: bytes, deadline: float) -> None:
        """A request may be larger than the pipe, and the child that should read it may be stuck."""
        descriptor = self._requests.fileno()
        os.set_blocking(descriptor, False)
        view = memoryview(line)
        with selectors.DefaultSelector() as selector:
            selector.register(descriptor, selectors.EVENT_WRITE)
            while view:
                _wait(selector, deadline)
                try:
                    view = view[os.write(descriptor, view) :]
                except OSError as error:
                    raise Ended from error

    def _receive(self, deadline: float) -> dict[str, Any]:
        descriptor = self._replies.fileno()
        num_searched = 0
        with selectors.DefaultSelector() as selector:
            selector.register(descriptor, selectors.EVENT_READ)
            while (end := self._buffer.find(b"\n", num_searched)) < 0:
                num_searched = len(self._buffer)
                _wait(selector, deadline)
                chunk = os.read(descriptor, 65_536)
                if not chunk:
                    raise Ended
                self._buffer += chunk
        message: dict[str, Any] = json.loads(self._buffer[:end])
        del self._buffer[: end + 1]
        return message


def _wait(selector: selectors.BaseSelector, deadline: float) -> None:
    left = deadline - time.monotonic()
    if left <= 0 or not selector.select(left):
        raise TimeoutError
