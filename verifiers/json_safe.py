"""Values of a row as plain JSON: None, bool, int, float, str, list and dict with text keys, and nothing else.

Rows are made safe once, where they come in. From then on a checkpoint, a log, another process and a cache key keep them
as they are. A value without an entry in this table is refused; nothing becomes text only because it can be printed.

    bool, int, finite float, None    as they are; integers of more than 4300 digits are refused, as JSON readers do
    nan (pandas writes it for a missing value), NaT, NA, a masked element    None
    infinity                         "Infinity", "-Infinity": float() reads them back
    text                             as it is; each lone surrogate becomes U+FFFD, a pair of them its character
    bytes                            text where they are UTF-8, else base64 text
    Decimal                          int where whole; float where JSON's text of it is the same number (0.1); else text
    date, time, datetime             ISO 8601 text
    timedelta                        seconds
    UUID, path                       text
    Enum                             its value, made safe
    list, tuple                      list
    set                              sorted list: numbers, then texts, then the rest by its JSON text
    mapping                          dict; a key that is no text becomes its JSON text (1 -> "1", None -> "null")
    numpy's scalars and arrays       as the Python values that they hold; datetime64 and timedelta64 as above
"""

from __future__ import annotations

import base64
import datetime
import enum
import json
import math
from collections.abc import Iterable, Mapping
from decimal import Decimal
from pathlib import PurePath
from typing import Any
from uuid import UUID

MAX_DEPTH = 100
MAX_DIGITS = 4_300
_TOO_LARGE = 10**MAX_DIGITS
_MISSING = frozenset({("pandas", "NaTType"), ("pandas", "NAType"), ("numpy", "MaskedConstant")})
_Path = tuple[object, ...]
"""The name of the whole value, then the texts of keys and the places that lead to the part that is looked at."""


class NotJsonSafe(ValueError):
    """A value has no JSON form; the message names the path to it and its type."""


def json_safe(value: object, name: str = "row") -> Any:
    """The value as plain JSON, by the table of this module; `name` stands for the whole of it in messages.

    The result shares nothing with the value that could change, and it is the same in every process. Written as strict
    JSON and read again it is equal, and making it safe a second time changes nothing.

    Raises:
        NotJsonSafe: a part has no JSON form, two keys have the same text, or it is nested more than MAX_DEPTH deep.

    Example: json_safe({"when": date(2024, 5, 1), 7: {"b", "a"}}) == {"when": "2024-05-01", "7": ["a", "b"]}.
    """
    return _safe(value, (name,))


def _safe(value: Any, path: _Path) -> Any:  # Any: the value may be of any library's type
    if value is None or value is True or value is False:
        return value
    if len(path) - 1 > MAX_DEPTH:
        raise NotJsonSafe(f"{_shown(path[:4])}... is nested more than {MAX_DEPTH} deep, or holds itself")
    if isinstance(value, enum.Enum):
        return _safe(value.value, path)
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, int):
        if abs(value) >= _TOO_LARGE:
            raise NotJsonSafe(f"{_shown(path)} is an integer of more than {MAX_DIGITS} digits; write it as text")
        return int(value)
    if isinstance(value, float):
        return _number(float(value))
    if isinstance(value, Mapping):
        return _mapping(value, path)
    if isinstance(value, list | tuple):
        return _items(value, path)
    if isinstance(value, set | frozenset):
        return sorted(_items(value, path), key=_order)
    if isinstance(value, bytes | bytearray | memoryview):
        return _bytes(bytes(value))
    return _from_library(value, path)


def _from_library(value: Any, path: _Path) -> Any:  # Any: as above
    """What is no type of JSON or of Python's literals: times, decimals, names, and numpy's and pandas' values."""
    library = type(value).__module__.partition(".")[0]
    if (library, type(value).__name__) in _MISSING:  # NaT is a datetime by its class
        return None
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    if isinstance(value, datetime.timedelta):
        return value.total_seconds()
    if isinstance(value, Decimal):
        return _decimal(value)
    if isinstance(value, UUID | PurePath):
        return _text(str(value))
    if library == "numpy" and hasattr(value, "dtype"):
        return _numpy(value, path)
    raise _refusal(value, path)


def _refusal(value: object, path: _Path) -> NotJsonSafe:
    kind = f"{type(value).__module__}.{type(value).__qualname__}".removeprefix("builtins.")
    return NotJsonSafe(
        f"{_shown(path)} has the type {kind}, which has no JSON form; give it as text, numbers, lists or mappings"
    )


def _shown(path: _Path) -> str:
    return str(path[0]) + "".join(f"[{part!r}]" for part in path[1:])


def _text(value: str) -> str:
    if value.isascii():
        return str(value)
    return value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _number(value: float) -> float | str | None:
    if math.isfinite(value):
        return value
    return None if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def _bytes(value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        return base64.b64encode(value).decode()


def _decimal(value: Decimal) -> int | float | str | None:
    if not value.is_finite():
        return None if value.is_nan() else _number(math.copysign(math.inf, value))
    if value == value.to_integral_value() and value.adjusted() < MAX_DIGITS:
        return int(value)
    nearest = float(value)
    return nearest if math.isfinite(nearest) and Decimal(repr(nearest)) == value else str(value)


def _items(values: Iterable[Any], path: _Path) -> list[Any]:
    return [_safe(value, (*path, place)) for place, value in enumerate(values)]


def _mapping(value: Mapping[Any, Any], path: _Path) -> dict[str, Any]:
    safe: dict[str, Any] = {}
    for key, inner in value.items():
        plain = _safe(key, (*path, "a key"))
        name = plain if isinstance(plain, str) else json.dumps(plain)
        if name in safe:
            raise NotJsonSafe(f"{_shown(path)} has two keys with the text {name!r}; rename one")
        safe[name] = _safe(inner, (*path, name))
    return safe


def _order(value: Any) -> tuple[int, float, str, str]:  # Any: a value that is safe already
    """Numbers by value, texts by their characters, the rest by JSON text; the last place tells 1 from 1.0 and true."""
    if isinstance(value, str):
        return 1, 0, value, ""
    is_number = isinstance(value, int | float)
    return (0, value, "", json.dumps(value)) if is_number else (2, 0, "", json.dumps(value, sort_keys=True))


def _numpy(value: Any, path: _Path) -> Any:  # Any: numpy is not imported here
    """A scalar or an array, by the letter of its type; what numpy cannot turn into Python's values is refused."""
    if value.shape:
        return _items(value.tolist() if value.dtype.kind in "biufU" else value, path)
    kind, scalar = value.dtype.kind, value[()]
    if kind in "mM" and scalar != scalar:
        return None
    if kind == "M":
        whole, _, fraction = str(scalar).partition(".")  # numpy writes ISO 8601, with zeros for its unit
        return f"{whole}.{fraction}" if fraction.strip("0") else whole
    if kind == "m":
        return _seconds(scalar, path)
    plain = float(scalar) if kind == "f" else scalar.item() if hasattr(scalar, "dtype") else scalar
    if type(plain) is type(value):
        raise _refusal(value, path)
    return _safe(plain, path)


def _seconds(duration: Any, path: _Path) -> float:  # Any: numpy is not imported here
    try:
        return float(duration / type(duration)(1, "s"))
    except TypeError as error:
        raise NotJsonSafe(f"{_shown(path)} is a timedelta64 in years or months, which are no seconds") from error
