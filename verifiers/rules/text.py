"""Words, sentences, paragraphs and lines as people count them; shared by the rule checks. Linear time throughout."""

from __future__ import annotations

import re
from functools import lru_cache

_SAYS_SOMETHING = re.compile(r"[^\W_]")
_SENTENCE_END = re.compile(
    r"[.!?\u2026]+[\"'\u201d\u2019)\]*_]*(?=\s|$)|[。！？]+[\"'”’）】]*|\n\s*\n|\n(?=\s*(?:[-*+•]|\d{1,3}[.)])\s)"
)
_ABBREVIATED = "mr mrs ms dr prof sr jr st vs etc e.g i.e cf fig vol dept inc ltd approx u.s u.k a.m p.m"
_ABBREVIATIONS = frozenset(_ABBREVIATED.split())
_MARKUP = "*_#>`~\"'“”‘’«»()[]{}.,;:!?… \t"
RELATIONS = ("less than", "at least", "at most", "exactly", "more than")


def words(text: str) -> list[str]:
    """White-space tokens that hold a letter or digit: don't and state-of-the-art are one word each."""
    return [token for token in text.split() if _SAYS_SOMETHING.search(token)]


def bare(word: str) -> str:
    """A word without the quotes, markup and punctuation around it, case-folded."""
    return word.strip(_MARKUP).casefold()


def sentences(text: str) -> list[str]:
    """Pieces that end in . ! ? or their CJK forms, at a blank line or before a list item; abbreviations do
    not end one."""
    found: list[str] = []
    start = 0
    for match in _SENTENCE_END.finditer(text):
        piece = text[start : match.end()]
        if match.group().startswith(".") and len(match.group()) == 1 and _is_abbreviated(text, start, match.start()):
            continue
        if _SAYS_SOMETHING.search(piece):
            found.append(piece.strip())
        start = match.end()
    if _SAYS_SOMETHING.search(text[start:]):
        found.append(text[start:].strip())
    return found


def _is_abbreviated(text: str, start: int, end: int) -> bool:
    last = text[max(start, end - 12) : end].split()
    word = last[-1].lower().lstrip("(\"'") if last else ""
    if word.isdigit():  # "1." at the start of a list item
        return not text[start : end - len(word)].strip()
    return word in _ABBREVIATIONS or (len(word) == 1 and word.isalpha() and word not in "i")


def paragraphs(text: str) -> list[str]:
    """Blocks between blank lines, blank ones dropped."""
    return [block.strip() for block in re.split(r"\n[ \t]*\n", text) if block.strip()]


@lru_cache(maxsize=4096)
def _whole(phrase: str) -> re.Pattern[str]:
    return re.compile(rf"(?<!\w){re.escape(phrase)}(?!\w)", re.IGNORECASE)


def count_phrase(text: str, phrase: str) -> int:
    """Whole-word occurrences of a literal phrase, without regard to case."""
    return sum(1 for _ in _whole(phrase).finditer(text))


def holds(count: int, relation: str, limit: int) -> bool:
    """`count` stands in the named relation to `limit`."""
    match relation:
        case "less than":
            return count < limit
        case "at least":
            return count >= limit
        case "at most":
            return count <= limit
        case "more than":
            return count > limit
        case "exactly":
            return count == limit
    raise ValueError(f"relation is one of {', '.join(RELATIONS)}, got {relation!r}")
