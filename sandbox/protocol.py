"""What the pool and a jail say to each other: one payload file in, one record and its bytes a test out.

The payload is an anonymous file, so that the warm process which starts jails never reads any of it: no bytes of
one program can be found in the memory of the next.
"""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Literal

Role = Literal["stdin", "call", "candidate", "judge"]

ENDINGS = ("exited", "time_limit", "memory_limit", "output_limit", "broken")
"""How a test's processes ended; `broken` means that the jail itself failed and nothing is known."""

STDERR_TAIL_BYTES = 2048
_HEAD = struct.Struct("<Q")
_RECORD = struct.Struct("<BidddQQ")
RECORD_BYTES = _RECORD.size


@dataclass(frozen=True)
class Order:
    """What a jail is to do. `code` and `inputs` are (offset, length) in the payload."""

    role: Role
    entry_point: str
    code: tuple[int, int]
    inputs: tuple[tuple[int, int], ...]
    time_seconds: float
    wall_seconds: float
    memory_mb: int
    output_bytes: int


@dataclass(frozen=True)
class Record:
    """How one test ended, written by the jail's pid 1; followed by `output_bytes` and then `stderr_bytes`."""

    ending: str
    wait_status: int
    cpu_seconds: float
    wall_seconds: float
    memory_mb: float
    output_bytes: int
    stderr_bytes: int

    def pack(self) -> bytes:
        return _RECORD.pack(
            ENDINGS.index(self.ending),
            self.wait_status,
            self.cpu_seconds,
            self.wall_seconds,
            self.memory_mb,
            self.output_bytes,
            self.stderr_bytes,
        )

    @staticmethod
    def unpack(data: bytes) -> Record:
        ending, *rest = _RECORD.unpack(data)
        return Record(ENDINGS[ending], *rest)


def write_payload(
    role: Role,
    entry_point: str,
    code: bytes,
    inputs: Sequence[bytes],
    time_seconds: float,
    wall_seconds: float,
    memory_mb: int,
    output_bytes: int,
) -> int:
    """A descriptor of a sealed-off anonymous file; the caller closes it."""
    at = len(code)
    places = []
    for blob in inputs:
        places.append((at, len(blob)))
        at += len(blob)
    order = Order(role, entry_point, (0, len(code)), tuple(places), time_seconds, wall_seconds, memory_mb, output_bytes)
    head = json.dumps(asdict(order)).encode()
    descriptor = os.memfd_create("payload", os.MFD_CLOEXEC)
    try:
        with open(descriptor, "wb", closefd=False) as file:
            file.write(b"".join((_HEAD.pack(len(head)), head, code, *inputs)))
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor


def read_order(descriptor: int) -> Order:
    (length,) = _HEAD.unpack(os.pread(descriptor, _HEAD.size, 0))
    fields = json.loads(os.pread(descriptor, length, _HEAD.size))
    start = _HEAD.size + length
    fields["code"] = (fields["code"][0] + start, fields["code"][1])
    fields["inputs"] = tuple((offset + start, size) for offset, size in fields["inputs"])
    return Order(**fields)


def read_part(descriptor: int, place: tuple[int, int]) -> bytes:
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
