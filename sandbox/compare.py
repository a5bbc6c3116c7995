"""Is this the wanted answer? Runs outside of every jail, on bytes that a hostile program made."""

from __future__ import annotations

import math
import re
from typing import Any

from openqwq.sandbox.codec import NotPlainData, Pairs, decode, encode
from openqwq.sandbox.jobs import Compare

_INTEGER = re.compile(r"[+-]?[0-9]{1,4000}", re.ASCII)
_NUMBER = re.compile(r"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?", re.ASCII)
_EXACT_FLOAT = 1 << 53


def _lines(text: str) -> list[str]:
    lines = [line.rstrip() for line in text.replace("\r\n", "\n").split("\n")]
    while lines and not lines[-1]:
        lines.pop()
    return lines


def _close(wanted: float, got: float, compare: Compare) -> bool:
    if compare.float_tol is None or not (math.isfinite(wanted) and math.isfinite(got)):
        return False
    return abs(wanted - got) <= compare.float_tol * (max(1.0, abs(wanted)) if compare.rel else 1.0)


def _same_token(wanted: str, got: str, compare: Compare) -> bool:
    if wanted == got:
        return True
    if _INTEGER.fullmatch(wanted) and _INTEGER.fullmatch(got):
        return int(wanted) == int(got)  # a tolerance is for fractions: a large integer off by one is wrong
    if not (len(got) <= 400 and _NUMBER.fullmatch(wanted) and _NUMBER.fullmatch(got)):
        return False
    return _close(float(wanted), float(got), compare)


def text_difference(wanted: str, output: bytes, compare: Compare) -> str | None:
    """None when the printed text is the wanted one, else the first difference in words."""
    try:
        got = output.decode("utf-8")
    except UnicodeDecodeError as problem:
        return f"the output is not UTF-8: {problem}"
    if got == wanted:
        return None
    wanted_lines, got_lines = _lines(wanted), _lines(got)
    for number, (want, have) in enumerate(zip(wanted_lines, got_lines, strict=False), 1):
        if want == have:
            continue
        if compare.float_tol is not None:
            want_tokens, have_tokens = want.split(), have.split()
            if len(want_tokens) == len(have_tokens) and all(
                _same_token(a, b, compare) for a, b in zip(want_tokens, have_tokens, strict=True)
            ):
                continue
        return f"line {number} is {have[:80]!r}, wanted {want[:80]!r}"
    if len(wanted_lines) != len(got_lines):
        return f"{len(got_lines)} lines, wanted {len(wanted_lines)}"
    return None


def value_difference(wanted: object, data: bytes, compare: Compare) -> str | None:
    """None when the encoded return value equals the wanted one, else the difference in words."""
    reference = encode(wanted)
    if reference == data:
        return None
    if len(data) > 4 * len(reference) + 65536:  # reading it would cost more than the answer can be worth
        return f"the returned value is {len(data)} bytes long, the wanted one {len(reference)}"
    try:
        got = decode(data, keep_pairs=True)
    except NotPlainData as problem:
        return f"the returned value is not plain data: {problem}"
    if _same_value(wanted, got, compare):
        return None
    return f"returned {_short(got)}, wanted {_short(wanted)}"


def _short(value: object) -> str:
    if isinstance(value, int) and value.bit_length() > 2000:
        return f"an integer of {value.bit_length()} bits"
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # an integer too long to print, inside
        return f"a {type(value).__name__}"
    return text if len(text) <= 120 else text[:117] + "..."


def _same_value(wanted: Any, got: Any, compare: Compare) -> bool:
    if isinstance(wanted, bool) or wanted is None or isinstance(got, bool) or got is None:
        return wanted is got
    if isinstance(wanted, int | float) and isinstance(got, int | float):
        return _same_number(wanted, got, compare)
    if isinstance(wanted, list | tuple) and isinstance(got, list | tuple):
        return len(wanted) == len(got) and all(_same_value(a, b, compare) for a, b in zip(wanted, got, strict=True))
    if isinstance(got, Pairs):
        return _same_collection(wanted, got, compare)
    if type(wanted) is not type(got):
        return False
    return bool(wanted == got)


def _same_number(wanted: int | float, got: int | float, compare: Compare) -> bool:
    if type(wanted) is type(got) is int:
        return wanted == got
    if wanted == got and (type(wanted) is type(got) or abs(wanted) <= _EXACT_FLOAT):
        return True
    try:
        return _close(float(wanted), float(got), compare)
    except OverflowError:
        return False


def _same_collection(wanted: Any, got: Pairs, compare: Compare) -> bool:
    """Only keys of the wanted value are hashed into a table; the other side is looked up in it."""
    if got.kind == "d":
        if not isinstance(wanted, dict) or len(got.items) != len(wanted):
            return False
        table = {encode(key): (key, value) for key, value in wanted.items()}
        seen = set()
        for key, value in got.items:
            found = table.get(encode_pairs(key))
            if found is None or not _same_value(found[1], value, compare):
                return False
            seen.add(encode(found[0]))
        return len(seen) == len(wanted)
    if not isinstance(wanted, set | frozenset) or len(got.items) != len(wanted):
        return False
    members = {encode(item) for item in wanted}
    return {encode_pairs(item) for item in got.items} == members


def encode_pairs(value: object) -> bytes:
    """Encode a value that `decode(keep_pairs=True)` read; a nested collection as a key never matches."""
    try:
        return encode(value)
    except NotPlainData:
        return b""
