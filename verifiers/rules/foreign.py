"""Passages of a text that are in another language than it should be in: by writing system, and by words.

Both walk the text once. Letters of a foreign writing system count wherever they stand; a short term in quotes,
brackets, code or a formula is none. Words are weighed: those of other languages for, those of its own against a foreign
passage, and the heaviest stretches are passages (as in Kadane's algorithm): a long clean text gathers nothing.
"""

from __future__ import annotations

import bisect
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

from openqwq.verifiers.rules.scripts import LANGUAGE_SCRIPTS, WITHOUT_SPACES, foreign_letters, own_letters, script_of
from openqwq.verifiers.rules.spans import Kind, Span, blanked
from openqwq.verifiers.rules.word_weights import weights_for

_TERM_WORDS = 2.0
"""A quoted or bracketed term, or one in code or a formula, has no more words than this."""
_LINK_WORDS = 4.0
_LETTERS_OF_A_WORD = {"han": 2, "bopomofo": 2, "kana": 3, "thai": 5, "lao": 5, "khmer": 5, "burmese": 5, "tibetan": 3}
_OPENERS = "\"'“‘«„‹「『《〈【([（［*_`|"
_CLOSERS = "\"'”’»“›」』》〉】)]）］*_`|"
_LETTER = re.compile(r"[^\W\d_]")
_GREEK_WORD = re.compile(
    "[\u0370-\u03ff]*[άέήίόύώϊϋΐΰΆΈΉΊΌΎΏ][\u0370-\u03ff]*|\\b(?:και|το|του|της|την|των|τα|να|με|σε|για|από)\\b"
)
_KANA = re.compile("[\u3041-\u3096\u30a1-\u30fa]")
_HAN = re.compile("[\u3400-\u9fff]")
_SIMPLIFIED = re.compile(
    "[们这说还对时问题为东车马见贝长门开关单让请谁谢话语该设论证试读课调变够过进远连运选边达迟给经结组级纪红约绝统继续维网线练终细织样极构标树桥现"
    "吗呢吧么你您很于两发给电疗础确种积稳穷笔简类纯纸纳纵纷应张强归录态怀总恶惯愿换损据数断无显术]"
)
_CLAUSE = re.compile(r"[^。！？!?\n]+")


@dataclass(frozen=True)
class Passage:
    """text[start:end] is foreign. Example: Passage(8, 14)."""

    start: int
    end: int


def foreign_passages(text: str, language: str, spans: list[Span], quotable: str = "") -> list[Passage]:
    """Foreign passages of the text (NFC) with its spans, in order; `quotable` is a text that may be quoted: the prompt.

    language: a key of LANGUAGE_SCRIPTS.
    """
    found = [*_by_script(text, language, spans), *_by_words(text, language, spans)]
    if language in ("zh", "ja"):
        found += _han_of_the_other(text, language)
    found.sort(key=lambda passage: passage.start)
    return [passage for passage in found if not _is_quote(text[passage.start : passage.end], quotable)]


def _is_quote(passage: str, quotable: str) -> bool:
    return bool(quotable) and " ".join(passage.split()) in quotable


def has_own_letters(text: str, language: str, spans: list[Span]) -> bool:
    """Whether a letter of the language's writing systems stands outside code, formulas and links."""
    own, position = own_letters(language), 0
    for span in spans:
        if own.search(text, position, span.start):
            return True
        position = span.end
    return own.search(text, position) is not None


def mostly_own_letters(text: str, language: str, spans: list[Span]) -> bool:
    """At least half of the letters outside code, formulas and links are of the language's writing systems.

    In a language with Han letters or Hangul each counts as three."""
    prose = blanked(text, spans)
    letters = len(_LETTER.findall(prose))
    own = sum(len(run) for run in own_letters(language).findall(prose))
    weight = 3 if LANGUAGE_SCRIPTS[language] & {"han", "hangul"} else 1
    return own > 0 and own * weight >= letters - own


def _by_script(text: str, language: str, spans: list[Span]) -> Iterator[Passage]:
    if text.isascii():
        return
    starts = [span.start for span in spans]
    for start, end in _runs(text, language):
        passage = text[start:end]
        letters = [letter for letter in passage if letter.isalpha()]
        if len(letters) < 2 or _is_symbol(passage, letters):
            continue
        before = bisect.bisect_right(starts, start) - 1
        span = spans[before] if before >= 0 and spans[before].end >= end else None
        limit = _LINK_WORDS if span and span.kind == "link" else _TERM_WORDS
        is_term = span is not None or _is_enclosed(text, start, end)
        if not (is_term and _count_words(passage, letters) <= limit):
            yield Passage(start, end)


def _runs(text: str, language: str) -> Iterator[tuple[int, int]]:
    """(start, end) of foreign letters with no letter of another kind, no line end and no | between them."""
    start = end = -1
    for match in foreign_letters(language).finditer(text):
        between = text[end : match.start()]
        if start >= 0 and not _LETTER.search(between) and "\n" not in between and "|" not in between:
            end = match.end()
            continue
        if start >= 0:
            yield start, end
        start, end = match.span()
    if start >= 0:
        yield start, end


def _is_symbol(passage: str, letters: list[str]) -> bool:
    """Greek letters are symbols unless they make a Greek word, which has an accent or is a small one."""
    return all(script_of(letter) == "greek" for letter in letters) and not any(
        len(word) >= 3 or word in ("το", "τα", "να", "με", "σε") for word in _GREEK_WORD.findall(passage)
    )


def _count_words(passage: str, letters: list[str]) -> float:
    script = script_of(letters[0]) or ""
    if script in WITHOUT_SPACES:
        return len(letters) / _LETTERS_OF_A_WORD[script]
    return sum(1 for token in passage.split() if any(map(str.isalpha, token)))


def _is_enclosed(text: str, start: int, end: int) -> bool:
    before, after = text[max(0, start - 3) : start].rstrip(), text[end : end + 4].lstrip(" \u3000.。,，!！?？:：;；")
    return before[-1:] in _OPENERS and after[:1] in _CLOSERS and bool(before and after)


def _han_of_the_other(text: str, language: str) -> Iterator[Passage]:
    """Japanese in Chinese: kana. Chinese in Japanese: characters simplified as in Chinese, or no kana for long."""
    for clause in _CLAUSE.finditer(text):
        said = clause.group()
        if language == "zh":
            is_other = len(_KANA.findall(said)) >= 2
        else:
            is_other = len(_SIMPLIFIED.findall(said)) >= 2 or (len(_HAN.findall(said)) >= 12 and not _KANA.search(said))
        if is_other:
            yield Passage(*clause.span())


def _by_words(text: str, language: str, spans: list[Span]) -> Iterator[Passage]:
    keep: frozenset[Kind] = frozenset({"code", "formula"} if language == "en" else {"formula"})
    for start, end in weights_for(language).heavy_stretches(blanked(text, spans, keep)):
        yield Passage(start, end)


def normal(text: str) -> str:
    """Letters with their accents in one character each, where there is one (NFC)."""
    return text if text.isascii() else unicodedata.normalize("NFC", text)
