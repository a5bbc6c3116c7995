"""Frames between a solution's process and that of its tests, over one socket: a length, and a request or an answer.

Either side may ask while it is asked: a test calls the program, whose function calls a function of the test.
"""

from __future__ import annotations

import os
import struct

from openqwq.sandbox.codec import MAX_DEPTH, Containers, NotPlainData, Reduce, encode

REQUEST, ANSWER, ANSWER_AND_SHARES = b"?", b"!", b"+"
"""The last is an answer that a second frame follows: which containers the processes share from then on."""
ANSWER_DEPTH = MAX_DEPTH - 100
"""Answers of a program are read to a smaller depth than requests are written: a test can hand on what it got."""
_HEAD = struct.Struct("<Qc")
_MAX_FRAME_BYTES = 64 << 20


class PeerGone(BaseException):
    """The other process ended. Not an Exception, so that a test text cannot swallow it."""


def pack(kind: bytes, value: object, reduce: Reduce, known: Containers) -> bytes:
    """A value as one frame. Raises NotPlainData."""
    body = encode(value, reduce, known)
    return _HEAD.pack(len(body), kind) + body


def with_shares(answer: bytes) -> bytes:
    """The frame of an answer as one that a second frame follows."""
    length, _ = _HEAD.unpack_from(answer)
    return _HEAD.pack(length, ANSWER_AND_SHARES) + answer[_HEAD.size :]


def send(descriptor: int, frame: bytes) -> None:
    left = memoryview(frame)
    while left:
        try:
            left = left[os.write(descriptor, left) :]
        except (BrokenPipeError, ConnectionResetError) as problem:
            raise PeerGone("the other process ended") from problem


def receive(descriptor: int) -> tuple[bytes, bytes]:
    """(REQUEST or ANSWER, body) of the next frame. Raises NotPlainData."""
    length, kind = _HEAD.unpack(_read_exactly(descriptor, _HEAD.size))
    if length > _MAX_FRAME_BYTES:
        raise NotPlainData(f"frame of {length} bytes, at most {_MAX_FRAME_BYTES} are read")
    return kind, _read_exactly(descriptor, length)


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
