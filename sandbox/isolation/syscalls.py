"""The Linux system calls that the standard library does not wrap, by ctypes.

Every function raises OSError with the name of the call and its arguments. No policy is decided here.
"""

from __future__ import annotations

import ctypes
import mmap
import os
import signal
import struct
from collections import deque

CLONE_VM = 0x00000100
CLONE_FILES = 0x00000400
CLONE_NEWNS = 0x00020000
CLONE_NEWUTS = 0x04000000
CLONE_NEWIPC = 0x08000000
CLONE_NEWUSER = 0x10000000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000

MS_RDONLY = 1
MS_NOSUID = 2
MS_NODEV = 4
MS_NOEXEC = 8
MS_REMOUNT = 32
MS_NOATIME = 1024
MS_BIND = 4096
MS_REC = 16384
MS_PRIVATE = 1 << 18
MNT_DETACH = 2

INIT_FLAGS = CLONE_VM | CLONE_FILES | CLONE_NEWNS | CLONE_NEWPID
PROC_MOUNT_FLAGS = MS_NOSUID | MS_NODEV | MS_NOEXEC
SCRATCH_MOUNT_FLAGS = MS_NOSUID | MS_NODEV | MS_NOATIME
"""The calls of a worker after its filter is installed; the filter allows them with these arguments only."""

MOUNT_ATTR_RDONLY = 1
MOUNT_ATTR_NOSUID = 2
MOUNT_ATTR_NODEV = 4
AT_FDCWD = -100
AT_RECURSIVE = 0x8000

PR_SET_PDEATHSIG = 1
PR_SET_DUMPABLE = 4
PR_SET_SECCOMP = 22
PR_CAPBSET_DROP = 24
PR_SET_CHILD_SUBREAPER = 36
PR_SET_SECUREBITS = 28
PR_SET_NO_NEW_PRIVS = 38
SECCOMP_MODE_FILTER = 2
SECBITS_NO_ROOT_LOCKED = 0b11

_NUMBERS = {
    "x86_64": {"clone": 56, "pivot_root": 155, "mount_setattr": 442, "capset": 126, "landlock": 444},
    "aarch64": {"clone": 220, "pivot_root": 41, "mount_setattr": 442, "capset": 91, "landlock": 444},
}
MACHINE = os.uname().machine
_numbers = _NUMBERS.get(MACHINE, {})

_libc = ctypes.CDLL(None, use_errno=True)
# PyDLL keeps the GIL during the call: no other thread may hold interpreter state during a fork.
_libc_with_gil = ctypes.PyDLL(None, use_errno=True)
for _name in ("PyOS_BeforeFork", "PyOS_AfterFork_Parent", "PyOS_AfterFork_Child"):
    getattr(ctypes.pythonapi, _name).restype = None
_libc.syscall.restype = ctypes.c_long
_libc_with_gil.syscall.restype = ctypes.c_long
_libc.mount.argtypes = (
    ctypes.c_char_p,
    ctypes.c_char_p,
    ctypes.c_char_p,
    ctypes.c_ulong,
    ctypes.c_char_p,
)
_libc_with_gil.clone.argtypes = (ctypes.c_void_p, ctypes.c_void_p, ctypes.c_int, ctypes.c_void_p)
_libc.umount2.argtypes = (ctypes.c_char_p, ctypes.c_int)
_libc.prctl.argtypes = (ctypes.c_int, ctypes.c_ulong, ctypes.c_ulong, ctypes.c_ulong, ctypes.c_ulong)


# glibc 2.34 and later: fork without handlers, but with the thread id that signals and mutexes need.
_fork = getattr(_libc_with_gil, "_Fork", None)


class _FilterProgram(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("instructions", ctypes.c_char_p))


