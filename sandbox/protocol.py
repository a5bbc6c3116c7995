"""The messages between pool and jail: one payload file in; for each test one record and its bytes out.

The payload is an anonymous file, so that the warm process which starts jails never reads it: no byte of one program is
in the memory of the next.
"""

from __future__ import annotations

import marshal
import os
import struct
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Literal, NamedTuple, get_args

if TYPE_CHECKING:
    from openqwq.sandbox.jobs import Limits

Role = Literal["stdin", "call", "solution", "asserts", "execute"]
"""stdin: a Python program; call: a function of one; solution and asserts: the program's and the tests' side of assert
texts; execute: a program file that is started with `command`."""

Ending = Literal["exited", "time_limit", "memory_limit", "process_limit", "output_limit", "broken"]
"""How the processes of a test ended; `broken` means that the jail itself failed and nothing is known of the program."""
ENDINGS: tuple[Ending, ...] = get_args(Ending)

AssertStatus = Literal["pass", "wrong_output", "runtime_error", "time_limit", "gone", "unsupported", "broken_test"]
"""How one assert text ended, as the tests' process reports it. gone: the program ended before it answered; unsupported:
the text needs something that allows no verdict; broken_test: it is not Python."""

STDERR_TAIL_BYTES = 2048
_HEAD = struct.Struct("<QQ")
"""At the start of a payload: offset and length of its `Order`, which stands behind the parts."""
_RECORD = struct.Struct("<BidddQQQ")
RECORD_BYTES = _RECORD.size

Place = tuple[int, int]
"""(offset, length) in the payload."""


class Order(NamedTuple):  # not a dataclass: loading that module makes every fork of a worker slower
    """The instructions for a jail."""

    role: Role
    entry_point: str
    code: Place
    inputs: tuple[Place, ...]
    time_seconds: float
    wall_seconds: float
    memory_mb: int
    output_bytes: int
    command: tuple[str, ...] = ()
    """Argument list of an `execute` order."""
    program_path: str = ""
    """Where in the scratch folder the code is put before an `execute` order's command runs."""
    files: tuple[tuple[str, Place], ...] = ()
    """Files to put into the work folder, by relative path."""
    fetch: tuple[str, ...] = ()
    """Files of the work folder to send back after each test."""
    prompt_bytes: int = 0
    """How many bytes at the start of the code are the text that the program continues."""
    usual_imports: bool = False
    node_kinds: tuple[str, ...] = ()
    input_file: str = ""
    """Where in the work folder a test's input is put too."""


class Record(NamedTuple):
    """How one test ended, written by the worker; as many bytes follow as the last three fields say."""

    ending: Ending
    wait_status: int
    cpu_seconds: float
    wall_seconds: float
    memory_mb: float
    output_bytes: int
    stderr_bytes: int
    fetched_bytes: int = 0

    def pack(self) -> bytes:
        return _RECORD.pack(
            ENDINGS.index(self.ending),
            self.wait_status,
            self.cpu_seconds,
            self.wall_seconds,
            self.memory_mb,
            self.output_bytes,
            self.stderr_bytes,
            self.fetched_bytes,
        )

    @property
    def num_following_bytes(self) -> int:
        return self.output_bytes + self.stderr_bytes + self.fetched_bytes

    @staticmethod
    def unpack(data: bytes | bytearray) -> Record:
        ending, *rest = _RECORD.unpack(data)
        return Record(ENDINGS[ending], *rest)


class Payload(NamedTuple):
    """The input of a jail, before it is written. Example: `Payload("stdin", b"print(1)", [b""], Limits())`."""

    role: Role
    code: bytes
    inputs: Sequence[bytes]
    limits: Limits
    entry_point: str = ""
    command: tuple[str, ...] = ()
    program_path: str = ""
    files: Mapping[str, bytes] = MappingProxyType({})
    fetch: tuple[str, ...] = ()
    prompt_bytes: int = 0
    usual_imports: bool = False
    node_kinds: tuple[str, ...] = ()
    input_file: str = ""

    def write(self) -> int:
        """A descriptor of an anonymous file that holds an `Order` and its parts; the caller closes it."""
        parts = [self.code, *self.inputs, *self.files.values()]
        places, at = [], _HEAD.size
        for part in parts:
            places.append((at, len(part)))
            at += len(part)
        num_inputs = len(self.inputs)
        limits = self.limits
        order = (
            self.role,
            self.entry_point,
            places[0],
            tuple(places[1 : 1 + num_inputs]),
            limits.time_seconds,
            limits.wall_seconds,
            limits.memory_mb,
            limits.output_bytes,
            self.command,
            self.program_path,
            tuple(zip(self.files, places[1 + num_inputs :], strict=True)),
            self.fetch,
            self.prompt_bytes,
            self.usual_imports,
            self.node_kinds,
            self.input_file,
        )
        tail = marshal.dumps(order)  # written and read by this package, before any code of a program runs
        descriptor = os.memfd_create("payload", os.MFD_CLOEXEC)
        try:
            with open(descriptor, "wb", closefd=False) as file:
                file.write(b"".join((_HEAD.pack(at, len(tail)), *parts, tail)))
        except BaseException:
            os.close(descriptor)
            raise
        return descriptor


def read_order(descriptor: int) -> Order:
    """Read the order without its parts: the memory of a reader must hold no input of another test."""
    offset, length = _HEAD.unpack(os.pread(descriptor, _HEAD.size, 0))
    return Order(*marshal.loads(os.pread(descriptor, length, offset)))


def end_of_payload(descriptor: int) -> int:
    """Where the payload ends, as it was written."""
    offset, length = _HEAD.unpack(os.pread(descriptor, _HEAD.size, 0))
    return int(offset + length)


def read_part(descriptor: int, place: Place) -> bytes:
    offset, left = place
    parts = []
    while left:
        part = os.pread(descriptor, left, offset)
        if not part:
            raise OSError(f"payload ends {left} bytes early")
        parts.append(part)
        offset += len(part)
        left -= len(part)
    return b"".join(parts)
