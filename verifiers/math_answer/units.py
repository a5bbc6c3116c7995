"""Splits a unit from a value: units are optional in an answer, but a different unit is a different answer."""

from __future__ import annotations

import re
from functools import lru_cache
from string import ascii_letters

from openqwq.verifiers.math_answer.si_units import in_words, spelled_out

_LOGIC_WORDS = """
or and not to if than no non negative minus plus about approximately approx around roughly nearly mod remainder half
third quarter times divided by over root between less more least most at either neither nor none all any undefined
infinite infinity unknown never is are maybe perhaps possibly probably so but except excluding unless otherwise cannot
halves thirds quarters fourths fifths sixths sevenths eighths ninths tenths hundredths thousandths millionths
"""
_LOGIC = frozenset(_LOGIC_WORDS.split())
"""Words that change, bound, doubt or deny the value: a phrase with one of them is no unit."""
_DENIALS = """
excluded rejected discarded eliminated extraneous spurious inadmissible invalid impossible wrong incorrect false fails
guess guessed unlikely unclear unsure uncertain fourth fifth sixth seventh eighth ninth tenth hundredth thousandth
"""
_LAST_WORDS = frozenset(_DENIALS.split())
"""Words that deny, doubt or divide the value where no noun follows: `3 rejected` is no 3, `3 rejected forms` is."""
_FIRST_WORDS = frozenset(["squared", "cubed", "below", "above", "under", "beyond"])
_NOT = re.compile(r"n['\u2019]t(?![a-z])")
_CHINESE_LOGIC = re.compile("[或和与且不约非舍错除]|左右|以[上下内外]")
_SAME_NAMES = """
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
g gram gm 克
mg milligram 毫克
t ton tonne 吨
lb pound
oz ounce 盎司
l liter litre 升
gallon gal 加仑
quart qt
pint pt
hectare 公顷
acre 英亩
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
CANONICAL = {name: line.split()[0] for line in _SAME_NAMES.strip().splitlines() for name in line.split()}
_COUNTERS = frozenset({"unit", "个", "只", "件", "条", "张", "本", "次", "种"})  # no units of measure
_SCALES = {"hundred": 2, "thousand": 3, "million": 6, "billion": 9, "trillion": 12,
           "百万": 6, "千万": 7, "百": 2, "千": 3, "万": 4, "亿": 8}  # fmt: skip
MAX_UNIT_CHARS = 80
_CJK = "\u3040-\u30ff\u4e00-\u9fff\uac00-\ud7af"
_SHORT_WORDS = [name for name in CANONICAL if re.fullmatch("[a-z]{2,}", name)]
_BARE = "|".join(_SHORT_WORDS)
_POWER = r"(?:\s*\^\s*\{?\s*-?\d\s*\}?)?"
_PIECE = (
    r"(?:\\text\s*\{(?:[^{}\d]|\^\s*-?\d)*\}"  # \text{ km/h}, \text{m/s^2}
    rf"|(?<=[\d}}%) /])(?:(?i:{_BARE})s?(?![A-Za-z])|(?i:sq|cu)(?=[. ]))"  # 9km; other short groups may be variables
    r"|(?<=[\d}%) ])(?i:sq|cu)\.? ?units?(?![A-Za-z])"  # 20 sq. units
    r"|(?<=[\d}%)] )[A-Za-z]{4,}(?: [A-Za-z]+){0,3}"  # 9 apples
    rf"|(?<![{_CJK}])[{_CJK}]{{1,6}}(?![{_CJK}])){_POWER}"
)
_BETWEEN = r"\s*(?:/|\\cdot|per(?![A-Za-z])|-(?=\\text))?\s*"
_UNIT = re.compile(rf"\s*{_PIECE}(?:{_BETWEEN}{_PIECE}|\s*/\s*[A-Za-z]{{1,3}}{_POWER}){{0,5}}\s*$")
_MONEY = re.compile(r"^([-+]?)\s*\\(usd|eur|gbp|cny) ?([-+]?)|\s*\\(usd|eur|gbp|cny)$")
_TEMPERATURE = re.compile(r"\s*°\s*(?:\\text\s*\{\s*([CF])\s*\}|([CF]))$")
_ARC = re.compile(r"([\d.]+)('{1,2})")
_WRAPPER = re.compile(r"\\text\s*\{([^{}]*)\}")
_ABBREVIATING = re.compile(r"(?<=[a-z])\.")
_UNIT_WORD = re.compile(rf"[a-z°¢]+|[{_CJK}]+|/|\^\s*\{{?\s*-?\d")
_CHOICE = re.compile(r"\([A-J]\)|[A-J]\)?[.:]?")
_FORMULA = re.compile(r"(?<![A-Za-z\\])[A-Za-z]|.[-+]")
_POWER_WORDS = {"square": "^2", "sq": "^2", "cubic": "^3", "cu": "^3", "squared": "^2", "cubed": "^3"}


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
        return text[: temperature.start()], CANONICAL[(temperature[1] or temperature[2]).lower()]
    if text.endswith("°"):
        return text, "degree"
    if minutes := _ARC.fullmatch(text):
        return minutes[1], "arc" + minutes[2]
    match = _UNIT.search(text, len(text) - MAX_UNIT_CHARS)
    if match is None or not text[: match.start()].strip():
        return text, unit
    value, words = text[: match.start()].strip(), _words(match.group())
    if _CHOICE.fullmatch(value):
        return text, unit  # (B) Tuesday
    if _FORMULA.search(value) and match.group()[0] in ascii_letters:
        return text, unit  # 2ab+5cm and 1-5cm are formulas
    if words is None or value.endswith(("=", "(", ",", "/", "^", "_", "{", r"\cdot")):
        return text, unit
    power, words = _scale(words)
    return (rf"({value})\times 10^{{{power}}}" if power else value), unit or _name(words)


def _words(text: str) -> list[str] | None:
    """The words, powers (^2) and slashes of a phrase; None when a word in it changes the value."""
    text = spelled_out(_WRAPPER.sub(r" \1", text.replace(r"\cdot", " "))).lower()
    text = _ABBREVIATING.sub("", text)  # p.m., sq. ft.
    text = text.replace("平方", " square ").replace("立方", " cubic ").replace(" per ", " / ").replace(" in all", " ")
    words = _UNIT_WORD.findall(text)
    if _CHINESE_LOGIC.search(text) or _NOT.search(text) or not _LOGIC.isdisjoint(words):
        return None
    if words and (words[-1] in _LAST_WORDS or words[0] in _FIRST_WORDS):
        return None
    return words


def _scale(words: list[str]) -> tuple[int, list[str]]:
    """Take the power of ten from the front: million people, 万元."""
    power = 0
    while words and words[0] not in CANONICAL:
        scale = next(
            (scale for scale in _SCALES if words[0] == scale or (not scale.isascii() and words[0].startswith(scale))),
            "",
        )
        if not scale:
            break
        power += _SCALES[scale]
        words = [words[0].removeprefix(scale), *words[1:]] if words[0] != scale else words[1:]
    return power, words


def _name(words: list[str]) -> str:
    """One name for a unit however it is written: square metres and m^2, km per hour and km/h."""
    names: list[str] = []
    power = ""
    for word in words:
        if word[0] == "^":
            if names:
                names[-1] += "^" + word[1:].lstrip(" {")
        elif word in ("squared", "cubed"):
            if names:
                names[-1] += _POWER_WORDS[word]
        elif word in _POWER_WORDS:
            power = _POWER_WORDS[word]
        elif word == "/" or (name := _singular(word)):
            names.append("/" if word == "/" else name + power)
            power = ""
    return ".".join(names).replace("./.", "/").strip("/.")


def _singular(word: str) -> str:
    if word not in CANONICAL and word not in _COUNTERS and len(word) > 3:
        word = word.removesuffix("s")
    return "" if word in _COUNTERS else CANONICAL.get(word, word)


def is_measure(word: str) -> bool:
    """Is this word the name of a unit of measure, such as `cm`, `hours` or `kN`?"""
    if in_words(word):
        return True
    return _singular(word.lower()) in CANONICAL.values()
