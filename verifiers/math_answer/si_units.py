"""Symbols of SI units with their prefixes: `kN`, `mJ` and `MJ`, `μF`. Case tells them apart, so they are read before a
text is put into small letters."""

from __future__ import annotations

import re
from fractions import Fraction

_PREFIXES = {"p": ("pico", -12), "n": ("nano", -9), "μ": ("micro", -6), "m": ("milli", -3), "c": ("centi", -2),
             "d": ("deci", -1), "h": ("hecto", 2), "k": ("kilo", 3), "M": ("mega", 6), "G": ("giga", 9),
             "T": ("tera", 12)}  # fmt: skip
_UNITS = {"N": "newton", "J": "joule", "W": "watt", "Pa": "pascal", "Hz": "hertz", "V": "volt", "A": "ampere",
          "Ω": "ohm", "F": "farad", "H": "henry", "T": "tesla", "Wb": "weber", "C": "coulomb", "eV": "electronvolt",
          "mol": "mole", "L": "liter", "m": "meter", "g": "gram", "s": "second", "cal": "calorie", "K": "kelvin",
          "lx": "lux"}  # fmt: skip
_KNOWN = {"newton": "n", "joule": "j", "watt": "w", "pascal": "pa", "hertz": "hz", "volt": "v", "ampere": "a",
          "mole": "mol", "liter": "l", "meter": "m", "gram": "g", "second": "s", "kelvin": "k"}  # fmt: skip
"""Their names in units.py."""
_OTHER_WORDS = frozenset("pm am cd hm dm Mm Gm Tm pg pL cs ds hs ks Ms Gs Ts mm nm km cm kg mg ms mL ml min pT".split())  # noqa: SIM905
"""What units.py knows by this name, or what is something else."""
_SHORT_WORD = re.compile(r"(?<![A-Za-z])[A-Za-zμµΩ\u2126]{1,4}(?![A-Za-z])")
_SYMBOL = re.compile(rf"([{''.join(_PREFIXES)}]?)({'|'.join(sorted(_UNITS, key=len, reverse=True))})")
_MARKS = str.maketrans("µ\u2126", "μΩ")
SIZES: dict[str, tuple[str, Fraction]] = {
    prefix + unit: (_KNOWN.get(unit, unit), Fraction(10) ** power)
    for unit in _UNITS.values()
    for prefix, power in _PREFIXES.values()
} | {unit: (unit, Fraction(1)) for unit in _UNITS.values() if unit not in _KNOWN}  # fmt: skip
"""The unit in words -> the unit without its prefix, and how much of it."""


def in_words(symbol: str) -> str:
    """`kN` as `kilonewton`, `Ω` as `ohm`; "" for what is no such symbol, and for single letters."""
    match = _SYMBOL.fullmatch(symbol.translate(_MARKS))
    if match is None or symbol in _OTHER_WORDS or (not match[1] and len(match[2]) == 1 and match[2] != "Ω"):
        return ""
    return (_PREFIXES[match[1]][0] if match[1] else "") + _UNITS[match[2]]


def spelled_out(text: str) -> str:
    """A phrase of units with its symbols in words."""
    return _SHORT_WORD.sub(lambda word: in_words(word[0]) or word[0], text)
