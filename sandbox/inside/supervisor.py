"""The worker's part in a program: a jail for each of its tests, limits held, and a record of how each ended.

A program can neither trace nor signal the worker. It never decodes what a program wrote: outputs go from a file to
the socket as they are, and no byte of a program stays in its memory.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import resource
import select
import signal
import socket
import struct
import sys
import termios
import time
from collections.abc import Sequence

from openqwq.sandbox.inside import test_process
from openqwq.sandbox.protocol import STDERR_TAIL_BYTES, Order, Record, read_order
from openqwq.sandbox.walls import Jail, Walls, box
from openqwq.sandbox.walls.limits import MAX_PROCESSES

_FIRST_LOOK_SECONDS = 0.01
_LOOK_SECONDS = 0.02
_SHORT_LOOK_SECONDS = 0.002
"""While a program prints much."""
_PIPE_BYTES = 1 << 20
_ERROR_BYTES = 16 << 20
_MAXRSS_SHARE = 1.5
"""Files that a process maps count as resident too, so its peak alone passes the limit only when far above it."""
_READY_SECONDS = 20.0
_TICKS = os.sysconf("SC_CLK_TCK")


class JailBroken(Exception):
    """A test's process did not come up behind its walls; the message says why. No line of a program has run."""


class Standby:
    """A test's process that waits for its program, behind its walls already or about to be."""

    def __init__(self, jail: Jail, connection: socket.socket, output: Output, errors: Output) -> None:
        self.jail, self.connection, self.output, self.errors = jail, connection, output, errors
        self._is_ready = self._has_ended = False

    def is_ready(self) -> bool:
        """True once the last wall is up. JailBroken with the words of a process that could not get there."""
        with contextlib.suppress(BlockingIOError):
            while message := self.connection.recv(1000, socket.MSG_DONTWAIT):
                if message != test_process.READY:
                    raise JailBroken(message.decode(errors="replace"))
                self._is_ready = True
            if not self._is_ready:
                raise JailBroken("a test's process ended before its program")
        return self._is_ready

    def wait_until_ready(self) -> None:
        """JailBroken; also after a while."""
        poll = select.poll()
        poll.register(self.connection, select.POLLIN)
        if not self.is_ready() and (not poll.poll(1000 * _READY_SECONDS) or not self.is_ready()):
            raise JailBroken(f"a test's process was not ready within {_READY_SECONDS:g} s")

    def end(self, is_alone: bool = False) -> tuple[int, resource.struct_rusage]:
        """End all processes of the test; wait status and usage of its own, which no kill changes any more if it had
        ended by itself. When it was alone there is nothing else to wait for."""
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


class Output:
    """What a program prints: a pipe, as /dev/stdout usually is, that is emptied into a file when it prints much.

    Its bytes move inside the kernel, and never through the memory from which the next program's process is forked.
    """

    def __init__(self, num_bytes: int = 0) -> None:
        self._reader, self.writer = os.pipe()
        with contextlib.suppress(OSError):
            os.fchmod(self.writer, 0o666)  # a program may open it once more, by name
        if num_bytes:
            with contextlib.suppress(OSError):  # a smaller one serves too
                fcntl.fcntl(self._reader, fcntl.F_SETPIPE_SZ, num_bytes)
        self._file, self._file_bytes = -1, 0

    def close_writer(self) -> None:
        os.close(self.writer)
        self.writer = -1

    @property
    def num_bytes(self) -> int:
        return self._file_bytes + self._waiting()

    def _waiting(self) -> int:
        answer = bytearray(4)
        fcntl.ioctl(self._reader, termios.FIONREAD, answer)
        return int.from_bytes(answer, sys.byteorder)

    def make_room(self, box_folder: int) -> bool:
        """Move what waits in the pipe into a file of the box; False when nothing did."""
        waiting = self._waiting()
        if not waiting:
            return False
        if self._file < 0:
            os.fchdir(box_folder)
            self._file = test_process.nameless_file()
        self._file_bytes += os.splice(self._reader, self._file, waiting)
        return True

    def send(self, channel: socket.socket, count: int) -> None:
        """The first `count` bytes of it all."""
        from_file = min(count, self._file_bytes)
        _send_file(channel, self._file, 0, from_file)
        while from_file < count:
            from_file += os.splice(self._reader, channel.fileno(), count - from_file)

    def send_tail(self, channel: socket.socket, count: int) -> None:
        """The last `count` bytes of it all."""
        if self._file >= 0:
            while self.make_room(-1):
                pass
            _send_file(channel, self._file, self._file_bytes - count, count)
            return
        dropped = self._waiting() - count
        null = os.open("/dev/null", os.O_WRONLY | os.O_CLOEXEC)
        while dropped > 0:
            dropped -= os.splice(self._reader, null, dropped)
        os.close(null)
        self.send(channel, count)

    def close(self) -> None:
        for descriptor in (self.writer, self._reader, self._file):
            if descriptor >= 0:
                os.close(descriptor)


