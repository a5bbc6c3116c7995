"""Runs the tests of a program in the worker: a jail for each, limits enforced, and a record of how each ended.

A program can neither trace nor signal the worker. The worker never decodes the output of a program: it goes from a file
to the socket as it is, and none of its bytes stay in the worker's memory.
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
from typing import Literal

from openqwq.sandbox.inside import test_process, usage
from openqwq.sandbox.inside.output import Output, send_file
from openqwq.sandbox.isolation import scratch
from openqwq.sandbox.isolation.backend import IsolationBackend, Jail
from openqwq.sandbox.isolation.limits import MAX_PROCESSES
from openqwq.sandbox.protocol import STDERR_TAIL_BYTES, Ending, Order, Record, read_order

_FIRST_LOOK_SECONDS = 0.01
_LOOK_SECONDS = 0.02
_SHORT_LOOK_SECONDS = 0.002
"""The pause while a program prints much."""
_PIPE_BYTES = 1 << 20
_ERROR_BYTES = 16 << 20
_MAXRSS_SHARE, _MAPPED_MB = 1.5, 128
"""Mapped files count as resident too, so the peak of one process passes the limit only when it is above it by half, or
by more than the largest libraries take."""
_READY_SECONDS = 20.0


class JailBroken(Exception):
    """The process of a test did not become ready; the message says why. No line of a program has run."""


class Standby:
    """The process of a test that waits for its program, locked down or about to be."""

    def __init__(self, jail: Jail, connection: socket.socket, output: Output, errors: Output) -> None:
        self.jail, self.connection, self.output, self.errors = jail, connection, output, errors
        self._is_ready = self._has_ended = False

    def is_ready(self) -> bool:
        """True once the process is locked down. JailBroken with its message when it failed before."""
        try:
            while message := self.connection.recv(1000, socket.MSG_DONTWAIT):
                if message != test_process.READY:
                    raise JailBroken(message.decode(errors="replace"))
                self._is_ready = True
        except BlockingIOError:
            return self._is_ready
        if not self._is_ready:
            raise JailBroken("a test's process ended before its program")
        return True

    def wait_until_ready(self) -> None:
        """Raises JailBroken, also after a time limit."""
        poll = select.poll()
        poll.register(self.connection, select.POLLIN)
        if not self.is_ready() and (not poll.poll(1000 * _READY_SECONDS) or not self.is_ready()):
            raise JailBroken(f"a test's process was not ready within {_READY_SECONDS:g} s")

    def end(self, is_alone: bool = False) -> tuple[int, resource.struct_rusage]:
        """End all processes of the test; wait status and usage of the first, which a kill does not change when it has
        ended already. With `is_alone` there is no other process to wait for."""
        self._has_ended = True
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.jail.pid, signal.SIGKILL)
        self.jail.kill()
        _, status, usage = os.wait4(self.jail.pid, 0)
        if not is_alone:
            self.jail.reap()
        return status, usage

    def close(self) -> None:
        if not self._has_ended:
            self.end()
        self.connection.close()
        self.output.close()
        self.errors.close()
        self.jail.close()


class Supervisor:
    """Runs the tests of one program one after the other, each in a jail that was prepared before."""

    def __init__(self, backend: IsolationBackend, cgroup: int = -1) -> None:
        self._backend, self._cgroup = backend, cgroup
        self._next: Standby | None = None

    def close(self) -> None:
        """End the waiting process, if there is one."""
        if self._next is not None:
            self._next.close()

    def prepare(self) -> Standby:
        """The process of the next test, started ahead so that the test does not wait for it. Raises JailBroken,
        OSError."""
        if self._next is not None:
            return self._next
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        output, errors = Output(_PIPE_BYTES), Output()
        try:
            with theirs:
                jail = self._backend.fork_test(theirs, output.writer, errors.writer)
                if jail is None:
                    ours.close()
                    test_process.stand_by(self._backend, theirs, output.writer, errors.writer, self._cgroup)
        except OSError:
            for end in (ours, output, errors):
                end.close()
            raise
        output.close_writer()
        errors.close_writer()
        self._next = Standby(jail, ours, output, errors)
        return self._next

    def run(self, payload: int, channel: socket.socket, peer: int | None) -> None:
        """Answer every test of a payload with one record; stops when the server closes its end."""
        order = read_order(payload)
        for index in range(len(order.inputs)):
            try:
                test, self._next = self.prepare(), None
                try:
                    record = _run_test(test, order, index, payload, channel, peer)
                    if record is None or not _report(test, order, channel, record):
                        return
                finally:
                    test.close()
            except (JailBroken, OSError) as problem:
                words = str(problem).encode()[:STDERR_TAIL_BYTES]
                with contextlib.suppress(OSError):
                    channel.sendall(Record("broken", 0, 0.0, 0.0, 0.0, 0, len(words)).pack() + words)
                return


def _run_test(
    test: Standby, order: Order, index: int, payload: int, channel: socket.socket, peer: int | None
) -> Record | None:
    """How the test ended; None when the server has closed its end."""
    jail = test.jail
    if order.program_path or order.files or jail.is_fleeting:
        test.wait_until_ready()
        _fill(jail, order, payload)
    started = time.monotonic()
    test_process.start(test.connection, index, payload, peer)
    if peer is not None:
        os.close(peer)  # the other side must see the end of the test's process
    ending = _watch(test, order, channel, started)
    wall_seconds = time.monotonic() - started
    if ending == "gone":
        return None
    is_ready = test.is_ready()
    living = jail.living() if is_ready else []
    is_alone = ending == "exited" and len(living) <= 1
    cpu_seconds = 0.0 if is_alone else usage.cpu_seconds(jail.proc, living)
    file_bytes = jail.used_bytes() if is_ready else 0
    if order.fetch:
        _ = jail.scratch  # opened while its path still exists
    status, spent = test.end(is_alone)
    # The usage of a process includes that of the children it waited for, also of those between two looks.
    cpu_seconds = max(cpu_seconds, spent.ru_utime + spent.ru_stime)
    if ending == "exited":
        ending = _ending_after_exit(order, cpu_seconds, wall_seconds, spent.ru_maxrss, file_bytes)
    return Record(ending, status, cpu_seconds, wall_seconds, spent.ru_maxrss / 1024, 0, 0)


def _ending_after_exit(
    order: Order, cpu_seconds: float, wall_seconds: float, peak_kilobytes: int, file_bytes: int
) -> Ending:
    """The ending of a test whose process has exited: every limit is read once more, so that a program which passes one
    between two looks, or while the worker waits for a core, ends like one that is seen doing it."""
    peak_mb = min(_MAXRSS_SHARE * order.memory_mb, order.memory_mb + _MAPPED_MB)
    if cpu_seconds > order.time_seconds or wall_seconds > order.wall_seconds:
        return "time_limit"
    if peak_kilobytes > 1024 * peak_mb or file_bytes > order.memory_mb << 20:
        return "memory_limit"
    return "exited"


def _fill(jail: Jail, order: Order, payload: int) -> None:
    """Put the program's own files into the scratch folder, and open what cannot be opened later."""
    if jail.is_fleeting:
        _ = jail.proc, jail.scratch
    if order.program_path:
        scratch.put(jail.scratch, order.program_path, 0o755, payload, *order.code)
    for name, place in order.files:
        scratch.put(jail.scratch, f"work/{name}", 0o666, payload, *place)


