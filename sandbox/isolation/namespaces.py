"""Isolation by namespaces: entered once for each worker and once more for each test, so that every test has its own
jail."""

from __future__ import annotations

import contextlib
import errno
import os
import signal
import socket
from collections.abc import Mapping

from openqwq.sandbox.isolation import root, seccomp
from openqwq.sandbox.isolation import syscalls as sc
from openqwq.sandbox.isolation.backend import IsolationUnavailable
from openqwq.sandbox.isolation.folders import JailFolders
from openqwq.sandbox.isolation.identity import JAIL_ID, can_become_jail_id, take_jail_group, take_jail_id
from openqwq.sandbox.isolation.limits import MAX_FILES, SCRATCH_BYTES, set_worker_limits
from openqwq.sandbox.isolation.scratch import make_folders

_FREE_SOCKETS = 32
_SOCKET_BYTES = 425984
"""Twice the default limit of a socket's buffer, the most that the kernel charges for it."""
_SCRATCH_OPTIONS = f"size={SCRATCH_BYTES},nr_inodes={MAX_FILES},mode=755"
_WORKER_NAMESPACES = (
    sc.CLONE_NEWUSER | sc.CLONE_NEWNS | sc.CLONE_NEWPID | sc.CLONE_NEWNET | sc.CLONE_NEWIPC | sc.CLONE_NEWUTS
)


class NamespaceIsolation:
    """A root server maps a second, unprivileged id for the programs. Any other user can map only itself, and
    appears as JAIL_ID inside."""

    def __init__(self) -> None:
        self._change_identity = can_become_jail_id()

    def clean_up(self) -> None:
        """The kernel ends the namespaces of a worker and all that is in them."""

    def import_folders(self, packages: Mapping[str, str]) -> list[str]:
        return [root.PACKAGES] if packages else []

    def enter(self, paths: list[str], packages: Mapping[str, str]) -> int:
        sc.prctl(sc.PR_SET_PDEATHSIG, signal.SIGKILL)
        pid = self._clone()
        if pid == 0:
            socket.sethostname("box")
            _build_root(paths, packages)
        return pid

    def _clone(self) -> int:
        ready, go = os.pipe()
        try:
            pid = sc.clone(_WORKER_NAMESPACES)
        except OSError as problem:
            raise IsolationUnavailable(_why_no_namespaces(problem)) from problem
        if pid == 0:
            os.close(go)
            answer = os.read(ready, 1)
            os.close(ready)
            if answer != b"+":
                os._exit(1)
            sc.prctl(sc.PR_SET_PDEATHSIG, signal.SIGKILL)
            return 0
        os.close(ready)
        try:
            self._map_ids(pid)
        except OSError as problem:
            os.close(go)
            os.waitpid(pid, 0)
            raise IsolationUnavailable(f"cannot map user ids into the namespace: {problem}") from problem
        os.write(go, b"+")
        os.close(go)
        return pid

    def _map_ids(self, pid: int) -> None:
        for name, own in (("uid_map", os.geteuid()), ("gid_map", os.getegid())):
            if self._change_identity:
                text = f"0 {own} 1\n{JAIL_ID} {JAIL_ID} 1\n"
            else:
                with open(f"/proc/{pid}/setgroups", "w") as file:
                    file.write("deny")
                text = f"{JAIL_ID} {own} 1\n"
            with open(f"/proc/{pid}/{name}", "w") as file:
                file.write(text)

    def seal(self) -> None:
        try:
            if self._change_identity:
                take_jail_group()
                # The change of group resets both: the first is needed to enter jails, the second to end in time.
                sc.prctl(sc.PR_SET_DUMPABLE, 1)
                sc.prctl(sc.PR_SET_PDEATHSIG, signal.SIGKILL)
            set_worker_limits()
            sc.drop_bounding_set()
            sc.prctl(sc.PR_SET_SECUREBITS, sc.SECBITS_NO_ROOT_LOCKED)
            sc.prctl(sc.PR_SET_NO_NEW_PRIVS, 1)
            self._own_pids = os.open("/proc/self/ns/pid", os.O_RDONLY | os.O_CLOEXEC)
            self._inits = sc.NamespaceInits()
            sc.install_filter(seccomp.build_filter())
        except OSError as problem:
            raise IsolationUnavailable(f"cannot give up rights for good: {problem}") from problem

    def fork_test(self, connection: socket.socket, output: int, errors: int) -> NamespaceJail | None:
        init = self._inits.start()
        self._namespaces = os.pidfd_open(init)
        try:
            sc.set_namespace(self._namespaces, sc.CLONE_NEWPID)
            pid = sc.fork_plainly()
            if pid == 0:
                return None
            sc.set_namespace(self._own_pids, sc.CLONE_NEWPID)
        except OSError:
            self._inits.kill(init)
            os.close(self._namespaces)
            raise
        os.close(self._namespaces)
        return NamespaceJail(pid, init, self._inits)

    def settle(self) -> None:
        sc.set_namespace(self._namespaces, sc.CLONE_NEWNS)
        # `hidepid` hides the init, which has the code and the command line of the worker.
        sc.mount("proc", "/proc", "proc", sc.PROC_MOUNT_FLAGS, "subset=pid,hidepid=invisible")
        sc.mount("scratch", root.SCRATCH, "tmpfs", sc.SCRATCH_MOUNT_FLAGS, _SCRATCH_OPTIONS)
        os.chdir(root.SCRATCH)
        make_folders()

    def lock_down(self) -> None:
        os.setsid()
        if self._change_identity:
            take_jail_id()
        sc.drop_capabilities()
        sc.prctl(sc.PR_SET_DUMPABLE, 1)  # so that a program can read its own /proc/self


