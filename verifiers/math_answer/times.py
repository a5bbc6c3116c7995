"""Times of day and dates, however they are written: `2:30 p.m.`, `14:30`, `下午2时30分`; `March 3rd, 2012`."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

_HALF = r"(?P<half>[ap])\.?\s?m\.?(?![a-z])"
_PART = r"(?:in the |at )(?P<part>morning|afternoon|evening|night)"
_CLOCK = re.compile(
    rf"(?:at )?(?P<hour>\d{{1,2}})(?:(?::|\.(?=\d\d ?[ap]))(?P<minute>\d\d))?(?: ?o'?clock)?\s*"
    rf"(?:{_HALF}|{_PART}|(?P<noon>noon|midnight))?[.\s]*"
)
_NOON = re.compile(r"(?:at )?(?P<noon>noon|midnight)[.\s]*")
_CHINESE_CLOCK = re.compile(
    r"(?P<part>上午|早上|凌晨|下午|晚上|中午)?\s*(?P<hour>\d{1,2})\s*(?:[时点](?:钟|整)?(?:\s*(?P<minute>\d{1,2})\s*分)?|:(?P<colon>\d\d))"
)
_AFTERNOON = frozenset({"p", "afternoon", "evening", "night", "下午", "晚上"})
_MORNING = frozenset({"a", "morning", "上午", "早上", "凌晨"})
_MONTHS = "january february march april may june july august september october november december".split()  # noqa: SIM905
_MONTH = r"(?P<month>" + "|".join(rf"{name[:3]}(?:{name[3:]})?" for name in _MONTHS) + r")\.?"
_DAY = r"(?:the )?(?P<day>\d{1,2})(?:st|nd|rd|th)?"
_YEAR = r"(?P<year>\d{4})"
_WEEKDAY = r"(?:(?:mon|tues|wednes|thurs|fri|satur|sun)day,? )?"
_DATES = tuple(
    re.compile(pattern)
    for pattern in (
        rf"{_WEEKDAY}{_MONTH} {_DAY}(?:,? {_YEAR})?",
        rf"{_WEEKDAY}{_DAY}(?: of)? {_MONTH}(?:,? {_YEAR})?",
        r"(?:(?P<year>\d{4})\s*年\s*)?(?P<month>\d{1,2})\s*月\s*(?P<day>\d{1,2})\s*[日号]",
        r"(?P<year>\d{4})-(?P<month>\d\d)-(?P<day>\d\d)",
        r"(?P<month>\d{1,2})/(?P<day>\d{1,2})/(?P<year>\d{4})",
    )
)
_HINT = re.compile(r"\d\s*[:/]|[年月日时点]|[ap]\.?\s?m\b|noon|midnight|o'?clock|morning|afternoon|evening|-\d\d-|"
                   + "|".join(name[:3] for name in _MONTHS), re.IGNORECASE)  # fmt: skip
_SPACING = re.compile(r"\\[,;:! ]|\\q?quad")
_LOOSE = re.compile(r"(?<=\d) (?=st\b|nd\b|rd\b|th\b)| (?=,)|(?<=\d) (?=:)|(?<=:) (?=\d)")
_OCLOCK = re.compile("[时点]|o'?clock")
_WRAPPER = re.compile(r"\\(?:text|textrm|textbf|mathrm|mbox|operatorname)\s*\{([^{}]*)\}")
_TIME_WORDS = 6
_BOUNDING = frozenset("before after by until till from since than between past".split())  # noqa: SIM905
_MAX_CHARS = 60


class _Clock(NamedTuple):
    minutes: int
    """Since midnight; without a half of the day, as the numbers say."""
    half: str
    """`am`, `pm`, or "" where the text leaves it open."""
    is_sure: bool
    """Can the text be nothing but a time?"""


class _Date(NamedTuple):
    month: int
    day: int
    year: int | None
    is_sure: bool


def same_time(gold: str, answer: str) -> bool | None:
    """Are two raw answers the same time of day, or the same date? None where they are not both such, or where neither
    is surely one: `3:20` may be a ratio.

    What the gold leaves open, the half of the day or the year, the answer may add. What the answer leaves open of a
    time is taken as the gold says it; a date needs the gold's year.
    """
    if len(gold) > _MAX_CHARS or len(answer) > _MAX_CHARS or not (_HINT.search(gold) and _HINT.search(answer)):
        return None
    clocks = _clock(gold), _clock(answer)
    if clocks[0] and clocks[1] and (clocks[0].is_sure or clocks[1].is_sure):
        return _same_clock(clocks[0], clocks[1])
    dates = _date(gold), _date(answer)
    if dates[0] and dates[1] and (dates[0].is_sure or dates[1].is_sure):
        return dates[0][:2] == dates[1][:2] and dates[0].year in (None, dates[1].year)
    return None


def is_time(text: str) -> bool:
    """Is this surely a time of day or a date, and nothing else?"""
    if len(text) > _MAX_CHARS or not _HINT.search(text):
        return False
    clock, date = _clock(text), _date(text)
    return bool((clock and clock.is_sure) or (date and date.is_sure))


def time_at_end(sentence: str) -> str | None:
    """The time of day or the date with which a sentence ends: `So they meet again on August 12.`; "" for one that
    only bounds or starts something, `before 5 p.m.`."""
    words = sentence.split()[-_TIME_WORDS - 1 :]
    for start in range(max(0, len(words) - _TIME_WORDS), len(words)):
        if is_time(" ".join(words[start:])):
            return "" if start and words[start - 1].lower() in _BOUNDING else " ".join(words[start:])
    return None


def _same_clock(gold: _Clock, answer: _Clock) -> bool:
    if gold.half and answer.half:
        return gold.minutes == answer.minutes
    if gold.half == answer.half == "":
        return gold.minutes == answer.minutes
    stated, open_ = (gold, answer) if gold.half else (answer, gold)
    # 14:30 says its half of the day, and 2:30 leaves it open
    return open_.minutes == stated.minutes or (open_.minutes < 780 and open_.minutes % 720 == stated.minutes % 720)


@lru_cache(maxsize=1024)
def _plain(text: str) -> str:
    text = _WRAPPER.sub(r" \1 ", text.replace("{:}", ":")).replace("$", " ").replace("：", ":").replace("~", " ")
    text = _SPACING.sub(" ", text).replace(r"\(", " ").replace(r"\)", " ")
    text = " ".join(text.lower().strip(" .。*").split())
    return _LOOSE.sub("", text)


def _clock(text: str) -> _Clock | None:
    text = _plain(text)
    if noon := _NOON.fullmatch(text):
        return _Clock(720 if noon["noon"] == "noon" else 0, "pm" if noon["noon"] == "noon" else "am", True)
    match = _CLOCK.fullmatch(text) or _CHINESE_CLOCK.fullmatch(text)
    if match is None:
        return None
    said = match.groupdict()
    hour, minute = int(said["hour"]), int(said["minute"] or said.get("colon") or 0)
    word = said.get("half") or said["part"] or said.get("noon") or ""
    if not (hour <= 24 and minute < 60 and (word or ":" in text or _OCLOCK.search(text))):
        return None
    is_sure = bool(word) or _OCLOCK.search(text) is not None
    half = (
        "pm"
        if word in _AFTERNOON or word in ("noon", "中午")
        else "am"
        if word in _MORNING or word == "midnight"
        else ""
    )
    if half and hour <= 12:
        hour = hour % 12 + (12 if half == "pm" and not (word == "中午" and hour == 11) else 0)
    return _Clock(hour * 60 + minute, half, is_sure)


def _date(text: str) -> _Date | None:
    text = _plain(text)
    for pattern in _DATES:
        if match := pattern.fullmatch(text):
            month, year = match["month"], match["year"]
            number = int(month) if month.isdecimal() else [name[:3] for name in _MONTHS].index(month[:3]) + 1
            if 1 <= number <= 12 and 1 <= int(match["day"]) <= 31:
                return _Date(number, int(match["day"]), int(year) if year else None, "/" not in text)
    return None
