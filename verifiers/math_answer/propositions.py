"""Statements that have no value: logic in letters, `\\neg p\\vee q`, and lines that are parallel or perpendicular."""

from __future__ import annotations

import re

_LOGIC = re.compile(r"\\(?:vee|lor|wedge|land|neg|lnot)(?![A-Za-z])|[∧∨¬]")
_RELATION = re.compile(r"[<>=]|\\(?:leq?|geq?|neq?|in|cup|cap|begin|text|frac)(?![A-Za-z])|\d")
_SPELLINGS = {
    r"\lor": r"\vee", "∨": r"\vee", r"\land": r"\wedge", "∧": r"\wedge", r"\lnot": r"\neg", "¬": r"\neg",
    r"\rightarrow": r"\to", r"\implies": r"\to", r"\Rightarrow": r"\to", "→": r"\to",
}  # fmt: skip
_SPELLED = re.compile("|".join(rf"{re.escape(key)}(?![A-Za-z])" for key in _SPELLINGS))
_LINES = re.compile(r"\\(parallel|perp)(?![A-Za-z])|([∥⊥])")
_ACCENT = re.compile(r"\\(?:overline|overleftrightarrow|overrightarrow|vec|left|right|text|mathrm|,|;|!| )(?![A-Za-z])")


def same_proposition(gold: str, answer: str) -> bool | None:
    """Are two raw answers the same statement, up to its spelling; of lines also in either order? None where the gold
    is none, or where an `or` joins equations."""
    if _LOGIC.search(gold) and not _RELATION.search(gold):
        return _spelled(gold) == _spelled(answer)
    if (lines := _lines(gold)) is not None:
        return lines == _lines(answer)
    return None


def _spelled(text: str) -> str:
    text = _SPELLED.sub(lambda match: _SPELLINGS[match[0]], text)
    return re.sub(r"\\(?:left|right|[,;!: ])(?![A-Za-z])|[\s{}$.]", "", text)


def _lines(text: str) -> tuple[str, list[str]] | None:
    """Which of the two, and the lines, whose ends are in no order."""
    match = _LINES.search(text)
    if match is None or _LINES.search(text, match.end()):
        return None
    sides = (_ACCENT.sub("", side) for side in (text[: match.start()], text[match.end() :]))
    letters = [re.sub(r"[\s{}$.~]", "", side) for side in sides]
    if not all(re.fullmatch(r"[A-Z]{2}'?|[a-z](?:_\d)?|\\[a-z]+", side) for side in letters):
        return None
    kind = match[1] or {"∥": "parallel", "⊥": "perp"}[match[2]]
    return kind, sorted("".join(sorted(side)) if side.isupper() else side for side in letters)
