"""The parent's side of one checking process: started by exec, given a deadline a request, killed with its group."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from openqwq.verifiers.base import VerifierError
from openqwq.verifiers.child_process.environment import child_environment
from openqwq.verifiers.workbench.cases import Question

START_SECONDS = 120.0  # a verifier may import large libraries
Mode = Literal["one", "batch", "threads"]


class Hang(Exception):
    """No answer by the deadline; the process has been killed."""


class Crash(Exception):
    """The process ended instead of answering; the text says how."""


@dataclass(frozen=True)
class Subject:
    """The verifier under test. Example: Subject("math", {"answer_format": "boxed"}, {})."""

    name: str
    """A registered name, or path.py:function."""
    arguments: Mapping[str, Any]
    """Keyword arguments of the verifier; plain JSON values."""
    environment: Mapping[str, str]
    """Variables added to this process's own, such as the address of a sandbox."""


@dataclass(frozen=True)
class Reply:
    """What came back for one request. Example: Reply([{"status": "scored", ...}], "")."""

    observations: Sequence[Mapping[str, Any]]
    """One for each question, in the order that came back; empty when the request as a whole failed."""
    problem: str
    """Why it failed as a whole, or empty."""


class CheckingProcess:
    """A verifier in a process of its own. `ask` raises Hang or Crash once, then the next `ask` has a fresh process."""

    def __init__(self, subject: Subject) -> None:
        self._subject = subject
        self._process: subprocess.Popen[bytes] | None = None
        self._checks = 0
        self._base_bytes = 0
        self._growth_bytes = 0
        self.start_seconds = 0.0
        self.needed_columns: tuple[str, ...] = ()

    @property
    def is_fresh(self) -> bool:
        """True until the process has answered once: what it loads at first use is still to come."""
        return self._checks == 0

    def growth_bytes(self) -> int:
        """Largest growth of resident memory of any process so far, from the built verifier to its peak."""
        if self._process is not None:
            self._growth_bytes = max(self._growth_bytes, _peak_bytes(self._process.pid) - self._base_bytes)
        return self._growth_bytes

    def start(self) -> None:
        """Start and build the verifier, unless that is done.

        Raises:
            VerifierError: the verifier cannot be built, or does not start within START_SECONDS.
        """
        if self._process is not None:
            return
        begin = time.monotonic()
        self._launch()
        message = {"verifier": self._subject.name, "arguments": dict(self._subject.arguments)}
        try:
            reply = self._exchange(message, START_SECONDS)
        except Hang as error:
            raise VerifierError(f"{self._subject.name} did not start within {START_SECONDS:.0f} seconds") from error
        except Crash as error:
            raise VerifierError(f"{self._subject.name} ended its process while it was loaded: {error}") from error
        if "unusable" in reply:
            self.close()
            raise VerifierError(reply["unusable"])
        self.start_seconds = max(self.start_seconds, time.monotonic() - begin)
        self.needed_columns = tuple(reply["columns"])
        assert self._process is not None
        self._base_bytes = _peak_bytes(self._process.pid)

    def ask(self, questions: Sequence[Question], mode: Mode, deadline_seconds: float) -> Reply:
        """The verifier's answers to these questions.

        Raises:
            Hang: the deadline passed. Crash: the process ended.
        """
        self.start()
        request = {
            "mode": mode,
            "responses": [question.response for question in questions],
            "rows": [question.row for question in questions],
        }
        reply = self._exchange(request, deadline_seconds)
        self._checks += 1
        return Reply(reply.get("observations", ()), reply.get("problem", ""))

    def close(self) -> None:
        """Kill the process and its group, which holds the processes that it started."""
        self.growth_bytes()
        process, self._process = self._process, None
        if process is None:
            return
        with contextlib.suppress(OSError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        self._connection.close()
        self._stderr.close()

    def retire(self) -> None:
        """Let the verifier close what it opened, then end it."""
        if self._process is not None:
            self._connection.shutdown(socket.SHUT_WR)
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(timeout=5)
        self.close()

    def _launch(self) -> None:
        self._connection, theirs = socket.socketpair()
        self._stderr = tempfile.TemporaryFile()  # noqa: SIM115  (closed with the process)
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "openqwq.verifiers.workbench.child", str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                stderr=self._stderr,
                env=child_environment(self._subject.environment),
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )
        self._checks = 0
        self._buffer = bytearray()

    def _exchange(self, message: Mapping[str, Any], seconds: float) -> dict[str, Any]:
        deadline = time.monotonic() + seconds
        try:
            self._connection.settimeout(seconds)
            self._connection.sendall(json.dumps(message).encode() + b"\n")
            while (end := self._buffer.find(b"\n")) < 0:
                self._connection.settimeout(max(1e-3, deadline - time.monotonic()))
                part = self._connection.recv(1 << 16)
                if not part:
                    raise ConnectionError
                self._buffer += part
        except TimeoutError as error:
            self.close()
            raise Hang from error
        except OSError as error:
            raise Crash(self._how_it_ended()) from error
        except BaseException:  # Ctrl-C: an unread answer must not meet the next question
            self.close()
            raise
        line, self._buffer = self._buffer[:end], self._buffer[end + 1 :]
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _how_it_ended(self) -> str:
        """How the process ended, and the last line that it wrote to standard error."""
        process, stderr = self._process, self._stderr
        if process is None:
            return "stopped"
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=1)  # the socket closes a moment before the process is gone
        code = process.poll()
        stderr.seek(max(0, stderr.seek(0, os.SEEK_END) - 2_000))
        lines = stderr.read().decode(errors="replace").strip().splitlines()
        self.close()
        how = f"killed by {signal.Signals(-code).name}" if code is not None and code < 0 else f"exit status {code}"
        return f"process ended ({how}){': ' + lines[-1][:300] if lines else ''}"


def _peak_bytes(pid: int) -> int:
    """Peak resident memory of a process; 0 when it is gone.

    getrusage does not serve here: it counts the parent's size before exec.
    """
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return 0
