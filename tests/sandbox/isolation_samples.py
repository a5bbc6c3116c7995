"""Programs of the corpus that tell how well a server isolates, and what a weaker level cannot hold."""

from __future__ import annotations

import shutil
from concurrent.futures import ThreadPoolExecutor

from openqwq.sandbox import Job, SandboxClient, TestCase
from tests.sandbox.corpus import Program

HAS_BUBBLEWRAP = shutil.which("bwrap", path="/usr/bin:/bin:/usr/local/bin") is not None
MODES = (
    Job("print(int(input()) * 2)", tests=(TestCase("4", "8"), TestCase("5", "10"))),
    Job("print(int(input()) * 3)", tests=(TestCase("4", "8"),)),
    Job("def twice(n): return n * 2", mode="call", entry_point="twice", tests=(TestCase([4], 8),)),
    Job("def twice(n): return n * 3", mode="call", entry_point="twice", tests=(TestCase([4], 8),)),
    Job("def twice(n): return n * 2", mode="asserts", entry_point="twice", asserts=("assert twice(4) == 8",)),
    Job("def twice(n): return n * 3", mode="asserts", entry_point="twice", asserts=("assert twice(4) == 8",)),
)
MODE_VERDICTS = ["pass", "fail"] * 3
OPEN_SETTINGS = """
import os
opened = []
for name in ("sys/kernel/core_pattern", "sys/kernel/pid_max", "sys/user/max_user_namespaces", "sysrq-trigger"):
    try: os.close(os.open(f"/proc/{name}", os.O_WRONLY)); opened.append(name)
    except OSError: pass
print(opened)
"""
"""Opened only: what a program writes there would be the host's."""
SEEN_NOT_TOUCHED = {
    "read the test that judges it",
    "read the folder that the server runs in",
    "find a shell",
    "find /sys",
    "know the host by its name",
    "write to any file of the interpreter",
    "find a mount that may be written, beyond its own folders",
}
"""They only look whether something is there, or what its mode says."""
ROOT_WITHOUT_RIGHTS = {
    "become root",
    "become root for real, in effect and saved",
    "join root's group",
    "be root",
    "the user and the home folder",
}
"""Where root alone is mapped, a program has its number, and none of its rights."""
NEED_A_VIEW_OF_THEIR_OWN = {
    "memory in files without a name",
    "memory in socket buffers of many children",
    "processes in a pool",
    "processes by the futures module",
    "a process, a queue and a shared value",
    "a process that is spawned",
    "shared memory between processes",
    "a function that uses processes",
    "children whose parent has ended, in a storm",  # below, bounded
}
"""What has no name is not counted, and there is no /dev/shm."""
NOT_AT_L1 = SEEN_NOT_TOUCHED | ROOT_WITHOUT_RIGHTS | NEED_A_VIEW_OF_THEIR_OWN


def travels(program: Program) -> bool:
    """JSON knows no sets, bytes or keys that are numbers."""
    words = " ".join(repr(part) for test in program.job.tests for part in (test.input, test.output))
    return program.job.mode != "call" or not any(sign in words for sign in ("{", "b'", "set(", "(", "j"))


def sample(programs: tuple[Program, ...], step: int) -> list[Program]:
    return [program for program in programs if travels(program) and program.name not in NOT_AT_L1][::step]


def wrong_verdicts(client: SandboxClient, programs: list[Program]) -> list[str]:
    with ThreadPoolExecutor(2) as threads:
        outcomes = list(threads.map(lambda program: client.run(program.job), programs))
    return [
        f"{program.name}: {outcome.verdict} {outcome.reason[-200:]}"
        for program, outcome in zip(programs, outcomes, strict=True)
        if outcome.verdict != program.verdict
    ]
