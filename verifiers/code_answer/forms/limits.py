"""Limits as rows publish them: `2.0 seconds`, `256.0 megabytes`, seconds and nanoseconds, bytes."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from openqwq.verifiers.base import VerifierError

_QUANTITY = re.compile(r"\s*(\d+(?:\.\d*)?)\s*([A-Za-z]*)")
_SECONDS = {"": 1.0, "s": 1.0, "sec": 1.0, "secs": 1.0, "second": 1.0, "seconds": 1.0, "ms": 1e-3, "milliseconds": 1e-3}
_MEGABYTES = {"": 1.0, "mb": 1.0, "mib": 1.0, "m": 1.0, "megabyte": 1.0, "megabytes": 1.0, "kb": 1 / 1024,
              "kilobytes": 1 / 1024, "gb": 1024.0, "gigabytes": 1024.0, "bytes": 2.0**-20, "b": 2.0**-20}  # fmt: skip
_LEAST_MEGABYTES = 64
"""An interpreter needs a part of it."""
_RANGE_SECONDS = (0.5, 300.0)


def limits_of(reference: Mapping[str, Any]) -> dict[str, Any]:
    """{time_s, memory_mb} as far as the row sets them; `limits` wins over the keys of published rows.

    Raises:
        VerifierError: a limit that cannot be read.
    """
    limits: dict[str, Any] = {}
    time = reference.get("time_limit")
    if isinstance(time, Mapping):  # CodeContests
        time = (time.get("seconds") or 0) + (time.get("nanos") or 0) / 1e9
    if time is not None and (seconds := _amount(time, _SECONDS, "time_limit")) > 0:
        limits["time_s"] = min(max(seconds, _RANGE_SECONDS[0]), _RANGE_SECONDS[1])
    memory, unit = reference.get("memory_limit"), "memory_limit"
    if memory is None and (size := reference.get("memory_limit_bytes")) is not None:
        memory, unit = f"{size} bytes", "memory_limit_bytes"
    if memory is not None and (megabytes := _amount(memory, _MEGABYTES, unit)) > 0:
        limits["memory_mb"] = min(max(int(megabytes), _LEAST_MEGABYTES), 65536)
    own = reference.get("limits") if reference.get("limits") is not None else {}
    if not isinstance(own, Mapping):
        raise VerifierError(f"limits must be a mapping, got {type(own).__name__}")
    return limits | {key: value for key, value in own.items() if value is not None}


def _amount(value: Any, units: Mapping[str, float], name: str) -> float:
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    found = _QUANTITY.match(value) if isinstance(value, str) else None
    if found is None or found[2].lower() not in units:
        raise VerifierError(f"{name} is {str(value)[:40]!r}; allowed: a number, or one with a unit as in '2 seconds'")
    return float(found[1]) * units[found[2].lower()]
