"""Frames between a solution's process and that of its tests: a length and plain data, over one socket."""

from __future__ import annotations

import os
import struct
from typing import Any

from openqwq.sandbox.codec import NotPlainData, Reduce, Resolve, decode, encode

_HEAD = struct.Struct("<Q")
_MAX_FRAME_BYTES = 64 << 20


class PeerGone(BaseException):
    """The other process ended. Not an Exception, so that a test text cannot swallow it."""


def pack(value: object, reduce: Reduce) -> bytes:
    """A value as one frame. Raises NotPlainData."""
    body = encode(value, reduce)
    return _HEAD.pack(len(body)) + body


def send(descriptor: int, frame: bytes) -> None:
    left = memoryview(frame)
    while left:
        try:
            left = left[os.write(descriptor, left) :]
        except BrokenPipeError as problem:
            raise PeerGone("the other process ended") from problem


def receive(descriptor: int, resolve: Resolve) -> Any:
    """The value of the next frame. Raises NotPlainData."""
    (length,) = _HEAD.unpack(_read_exactly(descriptor, _HEAD.size))
    if length > _MAX_FRAME_BYTES:
        raise NotPlainData(f"frame of {length} bytes, at most {_MAX_FRAME_BYTES} are read")
    return decode(_read_exactly(descriptor, length), resolve=resolve)


def _read_exactly(descriptor: int, count: int) -> bytes:
    parts = []
    while count:
        try:
            part = os.read(descriptor, min(count, 1 << 20))
        except ConnectionResetError as problem:
            raise PeerGone("the other process ended") from problem
        if not part:
            raise PeerGone("the other process ended")
        parts.append(part)
        count -= len(part)
    return b"".join(parts)