def _report(test: Standby, order: Order, channel: socket.socket, record: Record) -> bool:
    """Send the record and the bytes that belong to it; False when the server has closed its end."""
    output_bytes, tail = test.output.num_bytes, min(test.errors.num_bytes, STDERR_TAIL_BYTES)
    if output_bytes > order.output_bytes:
        record = record._replace(ending="output_limit")
        output_bytes = 0
    fetched = _Fetched(test.jail, order.fetch) if order.fetch else None
    num_fetched = fetched.num_bytes if fetched else 0
    try:
        channel.sendall(record._replace(output_bytes=output_bytes, stderr_bytes=tail, fetched_bytes=num_fetched).pack())
        test.output.send(channel, output_bytes)
        test.errors.send_tail(channel, tail)
        if fetched:
            fetched.send(channel)
    except (BrokenPipeError, ConnectionResetError):
        return False
    return True


class _Fetched:
    """The files that a job asks for: the size of each, -1 for one that does not exist, then their bytes."""

    def __init__(self, jail: Jail, names: tuple[str, ...]) -> None:
        self._files = [scratch.fetch(jail.scratch, f"work/{name}") for name in names]
        self._sizes = [-1 if file is None else os.fstat(file).st_size for file in self._files]
        self._head = struct.pack(f"<{len(self._sizes)}q", *self._sizes)
        self.num_bytes = len(self._head) + sum(size for size in self._sizes if size > 0)

    def send(self, channel: socket.socket) -> None:
        channel.sendall(self._head)
        for file, size in zip(self._files, self._sizes, strict=True):
            if file is not None:
                send_file(channel, file, 0, size)
                os.close(file)


def _watch(test: Standby, order: Order, channel: socket.socket, started: float) -> Ending | Literal["gone"]:
    """Wait for the test's process; the name of a limit that is passed first, `gone` when the server closes its end."""
    jail = test.jail
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
            if time.monotonic() - started > order.wall_seconds:
                return "time_limit"
            pause = _LOOK_SECONDS
            if test.is_ready():
                if passed := _passed_limit(test, order):
                    return passed
                try:
                    has_printed = [pipe.make_room(jail.scratch) for pipe in (test.output, test.errors)]
                except OSError:  # its own files have filled the scratch folder
                    return "output_limit"
                if any(has_printed):
                    pause = _SHORT_LOOK_SECONDS
    finally:
        os.close(process)


def _passed_limit(test: Standby, order: Order) -> Ending | None:
    """The limit that the processes of a test have passed together."""
    jail, limit_bytes = test.jail, order.memory_mb << 20
    names = jail.living()
    if len(names) > MAX_PROCESSES:
        return "process_limit"
    if usage.cpu_seconds(jail.proc, names) > order.time_seconds:
        return "time_limit"
    if usage.memory_bytes(jail.proc, names, limit_bytes) + jail.used_bytes() > limit_bytes:
        return "memory_limit"
    if test.output.num_bytes > order.output_bytes or test.errors.num_bytes > max(order.output_bytes, _ERROR_BYTES):
        return "output_limit"
    return None
