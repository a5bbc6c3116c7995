"""What this host can really isolate, found by trying attacks inside a real jail. Versions are never looked at.

Levels: L2 `ns+seccomp` is what this package offers. A host where one attack works is below it, and a server that
requires L2 does not start there. L3 (cgroup limits on top) is not offered yet.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import tempfile
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from openqwq.sandbox.jobs import Job, Limits, Outcome, TestCase
from openqwq.sandbox.pool import CannotIsolate, SandboxPool
from openqwq.sandbox.worker import WorkerLost

T = TypeVar("T")
_USUAL_LIMITS = Limits(2.0, 256)
LEVELS = ("L0", "L1", "L2")
FULL_LEVEL = "L2"
LEVEL_MEANINGS = {
    "L3": "namespaces, system call filter and cgroup limits (not offered by this version)",
    "L2": "namespaces and system call filter",
    "L1": "Landlock and system call filter without namespaces (not offered by this version)",
    "L0": "resource limits only (not offered: it holds nobody)",
}


@dataclass(frozen=True)
class ProbeResult:
    """One attack and whether the jail held."""

    name: str
    is_held: bool
    detail: str = ""


class IsolationTooWeak(RuntimeError):
    """The level that was required is not reached; the message names the attack that worked."""


@dataclass(frozen=True)
class _Attack:
    name: str
    code: str
    limits: Limits = _USUAL_LIMITS
    num_runs: int = 1
    """Tests of the one program; each must print `held`."""
    may_be_stopped: bool = False
    """Being stopped at a limit is as good."""


_ATTACKS = (
    _Attack("a program runs and prints", "print('held')"),
    _Attack("read a file of the host", "import os\nprint('worked' if os.path.exists(CANARY) else 'held')"),
    _Attack(
        "see a process of the host",
        "import os\ntry: os.kill(HOST_PID, 0); print('worked')\n"
        "except OSError: print('worked' if os.path.exists(f'/proc/{HOST_PID}/stat') else 'held')",
    ),
    _Attack(
        "connect to a listener of the host",
        "import socket\ntry: socket.create_connection(('127.0.0.1', PORT), 1); print('worked')\n"
        "except OSError: print('held')",
    ),
    _Attack(
        "create namespaces or mounts",
        "import ctypes\nlibc = ctypes.CDLL(None, use_errno=True)\n"
        "worked = [libc.unshare(flag) == 0 for flag in (0x10000000, 0x20000, 0x40000000)]\n"
        "worked.append(libc.mount(b'none', b'/tmp', b'tmpfs', 0, None) == 0)\n"
        "worked.append(libc.umount2(b'/proc', 2) == 0)\nprint('worked' if any(worked) else 'held')",
    ),
    _Attack(
        "take control of the jail's first process",
        "import os, ctypes\nfor name in ('mem', 'environ', 'root/etc'):\n"
        "    try: os.listdir('/proc/1/root') if '/' in name else open('/proc/1/' + name, 'rb').read(1)\n"
        "    except OSError: continue\n    print('worked'); break\nelse:\n"
        "    print('worked' if ctypes.CDLL(None).ptrace(16, 1, 0, 0) == 0 else 'held')",
    ),
    _Attack(
        "write outside of the temporary folder",
        "import os\nworked = False\nfor folder in ('/', '/etc', '/dev', '/empty', os.path.dirname(os.__file__)):\n"
        "    try: open(folder + '/mark', 'w'); worked = True\n    except OSError: pass\n"
        "print('worked' if worked else 'held')",
    ),
    _Attack(
        "leave a file or a process for the next test",
        "import os, time\nseen = os.path.exists('/tmp/mark') or os.getpid() != 2 or len(os.listdir('/proc')) > 8 "
        "and any(name.isdigit() and int(name) > 2 for name in os.listdir('/proc'))\n"
        "open('/tmp/mark', 'w').close()\nif os.fork() == 0: os.setsid(); time.sleep(60)\n"
        "print('worked' if seen else 'held')",
        num_runs=2,
    ),
    _Attack(
        "survive as a daemon",
        "import os, time\nif os.fork() == 0:\n    os.setsid()\n    if os.fork() == 0:\n"
        "        open('/proc/self/comm', 'w').write(MARK); time.sleep(60)\n    os._exit(0)\n"
        "os.wait(); time.sleep(0.05); print('held')",
    ),
    _Attack(
        "use more memory than allowed",
        "x = []\nwhile len(x) < 32: x.append(b'x' * (32 << 20))\nprint('worked')",
        Limits(4.0, 128),
        may_be_stopped=True,
    ),
    _Attack(
        "use more memory than allowed with many processes",
        "import os, time\nreader, writer = os.pipe()\nfor _ in range(4):\n    if os.fork() == 0:\n"
        "        x = b'x' * (100 << 20); os.write(writer, b'+'); time.sleep(9); os._exit(0)\n"
        "for _ in range(4): os.read(reader, 1)\ntime.sleep(0.5); print('worked')",
        Limits(4.0, 256),
        may_be_stopped=True,
    ),
    _Attack(
        "start processes without end",
        "import os, time\nstarted = 0\ntry:\n    while started < 300:\n"
        "        if os.fork() == 0: time.sleep(9); os._exit(0)\n        started += 1\n"
        "except OSError: print('held')\nelse: print('worked')",
        Limits(4.0, 512),
    ),
)


async def attack(pool: SandboxPool) -> list[ProbeResult]:
    """Try every attack on a started pool."""
    mark = f"probe{os.getpid()}"[:15]
    with (
        tempfile.NamedTemporaryFile(suffix=".canary") as canary,
        socket.create_server(("127.0.0.1", 0)) as listener,
    ):
        os.chmod(canary.name, 0o644)
        listener.setblocking(False)
        facts = {
            "CANARY": repr(canary.name),
            "HOST_PID": str(os.getpid()),
            "PORT": str(listener.getsockname()[1]),
            "MARK": repr(mark),
        }
        header = "".join(f"{name} = {value}\n" for name, value in facts.items())
        results = list(await asyncio.gather(*(_try(pool, one, header) for one in _ATTACKS)))
        with contextlib.suppress(BlockingIOError):
            listener.accept()
            results.append(ProbeResult("connect to a listener of the host", False, "a connection arrived"))
    if await asyncio.to_thread(_is_alive_after, mark, 2.0):
        results.append(ProbeResult("survive as a daemon", False, "its process still runs on the host"))
    return results


async def _try(pool: SandboxPool, one: _Attack, header: str) -> ProbeResult:
    """A second try when the first told nothing (a loaded host can make any program pass a time limit)."""
    job = _job(one, header)
    outcome = await pool.run(job, wait_for_room=True)
    has_worked = any(test.status == "wrong_output" for test in outcome.tests)
    result = _result(one, outcome)
    if result.is_held or has_worked:
        return result
    return _result(one, await pool.run(job, wait_for_room=True))


def _job(one: _Attack, header: str) -> Job:
    return Job(header + one.code, tests=(TestCase("", "held\n"),) * one.num_runs, limits=one.limits)


def _result(one: _Attack, outcome: Outcome) -> ProbeResult:
    is_stopped = any(test.status in ("memory_limit", "time_limit") for test in outcome.tests)
    if outcome.verdict == "pass" or (one.may_be_stopped and is_stopped):
        return ProbeResult(one.name, True)
    return ProbeResult(one.name, False, outcome.reason)


def _is_alive_after(mark: str, seconds: float) -> bool:
    """Is a process of this name still on the host? The kernel may need a moment to end a jail."""
    pause = threading.Event()
    for _ in range(int(seconds / 0.05)):
        if not any(_comm(name) == mark for name in os.listdir("/proc") if name.isdigit()):
            return False
        pause.wait(0.05)
    return True


def _comm(pid: str) -> str:
    try:
        with open(f"/proc/{pid}/comm") as file:
            return file.read().strip()
    except OSError:
        return ""


async def open_pool(num_workers: int | None, queue_limit: int, require_isolation: str) -> SandboxPool:
    """A started pool whose jail held against every attack, or IsolationTooWeak."""
    if require_isolation not in LEVELS:
        raise IsolationTooWeak(_too_weak(require_isolation, FULL_LEVEL, "that level is not offered by this version"))
    pool = SandboxPool(num_workers, queue_limit)
    try:
        await pool.start()
    except (CannotIsolate, WorkerLost) as problem:
        raise IsolationTooWeak(_too_weak(require_isolation, "L0", f"build a jail: {problem}")) from problem
    broken = [result for result in await attack(pool) if not result.is_held]
    if broken:
        await pool.stop()
        words = "; ".join(f"{result.name} ({result.detail})" for result in broken)
        raise IsolationTooWeak(_too_weak(require_isolation, "L0", f"the jail did not hold: {words}"))
    pool.isolation = FULL_LEVEL
    return pool


def _too_weak(required: str, reached: str, why: str) -> str:
    return (
        f"isolation {required} ({LEVEL_MEANINGS.get(required, 'unknown level')}) is required, this host reaches "
        f"{reached} ({LEVEL_MEANINGS[reached]}); failed: {why}. `openqwq sandbox check` tries again."
    )


def check_host() -> list[ProbeResult]:
    """Try to build a jail here and attack it; the first result is whether a jail can be built at all."""

    async def run() -> list[ProbeResult]:
        pool = SandboxPool(1)
        try:
            await pool.start()
        except (CannotIsolate, WorkerLost) as problem:
            return [ProbeResult("build a jail", False, str(problem))]
        try:
            return [ProbeResult("build a jail", True), *await attack(pool)]
        finally:
            await pool.stop()

    return _in_own_thread(lambda: asyncio.run(run()))


def _in_own_thread(body: Callable[[], T]) -> T:
    """Works also where an event loop runs already (a notebook)."""
    results: list[T] = []
    problems: list[BaseException] = []

    def target() -> None:
        try:
            results.append(body())
        except BaseException as problem:
            problems.append(problem)

    thread = threading.Thread(target=target, name="sandbox-check")
    thread.start()
    thread.join()
    if problems:
        raise problems[0]
    return results[0]


def describe_host() -> str:
    """`check_host` in words, for people."""
    results = check_host()
    lines = ["Attacks tried inside a jail on this host:"]
    for result in results:
        lines.append(f"  {'held  ' if result.is_held else 'BROKEN'}  {result.name}" + f"  {result.detail}".rstrip())
    level = FULL_LEVEL if all(result.is_held for result in results) else "L0"
    lines.append(f"Isolation level: {level}, {LEVEL_MEANINGS[level]}.")
    if level != FULL_LEVEL:
        lines.append("A sandbox server does not start here, because it requires L2.")
    return "\n".join(lines)
