"""The process of a test before its program: isolates itself, reports, and waits for its program.

Until then no program is in its memory, and afterwards only one test is.
"""

from __future__ import annotations

import os
import socket
import struct
import types
from typing import NoReturn

from openqwq.sandbox.inside import compiled, runner
from openqwq.sandbox.isolation.backend import IsolationBackend
from openqwq.sandbox.isolation.limits import set_test_limits
from openqwq.sandbox.protocol import Order, read_order, read_part

READY = b"+"
"""Sent once the process is locked down. A message follows when something fails before the first line of the program."""
NUM_FIXED_DESCRIPTORS = 5
"""Descriptors below this belong to the program: stdin, stdout, stderr, result, peer. A worker opens its own above."""
_NUMBER_BYTES = 4
_ANCILLARY_BYTES = socket.CMSG_SPACE(2 * 4)


def stand_by(
    backend: IsolationBackend, connection: socket.socket, output: int, errors: int, cgroup: int = -1
) -> NoReturn:
    """Never returns: ends with the exit status of the program, or with 1 and a message to the worker."""
    exit_now = os._exit
    try:
        if cgroup >= 0:
            os.write(cgroup, b"0")  # joins the group: its limits hold for all that follows
        order, program, data = _wait_for_program(backend, connection, output, errors)
    except BaseException as problem:
        connection.send(f"{type(problem).__name__}: {problem}".encode()[:1000])
        exit_now(1)
    try:
        runner.run(order, program, data)
    finally:
        exit_now(1)  # no code of a program may return into the worker's code


def _wait_for_program(
    backend: IsolationBackend, connection: socket.socket, output: int, errors: int
) -> tuple[Order, bytes | types.CodeType, bytes]:
    backend.settle()
    # Opened anew: a lock or a flag on an open file is shared by all processes that inherit it.
    null = os.open("/dev/null", os.O_RDWR | os.O_CLOEXEC)
    stdin = nameless_file()
    os.chdir("work")
    os.umask(0o022)
    backend.lock_down()
    connection.send(READY)
    message, ancillary, _, _ = connection.recvmsg(_NUMBER_BYTES, _ANCILLARY_BYTES)
    if not message:
        os._exit(0)  # the worker has ended or needs no further test
    payload, *peer = struct.unpack(f"{len(ancillary[0][2]) // 4}i", ancillary[0][2])
    order = read_order(payload)
    code = b"" if order.program_path else read_part(payload, order.code)
    data = read_part(payload, order.inputs[int.from_bytes(message, "little")])
    if order.role in ("stdin", "call", "solution"):  # spawned processes and `inspect` read it
        _write_file(compiled.FILE_NAME, code)
    if order.input_file:
        _write_file(order.input_file, data)
    has_own_memory = order.role == "execute"  # node reserves address space by the gigabyte
    set_test_limits(order.time_seconds, None if has_own_memory else order.memory_mb, order.output_bytes)
    os.dup2(errors, 2)  # a compiler may warn
    program = compiled.program_code(payload, order, code)
    _arrange_descriptors(order, null, stdin, data, output, peer)
    return order, program, data


def nameless_file() -> int:
    """An open file in the current folder's file system, without a name there."""
    try:
        return os.open(".", os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, 0o666)
    except OSError:  # a file system of the host without O_TMPFILE
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
    """Occupy every descriptor that a test uses, so that nothing else is opened there."""
    while (null := os.open("/dev/null", os.O_RDWR)) < NUM_FIXED_DESCRIPTORS:
        pass
    os.close(null)


def start(connection: socket.socket, index: int, payload: int, peer: int | None) -> None:
    """Called in the worker: let the process run this test of the payload."""
    descriptors = struct.pack("i", payload) if peer is None else struct.pack("ii", payload, peer)
    ancillary = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, descriptors)]
    connection.sendmsg([index.to_bytes(_NUMBER_BYTES, "little")], ancillary)


def _arrange_descriptors(order: Order, null: int, stdin: int, data: bytes, output: int, peer: list[int]) -> None:
    """Leave the program its own descriptors and no others. Its input is a regular file at its start: templates ask for
    its size, and writing it never waits for the program to read."""
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
    os.dup2(peer[0] if peer else null, runner.PEER_DESCRIPTOR, inheritable=False)
    os.closerange(
        NUM_FIXED_DESCRIPTORS, 1 << 16
    )  # also the connection, by which the worker sees that the program starts
