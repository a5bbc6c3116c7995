"""The worker's part in a program: a jail for each of its tests, limits held, and a record of how each ended.

A program can neither trace nor signal the worker. It never decodes what a program wrote: outputs go from a file to
the socket as they are, and no byte of a program stays in its memory.
"""

from __future__ import annotations

import contextlib
import os
import resource
import select
import signal
import socket
import struct
import time
from collections.abc import Sequence
from dataclasses import dataclass

from openqwq.sandbox.inside import test_process
from openqwq.sandbox.protocol import STDERR_TAIL_BYTES, Order, Record, read_order
from openqwq.sandbox.walls import Jail, Walls, box

_FIRST_LOOK_SECONDS = 0.01
_LOOK_SECONDS = 0.02
_READY_SECONDS = 20.0
_MAX_FETCHED_BYTES = 16 << 20
_TICKS = os.sysconf("SC_CLK_TCK")


class JailBroken(Exception):
    """A test's process did not come up behind its walls; the message says why. No line of a program has run."""


@dataclass
class Standby:
    """A test's process that waits for its program, locked down already."""

    jail: Jail
    connection: socket.socket
    output: int
    errors: int

    def end(self) -> tuple[int, resource.struct_rusage]:
        """End all processes of the test; wait status and usage of its own, which no kill changes any more if it had
        ended by itself."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.jail.pid, signal.SIGKILL)
        self.jail.kill()
        _, status, usage = os.wait4(self.jail.pid, 0)
        self.jail.reap()
        return status, usage

    def close(self) -> None:
        self.connection.close()
        for descriptor in (self.output, self.errors, self.jail.proc, self.jail.box):
            os.close(descriptor)


class Supervisor:
    """Runs the tests of one program after the other, each in a jail that was made ready before it is needed."""

    def __init__(self, walls: Walls) -> None:
        self._walls = walls
        self._next: Standby | None = None

    def prepare(self) -> None:
        """Make the next test's jail ready, so that nobody waits for it."""
        if self._next is None:
            self._next = self._stand_by()

    def _stand_by(self) -> Standby:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        jail = self._walls.fork_test(theirs)
        if jail is None:
            ours.close()
            test_process.stand_by(self._walls, theirs)
        theirs.close()
        ours.settimeout(_READY_SECONDS)
        message, descriptors, _, _ = socket.recv_fds(ours, 1000, 4)
        if message != test_process.READY:
            Standby(jail, ours, -1, -1).end()
            ours.close()
            raise JailBroken(message.decode(errors="replace") or "a test's process ended before its program")
        jail.proc, jail.box, output, errors = descriptors
        return Standby(jail, ours, output, errors)

    def run(self, payload: int, channel: socket.socket, peer: int | None) -> None:
        """Answer every test of a payload with one record; stops when the other end closes."""
        order = read_order(payload)
        for index in range(len(order.inputs)):
            try:
                self.prepare()
            except (JailBroken, OSError) as problem:
                words = str(problem).encode()[:STDERR_TAIL_BYTES]
                _send(channel, Record("broken", 0, 0.0, 0.0, 0.0, 0, len(words)), -1, words)
                return
            test, self._next = self._next, None
            assert test is not None
            with contextlib.closing(test):
                is_heard = self._run_test(test, order, index, payload, channel, peer)
            if not is_heard:
                return

    def _run_test(
        self, test: Standby, order: Order, index: int, payload: int, channel: socket.socket, peer: int | None
    ) -> bool:
        jail = test.jail
        _fill(jail, order, payload)
        started = time.monotonic()
        test_process.start(test.connection, index, payload, peer)
        if peer is not None:
            os.close(peer)  # the other side must see the end of the test's process
        if index + 1 < len(order.inputs):
            with contextlib.suppress(JailBroken, OSError):  # tried again when it is needed
                self.prepare()
        ending = _watch(test, order, channel, started)
        cpu_seconds = _cpu_seconds(jail.proc, jail.living())
        status, usage = test.end()
        # The usage of a process includes that of the children it waited for.
        cpu_seconds = max(cpu_seconds, usage.ru_utime + usage.ru_stime)
        if ending == "gone":
            return False
        if ending == "exited" and cpu_seconds > order.time_seconds:
            ending = "time_limit"
        wall_seconds = time.monotonic() - started
        record = Record(ending, status, cpu_seconds, wall_seconds, usage.ru_maxrss / 1024, 0, 0)
        return _report(test, order, channel, record)


def _fill(jail: Jail, order: Order, payload: int) -> None:
    """Put the program's own files into the box."""
    if order.program_path:
        box.put(jail.box, order.program_path, 0o755, payload, *order.code)
    for name, place in order.files:
        box.put(jail.box, f"work/{name}", 0o666, payload, *place)


