"""Walls: entering the namespaces once a worker, a fresh view once a program, a locked-down process once a test.

Who calls what: the worker's launcher `enter_namespaces`, the jail's pid 1 `open_box`, the test's process
`lock_down`. Nothing here knows of tests or verdicts.
"""

from __future__ import annotations

import contextlib
import errno
import os
import resource
import signal
from dataclasses import dataclass

from openqwq.sandbox import jail_root
from openqwq.sandbox import syscalls as sc

JAIL_ID = 65534
"""User and group id of a program, as it sees itself; also on the host when the server runs as root."""
MAX_PROCESSES = 128
MAX_OPEN_FILES = 256
STACK_BYTES = 256 << 20
TEMPORARY_BYTES = 64 << 20

_WORKER_NAMESPACES = (
    sc.CLONE_NEWUSER | sc.CLONE_NEWNS | sc.CLONE_NEWPID | sc.CLONE_NEWNET | sc.CLONE_NEWIPC | sc.CLONE_NEWUTS
)
_PROGRAM_NAMESPACES = sc.CLONE_NEWNS | sc.CLONE_NEWPID


class JailUnavailable(RuntimeError):
    """This host does not let us build a jail; the message says which step failed and what usually helps."""


@dataclass(frozen=True)
class Identity:
    """Which ids a test's process takes. `change` is False where the host maps only one id into the jail."""

    change: bool


def enter_namespaces() -> tuple[int, Identity]:
    """Clone into fresh namespaces. In the parent: (pid, ...). In the child: (0, ...), pid 1, ids mapped.

    A root server maps a second, unprivileged id for the programs. Any other user can map only itself, and
    appears as JAIL_ID inside.
    """
    is_root = os.geteuid() == 0
    ready, go = os.pipe()
    try:
        pid = sc.clone(_WORKER_NAMESPACES)
    except OSError as problem:
        raise JailUnavailable(_why_no_namespaces(problem)) from problem
    if pid == 0:
        os.close(go)
        answer = os.read(ready, 1)
        os.close(ready)
        if answer != b"+":
            os._exit(1)
        sc.prctl(sc.PR_SET_PDEATHSIG, signal.SIGKILL)
        return 0, Identity(change=is_root)
    os.close(ready)
    try:
        _map_ids(pid, is_root)
    except OSError as problem:
        os.close(go)
        os.waitpid(pid, 0)
        raise JailUnavailable(f"cannot map user ids into the namespace: {problem}") from problem
    os.write(go, b"+")
    os.close(go)
    return pid, Identity(change=is_root)


def _map_ids(pid: int, is_root: bool) -> None:
    for name, own in (("uid_map", os.geteuid()), ("gid_map", os.getegid())):
        if is_root:
            text = f"0 {own} 1\n{JAIL_ID} {JAIL_ID} 1\n"
        else:
            with open(f"/proc/{pid}/setgroups", "w") as file:
                file.write("deny")
            text = f"{JAIL_ID} {own} 1\n"
        with open(f"/proc/{pid}/{name}", "w") as file:
            file.write(text)


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


def build_worker_root(paths: list[str]) -> None:
    """Second step in the worker: the read-only root; no program started from here on can gain a capability."""
    for path in paths:
        if path.startswith(jail_root.REPLACED_FOLDERS):
            raise JailUnavailable(
                f"the interpreter needs {path}, which lies in a folder that a jail replaces "
                f"({', '.join(jail_root.REPLACED_FOLDERS)}); start with an interpreter that is installed elsewhere"
            )
    try:
        jail_root.build_root(paths)
        sc.drop_bounding_set()
        sc.prctl(sc.PR_SET_SECUREBITS, sc.SECBITS_NO_ROOT_LOCKED)
        sc.prctl(sc.PR_SET_NO_NEW_PRIVS, 1)
        sc.prctl(sc.PR_SET_DUMPABLE, 0)
    except OSError as problem:
        raise JailUnavailable(f"cannot build the jail's file tree: {problem}") from problem


def clone_program_jail() -> int:
    """Fork the jail of one program: own PID and mount namespaces. Returns 0 in its pid 1."""
    return sc.clone(_PROGRAM_NAMESPACES)


class Box:
    """The writable part of a program's jail: a tmpfs, replaced when a test left a trace in it."""

    def __init__(self) -> None:
        sc.mount("proc", "/proc", "proc", sc.MS_NOSUID | sc.MS_NODEV | sc.MS_NOEXEC, "subset=pid")
        self._fill()

    def _fill(self) -> None:
        options = f"size={TEMPORARY_BYTES},nr_inodes=4096,mode=755"
        sc.mount("box", jail_root.BOX, "tmpfs", sc.MS_NOSUID | sc.MS_NODEV | sc.MS_NOATIME, options)
        for name in jail_root.BOX_FOLDERS:
            path = f"{jail_root.BOX}/{name}"
            os.mkdir(path)
            os.chmod(path, 0o1777)
        self._fresh = self._state()

    def _state(self) -> tuple[int, ...]:
        # A program cannot set ctime, so an unchanged one means that nothing was created, removed or renamed.
        times = [os.stat(f"{jail_root.BOX}/{name}").st_ctime_ns for name in jail_root.BOX_FOLDERS]
        usage = os.statvfs(jail_root.BOX)
        return (*times, usage.f_ffree, usage.f_bfree)

    def used_bytes(self) -> int:
        usage = os.statvfs(jail_root.BOX)
        return (usage.f_blocks - usage.f_bfree) * usage.f_frsize

    def clean(self) -> None:
        if self._state() != self._fresh:
            sc.unmount(jail_root.BOX)
            self._fill()


def lock_down(identity: Identity, memory_mb: int, time_seconds: float, output_bytes: int, filter_: bytes) -> None:
    """Give up everything in the calling process, for good. Only the program's code comes after this."""
    os.setsid()
    os.umask(0o022)
    os.chdir(f"{jail_root.BOX}/work")
    whole_seconds = int(time_seconds) + 2
    for kind, value in (
        # The total is polled by pid 1; these bound how far one process can get between two looks. Address
        # space is generous because threads reserve far more of it than they use.
        (resource.RLIMIT_AS, (2 * memory_mb + 1024) << 20),
        (resource.RLIMIT_CPU, whole_seconds),
        (resource.RLIMIT_FSIZE, max(output_bytes, TEMPORARY_BYTES)),
        (resource.RLIMIT_STACK, STACK_BYTES),
        (resource.RLIMIT_NPROC, MAX_PROCESSES),
        (resource.RLIMIT_NOFILE, MAX_OPEN_FILES),
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_MEMLOCK, 1 << 20),
    ):
        _, hard = resource.getrlimit(kind)
        value = value if hard == resource.RLIM_INFINITY else min(value, hard)
        resource.setrlimit(kind, (value, value))
    if identity.change:
        os.setgroups([])
        os.setresgid(JAIL_ID, JAIL_ID, JAIL_ID)
        os.setresuid(JAIL_ID, JAIL_ID, JAIL_ID)
    sc.drop_capabilities()
    sc.prctl(sc.PR_SET_DUMPABLE, 1)  # its own /proc/self must be readable to it
    sc.prctl(sc.PR_SET_NO_NEW_PRIVS, 1)
    sc.install_filter(filter_)
