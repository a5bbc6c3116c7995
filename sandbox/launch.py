"""Start a sandbox server as a child process on loopback, and stop it."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
import threading
import time
import warnings
from pathlib import Path
from types import TracebackType

import httpx2

_IMPORT_ROOT = Path(__file__).absolute().parents[2]
_DRAIN_SECONDS, _STOP_SECONDS = 4.0, 8.0


class ServerNotStarted(RuntimeError):
    """The server ended or did not answer in time; the message carries the end of what it printed."""


class ServerHandle:
    """A running server. Example: `with start_server(workers=2) as server: SandboxClient(server.url)`."""

    def __init__(self, process: subprocess.Popen[bytes], url: str, log: Path) -> None:
        self._process, self._log = process, log
        self.url = url

    @property
    def pid(self) -> int:
        return self._process.pid

    def is_alive(self) -> bool:
        """False once the server's process has ended."""
        return self._process.poll() is None

    def stop(self) -> None:
        """End the server and all its jails; safe to call twice."""
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(_STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        with contextlib.suppress(FileNotFoundError):
            self._log.unlink()

    def __enter__(self) -> ServerHandle:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def start_server(
    workers: int | None = None,
    port: int = 0,
    require_isolation: str = "L2",
    queue_limit: int = 1024,
    timeout_seconds: float = 60.0,
    backend: str = "auto",
    walls: str | None = None,
) -> ServerHandle:
    """Start on a free port of loopback and wait until a jailed program ran; the child ends with this process.

    `backend`: an isolation backend, or `auto`; `walls` is its name of version 0.1.

    Raises ServerNotStarted, with what the server printed.
    """
    if walls is not None:
        warnings.warn("start_server(walls=...) is now start_server(backend=...)", FutureWarning, stacklevel=2)
        backend = walls
    descriptor, name = tempfile.mkstemp(prefix="openqwq-sandbox-", suffix=".log")
    log, port_file = Path(name), Path(name).with_suffix(".port")
    command = [sys.executable, "-m", "openqwq.sandbox.server", "--port", str(port), "--die-with-parent"]
    command += ["--require-isolation", require_isolation, "--queue-limit", str(queue_limit)]
    command += ["--backend", backend, "--drain-seconds", str(_DRAIN_SECONDS)]
    command += ["--port-file", str(port_file)] + (["--workers", str(workers)] if workers else [])
    search = os.pathsep.join(filter(None, (str(_IMPORT_ROOT), os.environ.get("PYTHONPATH"))))
    with open(descriptor, "wb") as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env={**os.environ, "PYTHONPATH": search},
            start_new_session=True,  # Ctrl-C is for the caller, who stops the server in order
        )
    handle = ServerHandle(process, "", log)
    try:
        handle.url = _wait_until_healthy(process, port_file, log, time.monotonic() + timeout_seconds)
    except BaseException:
        handle.stop()
        raise
    finally:
        with contextlib.suppress(FileNotFoundError):
            port_file.unlink()
    return handle


def _wait_until_healthy(process: subprocess.Popen[bytes], port_file: Path, log: Path, deadline: float) -> str:
    last = "it has not opened its port"
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise ServerNotStarted(f"the sandbox server ended with status {process.returncode}: {_tail(log)}")
        if port_file.exists():
            url = f"http://127.0.0.1:{port_file.read_text().strip()}"
            try:
                answer = httpx2.get(f"{url}/health", timeout=5.0, trust_env=False)
                if answer.status_code == 200:
                    return url
                last = f"/health says {answer.text[:300]}"
            except httpx2.HTTPError as problem:
                last = f"/health: {problem}"
        threading.Event().wait(0.02)
    raise ServerNotStarted(f"the sandbox server was not ready in time: {last}. It printed: {_tail(log)}")


def _tail(log: Path) -> str:
    return log.read_text(errors="replace").strip()[-2000:] or "(nothing)"