def _check(result: int, what: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")
    return result


def number_of(name: str) -> int:
    """The number of a system call on this machine; NotImplementedError on a machine type without a table."""
    if name not in _numbers:
        raise NotImplementedError(f"no system call table for machine type {MACHINE!r}; x86_64 and aarch64 work")
    return _numbers[name]


def clone(flags: int) -> int:
    """`fork` into new namespaces in one call: the child is pid 1 when CLONE_NEWPID is among the flags."""
    number = number_of("clone")
    ctypes.pythonapi.PyOS_BeforeFork()
    zero = ctypes.c_ulong(0)
    pid = int(_libc_with_gil.syscall(number, ctypes.c_ulong(flags | signal.SIGCHLD), zero, zero, zero, zero))
    if pid == 0:
        ctypes.pythonapi.PyOS_AfterFork_Child()
        return 0
    ctypes.pythonapi.PyOS_AfterFork_Parent()
    return _check(pid, f"clone(flags={flags:#x})")


def fork_plainly() -> int:
    """`fork` without the interpreter's and the C library's fork handlers.

    They renew locks and random states, at half the price of the fork itself. Only for a process with one thread;
    the child must renew what it uses (`random`).
    """
    return _check(int(_fork()), "fork()") if _fork is not None else os.fork()


class NamespaceInits:
    """Starts the init (pid 1) of a new PID and mount namespace: a process that only keeps them open.

    It shares the memory and descriptors of the worker and sleeps in `pause` on a stack of its own, so it needs neither
    a copy of the page tables nor an interpreter. The worker must have no signal handler, because a program can send pid
    1 the signals that have one. The kernel takes a moment to end it; the worker does not wait for that.
    """

    _STACK_BYTES = 64 << 10

    def __init__(self, count: int = 8) -> None:
        self._stacks = mmap.mmap(-1, count * self._STACK_BYTES)
        self._stacks.madvise(mmap.MADV_DONTFORK)  # only the inits use them, and each mapping costs at a fork
        first = ctypes.addressof(ctypes.c_char.from_buffer(self._stacks))
        self._free = [first + number * self._STACK_BYTES for number in range(count)]
        self._ending: deque[tuple[int, int]] = deque()
        self._living: dict[int, int] = {}
        self._pause = ctypes.cast(_libc.pause, ctypes.c_void_p)

    def start(self) -> int:
        """Start one; its pid in this namespace."""
        while self._ending and os.waitpid(self._ending[0][0], 0 if not self._free else os.WNOHANG)[0]:
            self._free.append(self._ending.popleft()[1])
        stack = self._free.pop()
        top = stack + self._STACK_BYTES - 64
        pid = int(_libc_with_gil.clone(self._pause, top, INIT_FLAGS | signal.SIGCHLD, None))
        if pid < 0:
            self._free.append(stack)
        self._living[_check(pid, f"clone(flags={INIT_FLAGS:#x})")] = stack
        return pid

    def kill(self, pid: int) -> None:
        """Start to end it, and with it all processes in its namespace."""
        os.kill(pid, signal.SIGKILL)
        self._ending.append((pid, self._living.pop(pid)))

    def wait(self, pid: int) -> None:
        """After `kill`, and after the children in its namespace were waited for: wait until all in it have ended."""
        while any(pid == one for one, _ in self._ending):
            first, stack = self._ending.popleft()
            os.waitpid(first, 0)
            self._free.append(stack)


def set_namespace(descriptor: int, kind: int) -> None:
    """Enter the namespace of this kind; for CLONE_NEWPID only later children enter it."""
    _check(_libc.setns(descriptor, kind), f"setns({descriptor}, {kind:#x})")


def mount(source: str, target: str, kind: str | None, flags: int, options: str | None = None) -> None:
    result = _libc.mount(
        source.encode(),
        target.encode(),
        kind.encode() if kind else None,
        flags,
        options.encode() if options else None,
    )
    _check(result, f"mount({source!r}, {target!r}, {kind!r}, {flags:#x})")


def unmount(target: str) -> None:
    _check(_libc.umount2(target.encode(), MNT_DETACH), f"umount2({target!r})")


def make_read_only(target: str, allow_devices: bool = False) -> None:
    """Make a mount and all below it read-only and nosuid (and nodev)."""
    attributes = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | (0 if allow_devices else MOUNT_ATTR_NODEV)
    data = struct.pack("QQQQ", attributes, 0, 0, 0)
    result = _libc.syscall(
        number_of("mount_setattr"), AT_FDCWD, target.encode(), AT_RECURSIVE, data, ctypes.c_size_t(len(data))
    )
    _check(result, f"mount_setattr({target!r}, read-only)")


def make_read_only_here() -> None:
    """Make the mount of the current directory read-only, without those below it."""
    mount("none", ".", None, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID)


def pivot_root_here() -> None:
    """Make the current directory (a mount point) the root, and drop the old root."""
    _check(_libc.syscall(number_of("pivot_root"), b".", b"."), "pivot_root")
    unmount(".")
    os.chdir("/")


def prctl(option: int, first: int = 0) -> None:
    _check(_libc.prctl(option, first, 0, 0, 0), f"prctl({option}, {first})")


def drop_bounding_set() -> None:
    """Take every capability out of the bounding set: no program that is executed later can gain one."""
    capability = 0
    while _libc.prctl(PR_CAPBSET_DROP, capability, 0, 0, 0) == 0:
        capability += 1


def drop_capabilities() -> None:
    header = struct.pack("Ii", 0x20080522, 0)
    _check(_libc.syscall(number_of("capset"), header, bytes(24)), "capset")


def install_filter(instructions: bytes) -> None:
    """Install a seccomp BPF filter; needs no_new_privs."""
    program = _FilterProgram(len(instructions) // 8, instructions)
    address = ctypes.addressof(program)
    result = _libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, address, 0, 0)
    _check(result, f"prctl(PR_SET_SECCOMP, {len(instructions) // 8} instructions)")


_LANDLOCK_CREATE_RULESET, _LANDLOCK_ADD_RULE, _LANDLOCK_RESTRICT_SELF = 0, 1, 2
_LANDLOCK_VERSION, _LANDLOCK_PATH_BENEATH = 1, 1


def landlock_version() -> int:
    """The kernel's Landlock ABI; 0 where there is none."""
    number = _numbers.get("landlock")
    version = -1 if number is None else _libc.syscall(number + _LANDLOCK_CREATE_RULESET, None, ctypes.c_size_t(0), 1)
    return max(0, int(version))


def landlock_ruleset(files: int, network: int, scoped: int, version: int) -> int:
    """A descriptor of a ruleset that handles these rights; fields that the ABI version does not know are left out."""
    data = struct.pack("QQQ", files, network, scoped)[: 8 if version < 4 else 16 if version < 6 else 24]
    number = number_of("landlock") + _LANDLOCK_CREATE_RULESET
    return _check(int(_libc.syscall(number, data, ctypes.c_size_t(len(data)), 0)), "landlock_create_ruleset")


def landlock_allow(ruleset: int, path: str, rights: int) -> None:
    """Allow these rights on a path and all below it."""
    descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        data = struct.pack("=Qi", rights, descriptor)
        number = number_of("landlock") + _LANDLOCK_ADD_RULE
        result = _libc.syscall(number, ruleset, _LANDLOCK_PATH_BENEATH, data, 0)
        _check(int(result), f"landlock_add_rule({path!r}, {rights:#x})")
    finally:
        os.close(descriptor)


def landlock_restrict_self(ruleset: int) -> None:
    """Restrict this process and its children for good; needs no_new_privs."""
    result = _libc.syscall(number_of("landlock") + _LANDLOCK_RESTRICT_SELF, ruleset, 0)
    _check(int(result), "landlock_restrict_self")
