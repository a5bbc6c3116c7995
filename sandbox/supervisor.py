"""Pid 1 of one program's jail: forks a process per test, holds it to its limits, reports how it ended.

It keeps its capabilities, so the program can neither trace nor signal it; when it ends, the kernel ends everything
in the jail. It never decodes what a program wrote: outputs go from file to socket inside the kernel.
"""

from __future__ import annotations

import contextlib
import os
import resource
import select
import signal
import socket
import time
from dataclasses import dataclass

from openqwq.sandbox import runner
from openqwq.sandbox import syscalls as sc
from openqwq.sandbox.jail import Box, Identity, lock_down
from openqwq.sandbox.protocol import STDERR_TAIL_BYTES, Order, Record, read_order

_FIRST_LOOK_SECONDS = 0.01
_LOOK_SECONDS = 0.02
_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_WALLS_UP_DESCRIPTOR = 5
"""Written and closed by the test's process after the last wall is up and before the program's first line."""


@dataclass(frozen=True)
class _Files:
    """What a test writes into: files in memory, bounded by RLIMIT_FSIZE, that nobody needs to drain."""

    output: int
    stderr: int


def run_jail(payload: int, answers: int, peer: int | None, null: int, identity: Identity, filter_: bytes) -> None:
    """Run every test of the payload's order, one record each; stops when the other end closes."""
    sc.prctl(sc.PR_SET_PDEATHSIG, signal.SIGKILL)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    order = read_order(payload)
    last_pid = _open_last_pid()
    box = Box()
    with socket.socket(fileno=answers) as channel:
        for index in range(len(order.inputs)):
            if _is_closed(channel):
                return
            if index:
                box.clean()
            if last_pid >= 0:
                os.pwrite(last_pid, b"1", 0)  # a pid must not tell how many processes ran before
            _run_test(order, index, payload, peer, null, identity, filter_, box, channel)


def _open_last_pid() -> int:
    try:
        return os.open("/proc/sys/kernel/ns_last_pid", os.O_WRONLY)
    except OSError:
        return -1


def _is_closed(channel: socket.socket) -> bool:
    poll = select.poll()
    poll.register(channel, select.POLLRDHUP)
    return bool(poll.poll(0))


def _run_test(
    order: Order,
    index: int,
    payload: int,
    peer: int | None,
    null: int,
    identity: Identity,
    filter_: bytes,
    box: Box,
    channel: socket.socket,
) -> None:
    files = _Files(os.memfd_create("out"), os.memfd_create("err"))
    walls_up, walls_up_write = os.pipe()
    cpu_before = _children_cpu()
    started = time.monotonic()
    pid = os.fork()
    if pid == 0:
        try:
            source, data = runner.read_test(order, payload, index)
            _arrange_descriptors(order, data, files, null, peer, walls_up_write)
            lock_down(identity, order.memory_mb, order.time_seconds, order.output_bytes, filter_)
            os.write(_WALLS_UP_DESCRIPTOR, b"+")
            os.close(_WALLS_UP_DESCRIPTOR)
        except BaseException as problem:
            os.write(2, f"{type(problem).__name__}: {problem}".encode())
            os._exit(1)
        runner.run(order.role, order.entry_point, source, data)
    os.close(walls_up_write)
    if peer is not None:
        os.close(peer)  # the other side must see the end of the test's process
    ending = _watch(pid, order, box, files, channel, started, cpu_before)
    status, memory_mb = _end_all(pid)
    wall = time.monotonic() - started
    cpu = _children_cpu() - cpu_before
    if os.read(walls_up, 1) != b"+":
        ending = "broken"  # no line of the program has run
    os.close(walls_up)
    output_bytes, stderr_bytes = os.fstat(files.output).st_size, os.fstat(files.stderr).st_size
    if output_bytes > order.output_bytes:
        ending, output_bytes = "output_limit", 0
    elif ending == "exited" and cpu > order.time_seconds:
        ending = "time_limit"
    tail = min(stderr_bytes, STDERR_TAIL_BYTES)
    record = Record(ending, status, cpu, wall, memory_mb, output_bytes, tail)
    try:
        channel.sendall(record.pack())
        _send_file(channel, files.output, 0, output_bytes)
        _send_file(channel, files.stderr, stderr_bytes - tail, tail)
    except BrokenPipeError:
        os._exit(0)  # nobody waits for the answer any more
    os.close(files.output)
    os.close(files.stderr)