class NamespaceJail(JailFolders):
    """A PID and a mount namespace that end with their init.

    The init has the memory and the capabilities of the worker. A program has none, and the kernel refuses to let a
    process read or trace one that holds capabilities which it lacks, whoever owns it.
    """

    is_fleeting = False

    def __init__(self, pid: int, init: int, inits: sc.NamespaceInits) -> None:
        super().__init__(f"/proc/{init}/root/proc", f"/proc/{init}/root{root.SCRATCH}")
        self.pid, self._init, self._inits = pid, init, inits

    def living(self) -> list[str]:
        return self.processes_but_the_first()

    def used_bytes(self) -> int:
        return self.tmpfs_bytes() + _socket_bytes()

    def kill(self) -> None:
        self._inits.kill(self._init)

    def reap(self) -> None:
        """The kernel ends a PID namespace with its init, which is gone when all others are."""
        self._inits.wait(self._init)


def _socket_bytes() -> int:
    """Bytes that the sockets of the network namespace may hold in the kernel, beyond a handful of sockets."""
    file, num_lines = os.open("/proc/net/unix", os.O_RDONLY | os.O_CLOEXEC), 0
    while part := os.read(file, 1 << 16):
        num_lines += part.count(b"\n")
    os.close(file)
    return max(0, num_lines - _FREE_SOCKETS) * _SOCKET_BYTES


def _build_root(paths: list[str], packages: Mapping[str, str]) -> None:
    for path in paths:
        if path.startswith(root.REPLACED_FOLDERS):
            raise IsolationUnavailable(
                f"the interpreter needs {path}, which lies in a folder that a jail replaces "
                f"({', '.join(root.REPLACED_FOLDERS)}); start with an interpreter that is installed elsewhere"
            )
    try:
        root.build_root(paths, packages)
    except OSError as problem:
        raise IsolationUnavailable(f"cannot build the jail's file tree: {problem}") from problem


def _why_no_namespaces(problem: OSError) -> str:
    advice = "a container's seccomp profile may refuse clone with new namespaces"
    with contextlib.suppress(OSError), open("/proc/sys/user/max_user_namespaces") as file:
        if int(file.read()) == 0:
            advice = "user.max_user_namespaces is 0; an administrator can raise it with sysctl"
    for name, bad in (("unprivileged_userns_clone", "0"), ("apparmor_restrict_unprivileged_userns", "1")):
        with contextlib.suppress(OSError), open(f"/proc/sys/kernel/{name}") as file:
            if file.read().strip() == bad:
                advice = f"kernel.{name} is {bad}"
    return f"cannot create user namespaces ({errno.errorcode.get(problem.errno or 0)}: {problem}); {advice}"
