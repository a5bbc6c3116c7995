"""A program cannot put a process beside its own: the worker, which would be its parent, waits for no such child."""

from __future__ import annotations

import pytest

from openqwq.sandbox import Job, LocalSandbox, TestCase
from openqwq.sandbox.isolation.syscalls import number_of

SIBLING = """
import ctypes, os, signal, threading
libc = ctypes.CDLL(None, use_errno=True)

def clone(flags):
    pid = libc.syscall(NUMBER, flags | signal.SIGCHLD, 0, 0, 0, 0)
    if pid == 0:
        os._exit(0)
    return pid
"""
CLONE_PARENT, CLONE_UNTRACED = 0x8000, 0x800000


def outcome_of(sandbox: LocalSandbox, lines: str) -> str:
    code = SIBLING.replace("NUMBER", str(number_of("clone"))) + lines
    outcome = sandbox.run(Job(code, tests=(TestCase("", "done"),)))
    assert outcome.verdict == "pass", outcome.reason
    return outcome.verdict


@pytest.mark.parametrize("flags", [CLONE_PARENT, CLONE_PARENT | CLONE_UNTRACED])
def test_a_sibling_is_refused_and_the_program_is_judged(sandbox: LocalSandbox, flags: int) -> None:
    outcome_of(sandbox, f"assert clone({flags}) == -1 and ctypes.get_errno() == 1\nprint('done')")


def test_processes_and_threads_of_its_own_are_as_before(sandbox: LocalSandbox) -> None:
    own = "pid = clone(0)\nassert os.waitpid(pid, 0) == (pid, 0)\nt = threading.Thread(target=print, args=('done',))\n"
    outcome_of(sandbox, own + "t.start(); t.join()")
