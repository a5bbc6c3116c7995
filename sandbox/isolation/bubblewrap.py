"""Isolation by bubblewrap, for hosts where only `bwrap` may create namespaces.

The process of a test is then a fresh interpreter in a bubblewrap of its own, not a fork of a warm one: tens of
milliseconds each, and the source of this package is readable to the program.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import threading
import time
from collections.abc import Mapping

import openqwq
from openqwq.sandbox.isolation import landlock, root, seccomp
from openqwq.sandbox.isolation import syscalls as sc
from openqwq.sandbox.isolation.backend import IsolationUnavailable
from openqwq.sandbox.isolation.folders import JailFolders
from openqwq.sandbox.isolation.identity import JAIL_ID
from openqwq.sandbox.isolation.limits import MAX_PROCESSES, SCRATCH_BYTES, set_worker_limits
from openqwq.sandbox.isolation.process import count_own_tasks, descendants, sweep
from openqwq.sandbox.isolation.scratch import FOLDERS

_PACKAGE = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))
_HOME = f"{root.PACKAGES}/openqwq"
_END_SECONDS = 5.0


class BubblewrapIsolation:
    """The worker itself stays on the host; it runs no code of a program."""

    def __init__(self, fresh_test: str) -> None:
        """`fresh_test` is the code of the interpreter that becomes the process of a test."""
        self._fresh_test = fresh_test
        self._command: list[str] = []

    def enter(self, paths: list[str], packages: Mapping[str, str]) -> int:
        program = shutil.which("bwrap", path="/usr/bin:/bin:/usr/local/bin")
        if program is None:
            raise IsolationUnavailable("bwrap is not installed")
        interpreter = [program, *_options(paths, packages)]
        self._command = [*interpreter, self._fresh_test]
        trial = subprocess.run([*interpreter, "pass"], capture_output=True, text=True, check=False)
        if trial.returncode:
            raise IsolationUnavailable(f"bwrap cannot build a jail: {trial.stderr.strip()[-500:]}")
        sc.prctl(sc.PR_SET_CHILD_SUBREAPER, 1)  # the processes of a killed worker become children of its launcher
        return os.fork()

    def clean_up(self) -> None:
        sweep()

    def import_folders(self, packages: Mapping[str, str]) -> list[str]:
        return sorted({os.path.dirname(folder) for folder in packages.values()})

    def seal(self) -> None:
        set_worker_limits(MAX_PROCESSES + count_own_tasks())

    def fork_test(self, connection: socket.socket, output: int, errors: int) -> BubblewrapJail:
        pid = sc.fork_plainly()
        if pid == 0:
            try:
                given = (connection.fileno(), output, errors)
                for descriptor in given:
                    os.set_inheritable(descriptor, True)
                command = [*self._command, *map(str, given)]
                os.execve(command[0], command, os.environ)
            finally:
                os._exit(1)
        return BubblewrapJail(pid)

    def settle(self) -> None:
        os.umask(0)

    def lock_down(self) -> None:
        os.setsid()
        sc.prctl(sc.PR_SET_NO_NEW_PRIVS, 1)
        landlock.separate(sc.landlock_version())  # bubblewrap's own first process has the program's user id
        sc.install_filter(seccomp.build_filter())


class BubblewrapJail:
    """The process of bubblewrap on the host; its namespaces end with it."""

    is_fleeting = True

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._folders: JailFolders | None = None

    def _open(self) -> JailFolders:
        """The innermost process is the interpreter; its root is the tree that bubblewrap built."""
        if self._folders is None:
            inside = descendants(self.pid)[-1]
            self._folders = JailFolders(f"/proc/{inside}/root/proc", f"/proc/{inside}/root{root.SCRATCH}")
        return self._folders

    @property
    def proc(self) -> int:
        return self._open().proc

    @property
    def scratch(self) -> int:
        return self._open().scratch

    def living(self) -> list[str]:
        try:
            return self._open().processes_but_the_first()
        except OSError:
            return []  # the namespace has ended

    def used_bytes(self) -> int:
        return self._open().tmpfs_bytes()

    def kill(self) -> None:
        """`--die-with-parent` ends everything inside."""

    def reap(self) -> None:
        deadline, pause = time.monotonic() + _END_SECONDS, threading.Event()
        while self._folders and self.living() and time.monotonic() < deadline:
            pause.wait(0.001)

    def close(self) -> None:
        """The tmpfs ends with the namespaces and the last descriptor."""
        if self._folders is not None:
            self._folders.close()


def _options(paths: list[str], packages: Mapping[str, str]) -> list[str]:
    """The command line up to the code of the interpreter. Each namespace is asked for by name, since `--unshare-all`
    continues without a user namespace where it gets none."""
    words = [f"--unshare-{kind}" for kind in ("user", "pid", "net", "ipc", "uts")]
    words += [
        "--uid",
        str(JAIL_ID),
        "--gid",
        str(JAIL_ID),
        "--hostname",
        "box",
        "--die-with-parent",
        "--cap-drop",
        "ALL",
        "--proc",
        "/proc",
        "--remount-ro",
        "/proc",
    ]
    for path in paths:
        words += ["--ro-bind", path, path]
    for name, folder in packages.items():
        words += ["--ro-bind", folder, f"{root.PACKAGES}/{name}"]
    words += ["--ro-bind", _PACKAGE, f"{_HOME}/sandbox", "--ro-bind", str(openqwq.__file__), f"{_HOME}/__init__.py"]
    for name in root.DEVICES:
        words += ["--dev-bind", f"/dev/{name}", f"/dev/{name}"]
    words += ["--size", str(SCRATCH_BYTES), "--tmpfs", root.SCRATCH]
    for name in FOLDERS:
        words += ["--perms", "1777", "--dir", f"{root.SCRATCH}/{name}"]
    for link, target in root.links().items():
        words += ["--symlink", target, f"/{link}"]
    words += ["--remount-ro", "/", "--chdir", root.SCRATCH]
    return [*words, root.interpreter(), "-s", "-S", "-P", "-c"]