class Supervisor:
    """Runs the tests of one program after the other, each in a jail that was made ready before it is needed."""

    def __init__(self, walls: Walls, cgroup: int = -1) -> None:
        self._walls, self._cgroup = walls, cgroup
        self._next: Standby | None = None

    def prepare(self) -> None:
        """Make the next test's jail ready, so that nobody waits for it. JailBroken; OSError."""
        if self._next is None:
            self._next = self._stand_by()

    def close(self) -> None:
        """End the waiting process, if there is one."""
        if self._next is not None:
            self._next.close()

    def _stand_by(self) -> Standby:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        output, errors = Output(_PIPE_BYTES), Output()
        try:
            with theirs:
                jail = self._walls.fork_test(theirs, output.writer, errors.writer)
                if jail is None:
                    ours.close()
                    test_process.stand_by(self._walls, theirs, output.writer, errors.writer, self._cgroup)
        except OSError:
            for end in (ours, output, errors):
                end.close()
            raise
        output.close_writer()
        errors.close_writer()
        return Standby(jail, ours, output, errors)

    def run(self, payload: int, channel: socket.socket, peer: int | None) -> None:
        """Answer every test of a payload with one record; stops when the other end closes."""
        order = read_order(payload)
        for index in range(len(order.inputs)):
            try:
                is_heard = self._run_test(order, index, payload, channel, peer)
            except (JailBroken, OSError) as problem:
                words = str(problem).encode()[:STDERR_TAIL_BYTES]
                with contextlib.suppress(OSError):
                    channel.sendall(Record("broken", 0, 0.0, 0.0, 0.0, 0, len(words)).pack() + words)
                return
            if not is_heard:
                return

    def _run_test(self, order: Order, index: int, payload: int, channel: socket.socket, peer: int | None) -> bool:
        self.prepare()
        test, self._next = self._next, None
        assert test is not None
        with contextlib.closing(test):
            record = _run(test, order, index, payload, channel, peer)
            return record is not None and _report(test, order, channel, record)


def _run(
    test: Standby, order: Order, index: int, payload: int, channel: socket.socket, peer: int | None
) -> Record | None:
    """How the test ended; None when nobody listens any more."""
    jail = test.jail
    if order.program_path or order.files or jail.is_fleeting:
        test.wait_until_ready()
        _fill(jail, order, payload)
    started = time.monotonic()
    test_process.start(test.connection, index, payload, peer)
    if peer is not None:
        os.close(peer)  # the other side must see the end of the test's process
    ending = _watch(test, order, channel, started)
    if ending == "gone":
        return None
    living = jail.living() if test.is_ready() else []
    is_alone = ending == "exited" and len(living) <= 1
    cpu_seconds = 0.0 if is_alone else _cpu_seconds(jail.proc, living)
    if order.fetch:
        _ = jail.box  # while there is a way to it
    status, usage = test.end(is_alone)
    # What ran between two looks: the usage of a process includes that of the children it waited for.
    if ending == "exited" and usage.ru_maxrss > _MAXRSS_SHARE * 1024 * order.memory_mb:
        ending = "memory_limit"
    cpu_seconds = max(cpu_seconds, usage.ru_utime + usage.ru_stime)
    if ending == "exited" and cpu_seconds > order.time_seconds:
        ending = "time_limit"
    return Record(ending, status, cpu_seconds, time.monotonic() - started, usage.ru_maxrss / 1024, 0, 0)


