"""Start a sandbox server as another user, with an interpreter that this user can reach. Needs root."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).absolute().parents[1]
START_SECONDS = 60.0
STOP_SECONDS = 10.0


@contextlib.contextmanager
def start_server_as(user: str, interpreter: str, workers: int | None) -> Iterator[tuple[str, int]]:
    """The server's url and pid. PYTHONPATH reaches the server behind this checkout: put what it must import there."""
    entry = pwd.getpwuid(int(user)) if user.isdigit() else pwd.getpwnam(user)
    folder = Path(tempfile.mkdtemp(prefix="server-"))
    os.chown(folder, entry.pw_uid, entry.pw_gid)
    port_file, log = folder / "port", folder / "log"
    command = [interpreter, "-m", "openqwq.sandbox.server", "--port", "0", "--port-file", str(port_file)]
    command += ["--die-with-parent"] + (["--workers", str(workers)] if workers else [])
    search = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    with open(log, "wb") as output:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            cwd="/",
            env={"PATH": "/usr/bin:/bin", "PYTHONPATH": search, "PYTHONDONTWRITEBYTECODE": "1", "HOME": str(folder)},
            user=entry.pw_uid,
            group=entry.pw_gid,
            extra_groups=[],
            start_new_session=True,
        )
    try:
        yield _wait_for_port(process, port_file, log), process.pid
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        shutil.rmtree(folder, ignore_errors=True)


def _wait_for_port(process: subprocess.Popen[bytes], port_file: Path, log: Path) -> str:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        if port_file.exists():
            return f"http://127.0.0.1:{port_file.read_text().strip()}"
        time.sleep(0.02)
    raise SystemExit(f"the server did not start (status {process.poll()}): {log.read_text(errors='replace')[-2000:]}")
