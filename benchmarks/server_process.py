"""A sandbox server as a process of its own that `start_server` would not start: prepared, or as another user."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).absolute().parents[1]
SERVE = "import sys\nfrom openqwq.sandbox.server import main\nsys.exit(main(sys.argv[1:]))\n"
START_SECONDS = 60.0
STOP_SECONDS = 20.0


@dataclass
class Served:
    """A running server; `folder` is where its temporary files go."""

    url: str
    pid: int
    folder: Path

    def printed(self) -> str:
        return (self.folder / "log").read_text(errors="replace")


@contextmanager
def serving(
    words: list[str],
    preparation: str = "",
    interpreter: str = sys.executable,
    environment: dict[str, str] | None = None,
    user: int | None = None,
) -> Iterator[Served]:
    """Start, wait for the port, and stop; a folder of its own for all that it writes stays until the end.

    `preparation` is Python code that runs before the server. `user` needs root, and an interpreter that this user can
    reach. RuntimeError with what the server printed when it does not start.
    """
    folder = Path(tempfile.mkdtemp(prefix="server-"))
    folder.chmod(0o755)
    if user is not None:
        os.chown(folder, user, user)
    port_file = folder / "port"
    command = [interpreter, "-c", preparation + SERVE, "--port", "0", "--port-file", str(port_file)]
    command += ["--die-with-parent", *words]
    search = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    inherited = {**os.environ, "PYTHONPATH": search, "PYTHONDONTWRITEBYTECODE": "1", "TMPDIR": str(folder)}
    if user is not None:
        inherited["HOME"] = str(folder)
    rights = {} if user is None else {"user": user, "group": user, "extra_groups": []}
    with open(folder / "log", "wb") as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd="/",
            env={**inherited, **(environment or {})},
            start_new_session=True,
            **rights,  # type: ignore[call-overload]
        )
    served = Served("", process.pid, folder)
    try:
        served.url = f"http://127.0.0.1:{_port(process, port_file, served)}"
        yield served
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        shutil.rmtree(folder, ignore_errors=True)


def user_number(name: str) -> int:
    """The id of a user that is given by name or id."""
    return int(name) if name.isdigit() else pwd.getpwnam(name).pw_uid


def _port(process: subprocess.Popen[bytes], port_file: Path, served: Served) -> str:
    wait_until(lambda: port_file.exists() or process.poll() is not None, START_SECONDS)
    if not port_file.exists():
        raise RuntimeError(f"the server did not start (status {process.poll()}): {served.printed()[-2000:]}")
    return port_file.read_text().strip()


def wait_until(is_true: Callable[[], object], seconds: float) -> bool:
    """Ask again and again; False when the time is over first."""
    deadline, pause = time.monotonic() + seconds, threading.Event()
    while not is_true():
        if time.monotonic() > deadline:
            return False
        pause.wait(0.01)
    return True
