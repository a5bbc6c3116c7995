"""The program of several tests, parsed once: the first test's process leaves the code object behind the payload, before
a line of the program runs.

A code object is a function of the text alone, so no test learns anything of another by it. Whoever could write another
one there, by a fault of the parser, could do so in the process of every test, since the text is the same.
"""

from __future__ import annotations

import contextlib
import marshal
import os
import struct
import types

from openqwq.sandbox.isolation import limits
from openqwq.sandbox.protocol import Order, end_of_payload

FILE_NAME = "main.py"
"""The name of every program."""
_LENGTH = struct.Struct("<Q")
_MIN_SOURCE_BYTES = 512
"""A shorter text is compiled as fast as its code object is read."""
_MAX_END = limits.TEMPORARY_BYTES // 2
"""Behind it nothing is written: a process ends at its limit of a file's size, and memory is not worth more."""


def program_code(payload: int, order: Order, source: bytes) -> types.CodeType | bytes:
    """The compiled program where a test before this one has left it or another test follows, else its text."""
    is_shared = len(order.inputs) > 1 and order.role in ("stdin", "call") and not order.prompt_bytes
    if not is_shared or len(source) < _MIN_SOURCE_BYTES:
        return source
    place = end_of_payload(payload)
    with contextlib.suppress(
        Exception
    ):  # the program's own process compiles it again and reports what is wrong with it
        return _left(payload, place) or _leave(payload, place, source)
    return source


def _left(payload: int, place: int) -> types.CodeType | None:
    """What a test before this one left as a whole."""
    head = os.pread(payload, _LENGTH.size, place)
    length = _LENGTH.unpack(head)[0] if len(head) == _LENGTH.size else 0
    code = marshal.loads(os.pread(payload, length, place + _LENGTH.size)) if length else None
    return code if isinstance(code, types.CodeType) else None


def _leave(payload: int, place: int, source: bytes) -> types.CodeType:
    """Compile, and write the length last: a process may end in between."""
    code: types.CodeType = compile(source, FILE_NAME, "exec", 0, dont_inherit=True)
    data = marshal.dumps(code)
    is_small = place + _LENGTH.size + len(data) <= _MAX_END
    if is_small and os.pwrite(payload, data, place + _LENGTH.size) == len(data):
        os.pwrite(payload, _LENGTH.pack(len(data)), place)
    return code
