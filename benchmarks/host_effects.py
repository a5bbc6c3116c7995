"""Real things of the host for a hostile program to reach for, and a look at what it reached."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import TracebackType
from urllib.parse import urlsplit

from benchmarks.measuring import KeepAliveClient, request
from benchmarks.processes import named, peak_rss_mb

LEFT_SECONDS = 2.0
"""How long a marked process may need to end after the answer."""


class HostWatch:
    """A canary file, listeners (TCP, UDP, a Unix socket), a sentinel process and a mark; `facts` names them."""

    CHECKS = (
        "host file unread",
        "no network connection",
        "sentinel process alive",
        "no process left",
        "server memory bounded",
        "server still answers",
        "finished within limits",
    )
    """Conditions of a case that are checked; all are checked after every case, whether it names them or not."""

    def __init__(self, url: str, server_pid: int | None, memory_mb: float) -> None:
        self._pid, self._memory_mb = server_pid, memory_mb
        self._secret = secrets.token_hex(16)
        self._folder = Path(tempfile.mkdtemp(prefix="canary-"))
        self._folder.chmod(0o755)  # anybody may read it, so that only the jail keeps a program from it
        self._canary = self._folder / "canary.txt"
        self._canary.write_text(self._secret + "\n")
        self._canary.chmod(0o644)
        self._tcp = socket.create_server(("127.0.0.1", 0), backlog=64)
        port = self._tcp.getsockname()[1]
        self._udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._udp.bind(("127.0.0.1", port))
        self._unix = socket.socket(socket.AF_UNIX)
        self._unix.bind(str(self._folder / "socket"))
        (self._folder / "socket").chmod(0o777)
        self._unix.listen(64)
        for listener in (self._tcp, self._udp, self._unix):
            listener.setblocking(False)
        self._mark = f"m{secrets.token_hex(7)}"  # 15 characters: all that a process's name can hold
        self._sentinel = self._new_sentinel()
        answer = KeepAliveClient(url, 60.0).send(request("GET", "/health")).json
        self.isolation = str(answer.get("isolation"))
        self._port, self._server_port = port, urlsplit(url).port
        self._peak = self._server_peak()

    @property
    def facts(self) -> dict[str, str]:
        """What the placeholders of a case stand for."""
        return {
            "CANARY_FILE": str(self._canary),
            "CANARY": self._secret,
            "CANARY_TEXT": self._secret,
            "LISTEN_PORT": str(self._port),
            "LISTEN_HOST": "127.0.0.1",
            "UNIX_SOCKET": str(self._folder / "socket"),
            "SENTINEL_PID": str(self._sentinel.pid),
            "SERVER_PID": str(self._pid or self._sentinel.pid),
            "SERVER_PORT": str(self._server_port),
            "HOST_PID": str(os.getpid()),
            "MARK": self._mark,
        }

    @staticmethod
    def _new_sentinel() -> subprocess.Popen[bytes]:
        return subprocess.Popen([sys.executable, "-I", "-S", "-c", "import time\nwhile True: time.sleep(60)"])

    def effects(self, answer: bytes) -> list[str]:
        """What must not have happened and did, since the last look; texts for people."""
        found = []
        if self._secret.encode() in answer:
            found.append("the canary's text is in the answer")
        for name, listener in (("TCP", self._tcp), ("Unix", self._unix)):
            with contextlib.suppress(BlockingIOError):
                listener.accept()[0].close()
                found.append(f"a {name} connection arrived")
        with contextlib.suppress(BlockingIOError):
            self._udp.recv(65536)
            found.append("a UDP packet arrived")
        if self._sentinel.poll() is not None:
            found.append(f"the sentinel process ended with {self._sentinel.returncode}")
            self._sentinel = self._new_sentinel()
        if self._canary.read_text() != self._secret + "\n":
            found.append("the canary file was changed")
        for pid in self._marked_left():
            found.append("a marked process is left")
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)  # so that it does not count against the next case
        return found + self._memory()

    def _marked_left(self) -> list[int]:
        deadline = time.monotonic() + LEFT_SECONDS
        while (left := named(self._mark)) and time.monotonic() < deadline:
            time.sleep(0.02)
        return left

    def _server_peak(self) -> float:
        return peak_rss_mb(self._pid) if self._pid is not None else 0.0

    def _memory(self) -> list[str]:
        before, self._peak = self._peak, self._server_peak()
        if self._peak - before > self._memory_mb:
            return [f"the server's memory rose by {self._peak - before:.0f} MB, allowed {self._memory_mb:g} MB"]
        return []

    def __enter__(self) -> HostWatch:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._sentinel.kill()
        self._sentinel.wait()
        for listener in (self._tcp, self._udp, self._unix):
            listener.close()
        shutil.rmtree(self._folder, ignore_errors=True)
