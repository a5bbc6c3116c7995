"""Units that measure the same: 5 km is 5000 m. What the table does not hold equals itself alone."""

from __future__ import annotations

import re
from fractions import Fraction
from functools import lru_cache
from itertools import pairwise

from openqwq.verifiers.math_answer.normalise import compact
from openqwq.verifiers.math_answer.si_units import SIZES
from openqwq.verifiers.math_answer.units import CANONICAL, split_unit

_TABLE = """
m m: nm 1/1000000000 mm 1/1000 cm 1/100 dm 1/10 m 1 km 1000 in 127/5000 ft 381/1250 yd 1143/1250 mi 201168/125
s s: ms 1/1000 s 1 min 60 h 3600 day 86400 week 604800
g g: mg 1/1000 g 1 kg 1000 t 1000000 lb 45359237/100000 oz 45359237/1600000
m^3 l: ml 1/1000000 l 1/1000 gallon 473176473/125000000000 quart 473176473/500000000000 pint 473176473/1000000000000
m^2 acre: acre 316160658/78125 hectare 10000
month month: month 1 year 12
usd usd: usd 1 cent 1/100
cny cny: cny 1 角 1/10
joule j: j 1 kj 1000 kwh 3600000
watt w: w 1 kw 1000
pascal pa: pa 1 kpa 1000
angle degree: degree 1 arc' 1/60 arc'' 1/3600
"""
_Dimension = tuple[tuple[str, int], ...]
_RADIAN_IN_DEGREES = r"\frac{180}{\pi}"
_UNITS: dict[str, tuple[str, int, Fraction]] = {}
for _line in _TABLE.strip().splitlines():
    _head, _, _entries = _line.partition(": ")
    _base, _, _power = _head.split()[0].partition("^")
    _words = _entries.split()
    _UNITS |= {
        name: (_base, int(_power or 1), Fraction(size)) for name, size in zip(_words[::2], _words[1::2], strict=True)
    }
_AND = r"(?:\s*(?:,|and(?![a-z])|\\text\s*\{\s*,?\s*and\s*\})\s*)*"
_PIECES = re.compile(
    rf"{_AND}(\d+(?:\.\d+)?)\s*(?:\\text\s*\{{\s*([^{{}}\d,]+?)(?:\s*,?\s*and)?\s*\}}|((?!and)[A-Za-z]{{1,8}})(?![A-Za-z])|([时分秒天小钟米厘千克]+))\s*"
)
_UNITS |= {name: (_UNITS[base][0], _UNITS[base][1], size * _UNITS[base][2]) if base in _UNITS else (base, 1, size)
           for name, (base, size) in SIZES.items() if name not in _UNITS}  # fmt: skip
_UNITS = {base: (base, 1, Fraction(1)) for base, _ in SIZES.values()} | _UNITS
_SHORT = re.compile(
    r"^(?P<value>[-+]?(?:[\d,]*\.?\d+|\\frac ?\{\d+\} ?\{\d+\})) ?"
    r"(?P<unit>[a-zA-Z]{1,2}(?:\^\{?[23]\}?)?(?:/[a-z]{1,3})?)$"
)


def in_one_unit(gold: str, answer: str) -> tuple[str, str] | None:
    """Two cleaned texts as values in the gold's unit; None where their units measure different things.

    A text without a unit is taken as it is, but a percentage is no number of things. Beside a unit, `5 m` and `5m`
    name one as well.
    """
    gold, answer = in_first_unit(gold), in_first_unit(answer)
    (gold_value, gold_unit), (value, unit) = split_unit(gold), split_unit(answer)
    if gold_unit and value.endswith("%") and not gold_value.endswith("%"):
        return None
    if gold_unit and not unit:
        value, unit = short_unit(answer) or (value, unit)
    elif unit and not gold_unit:
        gold_value, gold_unit = short_unit(gold) or (gold_value, gold_unit)
    if not gold_unit or not unit or gold_unit.replace(".", "") == unit.replace(".", ""):
        return gold_value, value
    if {gold_unit, unit} == {"degree", "radian"}:
        factor = _RADIAN_IN_DEGREES if unit == "radian" else rf"\frac{{1}}{{{_RADIAN_IN_DEGREES}}}"
        return gold_value.rstrip("°"), rf"({value.rstrip('°')})\cdot {factor}"
    wanted, said = measure(gold_unit), measure(unit)
    if wanted is None or said is None or wanted[0] != said[0]:
        return None
    ratio = said[1] / wanted[1]
    return gold_value.rstrip("°"), rf"({value.rstrip('°')})\cdot ({ratio.numerator}/{ratio.denominator})"


def in_first_unit(text: str) -> str:
    """`2\\text{ ft }6\\text{ in}` in feet, `1 hour and 30 minutes` in hours; any other text as it is."""
    if len(pieces := _PIECES.findall(text)) < 2 or _PIECES.sub("", text).strip():
        return text
    parts = [split_unit(f"{number}\\text{{ {''.join(words).strip(' .,')}}}") for number, *words in pieces]
    sizes = [measure(unit) for _, unit in parts]
    first = sizes[0]
    if first is None or any(size is None or size[0] != first[0] for size in sizes):
        return text
    ratios = [size[1] / first[1] for size in sizes if size is not None]
    if any(after >= before for before, after in pairwise(ratios)):
        return text
    terms = (
        rf"({value})\cdot ({ratio.numerator}/{ratio.denominator})"
        for (value, _), ratio in zip(parts, ratios, strict=True)
    )
    return "+".join(terms).join(("(", ")")) + rf"\text{{ {parts[0][1]}}}"


@lru_cache(maxsize=1024)
def measure(unit: str) -> tuple[_Dimension, Fraction] | None:
    """What a unit's name measures, and how much of it: km/h is ((("m", 1), ("s", -1)), 5/18). None for others."""
    if (whole := unit.replace(".", "")) in _UNITS:
        unit = whole  # kw.h
    powers: dict[str, int] = {}
    size = Fraction(1)
    above, *below = unit.split("/")
    for place, piece in [(0, one) for one in above.split(".")] + [
        (1, one) for part in below for one in part.split(".")
    ]:
        name, _, raised = piece.partition("^")
        if name not in _UNITS or not re.fullmatch(r"-?\d|", raised):
            return None
        base, dimension, factor = _UNITS[name]
        power = int(raised or 1) * (-1 if place else 1)
        powers[base] = powers.get(base, 0) + dimension * power
        size *= factor**power
    return tuple(sorted((base, power) for base, power in powers.items() if power)), size


def short_unit(text: str) -> tuple[str, str] | None:
    """`5 m` beside a text with a unit; alone its m is a variable."""
    match = _SHORT.match(text)
    if match is None:
        return None
    name, _, below = compact(match["unit"]).replace("{", "").replace("}", "").partition("/")
    base, _, power = name.partition("^")
    names = [CANONICAL.get(base, ""), CANONICAL.get(below, "") if below else "-"]
    if not all(names) or base != base.lower():
        return None
    return match["value"], names[0] + (f"^{power}" if power else "") + (f"/{names[1]}" if below else "")