def _report(test: Standby, order: Order, channel: socket.socket, record: Record) -> bool:
    """Send the record and what belongs to it; False when nobody listens any more."""
    output_bytes, stderr_bytes = os.fstat(test.output).st_size, os.fstat(test.errors).st_size
    ending = record.ending
    if output_bytes > order.output_bytes:
        ending, output_bytes = "output_limit", 0
    tail = min(stderr_bytes, STDERR_TAIL_BYTES)
    fetched = _fetch(test.jail, order.fetch) if order.fetch else b""
    rest = os.pread(test.errors, tail, stderr_bytes - tail) + fetched
    whole = Record(
        ending,
        record.wait_status,
        record.cpu_seconds,
        record.wall_seconds,
        record.memory_mb,
        output_bytes,
        tail,
        len(fetched),
    )
    return _send(channel, whole, test.output, rest)


def _watch(test: Standby, order: Order, channel: socket.socket, started: float) -> str:
    """Wait for the test's process; the name of the limit when one is passed first, `gone` without a listener."""
    jail, limit_bytes = test.jail, order.memory_mb << 20
    process = os.pidfd_open(jail.pid)
    poll = select.poll()
    poll.register(process, select.POLLIN)
    poll.register(channel, select.POLLRDHUP)
    pause = _FIRST_LOOK_SECONDS
    try:
        while True:
            events = poll.poll(pause * 1000)
            if events:
                return "exited" if any(descriptor == process for descriptor, _ in events) else "gone"
            pause = _LOOK_SECONDS
            if time.monotonic() - started > order.wall_seconds:
                return "time_limit"
            names = jail.living()
            if _cpu_seconds(jail.proc, names) > order.time_seconds:
                return "time_limit"
            if _memory_bytes(jail.proc, names, limit_bytes) + jail.used_bytes() > limit_bytes:
                return "memory_limit"
            if os.fstat(test.output).st_size > order.output_bytes:
                return "output_limit"
    finally:
        os.close(process)


def _cpu_seconds(proc: int, names: Sequence[str]) -> float:
    """CPU time of these processes and of the children that they waited for."""
    ticks = 0
    for name in names:
        fields = _read(proc, f"{name}/stat").rpartition(b")")[2].split()
        ticks += sum(map(int, fields[11:15]))  # utime, stime, cutime, cstime
    return ticks / _TICKS


def _memory_bytes(proc: int, names: Sequence[str], limit_bytes: int) -> int:
    """Private and shared bytes of these processes together.

    The quick sum counts a page once a process that shares it. Only when it passes the limit, the exact one is
    taken, in which a page shared by n processes counts 1/n in each.
    """
    kilobytes = sum(_kilobytes(proc, f"{name}/status", (b"RssAnon", b"RssShmem")) for name in names)
    if kilobytes * 1024 > limit_bytes and len(names) > 1:
        keys = (b"Pss_Anon", b"Pss_Shmem")
        kilobytes = sum(_kilobytes(proc, f"{name}/smaps_rollup", keys) for name in names)
    return kilobytes * 1024


def _kilobytes(proc: int, path: str, keys: tuple[bytes, ...]) -> int:
    fields = dict(line.split(b":", 1) for line in _read(proc, path).splitlines() if b":" in line)
    return sum(int(fields[key].split()[0]) for key in keys if key in fields)


def _read(proc: int, path: str) -> bytes:
    """A file of /proc, or nothing when the process ended meanwhile."""
    try:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC, dir_fd=proc)
    except OSError:
        return b""
    try:
        return os.read(file, 1 << 16)
    except OSError:
        return b""
    finally:
        os.close(file)


def _fetch(jail: Jail, names: Sequence[str]) -> bytes:
    """The wanted files of the work folder: a length and the bytes of each, or -1 where there is none."""
    parts, left = [], _MAX_FETCHED_BYTES
    for name in names:
        data = box.fetch(jail.box, f"work/{name}", left)
        parts.append(struct.pack("<q", -1 if data is None else len(data)) + (data or b""))
        left -= len(data or b"")
    return b"".join(parts)


def _send(channel: socket.socket, record: Record, output: int, rest: bytes) -> bool:
    """A record, the output and the rest; False when nobody listens any more."""
    try:
        channel.sendall(record.pack())
        offset = 0
        while offset < record.output_bytes:
            offset += os.sendfile(channel.fileno(), output, offset, record.output_bytes - offset)
        if rest:
            channel.sendall(rest)
    except (BrokenPipeError, ConnectionResetError):
        return False
    return True