def _arrange_descriptors(order: Order, data: bytes, files: _Files, null: int, peer: int | None, walls_up: int) -> None:
    """Give the test its descriptors and close everything else."""
    stdin, stdout = null, null
    if order.role == "stdin":
        memory = os.memfd_create("in")
        with open(memory, "wb", closefd=False) as file:
            file.write(data)
        # Opened again: a regular file at its start that cannot be written through this descriptor.
        stdin, stdout = os.open(f"/proc/self/fd/{memory}", os.O_RDONLY), files.output
    result = null if order.role == "stdin" else files.output
    wanted = [stdin, stdout, files.stderr, result, null if peer is None else peer, walls_up]
    # First to high numbers, so that no dup2 below overwrites one that is still needed.
    high = [os.dup(descriptor) for descriptor in wanted]
    for number, descriptor in enumerate(high):
        os.dup2(descriptor, 100 + number, inheritable=False)
    for number in range(len(high)):
        os.dup2(100 + number, number, inheritable=number < 3)
    os.closerange(len(high), 1 << 16)


def _watch(
    pid: int,
    order: Order,
    box: Box,
    files: _Files,
    channel: socket.socket,
    started: float,
    cpu_before: float,
) -> str:
    """Wait for the test's main process; the name of the limit when one is passed first."""
    process = os.pidfd_open(pid)
    poll = select.poll()
    poll.register(process, select.POLLIN)
    poll.register(channel, select.POLLRDHUP)
    pause = _FIRST_LOOK_SECONDS
    try:
        while True:
            events = poll.poll(pause * 1000)
            if any(descriptor == process for descriptor, _ in events):
                return "exited"
            if events:
                os._exit(0)  # nobody waits for the answer: end the jail
            pause = _LOOK_SECONDS
            if time.monotonic() - started > order.wall_seconds:
                return "time_limit"
            _collect_orphans(pid)
            cpu_seconds, memory_bytes = _usage_of_living(order.memory_mb << 20)
            cpu_seconds += _children_cpu() - cpu_before
            if cpu_seconds > order.time_seconds:
                return "time_limit"
            written = os.fstat(files.output).st_blocks + os.fstat(files.stderr).st_blocks
            if memory_bytes + box.used_bytes() + written * 512 > order.memory_mb << 20:
                return "memory_limit"
            if os.fstat(files.output).st_size > order.output_bytes:
                return "output_limit"
    finally:
        os.close(process)


def _usage_of_living(limit_bytes: int) -> tuple[float, int]:
    """CPU seconds and private and shared bytes of all live processes of the jail but pid 1.

    The quick sum counts a page once a process that shares it. Only when it passes the limit, the exact one is
    taken, in which a page shared by n processes counts 1/n in each.
    """
    cpu_nanoseconds, kilobytes = 0, 0
    pids = [name for name in os.listdir("/proc") if name.isdigit() and name != "1"]
    for pid in pids:
        try:
            # The CPU clock of another process: ~pid in the upper bits, "scheduler time" in the lower.
            cpu_nanoseconds += time.clock_gettime_ns((~int(pid) << 3) | 2)
        except OSError:
            continue  # ended meanwhile
        kilobytes += _kilobytes(pid, "status", (b"RssAnon", b"RssShmem"))
    if kilobytes * 1024 > limit_bytes and len(pids) > 1:
        kilobytes = sum(_kilobytes(pid, "smaps_rollup", (b"Pss_Anon", b"Pss_Shmem")) for pid in pids)
    return cpu_nanoseconds / 1e9, kilobytes * 1024


def _kilobytes(pid: str, file_name: str, keys: tuple[bytes, ...]) -> int:
    try:
        with open(f"/proc/{pid}/{file_name}", "rb") as file:
            fields = dict(line.split(b":", 1) for line in file.read().splitlines() if b":" in line)
    except OSError:
        return 0
    return sum(int(fields[key].split()[0]) for key in keys if key in fields)


def _children_cpu() -> float:
    """CPU seconds of all processes collected so far."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _collect_orphans(main: int) -> None:
    """Ended grandchildren count against the process limit until collected; the main process is left alone."""
    while True:
        ended = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        if ended is None or ended.si_pid == main:
            return
        os.waitpid(ended.si_pid, 0)


def _end_all(main: int) -> tuple[int, float]:
    """Kill what is left in the jail and collect all; wait status and peak memory (MB) of the main process."""
    status, memory_mb = 0, 0.0
    with contextlib.suppress(ProcessLookupError):
        os.kill(-1, signal.SIGKILL)  # does not change the status of a process that ended by itself
    while True:
        try:
            pid, this_status, usage = os.wait4(-1, 0)
        except ChildProcessError:
            return status, memory_mb
        if pid == main:
            status, memory_mb = this_status, usage.ru_maxrss / 1024


def _send_file(channel: socket.socket, file: int, offset: int, count: int) -> None:
    while count:
        sent = os.sendfile(channel.fileno(), file, offset, count)
        offset += sent
        count -= sent
