"""Compare an answer with the wanted one. Runs outside of every jail, on bytes that a hostile program made."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from fractions import Fraction
from io import BytesIO
from itertools import zip_longest
from typing import Any

from openqwq.sandbox.codec import NotPlainData, Pairs, decode, encode
from openqwq.sandbox.jobs import Compare

_INTEGER = re.compile(rb"[+-]?[0-9]{1,4000}")
_NUMBER = re.compile(rb"[+-]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][+-]?[0-9]+)?")
_MAX_NUMBER_BYTES = 400
_KEY_BITS = 4000
_EXACT_FLOAT = 1 << 53
"""From here on a float stands for more than one integer."""


def _lines(text: bytes) -> Iterator[bytes]:
    """Lines without trailing white space, empty ones at the end dropped. In bytes white space is ASCII only."""
    return map(bytes.rstrip, BytesIO(text.rstrip()))


def _close(wanted: Any, got: Any, compare: Compare) -> bool:
    """Both float, or both Fraction."""
    if compare.float_tol is None or not math.isfinite(wanted):
        return False
    return bool(abs(wanted - got) <= compare.float_tol * (max(1.0, abs(wanted)) if compare.rel else 1.0))


def _same_token(wanted: bytes, got: bytes, compare: Compare) -> bool:
    if wanted == got:
        return True
    is_integer = _INTEGER.fullmatch(wanted) is not None
    if is_integer and _INTEGER.fullmatch(got):
        return int(wanted) == int(got)  # a tolerance is for fractions: a large integer off by one is wrong
    if not (len(got) <= _MAX_NUMBER_BYTES and _NUMBER.fullmatch(wanted) and _NUMBER.fullmatch(got)):
        return False
    if not _close(float(wanted), float(got), compare):
        return False
    # Floats near a large integer are far apart. Being near it and not 0 bounds the exponent, and so a fraction's cost.
    is_exact = is_integer and abs(float(wanted)) >= _EXACT_FLOAT and float(got) != 0.0
    return not is_exact or _close(Fraction(int(wanted)), Fraction(got.decode()), compare)


def _same_line(wanted: bytes, got: bytes, compare: Compare) -> bool:
    if wanted == got or compare.float_tol is None:
        return wanted == got
    wanted_tokens = wanted.split()
    got_tokens = got.split(None, len(wanted_tokens))  # one token too many decides
    return len(wanted_tokens) == len(got_tokens) and all(
        _same_token(a, b, compare) for a, b in zip(wanted_tokens, got_tokens, strict=True)
    )


def text_difference(wanted: str, output: bytes, compare: Compare) -> str | None:
    """None when the printed text is the wanted one, else the first difference in words.

    Reads both texts line by line and stops at the first difference: an output may be millions of lines.
    """
    wanted_bytes = wanted.encode("utf-8", "surrogatepass")
    if output == wanted_bytes:
        return None
    for number, (want, have) in enumerate(zip_longest(_lines(wanted_bytes), _lines(output)), 1):
        if have is None:
            return f"the output ends before line {number}, wanted {_shown(want)}"
        if want is None:
            return f"line {number} is {_shown(have)}, wanted no more than {number - 1} lines"
        if not _same_line(want, have, compare):
            return f"line {number} is {_shown(have)}, wanted {_shown(want)}"
    return None


def _shown(line: bytes) -> str:
    return repr(line[:320].decode("utf-8", "replace")[:80])


def value_difference(wanted: object, data: bytes, compare: Compare) -> str | None:
    """None when the encoded return value equals the wanted one, else the difference in words."""
    reference = encode(wanted)
    if reference == data:
        return None
    if len(data) > 4 * len(reference) + 65536:  # decoding it would cost far more than the wanted value
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
    if isinstance(wanted, bool) or isinstance(got, bool):
        return wanted is got
    if isinstance(wanted, int | float) and isinstance(got, int | float):
        return _same_number(wanted, got, compare)
    if isinstance(wanted, list | tuple) and isinstance(got, list | tuple):
        return len(wanted) == len(got) and all(_same_value(a, b, compare) for a, b in zip(wanted, got, strict=True))
    if isinstance(got, Pairs):
        return _same_collection(wanted, got, compare)
    return (type(wanted) is type(got) or isinstance(got, bytes | bytearray)) and bool(wanted == got)


def _same_number(wanted: int | float, got: int | float, compare: Compare) -> bool:
    if type(wanted) is type(got) is int:
        return wanted == got
    if wanted == got and (type(wanted) is type(got) or abs(wanted) <= _EXACT_FLOAT):
        return True
    try:
        is_close = _close(float(wanted), float(got), compare)
    except OverflowError:
        return False
    return is_close and (not isinstance(wanted, int) or _close(Fraction(wanted), Fraction(got), compare))


def _same_collection(wanted: Any, got: Pairs, compare: Compare) -> bool:
    """Only keys of the wanted value are hashed into a table; the other side is looked up in it."""
    if got.kind == "d":
        if not isinstance(wanted, dict) or len(got.items) != len(wanted):
            return False
        table = {encode(key): (key, value) for key, value in wanted.items()}
        seen = set()
        for key, value in got.items:
            found = table.get(encode_pairs(key)) or table.get(encode_pairs(_json_key(key)))
            if found is None or not _same_value(found[1], value, compare):
                return False
            seen.add(encode(found[0]))
        return len(seen) == len(wanted)
    if not isinstance(wanted, set | frozenset) or len(got.items) != len(wanted):
        return False
    members = {encode(item) for item in wanted}
    return {encode_pairs(item) for item in got.items} == members


def _json_key(key: object) -> object:
    """The text that JSON has for a key that is a number: rows cannot hold other keys."""
    if isinstance(key, bool) or key is None:
        return {True: "true", False: "false", None: "null"}[key]
    return repr(key) if isinstance(key, float) or (isinstance(key, int) and key.bit_length() < _KEY_BITS) else key


def encode_pairs(value: object) -> bytes:
    """Encode a value that `decode(keep_pairs=True)` read; a nested collection as a key never matches."""
    try:
        return encode(value)
    except NotPlainData:
        return b""
