"""Isolation for a host where no program may create namespaces: Landlock, the system call filter, limits, and a sweep.

Weaker than namespaces: a program sees that other processes and files exist, it cannot read /proc or use /dev/shm, and
files that it deletes but keeps open are not counted. When a worker and its launcher are killed together, processes of
the program that ran then can stay.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import signal
import socket
import stat
import sys
import tempfile
import threading
from collections.abc import Mapping

from openqwq.sandbox.isolation import landlock, root, seccomp
from openqwq.sandbox.isolation import syscalls as sc
from openqwq.sandbox.isolation.backend import IsolationUnavailable
from openqwq.sandbox.isolation.folders import JailFolders
from openqwq.sandbox.isolation.identity import can_become_jail_id, take_jail_group, take_jail_id
from openqwq.sandbox.isolation.limits import MAX_FILES, MAX_PROCESSES, set_worker_limits
from openqwq.sandbox.isolation.scratch import make_folders

_MAX_SWEEPS = 1000


class ProcessIsolation:
    """Landlock where the kernel has it; without it only the filter and the limits are left, which is level L0.

    Under root, programs get another user id when that user can reach the interpreter.
    """

    def __init__(self) -> None:
        self._version = sc.landlock_version()
        self._readable: list[str] = []
        self._numbers = itertools.count()

    def enter(self, paths: list[str], packages: Mapping[str, str]) -> int:
        self._readable = [*paths, *packages.values()]
        self._change_identity = can_become_jail_id() and all(map(_is_open_to_others, self._readable))
        if os.geteuid() == 0 and not self._change_identity and 0 < self._version < landlock.TRUNCATE_VERSION:
            raise IsolationUnavailable(
                "programs would run as root, since no other user reaches the interpreter, and this kernel's Landlock "
                "does not keep root from truncating files; start with an interpreter that every user can reach"
            )
        self._folder = tempfile.mkdtemp(prefix="openqwq-scratch-")
        os.chmod(self._folder, 0o755)
        sc.prctl(sc.PR_SET_CHILD_SUBREAPER, 1)  # the processes of a killed worker become children of its launcher
        return os.fork()

    def clean_up(self) -> None:
        sweep()
        shutil.rmtree(self._folder, ignore_errors=True)

    def import_folders(self, packages: Mapping[str, str]) -> list[str]:
        return sorted({os.path.dirname(folder) for folder in packages.values()})

    def seal(self) -> None:
        try:
            if self._change_identity:
                take_jail_group()
            sc.prctl(sc.PR_SET_PDEATHSIG, signal.SIGKILL)
            sc.prctl(sc.PR_SET_CHILD_SUBREAPER, 1)
            set_worker_limits(MAX_PROCESSES + count_own_tasks())
            sc.prctl(sc.PR_SET_NO_NEW_PRIVS, 1)
        except OSError as problem:
            raise IsolationUnavailable(f"cannot give up rights for good: {problem}") from problem

    def fork_test(self, connection: socket.socket, output: int, errors: int) -> ProcessJail | None:
        scratch = f"{self._folder}/{next(self._numbers)}"
        os.mkdir(scratch, 0o755)
        pid = sc.fork_plainly()
        if pid == 0:
            self._scratch = scratch
            return None
        return ProcessJail(pid, scratch)

    def settle(self) -> None:
        os.chdir(self._scratch)
        make_folders()
        sys.path[0] = os.environ["HOME"] = f"{self._scratch}/work"
        os.environ["TMPDIR"] = f"{self._scratch}/tmp"
        tempfile.tempdir = None

    def lock_down(self) -> None:
        os.setsid()
        if self._version:
            devices = [f"/dev/{name}" for name in root.DEVICES]
            landlock.restrict(self._readable, devices, self._scratch, self._version)
        if self._change_identity:
            take_jail_id()
        sc.drop_capabilities()
        sc.prctl(sc.PR_SET_DUMPABLE, 1)
        sc.prctl(sc.PR_SET_PDEATHSIG, signal.SIGKILL)
        if self._version < landlock.SCOPE_VERSION:
            sc.install_filter(seccomp.build_signal_filter(os.getpid()))
        sc.install_filter(seccomp.build_group_filter())
        sc.install_filter(seccomp.build_filter(seccomp.SHARED_FILES_REFUSED))


class ProcessJail(JailFolders):
    """All processes below the worker, which becomes the parent of orphans. One jail at a time."""

    is_fleeting = False

    def __init__(self, pid: int, folder: str) -> None:
        super().__init__("/proc", folder)
        self.pid, self._folder = pid, folder

    def living(self) -> list[str]:
        return [str(pid) for pid in descendants(os.getpid())]

    def used_bytes(self) -> int:
        """Bytes on disk of the files that have a name; beyond every limit when there are more files than a program may
        have."""
        total, num_files, folders = 0, 0, [self._folder]
        while folders:
            with contextlib.suppress(OSError), os.scandir(folders.pop()) as entries:
                for entry in entries:
                    num_files += 1
                    if num_files > MAX_FILES:
                        return 1 << 62
                    total += entry.stat(follow_symlinks=False).st_blocks * 512
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(entry.path)
        return total

    def kill(self) -> None:
        """End the process group of the test, which no process can leave, by one signal; the sweep ends what is left."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        sweep()

    def reap(self) -> None:
        sweep()
        with contextlib.suppress(ChildProcessError):
            while True:
                os.waitpid(-1, 0)

    def close(self) -> None:
        super().close()
        shutil.rmtree(self._folder, ignore_errors=True)


def descendants(pid: int) -> list[int]:
    """All processes below this one, also ended ones that were not waited for."""
    found: list[int] = []
    for thread in _listed(f"/proc/{pid}/task"):
        with contextlib.suppress(OSError), open(f"/proc/{pid}/task/{thread}/children") as file:
            found += map(int, file.read().split())
    return found + [below for child in found for below in descendants(child)]


def sweep() -> None:
    """Kill everything below this process. Stopped processes cannot fork, so the sweep ends."""
    pause = threading.Event()
    for _ in range(_MAX_SWEEPS):
        living = [pid for pid in descendants(os.getpid()) if not _has_ended(pid)]
        if not living:
            return
        for number in (signal.SIGSTOP, signal.SIGKILL):
            for pid in living:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, number)
        pause.wait(0.001)


def _has_ended(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return file.read().rpartition(b")")[2].split()[0] in (b"Z", b"X")
    except OSError:
        return True


def _is_open_to_others(path: str) -> bool:
    while path != "/":
        path = os.path.dirname(path)
        if not os.stat(path).st_mode & stat.S_IXOTH:
            return False
    return True


def count_own_tasks() -> int:
    """Number of tasks that already count against the process limit of this user."""
    count = 0
    for name in _listed("/proc"):
        if name.isdigit():
            with contextlib.suppress(OSError):
                if os.stat(f"/proc/{name}").st_uid == os.geteuid():
                    count += len(os.listdir(f"/proc/{name}/task"))
    return count


def _listed(folder: str) -> list[str]:
    try:
        return os.listdir(folder)
    except OSError:
        return []
