"""Scalars and arrays of numpy across a jail's border: a kind of number and raw bytes, checked before they are read."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from typing import Any

from openqwq.sandbox.codec import Described

_KIND = re.compile(r"[<>|=]?(?:[biufc?]\d{0,2}|[SU]\d{1,7}|[mM]8\[[a-zA-Z0-9]{1,6}\])")
_MAX_DIMENSIONS = 32


def describe(value: object) -> Described | None:
    """The `Described` of an array, a scalar or a kind of number; None for anything else."""
    numpy: Any = sys.modules["numpy"]
    try:
        if isinstance(value, numpy.ndarray):
            return _described_array(value)
        if isinstance(value, numpy.generic) and _KIND.fullmatch(value.dtype.str):
            return Described("numpy scalar", (value.dtype.str, value.tobytes()))
        if isinstance(value, numpy.dtype) and _KIND.fullmatch(value.str):
            return Described("numpy dtype", (value.str,))
        if isinstance(value, type) and value.__module__ == "numpy" and issubclass(value, numpy.generic):
            return Described("numpy type", (value.__name__,))
    except AttributeError:  # while numpy is being loaded, or a module of the program's own
        pass
    return None


def _described_array(value: Any) -> Described | None:
    if value.dtype.hasobject and value.dtype.names is None:
        return Described("numpy objects", (value.shape, value.ravel().tolist()))
    if not _KIND.fullmatch(value.dtype.str):
        return None
    return Described("numpy array", (value.dtype.str, value.shape, value.tobytes()))


def plain(value: object) -> object:
    """A scalar or an array as plain data of Python; None for anything else."""
    numpy: Any = sys.modules.get("numpy")
    if numpy is None:
        return None
    if isinstance(value, numpy.ndarray):
        return numpy.ndarray.tolist(value)
    return numpy.generic.item(value) if isinstance(value, numpy.generic) else None


def _numpy() -> Any:
    if "numpy" not in sys.modules:
        raise ValueError("numpy is not loaded here")
    return sys.modules["numpy"]


def _check_kind(kind: Any) -> None:
    if type(kind) is not str or not _KIND.fullmatch(kind):
        raise ValueError("no kind of number")


def _check_shape(shape: Any) -> None:
    if type(shape) is not tuple or len(shape) > _MAX_DIMENSIONS or not all(type(n) is int and n >= 0 for n in shape):
        raise ValueError("no shape")


def _array(kind: Any, shape: Any, data: Any) -> object:
    _check_kind(kind)
    _check_shape(shape)
    if data:
        return _numpy().frombuffer(data, dtype=kind).reshape(shape).copy()
    if 0 not in shape:
        raise ValueError("an array without its items")
    return _numpy().zeros(shape, kind)


def _objects(shape: Any, items: Any) -> object:
    _check_shape(shape)
    if type(items) is not list:
        raise ValueError("no list of items")
    array = _numpy().empty(len(items), dtype=object)
    array[:] = items
    return array.reshape(shape)


def _scalar(kind: Any, data: Any) -> object:
    _check_kind(kind)
    return _numpy().frombuffer(data, dtype=kind, count=1)[0] if data else _numpy().zeros(1, kind)[0]


def _dtype(kind: Any) -> object:
    _check_kind(kind)
    return _numpy().dtype(kind)


def _type(name: Any) -> object:
    found = getattr(_numpy(), name)
    if not (isinstance(found, type) and issubclass(found, _numpy().generic)):
        raise ValueError("no kind of number")
    return found


KINDS: dict[str, Callable[..., object]] = {
    "numpy array": _array,
    "numpy objects": _objects,
    "numpy scalar": _scalar,
    "numpy dtype": _dtype,
    "numpy type": _type,
}
