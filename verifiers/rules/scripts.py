"""Which writing system a character belongs to, and which languages are written with it. Pure tables."""

from __future__ import annotations

import bisect
import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache

_TABLE = """
latin 0041-005A 0061-007A 00AA-00AA 00BA-00BA 00C0-00D6 00D8-00F6 00F8-024F 1E00-1EFF
greek 0370-03FF 1F00-1FFF
cyrillic 0400-052F
armenian 0530-058F
hebrew 0590-05FF
arabic 0600-06FF 0750-077F 08A0-08FF FB50-FDFF FE70-FEFF
devanagari 0900-097F
bengali 0980-09FF
gurmukhi 0A00-0A7F
gujarati 0A80-0AFF
oriya 0B00-0B7F
tamil 0B80-0BFF
telugu 0C00-0C7F
kannada 0C80-0CFF
malayalam 0D00-0D7F
sinhala 0D80-0DFF
thai 0E00-0E7F
lao 0E80-0EFF
tibetan 0F00-0FFF
burmese 1000-109F
georgian 10A0-10FF
hangul 1100-11FF 3130-318F AC00-D7AF FFA0-FFDC
ethiopic 1200-139F
khmer 1780-17FF
mongolian 1800-18AF
kana 3040-309F 30A0-30FF 31F0-31FF FF66-FF9F
bopomofo 3100-312F
han 3400-4DBF 4E00-9FFF F900-FAFF 20000-3134F
"""  # name, then its ranges of code points in hexadecimal
_RANGES = sorted(
    (int(start, 16), int(end, 16), name)
    for name, *ranges in (line.split() for line in _TABLE.split("\n") if line)
    for start, end in (limits.split("-") for limits in ranges)
)
_STARTS = [start for start, _, _ in _RANGES]

_LANGUAGES = """
latin en de fr es it pt nl sv da no fi pl cs sk hu ro tr vi id ms sw et lv lt sl hr sq af tl ca cy so sr
cyrillic ru uk bg sr
arabic ar fa ur
devanagari hi mr ne
han zh ja
kana ja
hangul ko
thai th
hebrew he
greek el
bengali bn
gurmukhi pa
gujarati gu
tamil ta
telugu te
kannada kn
malayalam ml
georgian ka
armenian hy
khmer km
lao lo
burmese my
"""  # a script, then the languages written with it


def _marks() -> str:
    """Combining marks of the first plane as the inside of a character class, with Indic's and Persian's joiners."""
    codes = [code for code in range(0x300, 0xFFF0) if unicodedata.category(chr(code))[0] == "M"]
    starts = [code for code in codes if unicodedata.category(chr(code - 1))[0] != "M"]
    ends = [code for code in codes if unicodedata.category(chr(code + 1))[0] != "M"]
    return "\u200c\u200d" + "".join(f"{chr(start)}-{chr(end)}" for start, end in zip(starts, ends, strict=True))


def class_of(scripts: Iterable[str]) -> str:
    """The inside of a character class of all letters of these writing systems."""
    chosen = set(scripts)
    return "".join(f"{chr(start)}-{chr(end)}" for start, end, script in _RANGES if script in chosen)


MARKS = _marks()
"""Vowel signs, accents and the like: they belong to the letter before them, though `\\w` does not match them."""
WITHOUT_SPACES = frozenset({"han", "kana", "bopomofo", "thai", "lao", "khmer", "burmese", "tibetan"})
"""Writing systems that put no blanks between words."""
UNSPACED = class_of(WITHOUT_SPACES)
WORD = rf"[^\W\d_](?:[^\W\d_]|[{MARKS}])*"
"""Pattern of a word of letters with their marks."""


def _scripts_by_language() -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    for script, *languages in (line.split() for line in _LANGUAGES.split("\n") if line):
        for language in languages:
            found.setdefault(language, set()).add(script)
    return {language: frozenset(scripts) for language, scripts in found.items()}


LANGUAGE_SCRIPTS = _scripts_by_language()
"""Two-letter language code -> the writing systems it uses."""


@lru_cache(maxsize=8192)
def script_of(character: str) -> str | None:
    """Name of the writing system of a letter; None for digits, signs and blanks."""
    code = ord(character)
    index = bisect.bisect_right(_STARTS, code) - 1
    if index < 0 or code > _RANGES[index][1]:
        return None
    return _RANGES[index][2] if character.isalpha() else None


def language_code(name: str) -> str | None:
    """The two-letter code of a known language: zh-cn and zh_TW are zh; None for unknown ones."""
    code = name.strip().casefold().replace("_", "-").split("-")[0]
    return code if code in LANGUAGE_SCRIPTS else None


def runs(text: str) -> list[tuple[str, int]]:
    """(script, letters) of each run of letters of one script; blanks, digits and signs do not end a run."""
    found: list[tuple[str, int]] = []
    for character in text:
        script = script_of(character)
        if script is None:
            continue
        if found and found[-1][0] == script:
            found[-1] = (script, found[-1][1] + 1)
        else:
            found.append((script, 1))
    return found


@lru_cache(maxsize=64)
def foreign_letters(language: str) -> re.Pattern[str]:
    """Runs of letters of writing systems that the language is not written with; Latin ones, which bring names and terms
    into every language, are left out."""
    own = LANGUAGE_SCRIPTS[language] | {"latin"}
    return re.compile(f"[{class_of(script for _, _, script in _RANGES if script not in own)}]+")


@lru_cache(maxsize=64)
def own_letters(language: str) -> re.Pattern[str]:
    """Runs of letters of the language's own writing systems."""
    return re.compile(f"[{class_of(LANGUAGE_SCRIPTS[language])}]+")
