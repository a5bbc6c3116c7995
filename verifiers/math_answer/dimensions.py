"""Dimensions of a thing, `4 ft x 12 ft`: lengths in no order, never their product."""

from __future__ import annotations

import re

from openqwq.verifiers.math_answer.conversions import short_unit
from openqwq.verifiers.math_answer.exact import rational
from openqwq.verifiers.math_answer.units import split_unit

MAX_CHARS = 120
_TIMES = re.compile(r"\\times|\\text\s*\{\s*(?:x|by)\s*\}|(?<![A-Za-z\\])(?:x|by)(?![A-Za-z])")
_NUM_LENGTHS = range(2, 4)


def lengths(text: str, may_lack_units: bool = False) -> tuple[str, ...] | None:
    """`4 ft x 12 ft` as its lengths; None for what names no unit, unless that may be so: `4 \\times 12`."""
    if len(text) > MAX_CHARS or len(parts := _TIMES.split(text)) not in _NUM_LENGTHS:
        return None
    pairs = [_measured(part.strip()) for part in parts]
    if any(rational(value) is None for value, _ in pairs):
        return None
    units = [unit for _, unit in pairs]
    if not all(units) and (any(units[:-1]) or not may_lack_units):
        return None  # 7 \times 10^2 m is one length
    return tuple(f"{value}\\text{{ {unit or units[-1]}}}" if units[-1] else value for value, unit in pairs)


def _measured(text: str) -> tuple[str, str]:
    value, unit = split_unit(text)
    return (value, unit) if unit else short_unit(text) or (text, "")