def _fill(jail: Jail, order: Order, payload: int) -> None:
    """Put the program's own files into the box, and open what cannot be opened later."""
    if jail.is_fleeting:
        _ = jail.proc, jail.box
    if order.program_path:
        box.put(jail.box, order.program_path, 0o755, payload, *order.code)
    for name, place in order.files:
        box.put(jail.box, f"work/{name}", 0o666, payload, *place)


def _report(test: Standby, order: Order, channel: socket.socket, record: Record) -> bool:
    """Send the record and what belongs to it; False when nobody listens any more."""
    output_bytes, tail = test.output.num_bytes, min(test.errors.num_bytes, STDERR_TAIL_BYTES)
    if output_bytes > order.output_bytes:
        record = record._replace(ending="output_limit")
        output_bytes = 0
    fetched = [box.fetch(test.jail.box, f"work/{name}") for name in order.fetch]
    sizes = [-1 if file is None else os.fstat(file).st_size for file in fetched]
    head = struct.pack(f"<{len(sizes)}q", *sizes)
    num_fetched = len(head) + sum(size for size in sizes if size > 0)
    whole = record._replace(output_bytes=output_bytes, stderr_bytes=tail, fetched_bytes=num_fetched)
    try:
        channel.sendall(whole.pack())
        test.output.send(channel, output_bytes)
        test.errors.send_tail(channel, tail)
        if head:
            channel.sendall(head)
        for file, size in zip(fetched, sizes, strict=True):
            if file is not None:
                _send_file(channel, file, 0, size)
                os.close(file)
    except (BrokenPipeError, ConnectionResetError):
        return False
    return True


def _send_file(channel: socket.socket, file: int, offset: int, count: int) -> None:
    while count:
        sent = os.sendfile(channel.fileno(), file, offset, count)
        offset, count = offset + sent, count - sent


def _watch(test: Standby, order: Order, channel: socket.socket, started: float) -> str:
    """Wait for the test's process; the name of the limit when one is passed first, `gone` without a listener."""
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
                if test.output.make_room(jail.box) or test.errors.make_room(jail.box):
                    pause = _SHORT_LOOK_SECONDS
    finally:
        os.close(process)


def _passed_limit(test: Standby, order: Order) -> str:
    """The name of a limit that the processes of a test have passed together, or nothing."""
    jail, limit_bytes = test.jail, order.memory_mb << 20
    names = jail.living()
    if len(names) > MAX_PROCESSES:
        return "process_limit"
    if _cpu_seconds(jail.proc, names) > order.time_seconds:
        return "time_limit"
    if _memory_bytes(jail.proc, names, limit_bytes) + jail.used_bytes() > limit_bytes:
        return "memory_limit"
    if test.output.num_bytes > order.output_bytes or test.errors.num_bytes > max(order.output_bytes, _ERROR_BYTES):
        return "output_limit"
    return ""


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
    kilobytes = sum(_kilobytes(proc, name, "status", (b"RssAnon", b"RssShmem")) for name in names)
    if kilobytes * 1024 > limit_bytes and len(names) > 1:
        keys = (b"Pss_Anon", b"Pss_Shmem")
        kilobytes = sum(_kilobytes(proc, name, "smaps_rollup", keys) for name in names)
    return kilobytes * 1024


def _kilobytes(proc: int, name: str, file: str, keys: tuple[bytes, ...]) -> int:
    """The sum of these fields. A process whose first thread has ended shows its memory in its other threads only."""
    fields = _fields(_read(proc, f"{name}/{file}"))
    if keys[0] not in fields:
        threads = _listed(proc, f"{name}/task")
        fields = next(
            (found for thread in threads if keys[0] in (found := _fields(_read(proc, f"{name}/task/{thread}/{file}")))),
            {},
        )
    return sum(int(fields[key].split()[0]) for key in keys if key in fields)


def _fields(text: bytes) -> dict[bytes, bytes]:
    return {key: value for key, colon, value in (line.partition(b":") for line in text.splitlines()) if colon}


def _listed(proc: int, path: str) -> list[str]:
    try:
        folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=proc)
    except OSError:
        return []
    try:
        return os.listdir(folder)
    except OSError:
        return []
    finally:
        os.close(folder)


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
