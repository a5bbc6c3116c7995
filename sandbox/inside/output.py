"""The output of a program on its way from a pipe to the server. Its bytes move inside the kernel."""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import socket
import sys

from openqwq.sandbox.inside.test_process import nameless_file

_FIONREAD = 0x541B
"""As in `termios`, a library that each fork would pay for."""


class Output:
    """The output of a program: a pipe, as /dev/stdout usually is, that is emptied into a file when it fills.

    Its bytes move inside the kernel, and never through the memory from which the process of the next program is forked.
    """

    def __init__(self, num_bytes: int = 0) -> None:
        self._reader, self.writer = os.pipe()
        with contextlib.suppress(OSError):
            os.fchmod(self.writer, 0o666)  # a program may open it once more, by name
        if num_bytes:
            with contextlib.suppress(OSError):  # a smaller pipe is enough
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
        fcntl.ioctl(self._reader, _FIONREAD, answer)
        return int.from_bytes(answer, sys.byteorder)

    def make_room(self, scratch: int) -> bool:
        """Move the content of the pipe into a file of the scratch folder; False when nothing was moved.

        A program that has used up the scratch folder may still print what the pipe holds. Raises OSError when that is
        full too: the program then waits for room that it will not get. So the same program ends the same way, whenever
        it is looked at.
        """
        waiting = self._waiting()
        if not waiting:
            return False
        try:
            if self._file < 0:
                os.fchdir(scratch)
                self._file = nameless_file()
            # A program can read its own pipe: what waited a moment ago may be gone, and must not be waited for.
            self._file_bytes += os.splice(self._reader, self._file, waiting, flags=os.SPLICE_F_NONBLOCK)
        except OSError:
            if self._is_full():
                raise
            return False
        return True

    def _is_full(self) -> bool:
        """Asked at a writing end of its own, since bytes do not tell: each small write may take a page."""
        writer = os.open(f"/proc/self/fd/{self._reader}", os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            poll = select.poll()
            poll.register(writer, select.POLLOUT)
            return not poll.poll(0)
        finally:
            os.close(writer)

    def send(self, channel: socket.socket, count: int) -> None:
        """Send the first `count` bytes of the output."""
        from_file = min(count, self._file_bytes)
        send_file(channel, self._file, 0, from_file)
        while from_file < count:
            from_file += os.splice(self._reader, channel.fileno(), count - from_file)

    def send_tail(self, channel: socket.socket, count: int) -> None:
        """Send the last `count` bytes of the output."""
        waiting = self._waiting()
        from_pipe = min(count, waiting)
        from_file = count - from_pipe
        send_file(channel, self._file, self._file_bytes - from_file, from_file)
        if waiting > from_pipe:
            self._drop(waiting - from_pipe)
        while from_pipe:
            from_pipe -= os.splice(self._reader, channel.fileno(), from_pipe)

    def _drop(self, count: int) -> None:
        null = os.open("/dev/null", os.O_WRONLY | os.O_CLOEXEC)
        while count:
            count -= os.splice(self._reader, null, count)
        os.close(null)

    def close(self) -> None:
        for descriptor in (self.writer, self._reader, self._file):
            if descriptor >= 0:
                os.close(descriptor)


def send_file(channel: socket.socket, file: int, offset: int, count: int) -> None:
    """Send a part of a file inside the kernel."""
    while count:
        sent = os.sendfile(channel.fileno(), file, offset, count)
        offset, count = offset + sent, count - sent
