"""Splits a unit from a value: units are optional in an answer, but a different unit is a different answer."""

from __future__ import annotations

import re
from functools import lru_cache

_LOGIC = frozenset(
    """
or and not to if than no non negative minus plus about approximately approx around roughly nearly mod remainder half
third quarter times divided by over root between less more least most at either neither nor none all any undefined
infinite infinity unknown never is are maybe perhaps possibly so but except
""".split()
)
"""Words that change the value: what holds one of them is no unit."""
_SCALES = {"hundred": 2, "thousand": 3, "million": 6, "billion": 9, "trillion": 12,
           "百": 2, "千": 3, "万": 4, "百万": 6, "千万": 7, "亿": 8}  # fmt: skip
_SAME = """
m meter metre 米
km kilometer kilometre kms 千米 公里
dm decimeter decimetre 分米
cm centimeter centimetre 厘米
mm millimeter millimetre 毫米
nm nanometer nanometre
in inch inche 英寸
ft foot feet 英尺
yd yard
mi mile 英里
h hour hr 小时 时
min minute 分钟
s second sec 秒
ms millisecond
day 天 日
week 周
month 月 个月
year yr 年 岁
kg kilogram kilo 千克 公斤
g gram 克
mg milligram 毫克
t ton tonne 吨
lb pound
oz ounce
l liter litre 升
ml milliliter millilitre 毫升
usd dollar buck
cent ¢
eur euro
gbp
cny yuan 元 块
角 毛
j joule
kj kilojoule
w watt
kw kilowatt
n newton
pa pascal
kpa kilopascal
k kelvin
hz hertz
v volt
a ampere amp
mol mole
celsius c °c
fahrenheit f °f
radian rad 弧度
mi/h mph
km/h kph kmh kmph
person people 人 名
pm
am
"""
_NAMES = {alias: line.split()[0] for line in _SAME.splitlines() if line for alias in line.split()}
_EMPTY = frozenset({"unit", "个", "只", "件", "条", "张", "本", "次", "种", "units"})
_CJK = "\u3040-\u30ff\u4e00-\u9fff\uac00-\ud7af"
_BARE = "|".join(sorted((name for name in _NAMES if name.isascii() and len(name) > 1), key=len, reverse=True))
_POWER = r"(?:\s*\^\s*\{?\s*-?\d\s*\}?)?"
_PIECE = (
    r"(?:\\text\s*\{(?:[^{}\d]|\^\s*\d)*\}"
    rf"|(?<=[\d}}%) /])(?i:{_BARE})s?(?![A-Za-z])"
    r"|(?<=[\d}%)] )[A-Za-z]{4,}(?: [A-Za-z]+){0,3}"
    rf"|[{_CJK}]{{1,6}})" + _POWER
)
_UNIT = re.compile(rf"\s*{_PIECE}(?:\s*(?:/|\\cdot)?\s*{_PIECE}|/[A-Za-z]{{1,3}}{_POWER})*\s*$")
_MONEY = re.compile(r"^([-+]?)\s*\\(usd|eur|gbp|cny) ?([-+]?)|\s*\\(usd|eur|gbp|cny)$")
_TEMPERATURE = re.compile(r"\s*°\s*(?:\\text\s*\{\s*([CF])\s*\}|([CF]))$")


@lru_cache(maxsize=4096)
def split_unit(text: str) -> tuple[str, str]:
    """(value, unit) of a cleaned answer; unit is "" when there is none. A text that is only words stays whole.

    1.2 million dollars is ("(1.2)\\\\times 10^{6}", "usd"); a degree sign stays with its value and is named as well.
    """
    unit = ""
    if money := _MONEY.search(text):
        unit = money[2] or money[4]
        text = f"{money[1] or ''}{money[3] or ''}{text[: money.start()]}{text[money.end() :]}".strip()
    if temperature := _TEMPERATURE.search(text):
        return text[: temperature.start()], {"C": "celsius", "F": "fahrenheit"}[temperature[1] or temperature[2]]
    if text.endswith("°"):
        return text, "degree"
    if minutes := re.fullmatch(r"([\d.]+)('{1,2})", text):
        return minutes[1], "arc" + minutes[2]
    match = _UNIT.search(text)
    if match is None or not text[: match.start()].strip():
        return text, unit
    value, found = text[: match.start()].strip(), match.group()
    power, name = _canonical(found)
    if name is None or value.endswith(("=", "(", ",", "^", "_", "{")):
        return text, unit
    return (rf"({value})\times 10^{{{power}}}" if power else value), unit or name


def _canonical(text: str) -> tuple[int, str | None]:
    """(power of ten, name) of a phrase; None when a word in it changes the value."""
    words = re.sub(r"\\text\s*\{([^{}]*)\}", r" \1", text.replace(r"\cdot", " ")).lower()
    words = re.sub(r"(?<=[a-z])\.(?=[a-z]|\s|$)", "", words)  # p.m., sq. ft.
    words = re.sub(r"\s*\^\s*\{?\s*(-?\d)\s*\}?", r"^\1 ", words)
    words = re.sub(r"\s*(?:/|\bper\b|\ban?\b hour)\s*", " / ", words)
    words = re.sub(r"平方", " square ", words)
    words = re.sub(r"立方", " cubic ", words)
    if re.search(r"[或和与且不约]", words) or not _LOGIC.isdisjoint(re.findall(r"[a-z]+", words)):
        return 0, None
    power, pending, names = 0, "", []
    for word in words.replace("(", " ").replace(")", " ").split():
        bare, _, raised = word.partition("^")
        scale = (
            next((scale for scale in (bare, bare[:2], bare[:1]) if scale in _SCALES), "")
            if not bare.isascii() or bare in _SCALES
            else ""
        )
        if scale and not names and bare not in _NAMES:
            power += _SCALES[scale]
            bare = bare.removeprefix(scale)
            if not bare:
                continue
        if bare in ("square", "sq", "squared"):
            if bare == "squared" and names:
                names[-1] += "^2"
            else:
                pending = "^2"
        elif bare in ("cubic", "cubed"):
            if bare == "cubed" and names:
                names[-1] += "^3"
            else:
                pending = "^3"
        elif bare == "/":
            names.append("/")
        elif name := _singular(bare):
            names.append(name + (f"^{raised}" if raised else pending))
            pending = ""
        else:
            pending = ""
    return power, "".join(names).strip("/")


def _singular(word: str) -> str:
    word = word.strip(".,;:")
    if word in _EMPTY:
        return ""
    if word in _NAMES:
        return _NAMES[word]
    short = word[:-1] if len(word) > 3 and word.endswith("s") else word
    return "" if short in _EMPTY else _NAMES.get(short, short)
