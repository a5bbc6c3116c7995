"""Splits a trailing unit from a value: units are optional in an answer, but a different unit is a different answer."""

from __future__ import annotations

import re

_LOGIC_WORDS = """
or and not to if than no non negative minus plus about approximately approx mod remainder hundred thousand million
billion trillion dozen half third quarter times divided by over root square squared squares cubed percent between less
more least most at either neither nor none all any undefined infinite infinity unknown never is are
"""
_LOGIC = frozenset(_LOGIC_WORDS.split())
"""Words that change the value: what ends in one of them is no unit."""
_SHORT = (
    "km|cm|mm|nm|kg|mg|ml|mL|ft|in|yd|mi|mph|[hH]z|kJ|kPa|Pa|lbs?|oz|hrs?|mins?|secs?|days?|weeks?|months?|years?"
    "|cents?|cats?|dogs?|eggs?|cups?|men|boys|girls|kids|units?|usd|USD|degrees?"
)
_UNIT = re.compile(
    r"(?:\s*\\text\s*\{\s*([^{}\d]*?)\s*\}"  # \text{ km}
    r"|(?<=[\d}%)])\s+([A-Za-z]{4,}(?:\s+[A-Za-z]+){0,3})"  # 9 apples
    rf"|(?<=[\d}}%)])\s*({_SHORT})"  # 9km; other short letter groups may be variables
    r"|\s*([\u3040-\u30ff\u4e00-\u9fff\uac00-\ud7af]{1,6}))"  # CJK counters
    r"(?:\s*\^\s*\{?([23])\}?)?\s*[.]?$"
)
_SAME = """
km kilometer kilometers kilometre kilometres
m meter meters metre metres
cm centimeter centimeters centimetre centimetres
in inch inches
ft foot feet
h hour hours hr hrs
min minute minutes mins
s second seconds sec secs
g gram grams
kg kilogram kilograms
lb pound pounds lbs
$ dollar dollars usd
"""
_NAMES = {alias: name for name, *aliases in (line.split() for line in _SAME.split("\n") if line) for alias in aliases}
_EMPTY = frozenset({"degree", "degrees", "unit", "units", "元"})


def split_unit(text: str) -> tuple[str, str]:
    """(value, unit) of a cleaned answer; unit is "" when there is none. A text that is only words stays whole."""
    text = re.sub(r"°\s*[CF]?$", "", text).strip()
    match = _UNIT.search(text)
    if match is None or not text[: match.start()].strip():
        return text, ""
    *names, power = match.groups()
    words = next(name for name in names if name is not None).lower().strip(" .")
    if any(word in _LOGIC for word in re.findall(r"[a-z]+", words)):
        return text, ""
    unit = "" if words in _EMPTY else _NAMES.get(words, words)
    return text[: match.start()].strip(), unit + (power or "")
