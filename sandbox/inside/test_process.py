"""A test's process before its program: isolates itself, says so, and waits for what to run.

Nothing of any program is in its memory until then, and nothing but one test afterwards.
"""

from __future__ import annotations

import os
import socket
import struct
from typing import NoReturn

from openqwq.sandbox.inside import runner
from openqwq.sandbox.isolation.backend import IsolationBackend
from openqwq.sandbox.isolation.limits import set_test_limits
from openqwq.sandbox.protocol import Order, read_order, read_part

READY = b"+"
"""Sent once the process is locked down. After it come words, when something fails before the program's first line."""
NUM_FIXED_DESCRIPTORS = 5
"""Numbers below this are a program's: stdin, stdout, stderr, result, peer. A worker opens its own above."""
_NUMBER_BYTES = 4
_ANCILLARY_BYTES = socket.CMSG_SPACE(2 * 4)


def stand_by(
    backend: IsolationBackend, connection: socket.socket, output: int, errors: int, cgroup: int = -1
) -> NoReturn:
    """Never returns: ends with the exit status of the program, or with 1 and words to the worker."""
    exit_now = os._exit
    try:
        if cgroup >= 0:
            os.write(cgroup, b"0")  # join it: nothing that comes from here on escapes its limits
        order, code, data = _wait_for_program(backend, connection, output, errors)
    except BaseException as problem:
        connection.send(f"{type(problem).__name__}: {problem}".encode()[:1000])
        exit_now(1)
    try:
        runner.run(order, code, data)
    finally:
        exit_now(1)  # nothing of a program may go on as the worker that it was forked from


def _wait_for_program(
    backend: IsolationBackend, connection: socket.socket, output: int, errors: int
) -> tuple[Order, bytes, bytes]:
    backend.settle()
    # Not the worker's: a lock or a flag on an open file is seen by all who share it.
    null = os.open("/dev/null", os.O_RDWR | os.O_CLOEXEC)
    stdin = nameless_file()
    os.chdir("work")
    os.umask(0o022)
    backend.lock_down()
    connection.send(READY)
    message, ancillary, _, _ = connection.recvmsg(_NUMBER_BYTES, _ANCILLARY_BYTES)
    if not message:
        os._exit(0)  # the worker ended, or wants no test any more
    payload, *peer = struct.unpack(f"{len(ancillary[0][2]) // 4}i", ancillary[0][2])
    order = read_order(payload)
    code = b"" if order.program_path else read_part(payload, order.code)
    data = read_part(payload, order.inputs[int.from_bytes(message, "little")])
    if order.role in ("stdin", "call", "solution"):  # spawned processes and `inspect` read it
        _write_file(runner.FILE_NAME, code)
    has_own_memory = order.role == "execute"  # node reserves address space by the gigabyte
    set_test_limits(order.time_seconds, None if has_own_memory else order.memory_mb, order.output_bytes)
    _arrange_descriptors(order, null, stdin, data, output, errors, peer)
    return order, code, data


def nameless_file() -> int:
    """An open file in the current folder's file system, without a name there."""
    try:
        return os.open(".", os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o666)
    except OSError:  # a file system of the host that knows no such files
        name = "nameless"
        descriptor = os.open(name, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
        os.unlink(name)
        return descriptor


def _write_file(name: str, data: bytes) -> None:
    descriptor = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
    while data:
        data = data[os.write(descriptor, data) :]
    os.close(descriptor)


def occupy_fixed_descriptors() -> None:
    """Open something on every number that a test uses, so that nothing else is opened there."""
    while (null := os.open("/dev/null", os.O_RDWR)) < NUM_FIXED_DESCRIPTORS:
        pass
    os.close(null)


def start(connection: socket.socket, index: int, payload: int, peer: int | None) -> None:
    """The worker's side: let the process run this test of the payload."""
    descriptors = struct.pack("i", payload) if peer is None else struct.pack("ii", payload, peer)
    ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, descriptors)]
    connection.sendmsg([index.to_bytes(_NUMBER_BYTES, "little")], ancillary)


def _arrange_descriptors(
    order: Order, null: int, stdin: int, data: bytes, output: int, errors: int, peer: list[int]
) -> None:
    """What a program may hold, and nothing else. Its input is a regular file at its start: templates ask for its
    size, and nobody waits for who never reads."""
    if order.role in ("stdin", "execute"):
        view = memoryview(data)
        written = 0
        while written < len(data):
            written += os.pwrite(stdin, view[written:], written)
        os.dup2(stdin, 0)
        os.dup2(output, 1)
        os.dup2(null, runner.RESULT_DESCRIPTOR, inheritable=False)
    else:
        os.dup2(null, 0)
        os.dup2(null, 1)
        os.dup2(output, runner.RESULT_DESCRIPTOR, inheritable=False)
    os.dup2(errors, 2)
    os.dup2(peer[0] if peer else null, runner.PEER_DESCRIPTOR, inheritable=False)
    os.closerange(NUM_FIXED_DESCRIPTORS, 1 << 16)  # the connection too: the worker sees that the program starts
