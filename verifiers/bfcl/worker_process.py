"""The caller's side of the worker process: one for each package, started when it is first asked, killed at a deadline.

Started by exec and never by fork, so it is safe in threads, in Ray actors and beside CUDA.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import selectors
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from openqwq.verifiers.base import VerifierError
from openqwq.verifiers.bfcl.package import package_folder
from openqwq.verifiers.bfcl.python_form import Call
from openqwq.verifiers.child_environment import child_environment

START_SECONDS = 60.0
MEMORY_BYTES = 2 << 30
Turns = Sequence[Sequence[Sequence[Call]]]
"""For each turn of the user the steps of the assistant, and of each step its calls."""


class ScenarioLimit(Exception):
    """The calls took too long or too much memory, or ended the process: they caused it, and no reference does."""


@dataclass(frozen=True)
class ScenarioRow:
    """What a multi-turn row begins with. Example: ScenarioRow(("TradingBot",), {"TradingBot": {}}, False)."""

    classes: tuple[str, ...]
    configuration: Mapping[str, Any]
    is_long_context: bool


class ScenarioWorker:
    """Runs scenarios of one package, one request at a time; any thread may ask."""

    def __init__(self, folder: Path, seconds: float = 10.0) -> None:
        self.folder = folder
        self.seconds = seconds
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None

    def answers(self, row: ScenarioRow, turns: Turns, num_last: int) -> list[str]:
        """What the last calls answered after all before them.

        Raises:
            ScenarioLimit: a call took too long.
            VerifierError: the row's scenario or the process cannot be started.
        """
        reply = self._ask(row, turns, {"num_last": num_last})
        return [str(answer) for answer in reply["answers"]]

    def mismatch(self, row: ScenarioRow, turns: Turns, wanted: Sequence[Sequence[Call]]) -> str:
        """Why the turns do not do what the reference does, or "".

        Raises:
            ScenarioLimit, VerifierError: as `answers`.
        """
        return str(self._ask(row, turns, {"wanted": [_written(calls) for calls in wanted]})["mismatch"])

    def close(self) -> None:
        with self._lock:
            self._kill()

    def _ask(self, row: ScenarioRow, turns: Turns, asked: Mapping[str, Any]) -> dict[str, Any]:
        request = {
            "classes": list(row.classes),
            "configuration": row.configuration,
            "is_long_context": row.is_long_context,
            "turns": [[_written(step) for step in steps] for steps in turns],
            "seconds": self.seconds,
            **asked,
        }
        line = json.dumps(request).encode() + b"\n"
        with self._lock:
            try:
                reply = self._exchange(line) or self._exchange(line)  # once more where the process was killed meanwhile
            except BaseException:  # also KeyboardInterrupt: a process with an unread reply must not be asked again
                self._kill()
                raise
        if reply is None:
            raise ScenarioLimit("the calls ended the process twice")
        if "limit" in reply:
            raise ScenarioLimit(f"the calls passed the limit of {reply['limit']}")
        if "failed" in reply:
            raise VerifierError(f"the scenario cannot be run: {reply['failed']}")
        return reply

    def _exchange(self, line: bytes) -> dict[str, Any] | None:
        """The reply, or None when the process ended without one."""
        if self._process is None or self._process.poll() is not None:
            self._kill()
            self._process = self._started()
        process = self._process
        deadline = time.monotonic() + self.seconds
        with contextlib.suppress(OSError):  # it ended: there will be no reply
            _write(process, line, deadline)
            if (reply := _receive(process, deadline)) is not None:
                return reply
        if time.monotonic() >= deadline:
            raise ScenarioLimit(f"the calls took longer than {self.seconds:g} s")
        self._kill()
        return None

    def _started(self) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "openqwq.verifiers.bfcl.worker", str(MEMORY_BYTES), str(self.folder)]
        try:
            process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=child_environment({"CUDA_VISIBLE_DEVICES": ""}),
                start_new_session=True,  # Ctrl-C in the terminal goes to the caller alone
            )
        except OSError as error:
            raise VerifierError(f"cannot start {' '.join(command)}: {error}") from error
        reply = _receive(process, time.monotonic() + START_SECONDS)
        if reply is None or "ready" not in reply:
            _end(process)
            why = (reply or {}).get("failed", f"exit code {process.returncode}")
            raise VerifierError(f"the process of BFCL's scenarios did not start: {why}")
        return process

    def _kill(self) -> None:
        if self._process is not None:
            _end(self._process)
        self._process = None


def _written(calls: Sequence[Call]) -> list[str]:
    return [repr((call.name, call.positional, dict(call.arguments))) for call in calls]


def _write(process: subprocess.Popen[bytes], line: bytes, deadline: float) -> None:
    """A request may be larger than the pipe, and the process that should read it may be stuck no longer than this."""
    assert process.stdin is not None
    os.set_blocking(process.stdin.fileno(), False)
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdin, selectors.EVENT_WRITE)
        view = memoryview(line)
        while view:
            left = deadline - time.monotonic()
            if left <= 0 or not selector.select(left):
                return
            view = view[os.write(process.stdin.fileno(), view) :]


def _receive(process: subprocess.Popen[bytes], deadline: float) -> dict[str, Any] | None:
    """The next message, or None when the deadline passed or the process ended."""
    assert process.stdout is not None
    chunks: list[bytes] = []
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        while not chunks or not chunks[-1].endswith(b"\n"):  # one reply to one request
            left = deadline - time.monotonic()
            if left <= 0 or not selector.select(left):
                return None
            chunk = os.read(process.stdout.fileno(), 65_536)
            if not chunk:
                return None
            chunks.append(chunk)
    message: dict[str, Any] = json.loads(b"".join(chunks))
    return message


def _end(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(OSError):
        process.kill()
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            with contextlib.suppress(OSError):
                stream.close()
    process.wait()


_workers: dict[tuple[Path, float], ScenarioWorker] = {}
_workers_lock = threading.Lock()


def shared_worker(package: str | None = None, seconds: float = 10.0) -> ScenarioWorker:
    """The one worker of this process for a package and a deadline.

    Raises:
        VerifierError: the package is not there.
    """
    key = (package_folder(package), seconds)
    with _workers_lock:
        if key not in _workers:
            _workers[key] = ScenarioWorker(*key)
        return _workers[key]


def _forget_workers() -> None:
    """In a forked child: the processes belong to the parent, and another thread may have held the lock at the fork."""
    global _workers, _workers_lock
    _workers, _workers_lock = {}, threading.Lock()


os.register_at_fork(after_in_child=_forget_workers)


def close_workers() -> None:
    """Kill the processes; the next request starts new ones."""
    with _workers_lock:
        workers = list(_workers.values())
    for worker in workers:
        worker.close()


atexit.register(close_workers)
