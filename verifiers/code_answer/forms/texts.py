"""Values that rows hold as text: JSON, Python literals, and compressed JSON or pickles (zlib or gzip in base64)."""

from __future__ import annotations

import ast
import base64
import binascii
import json
import re
import zlib
from typing import Any

from openqwq.verifiers.base import VerifierError
from openqwq.verifiers.code_answer.forms.plain_pickle import read_plain_pickle

MAX_BYTES = 256 << 20
_MAX_LITERAL_CHARACTERS = 1 << 20
_PACKED = re.compile(r"[A-Za-z0-9+/=_\s-]{16,}")
_TEST_TEXT = re.compile(r"\bassert\b|\bdef\s+test|\bclass\s+\w*Test|\bdef\s+check\b|\bunittest\b")


def opened(value: Any, name: str) -> Any:
    """The structure that a text stands for, opened again while it is a text of JSON; other values as they are.

    Raises:
        VerifierError: the text is neither JSON, a Python literal nor packed, and no text of tests.
    """
    for _ in range(3):  # JSON of a text of JSON, and packed JSON
        if not isinstance(value, str):
            return value
        value = _opened_once(value, name)
        if isinstance(value, str) and is_test_text(value):
            return value
    if isinstance(value, str):
        raise VerifierError(f"{name} is {_shown(value)}, which is neither JSON nor a text of tests")
    return value


def _json(text: str | bytes) -> Any:
    """JSON without NaN and infinities, which no answer equals. Raises ValueError, RecursionError."""
    return json.loads(text, parse_constant=_refuse)


def _refuse(word: str) -> Any:
    raise ValueError(f"{word} is no JSON")


def is_test_text(text: str) -> bool:
    """True for Python that asserts or defines tests."""
    return _TEST_TEXT.search(text) is not None and not text.lstrip().startswith(("[", "{", '"'))


def _opened_once(text: str, name: str) -> Any:
    bare = text.strip()
    if is_test_text(bare):
        return text
    try:
        return _json(bare)
    except (ValueError, RecursionError):
        pass
    if _PACKED.fullmatch(bare) and (data := _unpacked(bare, name)) is not None:
        return data
    found = _literal(bare)
    if found is None:
        raise VerifierError(f"{name} is {_shown(text)}, which is neither JSON nor a text of tests")
    return found


def _shown(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:37] + "...")


def _literal(text: str) -> Any:
    """A Python literal that is a list or mapping, or None. Rows that were printed by Python hold such texts."""
    if not text.startswith(("[", "{", "(")) or len(text) > _MAX_LITERAL_CHARACTERS:
        return None
    try:
        found = ast.literal_eval(text)
    except (ValueError, SyntaxError, RecursionError, MemoryError):
        return None
    return found if isinstance(found, list | dict | tuple) else None


def _unpacked(text: str, name: str) -> Any:
    """The value of compressed text, or None when it is not base64 of compressed bytes."""
    try:
        packed = base64.b64decode(text, validate=False)
    except (binascii.Error, ValueError):
        return None
    if packed[:1] != b"\x78" and packed[:2] != b"\x1f\x8b":
        return None
    stream = zlib.decompressobj(wbits=47)  # zlib or gzip, by its header
    try:
        data = stream.decompress(packed, MAX_BYTES)
        if not stream.eof:
            raise VerifierError(f"{name} is packed and damaged, or larger than {MAX_BYTES >> 20} MiB")
        return _json(data) if data.lstrip()[:1] in (b"[", b"{") else read_plain_pickle(data)
    except (zlib.error, ValueError, RecursionError) as problem:
        raise VerifierError(f"{name} is packed and cannot be read: {problem}") from problem


def arguments(text: str, name: str) -> list[Any]:
    """The arguments of a call from text: one JSON value a line, or `nums = [3, 3], target = 6`.

    Raises:
        VerifierError: a line is neither JSON nor a Python literal.
    """
    if re.match(r"\s*[A-Za-z_]\w*\s*=[^=]", text):
        return _keyword_values(text, name)
    return [value_of(line, name) for line in text.split("\n") if line.strip()]


def value_of(text: str, name: str) -> Any:
    """One value from JSON or Python text."""
    try:
        return _json(text)
    except (ValueError, RecursionError):
        pass
    try:
        return ast.literal_eval(text.strip()[:_MAX_LITERAL_CHARACTERS])
    except (ValueError, SyntaxError, RecursionError, MemoryError) as problem:
        raise VerifierError(f"{name} is {_shown(text)}, which is no JSON value") from problem


def _keyword_values(text: str, name: str) -> list[Any]:
    words = {"null": "None", "true": "True", "false": "False"}
    for spelled in (text, re.sub(r"\b(?:null|true|false)\b", lambda word: words[word[0]], text)):
        try:
            call = ast.parse(f"f({spelled[:_MAX_LITERAL_CHARACTERS]})", mode="eval").body
            return [ast.literal_eval(keyword.value) for keyword in getattr(call, "keywords", ())]
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            continue
    raise VerifierError(f"{name} is {_shown(text)}, which is no list of arguments")
