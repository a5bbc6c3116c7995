"""What this host can isolate, found by attacks inside a real jail. Versions are not compared.

The backends are tried from the strongest to the weakest; the level is the highest all of whose attacks were held.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import tempfile
import threading
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from openqwq.sandbox.attacks import ATTACKS, Attack
from openqwq.sandbox.isolation.build import KINDS
from openqwq.sandbox.jobs import Job, Outcome, TestCase
from openqwq.sandbox.languages import languages
from openqwq.sandbox.pool import CannotIsolate, SandboxPool
from openqwq.sandbox.worker import WorkerLost

T = TypeVar("T")
LEVELS = ("L0", "L1", "L2", "L3")
DEFAULT_LEVEL = "L2"
LEVEL_MEANINGS = {
    "L3": "namespaces, system call filter, and limits held by control groups",
    "L2": "namespaces and system call filter, memory total looked at",
    "L1": "Landlock and system call filter, without namespaces",
    "L0": "resource limits only: no protection against hostile programs",
}
_STRONG_KINDS = ("namespaces", "bubblewrap")
"""The backends that can reach L2; where L2 is required, no weaker one is tried."""


@dataclass(frozen=True)
class ProbeResult:
    """One attack and whether the jail held."""

    name: str
    level: str
    """The lowest level at which the attack must be held."""
    is_held: bool
    detail: str = ""


@dataclass(frozen=True)
class HostCheck:
    """The attacks that one isolation backend held on this host."""

    backend: str
    """The isolation backend, one of `KINDS`."""
    level: str
    """The level that is reached; empty when no jail can be built."""
    results: tuple[ProbeResult, ...]

    @property
    def walls(self) -> str:
        """`backend` by its name of version 0.1."""
        warnings.warn("HostCheck.walls is now HostCheck.backend", FutureWarning, stacklevel=2)
        return self.backend

    @property
    def broken(self) -> list[ProbeResult]:
        return [result for result in self.results if not result.is_held]


class IsolationTooWeak(RuntimeError):
    """The required level is not reached; the message names the attacks that worked."""


async def attack(pool: SandboxPool) -> list[ProbeResult]:
    """Try every attack on a started pool."""
    mark = f"probe{os.getpid()}"[:15]
    with (
        tempfile.NamedTemporaryFile(suffix=".canary") as canary,
        tempfile.TemporaryDirectory(prefix="probe-") as folder,
        socket.create_server(("127.0.0.1", 0)) as listener,
        socket.socket(socket.AF_UNIX) as unix_listener,
    ):
        os.chmod(folder, 0o755)
        unix_listener.bind(f"{folder}/socket")
        os.chmod(f"{folder}/socket", 0o777)
        unix_listener.listen(16)
        os.chmod(canary.name, 0o644)
        listener.setblocking(False)
        facts = {
            "CANARY": repr(canary.name),
            "HOST_PID": str(os.getpid()),
            "PORT": str(listener.getsockname()[1]),
            "SOCKET": repr(f"{folder}/socket"),
            "MARK": repr(mark),
        }
        header = "".join(f"{name} = {value}\n" for name, value in facts.items())
        results = list(await asyncio.gather(*(_try(pool, one, header) for one in ATTACKS)))
        for left in (f"/dev/shm/{mark}", f"{tempfile.gettempdir()}/{mark}"):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(left)
        with contextlib.suppress(BlockingIOError):
            listener.accept()
            results.append(ProbeResult("connect to a listener of the host", "L1", False, "a connection arrived"))
    if await asyncio.to_thread(_is_alive_after, mark, 2.0):
        results.append(ProbeResult("survive as a daemon", "L0", False, "its process still runs on the host"))
    return results


def level_of(results: Sequence[ProbeResult]) -> str:
    """The highest level below which nothing is broken."""
    broken = [result.level for result in results if not result.is_held]
    held = [level for level in LEVELS if not any(lowest <= level for lowest in broken)]
    return held[-1] if held else ""


async def _try(pool: SandboxPool, one: Attack, header: str) -> ProbeResult:
    """Try an attack, and once more when the first try showed nothing: on a loaded host any program may pass a time
    limit."""
    if one.level == "L3" and not pool.has_control_groups:
        return ProbeResult(one.name, one.level, False, "the host lends no control group")
    job = Job(header + one.code, tests=(TestCase("", "held\n"),) * one.num_runs, limits=one.limits)
    outcome = await pool.run(job, wait_for_room=True)
    has_worked = any(test.status == "wrong_output" for test in outcome.tests)
    result = _result(one, outcome)
    if result.is_held or has_worked:
        return result
    return _result(one, await pool.run(job, wait_for_room=True))


def _result(one: Attack, outcome: Outcome) -> ProbeResult:
    limits = ("memory_limit", "time_limit", "process_limit")
    is_stopped = any(test.status in limits for test in outcome.tests)
    is_held = outcome.verdict == "pass" or (one.may_be_stopped and is_stopped)
    return ProbeResult(one.name, one.level, is_held, "" if is_held else outcome.reason)


def _is_alive_after(mark: str, seconds: float) -> bool:
    """True when a process of this name still runs on the host. The kernel may need a moment to end a jail."""
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


async def open_pool(
    num_workers: int | None, queue_limit: int, require_isolation: str, kinds: Sequence[str] | None = None
) -> SandboxPool:
    """A started pool on the strongest backend that reaches the required level. Raises IsolationTooWeak.

    `kinds` names the backends to try; by default all that can reach the level.
    """
    if require_isolation not in LEVELS:
        allowed = ", ".join(LEVELS)
        raise IsolationTooWeak(f"isolation {require_isolation!r} is no level; allowed: {allowed}")
    checks = []
    for kind in kinds or (_STRONG_KINDS if require_isolation >= "L2" else KINDS):
        pool = SandboxPool(num_workers, queue_limit, kind)
        check = await _check(pool)
        if check.level >= require_isolation:
            pool.isolation = check.level
            return pool
        await pool.stop()
        checks.append(check)
    raise IsolationTooWeak(_too_weak(require_isolation, checks))


async def _check(pool: SandboxPool) -> HostCheck:
    """Start a pool and attack it."""
    try:
        await pool.start()
    except (CannotIsolate, WorkerLost) as problem:
        return HostCheck(pool.backend, "", (ProbeResult("build a jail", "L0", False, str(problem)),))
    results = await attack(pool)
    return HostCheck(pool.backend, level_of(results), tuple(results))


def _too_weak(required: str, checks: Sequence[HostCheck]) -> str:
    reached = max((check.level for check in checks), default="") or "none"
    whys = []
    for check in checks:
        worked = [result for result in check.broken if result.level <= required]
        words = "; ".join(f"{result.name} ({result.detail})" for result in worked)
        whys.append(
            f"with {check.backend}, the jail did not hold: {words}" if check.level else f"with {check.backend}: {words}"
        )
    return (
        f"isolation {required} ({LEVEL_MEANINGS[required]}) is required, this host reaches {reached}. "
        f"{' '.join(whys)}. `openqwq sandbox check` tries again and shows what --require-isolation could be."
    )


def check_host(kinds: Sequence[str] = KINDS) -> list[HostCheck]:
    """Build a jail with every isolation backend here, and attack it."""

    async def run() -> list[HostCheck]:
        checks = []
        for kind in kinds:
            pool = SandboxPool(1, backend=kind)
            checks.append(await _check(pool))
            await pool.stop()
        return checks

    return _in_own_thread(lambda: asyncio.run(run()))


def _in_own_thread(body: Callable[[], T]) -> T:
    """Run the body in a thread of its own, since an event loop may run already (a notebook)."""
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
    """The result of `check_host` as text for people."""
    checks = check_host()
    lines = ["Attacks tried inside real jails on this host:"]
    for check in checks:
        lines.append(f"isolation by {check.backend}, level reached: {check.level or 'none'}")
        for result in check.results:
            state = "held  " if result.is_held else "BROKEN" if result.level <= DEFAULT_LEVEL else "absent"
            lines.append(f"  {state} {result.level}  {result.name}  {result.detail[:200]}".rstrip())
    level = max(check.level for check in checks)
    lines.append(f"Isolation level: {level}, {LEVEL_MEANINGS[level]}." if level else "No jail can be built here.")
    if level < DEFAULT_LEVEL:
        lines.append(f"A sandbox server starts here only with a lower --require-isolation than {DEFAULT_LEVEL}.")
    for language in languages():
        lines.append(f"{language.name}: {language.version or language.absence}")
    return "\n".join(lines)
