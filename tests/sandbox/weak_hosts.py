"""Hosts that can isolate less, made by code that runs before a server."""

from __future__ import annotations

import subprocess
import sys

from benchmarks.server_process import ROOT, SERVE, START_SECONDS

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


def end_of(words: list[str], preparation: str = "") -> subprocess.CompletedProcess[str]:
    """How a server ends that should not start."""
    command = [sys.executable, "-c", preparation + SERVE, "--port", "0", "--workers", "1", *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=START_SECONDS, cwd=ROOT, check=False)
