"""A sandbox server as its own process, started otherwise than `start_server` does: prepared, or as another user."""

from __future__ import annotations

import os
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

import httpx

ROOT = Path(__file__).absolute().parents[2]
START_SECONDS = 60.0
STOP_SECONDS = 20.0
HTTP = httpx.Client(
    verify=False, trust_env=False, timeout=60.0, limits=httpx.Limits(max_keepalive_connections=0)
)  # one client, because certificates take 20 ms to load; a new connection each time, so that none is about to close
SERVE = "import sys\nfrom openqwq.sandbox.server import main\nsys.exit(main(sys.argv[1:]))\n"
NO_USER_NAMESPACES = """
import ctypes, os
user, group, libc = os.geteuid(), os.getegid(), ctypes.CDLL(None, use_errno=True)
if libc.unshare(0x10000000):  # CLONE_NEWUSER
    raise OSError(ctypes.get_errno(), "unshare")
for name, text in (("setgroups", "deny"), ("uid_map", f"0 {user} 1"), ("gid_map", f"0 {group} 1")):
    open(f"/proc/self/{name}", "w").write(text)
open("/proc/sys/user/max_user_namespaces", "w").write("0")
"""
"""Lines that leave the process, and all below it, in a user namespace that may have none below itself."""

NO_LANDLOCK = """
import ctypes, struct
steps = ((0x20, 0, 0, 0), (0x15, 0, 1, 444), (0x06, 0, 0, 0x00050026), (0x06, 0, 0, 0x7FFF0000))
class Filter(ctypes.Structure): _fields_ = (("length", ctypes.c_ushort), ("steps", ctypes.c_char_p))
program = Filter(len(steps), b"".join(struct.pack("HBBI", *step) for step in steps))
libc = ctypes.CDLL(None, use_errno=True)
if libc.prctl(38, 1, 0, 0, 0) or libc.prctl(22, 2, ctypes.byref(program), 0, 0):
    raise OSError(ctypes.get_errno(), "prctl")
"""
"""Lines that leave the process, and all below it, without Landlock: landlock_create_ruleset is answered ENOSYS."""


@dataclass
class Served:
    """A running server; `folder` is where its temporary files go."""

    url: str
    pid: int
    folder: Path

    def printed(self) -> str:
        return (self.folder / "log").read_text(errors="replace")


def end_of(words: list[str], preparation: str = "") -> subprocess.CompletedProcess[str]:
    """How a server ends that should not start."""
    command = [sys.executable, "-c", preparation + SERVE, "--port", "0", "--workers", "1", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=START_SECONDS, cwd=ROOT, check=False)


@contextmanager
def serving(
    words: list[str],
    preparation: str = "",
    interpreter: str = sys.executable,
    environment: dict[str, str] | None = None,
    user: int | None = None,
) -> Iterator[Served]:
    """Start, wait for the port, and stop; a folder of its own for all that it writes stays until the end."""
    folder = Path(tempfile.mkdtemp(prefix="server-"))
    folder.chmod(0o755)
    if user is not None:
        os.chown(folder, user, user)
    port_file = folder / "port"
    command = [interpreter, "-c", preparation + SERVE, "--port", "0", "--port-file", str(port_file)]
    command += ["--die-with-parent", *words]
    search = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    inherited = {**os.environ, "PYTHONPATH": search, "PYTHONDONTWRITEBYTECODE": "1", "TMPDIR": str(folder)}
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


def below(pid: int) -> list[int]:
    """All processes below this one."""
    found: list[int] = []
    try:
        for thread in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{thread}/children") as file:
                found += map(int, file.read().split())
    except OSError:  # ended meanwhile
        return found
    return found + [deeper for child in found for deeper in below(child)]


def named(mark: str) -> list[int]:
    """Processes of the host that gave themselves this name (15 characters at the most)."""
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{name}/comm") as file:
                if file.read().strip() == mark:
                    found.append(int(name))
        except OSError:
            continue
    return found
